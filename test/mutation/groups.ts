/** Source files with the tests that must notice when they are changed. */
export interface MutationGroup {
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
}

/** What a wrong answer of the webhook would come from. */
export const GROUPS: Readonly<Record<string, MutationGroup>> = {
  signature: { mutate: ['src/signature.ts'], tests: ['test/signature.test.ts'] },
  gate: { mutate: ['src/json.ts'], tests: ['test/json.test.ts'] },
  envelope: { mutate: ['src/envelope.ts'], tests: ['test/envelope.test.ts'] },
  merge: { mutate: ['src/merge.ts'], tests: ['test/merge.test.ts'] },
  backoff: { mutate: ['src/sender/backoff.ts'], tests: ['test/sender/backoff.test.ts'] },
  answer: { mutate: ['src/sender/answer.ts'], tests: ['test/sender/answer.test.ts'] },
  endpoint: { mutate: ['src/sender/gate.ts'], tests: ['test/sender/gate.test.ts'] },
  deadlines: { mutate: ['src/sender/deadlines.ts'], tests: ['test/sender/deadlines.test.ts'] },
  headers: { mutate: ['src/receiver/headers.ts'], tests: ['test/receiver/headers.test.ts'] },
  decisions: {
    mutate: ['src/receiver/process.ts', 'src/receiver/receiver.ts', 'src/receiver/responses.ts'],
    tests: ['test/receiver/*.test.ts'],
  },
};
