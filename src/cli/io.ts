import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

/** What a command sees of the world, so that tests can stand in for it. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  out(text: string): void;
  err(text: string): void;
  /** Standard input, as it comes. */
  stdin(): Readable;
  /** How wide the terminal is that standard error goes to; `undefined` where it goes elsewhere. */
  columns(): number | undefined;
  /** Resolves when the process is asked to stop. */
  untilStopped(): Promise<void>;
}

/** A command called wrongly, or with something it cannot work with. Exit code 2. */
export class UsageError extends Error {}

/** The bytes of a file; of standard input for `-` or no name. */
export async function readInput(io: Io, file: string | undefined): Promise<Uint8Array> {
  if (file === undefined || file === '-') return buffer(io.stdin());
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? ''}`);
  }
}

/** An option that has no default: from its flag, else from the environment. */
export function required(io: Io, flag: string, value: string | undefined, name: string): string {
  const found = value ?? io.env[name];
  if (found === undefined || found === '') {
    throw new UsageError(`--${flag} (or the environment variable ${name}) is needed.`);
  }
  return found;
}
