import type * as fs from 'node:fs';
import { checkMembers } from '../configuration.ts';
import { ConfigurationError } from '../errors.ts';
import { sha256 } from '../json.ts';
import { COMPILE_OPTIONS, compileMappings, type CompileOptions } from '../mapping/compile.ts';
import type { MappingSet } from '../mapping/types.ts';
import {
  Attached,
  type MappingSource,
  notify,
  type PrepareMappings,
  tell,
} from './mapping-source.ts';

/** Options of {@link watchMappings}. */
export interface WatchOptions extends CompileOptions {
  /** Told once newer mappings are in force. */
  readonly onReload?: (mappings: MappingSet) => unknown;
  /**
   * Told why a changed file is not in force, once for each content: a `MappingDocumentError` with
   * its faults, a `ConfigurationError` where it cannot be read, or what the store said (again when
   * it says something else). Without it the process warns.
   */
  readonly onError?: (error: Error) => unknown;
}

/** A mapping document that is read again whenever it changes. */
export interface WatchedMappings extends MappingSource {
  /** The mappings in force. */
  readonly current: MappingSet;
  /** Stops watching; the mappings in force stay so. */
  close(): void;
}

/**
 * Reads a mapping document, and reads it again whenever it changes. A good version is in force
 * within a second, once the store was prepared for it; a broken one leaves the last good one in
 * force. Files are written in place, renamed over, or swapped behind a link.
 *
 * Its `version` is the SHA-256 of the file.
 *
 * @example
 * ```ts
 * import { bearerTokens, createReceiver, watchMappings } from '@buktor/his-webhook';
 * import { sqliteStore } from '@buktor/his-webhook/stores/sqlite';
 *
 * const watched = watchMappings('his-json-mapping.json', {
 *   onReload: ({ version }) => console.log(`mapping ${version} is in force`),
 *   onError: (error) => console.error(error.message),
 * });
 * const hospital = createReceiver({
 *   clients: bearerTokens({ 'demo-token': { id: '1001', secrets: 'your_shared_secret' } }),
 *   mappings: watched,
 *   store: sqliteStore({ path: 'buktor.db' }),
 * });
 * ```
 *
 * @throws MappingDocumentError where the document has faults.
 * @throws ConfigurationError where it cannot be read, for an option that could never work, and
 *   below Node 20.16.
 */
export function watchMappings(path: string, options: WatchOptions = {}): WatchedMappings {
  checkMembers('watchMappings', options, [...COMPILE_OPTIONS, 'onReload', 'onError']);
  return new WatchedFile(path, options);
}

/** How long after one look at the file the next begins, in milliseconds. */
export const POLL_INTERVAL = 200;

/**
 * How many looks read the file after its stamp changed: for three seconds, because a second write
 * shows in no stamp where times are kept in whole seconds (or two of them, as FAT does).
 */
const READS = 15;

/** How many looks lie between two tries to prepare the store. */
const RETRY_AFTER = 5;

type FileSystem = typeof fs;

/** What a look found: a content by its SHA-256, or why there is none. */
interface Reading {
  readonly id: string;
  readonly content: { readonly bytes: Uint8Array } | { readonly error: unknown };
}

/**
 * Looks at the file again and again. The operating system's notices would be cheaper, but miss
 * renames, links and network drives.
 *
 * A reading is **settled** once two looks in a row found the same: before that somebody may still
 * be writing. It is then **judged**, once: taken, or reported as a fault. A good version that the
 * store could not be prepared for **waits**, and is tried again until the file changes.
 */
class WatchedFile implements WatchedMappings {
  readonly types: readonly string[];
  readonly #path: string;
  readonly #options: WatchOptions;
  readonly #files: FileSystem;
  readonly #attached = new Attached();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #current: MappingSet;
  #stamp = '';
  #readsLeft = 0;
  #seen = '';
  #judged: string;
  /** Also how many looks are left until the next try, and the last reason that was reported. */
  #waiting: { readonly mappings: MappingSet; looks: number; toldOf: string } | undefined;

  constructor(path: string, options: WatchOptions) {
    this.#path = path;
    this.#options = options;
    this.types = options.types ?? [];
    this.#files = fileSystem();
    this.#current = this.#compile(this.#readNow());
    this.#judged = this.#current.version;
    this.#schedule();
  }

  get current(): MappingSet {
    return this.#current;
  }

  find(): MappingSet {
    return this.#current;
  }

  attach(prepare: PrepareMappings): () => void {
    return this.#attached.attach(prepare);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #readNow(): Uint8Array {
    try {
      return this.#files.readFileSync(this.#path);
    } catch (error) {
      throw cannotRead(this.#path, error);
    }
  }

  #compile(bytes: Uint8Array): MappingSet {
    const { onReload: _, onError: __, ...options } = this.#options;
    return compileMappings(bytes, options);
  }

  #schedule(): void {
    // After a look, not beside it: two looks that found the same are to lie apart.
    this.#timer = setTimeout(() => {
      void this.#look().then(() => {
        if (!this.#isClosed) this.#schedule();
      });
    }, POLL_INTERVAL);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const reading = await this.#read();
    if (this.#isClosed) return;
    if (reading !== undefined) {
      const isSettled = reading.id === this.#seen;
      this.#seen = reading.id;
      if (isSettled && reading.id !== this.#judged) return this.#judge(reading);
    }
    if (this.#waiting !== undefined && --this.#waiting.looks <= 0) {
      await this.#adopt(this.#waiting.mappings, this.#waiting.toldOf);
    }
  }

  /** What the file holds; `undefined` where it cannot have changed. */
  async #read(): Promise<Reading | undefined> {
    const { stat, readFile } = this.#files.promises;
    try {
      const stamp = stampOf(await stat(this.#path, { bigint: true }));
      if (stamp !== this.#stamp) this.#readsLeft = READS;
      else if (this.#readsLeft === 0) return undefined;
      const bytes = await readFile(this.#path);
      this.#stamp = stamp;
      this.#readsLeft--;
      return { id: sha256(bytes), content: { bytes } };
    } catch (error) {
      this.#stamp = '';
      const told = cannotRead(this.#path, error);
      return { id: told.message, content: { error: told } };
    }
  }

  async #judge({ id, content }: Reading): Promise<void> {
    this.#judged = id;
    this.#waiting = undefined;
    if (id === this.#current.version) return;
    let mappings: MappingSet;
    try {
      if ('error' in content) throw content.error;
      mappings = this.#compile(content.bytes);
    } catch (error) {
      tell(this.#options.onError, error);
      return;
    }
    await this.#adopt(mappings);
  }

  async #adopt(mappings: MappingSet, toldOf?: string): Promise<void> {
    try {
      await this.#attached.prepare(mappings);
    } catch (error) {
      const reason = String(error);
      this.#waiting = { mappings, looks: RETRY_AFTER, toldOf: reason };
      if (reason !== toldOf && !this.#isClosed) tell(this.#options.onError, error);
      return;
    }
    if (this.#isClosed) return;
    this.#current = mappings;
    this.#waiting = undefined;
    notify(() => this.#options.onReload?.(mappings));
  }
}

/** What changes whenever a file does, or another takes its place. */
function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: fs.BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

function cannotRead(path: string, error: unknown): ConfigurationError {
  return new ConfigurationError(`Cannot read the mapping document ${path}: ${codeOf(error)}`);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}

/** Loaded by those who watch a file only, so that the rest runs where there are no files. */
function fileSystem(): FileSystem {
  if ('getBuiltinModule' in process) return process.getBuiltinModule('node:fs');
  throw new ConfigurationError('watchMappings needs Node 20.16 or newer.');
}
