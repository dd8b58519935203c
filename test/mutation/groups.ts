/** Source files with the tests that must notice when they are changed. */
export interface MutationGroup {
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
}

/** What a wrong answer of the webhook would come from. */
export const GROUPS: Readonly<Record<string, MutationGroup>> = {
  signature: {
    mutate: ['src/signature.ts', 'src/hmac.ts', 'src/weak-secrets.ts'],
    tests: ['test/signature.test.ts', 'test/hmac.test.ts', 'test/weak-secrets.test.ts'],
  },
  gate: {
    mutate: ['src/json.ts', 'src/json-scan.ts', 'src/canonical.ts'],
    tests: ['test/json.test.ts', 'test/json-scan.test.ts', 'test/canonical.test.ts'],
  },
  time: {
    mutate: ['src/timestamp.ts', 'src/digits.ts', 'src/calendar.ts'],
    tests: ['test/timestamp.test.ts', 'test/mapping/datetime.test.ts'],
  },
  envelope: { mutate: ['src/envelope.ts'], tests: ['test/envelope.test.ts'] },
  merge: { mutate: ['src/merge.ts'], tests: ['test/merge.test.ts'] },
  backoff: { mutate: ['src/sender/backoff.ts'], tests: ['test/sender/backoff.test.ts'] },
  privacy: { mutate: ['src/without-values.ts'], tests: ['test/without-values.test.ts'] },
  answer: { mutate: ['src/sender/answer.ts'], tests: ['test/sender/answer.test.ts'] },
  endpoint: { mutate: ['src/sender/gate.ts'], tests: ['test/sender/gate.test.ts'] },
  deadlines: { mutate: ['src/deadlines.ts'], tests: ['test/deadlines.test.ts'] },
  headers: { mutate: ['src/receiver/headers.ts'], tests: ['test/receiver/headers.test.ts'] },
  body: { mutate: ['src/receiver/body.ts'], tests: ['test/receiver/body.test.ts'] },
  clients: { mutate: ['src/receiver/clients.ts'], tests: ['test/receiver/clients.test.ts'] },
  decisions: {
    mutate: ['authenticate', 'draft', 'process', 'receiver', 'report', 'responses'].map(
      (name) => `src/receiver/${name}.ts`,
    ),
    // Without those that wait for databases to fail: a busy machine is too slow for their deadlines.
    tests: [
      'test/receiver/receiver.test.ts',
      'test/receiver/responses.test.ts',
      'test/audit.test.ts',
      'test/privacy/receiver.test.ts',
      'test/receiver/data-schemas.test.ts',
      'test/receiver/deadline.test.ts',
      'test/receiver/mapping-provider.test.ts',
    ],
  },
};
