import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { bearerTokens, type ClientLookup } from '../../src/receiver/clients.ts';
import type { ReceiverOptions, ReceiveResult } from '../../src/receiver/options.ts';
import { createReceiver } from '../../src/receiver/receiver.ts';
import type { Receiver } from '../../src/receiver/types.ts';
import { generateSignature } from '../../src/signature.ts';
import { type MemoryStore, memoryStore } from '../../src/stores/memory.ts';
import { EVENT_TABLE, SAMPLE_MAPPING } from './document.ts';

export const SECRET = 'a secret of 32 bytes for testing';

/** Three tokens: a hospital, one that has no mappings, and the first as a sandbox. */
export const CLIENTS: ClientLookup = bearerTokens({
  'token-1001': { id: '1001', secrets: SECRET },
  'token-1002': { id: '1002', secrets: SECRET },
  sandbox: { id: '1001', secrets: SECRET, signature: 'optional' },
});

/** The clock of these receivers, a while after the document's events. */
export const NOW: number = Date.parse('2025-06-01T00:00:00Z');

/** The document's mapping for 1001, with every other type mapped to its id and a value. */
export const ALL_TYPES: MappingDocument = (() => {
  const sample = JSON.parse(SAMPLE_MAPPING) as MappingDocument;
  const mappings = Object.fromEntries(
    EVENT_TABLE.map(([type]) => {
      const resource = type.split('.')[0]!;
      const id = `buktor_${resource}_id`;
      return [type, { fields: { [`his_${resource}_id`]: id, value: 'buktor_value' } }];
    }),
  );
  return {
    clients: { '1001': { mappings: { ...mappings, ...sample.clients['1001']!.mappings } } },
  };
})();

export interface Fixture {
  readonly receiver: Receiver;
  readonly store: MemoryStore;
  readonly results: ReceiveResult[];
}

/** A receiver on a memory store. */
export function fixture(options: Partial<ReceiverOptions> = {}): Fixture {
  const store = memoryStore();
  const results: ReceiveResult[] = [];
  const receiver = createReceiver({
    clients: CLIENTS,
    mappings: compileMappings(ALL_TYPES),
    store,
    now: () => NOW,
    onResult: (result) => results.push(result),
    ...options,
  });
  return { receiver, store, results };
}

/** The headers a hospital sends with a body. */
export function signedHeaders(
  body: string | Uint8Array,
  token = 'token-1001',
): Record<string, string> {
  return {
    'content-type': 'application/json',
    authorization: `Bearer ${token}`,
    'buktor-signature': generateSignature(body, SECRET),
  };
}

/** Sends a signed body straight into a receiver. */
export async function post(
  receiver: Receiver,
  body: string | Uint8Array | object,
  headers: Record<string, string | string[] | undefined> = {},
  token = 'token-1001',
): Promise<{ status: number; headers: Readonly<Record<string, string>>; body: ErrorBody }> {
  const bytes =
    body instanceof Uint8Array
      ? body
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const response = await receiver.receive({
    method: 'POST',
    headers: { ...signedHeaders(bytes, token), ...headers },
    body: bytes,
  });
  return { ...response, body: JSON.parse(response.body) as ErrorBody };
}

/** What an answer's body holds. */
export interface ErrorBody {
  readonly status: string;
  readonly message: string;
  readonly code?: string;
  readonly errors?: readonly { path: string; message: string }[];
}
