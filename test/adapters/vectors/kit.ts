import { compileMappings } from '../../../src/mapping/compile.ts';
import { bearerTokens } from '../../../src/receiver/clients.ts';
import { memoryStore, type MemoryStore } from '../../../src/stores/memory.ts';
import type { Change, Verdict } from '../../../src/stores/types.ts';
import type { ReceiverOptions } from '../../../src/receiver/options.ts';
import { SAMPLE_REQUEST } from '../../support/document.ts';
import type { RawRequest } from '../../support/raw.ts';
import { ALL_TYPES, SECRET, signedHeaders } from '../../support/receiver.ts';

/** A request and the answer every adapter gives to it. */
export interface Vector {
  readonly name: string;
  readonly request: RawRequest;
  /** What was sent before; each is answered with 200 unless it says otherwise. */
  readonly before?: readonly (RawRequest & { readonly status?: number })[];
  readonly status: number;
  readonly code?: string;
  /** The rows that are there afterwards, by table. */
  readonly rows?: Readonly<Record<string, number>>;
  /** Headers of the answer that matter beside its type. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The limits the vectors are made for. */
export const LIMITS = { bodyBytes: 20_000, bodyTimeout: 400 };

/** How many refused events of a client are kept. */
export const QUOTA = 3;

/** `event_id`s that make the store of {@link setting} do what a store may. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  'in work elsewhere': 'in_progress',
  'refused by the table': { rejected: 'a check failed', column: 'buktor_status' },
};

/** What the vectors are answered by: its store fails for the events that ask for it. */
export function setting(): Partial<ReceiverOptions> & { readonly store: MemoryStore } {
  const store = memoryStore({ quarantineQuota: QUOTA });
  const stored = ALL_TYPES.clients['1001']!;
  return {
    limits: LIMITS,
    mappings: compileMappings({ clients: { '1001': stored, '1003': stored } }),
    clients: bearerTokens({
      'token-1001': { id: '1001', secrets: [SECRET, { secret: OLD_SECRET, notAfter: OLD_UNTIL }] },
      'token-1002': { id: '1002', secrets: SECRET },
      'token-1003': { id: '1003', secrets: SECRET },
      sandbox: { id: '1001', secrets: SECRET, signature: 'optional' },
    }),
    store: {
      ...store,
      commit: (changes: readonly Change[], options) => {
        const said = (changes[0]?.row?.values['buktor_value'] ?? '') as string;
        if (said === 'unreachable') return Promise.reject(new Error('The database is away.'));
        const verdict = VERDICTS[said];
        return verdict === undefined
          ? store.commit(changes, options)
          : Promise.resolve(changes.map(() => verdict));
      },
    },
  };
}

/** A secret of client 1001 that ended before the clock of the receiver. */
export const OLD_SECRET = 'the secret before the last rotation';
const OLD_UNTIL = '2025-05-31T23:59:59Z';

/** The document's sample request, to be varied. */
export const sample = JSON.parse(SAMPLE_REQUEST) as Record<string, unknown> & {
  readonly data: Readonly<Record<string, unknown>>;
};

/** A signed request with these bytes. */
export function signed(
  body: string | Uint8Array,
  headers: RawRequest['headers'] = {},
): RawRequest & { readonly headers: NonNullable<RawRequest['headers']> } {
  return { headers: { ...signedHeaders(body), ...headers }, body };
}

/** A signed request with this event. */
export function json(value: unknown, headers?: RawRequest['headers']): RawRequest {
  return signed(JSON.stringify(value), headers);
}

/** A signed request with the document's event, changed. */
export function event(changes: object, headers?: RawRequest['headers']): RawRequest {
  return json({ ...sample, ...changes }, headers);
}

/** What a refusal is to be, in short. */
export const refused = (status: number, code: string): Pick<Vector, 'status' | 'code'> => ({
  status,
  code,
});

/** The one answer for a token and for a signature that is wrong. */
export const UNAUTHORIZED: Pick<Vector, 'status' | 'code' | 'headers'> = {
  status: 401,
  code: 'unauthorized',
  headers: { 'www-authenticate': 'Bearer' },
};
