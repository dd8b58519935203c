import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../../src/events.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { bearerTokens } from '../../src/receiver/clients.ts';
import { createReceiver } from '../../src/receiver/receiver.ts';
import type { Receiver, ReceiverRequest } from '../../src/receiver/types.ts';
import { generateSignature } from '../../src/signature.ts';
import type { EventState, EventStore, StoredEvent } from '../../src/stores/types.ts';

const SECRET = 'a secret of 32 bytes for fuzzing';

/** Who may send: token → client. The second has no mappings, the third may leave signatures out. */
export const TOKENS: Readonly<Record<string, string>> = {
  'token-1001': '1001',
  'token-1002': '1002',
  'token-sandbox': '1003',
};
const SANDBOX = 'token-sandbox';

const FIELDS: MappingDocument['clients'][string]['mappings'] = {
  'payment.failed': null,
  'appointment.*': {
    unmapped: 'warn',
    timezone: 'Asia/Kolkata',
    fields: {
      his_appointment_id: 'id',
      his_status: { to: 'status', valueMap: 'status', onUnmapped: 'keep' },
      his_created_at: { to: 'created_at', type: 'datetime', offset: 'ignore' },
      starts: { to: 'starts_on', type: 'datetime', fallback: ['patient.starts'] },
      'patient.phones[0].value': { to: 'phone', type: 'string' },
      patient: { to: 'patient', type: 'json' },
    },
  },
  'schedule.*': {
    fields: {
      his_schedule_id: 'id',
      days: { to: 'day', type: 'datetime', format: 'epoch-seconds', timezone: 'UTC' },
      'slots[0].from': { to: 'first', required: true },
    },
  },
  'location.*': {
    fields: {
      his_location_id: 'id',
      'geo.lat': { to: 'lat', type: 'number' },
      'geo.lon': { to: 'lon', type: 'decimal' },
      open: { to: 'open', type: 'boolean', default: false },
    },
  },
  'service.*': {
    unmapped: 'error',
    fields: { his_service_id: 'id', price: { to: 'price', type: 'decimal' }, code: 'code' },
  },
  'payment.successful': {
    fields: {
      his_payment_id: 'id',
      amount: { to: 'amount', type: 'decimal' },
      currency: 'currency',
      paid: { to: 'paid_on', type: 'date', format: 'yyyyMMdd' },
    },
  },
};

/** Mappings that use most of what a document can say. */
export const MAPPING: MappingDocument = {
  valueMaps: { status: { confirmed: 'CONFIRMED', x: 'CANCELLED' } },
  templates: { all: { mappings: FIELDS } },
  clients: { '1001': { extends: 'all' }, '1003': { extends: 'all' } },
};
const MAPPINGS = compileMappings(MAPPING);

/** The clock of the receivers, a while after the events. */
export const NOW: number = Date.parse('2025-06-01T00:00:00Z');

/** A receiver with what a judge must see of its store. */
export interface Host {
  readonly receiver: Receiver;
  readonly entries: () => Promise<readonly StoredEvent[]>;
  /** The rows of a table; none where there is no such table yet. */
  readonly rows: (table: string) => readonly Readonly<Record<string, unknown>>[];
}

/** Makes a receiver on a store, and waits until it is ready. */
export async function openHost(store: EventStore, rows: Host['rows']): Promise<Host> {
  const receiver = createReceiver({
    clients: bearerTokens({
      'token-1001': {
        id: '1001',
        secrets: [{ secret: 'an old secret of 32 bytes, ended' }, SECRET],
      },
      'token-1002': { id: '1002', secrets: SECRET },
      [SANDBOX]: { id: '1003', secrets: SECRET, signature: 'optional' },
    }),
    mappings: MAPPINGS,
    store,
    now: () => NOW,
  });
  await receiver.ready();
  return {
    receiver,
    rows,
    entries: async () => {
      const all: StoredEvent[] = [];
      for await (const entry of store.find({})) all.push(entry);
      return all;
    },
  };
}

/** Headers that are right for a body. */
export function authentic(body: Uint8Array, token = 'token-1001'): Record<string, string> {
  return {
    'content-type': 'application/json',
    authorization: `Bearer ${token}`,
    'buktor-signature': generateSignature(body, SECRET),
  };
}

/** Section 2 of the HTTP contract: which code has which status. 500 and 503 are the store's, which works. */
const CONTRACT: Readonly<Record<string, number>> = {
  method_not_allowed: 405,
  unsupported_media_type: 415,
  unauthorized: 401,
  payload_too_large: 413,
  request_timeout: 408,
  client_mismatch: 403,
  invalid_json: 400,
  invalid_envelope: 400,
  timestamp_in_future: 422,
  mapping_not_found: 422,
  transform_failed: 422,
  constraint_failed: 422,
  event_id_conflict: 409,
};
const QUARANTINED: ReadonlySet<number> = new Set([400, 409, 422]);

/** Throws an error that does not depend on what was sent, so that a finding can be shrunk. */
export function demand(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Error(rule);
}

/** Whether an answer has the documented form; gives its code, or `null` for a success. */
export function judgeAnswer(status: number, text: string): string | null {
  const body = JSON.parse(text) as Record<string, unknown>;
  if (status === 200) {
    const success = { status: 'success', message: 'Data received and processed successfully.' };
    demand(isDeepStrictEqual(body, success), 'a 200 has the body of the document');
    return null;
  }
  const { status: word, message, code, errors, ...more } = body;
  demand(word === 'error', 'an error says so');
  demand(typeof message === 'string' && message !== '', 'an error has a message');
  demand(
    typeof code === 'string' && CONTRACT[code] === status,
    `no ${String(code)} ${String(status)} in the contract`,
  );
  demand(Object.keys(more).length === 0, 'an error has no other members');
  if (errors !== undefined) {
    demand(Array.isArray(errors) && errors.length > 0, 'errors are a list');
    for (const error of errors as Record<string, unknown>[]) {
      demand(Object.keys(error).sort().join() === 'message,path', 'a fault is path and message');
      demand(/^$|^\//.test(error['path'] as string), 'a path is a JSON Pointer');
      demand(typeof error['message'] === 'string', 'a fault has a message');
    }
  }
  return code;
}

/**
 * Sends a request into a receiver, and holds its answer and what the store has then against the
 * contract: a 200 means a row, a declined type or a duplicate; a signed 400, 409 or 422 is in
 * quarantine; anything else has left nothing behind.
 *
 * @returns The status.
 */
export async function judge(
  { receiver, entries, rows }: Host,
  request: Omit<ReceiverRequest, 'body'> & { readonly body: Uint8Array },
  clientId: string | undefined,
): Promise<{ status: number; isReplayed: boolean }> {
  const before = await entries();
  const { status, headers, body } = await receiver.receive(request);
  judgeAnswer(status, body);
  demand(headers['content-type'] === 'application/json; charset=utf-8', 'an answer is JSON');
  const after = await entries();
  const isReplayed = headers['idempotent-replayed'] === 'true';
  if (status !== 200 && !QUARANTINED.has(status)) {
    demand(
      isDeepStrictEqual(after, before),
      'a request that is not authentic leaves nothing behind',
    );
    return { status, isReplayed };
  }
  demand(clientId !== undefined, 'only a known token gets so far');
  const mine = after.filter((entry) => entry.clientId === clientId);
  if (QUARANTINED.has(status)) {
    demand(
      mine.some((entry) => isKept(entry, ['quarantined'], request.body)),
      'a refused body is in quarantine',
    );
    return { status, isReplayed };
  }
  const entry = mine.find(({ eventId, state }) => {
    return state !== 'quarantined' && eventId === idOf(request.body, mine, clientId);
  });
  demand(entry !== undefined, 'a 200 has its entry');
  if (!isReplayed) demand(isKept(entry, ['applied', 'declined'], request.body), 'a 200 is durable');
  if (entry.state === 'declined') {
    demand(entry.type === 'payment.failed', 'only this type is declined');
    return { status, isReplayed };
  }
  const resource = entry.type!.split('.')[0]!;
  const { data = {}, ...flat } = JSON.parse(Buffer.from(request.body).toString()) as JsonObject & {
    data?: JsonObject;
  };
  const key = keyOf({ ...flat, ...data }, resource);
  demand(
    rows(resource).some((row) => row['client_id'] === clientId && row['id'] === key),
    'a 200 has its row',
  );
  return { status, isReplayed };
}

function isKept(entry: StoredEvent, states: readonly EventState[], body: Uint8Array): boolean {
  return states.includes(entry.state) && Buffer.compare(entry.body!, body) === 0;
}

/** The id under which a body counts: its own; in the flat form, where it has none, its entry's. */
function idOf(
  body: Uint8Array,
  entries: readonly StoredEvent[],
  clientId: string,
): string | null | undefined {
  const { event_id: own } = JSON.parse(Buffer.from(body).toString()) as JsonObject;
  if (typeof own === 'string') return own;
  demand(clientId === TOKENS[SANDBOX], 'only a sandbox client may leave out the id');
  return entries.find((entry) => isKept(entry, ['applied', 'declined'], body))?.eventId;
}

function keyOf(data: Readonly<Record<string, JsonValue>>, resource: string): string {
  const id = data[`his_${resource}_id`];
  return typeof id === 'string' ? id : JSON.stringify(id);
}
