import { type AuditTrail, checkTrail } from '../audit.ts';
import { checkMembers, checkTypes } from '../configuration.ts';
import { ConfigurationError, type Fault } from '../errors.ts';
import type { MappingSet } from '../mapping/types.ts';
import type { SigningSecret } from '../signature.ts';
import type { EventStore } from '../stores/types.ts';
import type { ClientLookup } from './clients.ts';
import type { DataSchemas } from './data-schemas.ts';
import type { MappingSource } from './mapping-source.ts';
import type { ResponseCode } from './responses.ts';

/** Finds the mappings of a client; `undefined` where it has none. */
export type MappingLookup = (
  clientId: string,
) => Promise<MappingSet | null | undefined> | MappingSet | null | undefined;

/** Bounds of one request; times in milliseconds. */
export interface ReceiverLimits {
  /** The largest body, in bytes. @default 1_048_576 */
  readonly bodyBytes?: number;
  /** How long a body may take to arrive. @default 10_000 */
  readonly bodyTimeout?: number;
  /** How long the look-up of a client or of its mappings may take. @default 5_000 */
  readonly lookupTimeout?: number;
  /** How long an event may wait for the store, and be committed. @default 10_000 */
  readonly storeTimeout?: number;
  /** The most events that are committed together. @default 128 */
  readonly batchSize?: number;
  /**
   * The most events that wait to be committed, and the most refused ones that wait for quarantine;
   * beyond that the answer is 503.
   * @default 1_000
   */
  readonly queueSize?: number;
}

/** What became of one request; it holds nothing out of `data`. */
export interface ReceiveResult {
  readonly status: number;
  /** `null` for an event that was processed. */
  readonly code: ResponseCode | null;
  /** `null` where the bearer token was not known. */
  readonly clientId: string | null;
  readonly eventId: string | null;
  readonly type: string | null;
  /**
   * Which of the client's secrets the body was signed with, by its place among them; `null` where
   * there is no signature, or none of them made it. With a `notAfter` it is one that is being
   * rotated out; one that is expired comes with a 401.
   */
  readonly signedWith: SigningSecret | null;
  /** The event was processed before. */
  readonly replayed: boolean;
  /** The event was processed now, and every column it carries already had a newer value. */
  readonly stale: boolean;
  /**
   * Source fields that no rule names, where the mapping says `"unmapped": "warn"`: by JSON Pointer
   * into the body, the first 20.
   */
  readonly warnings: readonly Fault[];
  /** What was answered, with the faults that were found; it repeats nothing out of `data`. */
  readonly reason: string | null;
  /**
   * Why the answer is 500, where it is. It holds no value of an event and no credential: of what a driver
   * or a function of yours threw, it has the code, the names of table, column and constraint, and the place,
   * but not a message that could quote one.
   */
  readonly error?: Error;
}

/** Options of {@link createReceiver}. */
export interface ReceiverOptions {
  /** Who may send: {@link bearerTokens}, or a function of your own. */
  readonly clients: ClientLookup;
  /**
   * How events become rows: a compiled document, one that is watched (`watchMappings`), one
   * that is fetched client by client (`mappingProvider`), or a function of the client id.
   */
  readonly mappings: MappingSet | MappingSource | MappingLookup;
  readonly store: EventStore;
  /**
   * Where it is written down who replayed and revealed what.
   * @default the store's own: a table `his_audit` beside its events, or a list
   */
  readonly audit?: AuditTrail;
  /**
   * What the `data` of events must look like before it is mapped: `compileDataSchemas` of
   * `@buktor/his-webhook/schemas`. Types that are declined are not checked.
   */
  readonly dataSchemas?: DataSchemas;
  readonly limits?: ReceiverLimits;
  /**
   * Event types of the host's own, beside the 14 of the document: `resource.operation`. Those a
   * mapping set or data schemas were compiled for are known without it.
   */
  readonly types?: readonly string[];
  /**
   * How far ahead of this clock an event's timestamp may be, in milliseconds. One further ahead
   * would win every later merge.
   * @default 900_000
   */
  readonly maxClockSkew?: number;
  /**
   * How long the bodies of processed events are kept, in milliseconds; 0 keeps none.
   * @default 2_592_000_000 (30 days)
   */
  readonly bodyRetention?: number;
  /** The clock, in milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** Told of every request that was answered; what it throws is ignored. */
  readonly onResult?: (result: ReceiveResult) => unknown;
}

/** {@link ReceiverOptions}, checked and with every default filled in. */
export interface Settings {
  readonly clients: ClientLookup;
  readonly mappings: MappingSource;
  readonly store: EventStore;
  readonly audit: AuditTrail | undefined;
  readonly dataSchemas: DataSchemas | undefined;
  readonly limits: Required<ReceiverLimits>;
  readonly types: readonly string[];
  readonly maxClockSkew: number;
  readonly bodyRetention: number;
  readonly now: () => number;
  readonly onResult: ReceiverOptions['onResult'] | undefined;
}

const OPTIONS: readonly (keyof ReceiverOptions)[] = [
  'clients',
  'mappings',
  'store',
  'audit',
  'dataSchemas',
  'limits',
  'types',
  'maxClockSkew',
  'bodyRetention',
  'now',
  'onResult',
];
const LIMITS: readonly (keyof ReceiverLimits)[] = [
  'bodyBytes',
  'bodyTimeout',
  'lookupTimeout',
  'storeTimeout',
  'batchSize',
  'queueSize',
];

const DAY = 86_400_000;
const CENTURY = 36_525 * DAY;

/** @throws ConfigurationError for an option that could never work. */
export function checkOptions(options: ReceiverOptions): Settings {
  checkMembers('createReceiver', options, OPTIONS);
  const { clients, mappings, store, dataSchemas, limits = {}, types = [] } = options;
  const { maxClockSkew = 900_000, bodyRetention = 30 * DAY } = options;
  if (typeof clients !== 'function') {
    throw new ConfigurationError('clients must be bearerTokens({ … }) or a function of the token.');
  }
  const source = asSource(mappings);
  if (typeof has(store, 'commit') !== 'function')
    throw new ConfigurationError('store must be a store, such as sqliteStore({ path }).');
  if (
    dataSchemas !== undefined &&
    (typeof has(dataSchemas, 'validate') !== 'function' ||
      !Array.isArray(has(dataSchemas, 'types')))
  ) {
    throw new ConfigurationError(
      'dataSchemas must come from compileDataSchemas({ … }), or have types and validate.',
    );
  }
  for (const name of ['now', 'onResult'] as const) {
    const given: unknown = options[name];
    if (given !== undefined && typeof given !== 'function') {
      throw new ConfigurationError(`${name} must be a function.`);
    }
  }
  checkTypes([...types, ...(dataSchemas?.types ?? [])]);
  return {
    clients,
    mappings: source,
    store,
    audit: checkTrail(options.audit) ?? store.audit,
    dataSchemas,
    limits: checkLimits(limits),
    types: [...types, ...source.types, ...(dataSchemas?.types ?? [])],
    maxClockSkew: whole('maxClockSkew', maxClockSkew, 0),
    bodyRetention: whole('bodyRetention', bodyRetention, 0, CENTURY),
    now: options.now ?? Date.now,
    onResult: options.onResult,
  };
}

function checkLimits(limits: ReceiverLimits): Required<ReceiverLimits> {
  checkMembers('limits', limits, LIMITS);
  const {
    bodyBytes = 1_048_576,
    bodyTimeout = 10_000,
    lookupTimeout = 5_000,
    storeTimeout = 10_000,
    batchSize = 128,
    queueSize = 1_000,
  } = limits;
  return {
    bodyBytes: whole('limits.bodyBytes', bodyBytes, 1),
    bodyTimeout: whole('limits.bodyTimeout', bodyTimeout, 1, MAX_DELAY),
    lookupTimeout: whole('limits.lookupTimeout', lookupTimeout, 1, MAX_DELAY),
    storeTimeout: whole('limits.storeTimeout', storeTimeout, 1, MAX_DELAY),
    batchSize: whole('limits.batchSize', batchSize, 1),
    queueSize: whole('limits.queueSize', queueSize, 1),
  };
}

/** Every form of mappings as one that may change. */
function asSource(mappings: ReceiverOptions['mappings']): MappingSource {
  if (
    typeof has(mappings, 'find') === 'function' &&
    typeof has(mappings, 'attach') === 'function'
  ) {
    return mappings as MappingSource;
  }
  const attach: MappingSource['attach'] = () => () => undefined;
  if (typeof mappings === 'function') {
    return { types: [], current: undefined, find: mappings, attach };
  }
  if (has(mappings, 'clients') instanceof Map) {
    const set = mappings as MappingSet;
    return { types: set.types, current: set, find: () => set, attach };
  }
  throw new ConfigurationError(
    'mappings must come from compileMappings(document), watchMappings(path) or mappingProvider(load), or be a function of the client id.',
  );
}

/** A member of something whose type JavaScript callers did not check. */
function has(value: unknown, member: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[member]
    : undefined;
}

/** A longer setTimeout would fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

function whole(
  name: string,
  number: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isSafeInteger(number) || number < least || number > most) {
    throw new ConfigurationError(
      `${name} must be a whole number from ${String(least)} to ${String(most)}.`,
    );
  }
  return number;
}
