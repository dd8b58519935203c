import { checkMembers } from '../configuration.ts';
import { ConfigurationError } from '../errors.ts';
import { COMPILE_OPTIONS, compileMappings, type CompileOptions } from '../mapping/compile.ts';
import type { MappingDocument } from '../mapping/document.ts';
import type { MappingSet } from '../mapping/types.ts';
import { withDeadline } from './deadline.ts';
import { Attached, type MappingSource, type PrepareMappings, tell } from './mapping-source.ts';

/**
 * Fetches the mappings of a client: a document, in any form, or compiled; `null` where it has none.
 * The signal tells when nobody waits any more.
 */
export type LoadMappings = (
  clientId: string,
  options: { readonly signal: AbortSignal },
) => Promise<MappingDocument | MappingSet | string | Uint8Array | null | undefined>;

/** Options of {@link mappingProvider}. */
export interface ProviderOptions extends CompileOptions {
  /** How long mappings are used before they are fetched again, in milliseconds. @default 60_000 */
  readonly maxAge?: number;
  /** Of how many clients mappings are kept; those not used for longest go first. @default 1_000 */
  readonly maxClients?: number;
  /** How many look-ups run at the same time; the others wait. @default 16 */
  readonly maxLoads?: number;
  /**
   * How long a look-up may take, its turn included, in milliseconds; one that takes longer counts
   * as failed. Shorter than the receiver's `lookupTimeout`, so that mappings that are in force stay
   * so while the database hangs.
   * @default 4_000
   */
  readonly loadTimeout?: number;
  /**
   * Told why newer mappings of a client are not in force, while older ones stay so. Without it the
   * process warns.
   */
  readonly onError?: (error: Error, clientId: string) => unknown;
  /** The clock, in milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

/** Mappings that are fetched client by client. */
export interface ProvidedMappings extends MappingSource {
  /** Fetches the mappings of a client anew with its next event; those of all clients without an id. */
  forget(clientId?: string): void;
}

/**
 * Mappings that live in a database: fetched client by client when an event comes, compiled, and kept
 * for a while. Look-ups of one client that come together are one. Where mappings cannot be fetched,
 * or have faults, or the store cannot be prepared for them, those that were in force stay so; where
 * there are none the event is answered with 500, and the sender keeps it.
 *
 * @example
 * ```ts
 * import { type MappingDocument, mappingProvider } from '@buktor/his-webhook';
 * import { Pool } from 'pg';
 *
 * const pool = new Pool();
 * const provided = mappingProvider(
 *   async (clientId) => {
 *     const sql = 'SELECT document FROM client_mappings WHERE client_id = $1';
 *     const { rows } = await pool.query<{ document: MappingDocument }>(sql, [clientId]);
 *     return rows[0]?.document;
 *   },
 *   { onError: (error, clientId) => console.error(clientId, error.message) },
 * );
 * ```
 *
 * @param load - What it gives is for the client it was asked about: its entry, or `*`.
 * @throws ConfigurationError for an option that could never work.
 */
export function mappingProvider(
  load: LoadMappings,
  options: ProviderOptions = {},
): ProvidedMappings {
  checkMembers('mappingProvider', options, OPTIONS);
  if (typeof load !== 'function') {
    throw new ConfigurationError('mappingProvider takes a function of the client id.');
  }
  return new Provider(load, options);
}

const OPTIONS = [
  ...COMPILE_OPTIONS,
  'maxAge',
  'maxClients',
  'maxLoads',
  'loadTimeout',
  'onError',
  'now',
];

/** How long it is remembered that a client has no mappings, or that newer ones could not be had. */
const SHORT = 5_000;

interface Entry {
  readonly mappings: MappingSet | undefined;
  readonly until: number;
}

class Provider implements ProvidedMappings {
  readonly types: readonly string[];
  readonly current = undefined;
  readonly #load: LoadMappings;
  readonly #compileOptions: CompileOptions;
  readonly #onError: ProviderOptions['onError'];
  readonly #now: () => number;
  readonly #maxAge: number;
  readonly #maxClients: number;
  readonly #loadTimeout: number;
  readonly #slots: Slots;
  readonly #attached = new Attached();
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<MappingSet | undefined>>();

  constructor(load: LoadMappings, options: ProviderOptions) {
    const { maxAge, maxClients, maxLoads, loadTimeout, onError, now, ...compileOptions } = options;
    this.#load = load;
    this.#compileOptions = compileOptions;
    this.#onError = onError;
    this.#now = now ?? Date.now;
    this.#maxAge = atLeast('maxAge', maxAge ?? 60_000, 0);
    this.#maxClients = atLeast('maxClients', maxClients ?? 1_000, 1);
    this.#loadTimeout = atLeast('loadTimeout', loadTimeout ?? 4_000, 1, MAX_DELAY);
    this.#slots = new Slots(atLeast('maxLoads', maxLoads ?? 16, 1));
    this.types = compileOptions.types ?? [];
    // Faults of the options are found now, not with the first event.
    compileMappings({ clients: {} }, compileOptions);
  }

  find(clientId: string): Promise<MappingSet | undefined> | MappingSet | undefined {
    const entry = this.#entries.get(clientId);
    if (entry !== undefined && this.#now() < entry.until) {
      this.#entries.delete(clientId);
      this.#entries.set(clientId, entry);
      return entry.mappings;
    }
    const known = this.#loading.get(clientId);
    if (known !== undefined) return known;
    // Not any more, once it was overtaken by forget().
    const isWanted = (): boolean => this.#loading.get(clientId) === loading;
    const loading = this.#refresh(clientId, entry?.mappings, isWanted).finally(() => {
      if (isWanted()) this.#loading.delete(clientId);
    });
    this.#loading.set(clientId, loading);
    return loading;
  }

  attach(prepare: PrepareMappings): () => void {
    return this.#attached.attach(prepare);
  }

  forget(clientId?: string): void {
    // What is in force stays at hand, in case that newer mappings cannot be had.
    const ids = clientId === undefined ? [...this.#entries.keys()] : [clientId];
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) this.#entries.set(id, { ...entry, until: -Infinity });
      // Whoever asks from now on is not to hear what was fetched before.
      this.#loading.delete(id);
    }
    if (clientId === undefined) this.#loading.clear();
  }

  async #refresh(
    clientId: string,
    inForce: MappingSet | undefined,
    isWanted: () => boolean,
  ): Promise<MappingSet | undefined> {
    try {
      const controller = new AbortController();
      const { signal } = controller;
      const loaded = await withDeadline(
        'The mapping look-up',
        this.#loadTimeout,
        this.#slots.run(signal, () => this.#load(clientId, { signal })),
        controller,
      );
      const isAbsent = loaded === undefined || loaded === null;
      const mappings = isAbsent ? undefined : this.#compile(loaded, inForce);
      if (mappings !== undefined && mappings !== inForce) await this.#attached.prepare(mappings);
      if (isWanted()) this.#keep(clientId, mappings, isAbsent ? SHORT : this.#maxAge);
      return mappings;
    } catch (error) {
      if (inForce === undefined) throw error;
      if (isWanted()) this.#keep(clientId, inForce, SHORT);
      const onError = this.#onError;
      tell(onError && ((told): unknown => onError(told, clientId)), error);
      return inForce;
    }
  }

  /** The same object where nothing changed, so that nothing is prepared again. */
  #compile(
    loaded: NonNullable<Awaited<ReturnType<LoadMappings>>>,
    inForce: MappingSet | undefined,
  ): MappingSet {
    const mappings = isCompiled(loaded) ? loaded : compileMappings(loaded, this.#compileOptions);
    return mappings.version === inForce?.version ? inForce : mappings;
  }

  #keep(clientId: string, mappings: MappingSet | undefined, age: number): void {
    this.#entries.delete(clientId);
    const until = this.#now() + Math.min(age, this.#maxAge);
    this.#entries.set(clientId, { mappings, until });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxClients) break;
      this.#entries.delete(oldest);
    }
  }
}

function isCompiled(loaded: object | string): loaded is MappingSet {
  return typeof loaded === 'object' && (loaded as Partial<MappingSet>).clients instanceof Map;
}

/** Lets so many run at a time, the others in the order they came. */
class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Runs work in its turn; it is not begun once the signal says that nobody waits any more. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    let isHeld = true;
    const leave = (): void => {
      if (isHeld) this.#leave();
      isHeld = false;
    };
    const timer = setTimeout(leave, LONGEST);
    timer.unref();
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      leave();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.delete(begin);
        reject(signal.reason as Error);
      };
      const begin = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      signal.addEventListener('abort', giveUp);
      this.#waiting.add(begin);
    });
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}

/**
 * How long a look-up holds its place: one that hangs, whatever its signal says, must neither be
 * joined by ever more of them nor hold up the others for ever.
 */
const LONGEST = 60_000;

/** A longer setTimeout would fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

function atLeast(
  name: string,
  value: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new ConfigurationError(`${name} must be a whole number, ${String(least)} or more.`);
}
