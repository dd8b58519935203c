import type * as fs from 'node:fs';
import { checkMembers } from '../configuration.ts';
import { ConfigurationError } from '../errors.ts';
import { sha256 } from '../json.ts';
import { COMPILE_OPTIONS, compileMappings, type CompileOptions } from '../mapping/compile.ts';
import type { MappingSet } from '../mapping/types.ts';
import { Attached, type MappingSource, type PrepareMappings, tell } from './mapping-source.ts';

/** Options of {@link watchMappings}. */
export interface WatchOptions extends CompileOptions {
  /** Told once newer mappings are in force. */
  readonly onReload?: (mappings: MappingSet) => unknown;
  /**
   * Told why a changed file is not in force, once for each content: a `MappingDocumentError` with
   * its faults, a `ConfigurationError` where it cannot be read, or what the store said. Without it
   * the process warns.
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

/** How often the file is looked at, in milliseconds. */
export const POLL_INTERVAL = 200;

/** How many looks lie between two tries to prepare the store. */
const RETRY_AFTER = 10;

type FileSystem = typeof fs;

/**
 * Looks at the file again and again. The operating system's notices would be cheaper, but miss
 * renames, links and network drives.
 *
 * What was read is settled once two looks in a row found the file unchanged: before that somebody
 * may still be writing, so a fault is not told yet; and two writes within one tick of the file
 * system's clock look like one.
 */
class WatchedFile implements WatchedMappings {
  readonly types: readonly string[];
  readonly #path: string;
  readonly #options: WatchOptions;
  readonly #files: FileSystem;
  readonly #attached = new Attached();
  readonly #timer: ReturnType<typeof setInterval>;
  #current: MappingSet;
  #stamp = '';
  #isSettled = false;
  #isBusy = false;
  /** What was read and cannot be used; `toldOf` is the last that was reported. */
  #fault: { readonly id: string; readonly error: unknown } | undefined;
  #toldOf: string | undefined;
  /** A good version that the store could not be prepared for, and the looks until the next try. */
  #waiting: { readonly mappings: MappingSet; looks: number } | undefined;

  constructor(path: string, options: WatchOptions) {
    this.#path = path;
    this.#options = options;
    this.types = options.types ?? [];
    this.#files = fileSystem();
    this.#current = this.#compile(this.#readNow());
    this.#timer = setInterval(() => void this.#look(), POLL_INTERVAL);
    this.#timer.unref();
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
    clearInterval(this.#timer);
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

  async #look(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      await this.#readIfChanged();
      if (this.#waiting !== undefined && --this.#waiting.looks <= 0) {
        await this.#adopt(this.#waiting.mappings);
      }
    } finally {
      this.#isBusy = false;
    }
    if (this.#isSettled && this.#fault !== undefined && this.#fault.id !== this.#toldOf) {
      this.#toldOf = this.#fault.id;
      tell(this.#options.onError, this.#fault.error);
    }
  }

  async #readIfChanged(): Promise<void> {
    const { stat, readFile } = this.#files.promises;
    let stamp: string;
    let bytes: Uint8Array | undefined;
    try {
      stamp = stampOf(await stat(this.#path, { bigint: true }));
      const isSame = stamp === this.#stamp;
      if (isSame && this.#isSettled) return;
      bytes = await readFile(this.#path);
      this.#isSettled = isSame;
    } catch (error) {
      stamp = `cannot be read: ${codeOf(error)}`;
      this.#isSettled = stamp === this.#stamp;
      this.#waiting = undefined;
      this.#fault = { id: stamp, error: cannotRead(this.#path, error) };
    }
    this.#stamp = stamp;
    if (bytes !== undefined) await this.#take(bytes);
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const version = sha256(bytes);
    if (version === this.#current.version) {
      this.#fault = this.#toldOf = this.#waiting = undefined;
      return;
    }
    if (version === this.#fault?.id || version === this.#waiting?.mappings.version) return;
    this.#waiting = undefined;
    let mappings: MappingSet;
    try {
      mappings = this.#compile(bytes);
    } catch (error) {
      this.#fault = { id: version, error };
      return;
    }
    await this.#adopt(mappings);
  }

  async #adopt(mappings: MappingSet): Promise<void> {
    try {
      await this.#attached.prepare(mappings);
    } catch (error) {
      this.#waiting = { mappings, looks: RETRY_AFTER };
      this.#fault = { id: `${mappings.version} in the store`, error };
      return;
    }
    this.#current = mappings;
    this.#fault = this.#toldOf = this.#waiting = undefined;
    tell(() => this.#options.onReload?.(mappings), undefined);
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
