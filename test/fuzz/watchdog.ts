/**
 * Ends the process when an input takes too long, and keeps that input: what hangs in a loop cannot
 * notice that by itself. Runs as the main file, and as the worker that watches it.
 */
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const MAX_BYTES = 2 ** 16;

interface Shared {
  readonly folder: string;
  readonly limit: number;
  /** Number of the input, and its length. */
  readonly state: Int32Array<SharedArrayBuffer>;
  readonly input: Uint8Array<SharedArrayBuffer>;
}

/** Watches over inputs, until its end. */
export interface Watchdog {
  readonly begin: (input: Uint8Array) => void;
  readonly end: () => Promise<unknown>;
}

/**
 * Starts watching.
 *
 * @param folder - Where the input goes.
 * @param limit - How long an input may take, in milliseconds; it may take twice as long.
 */
export function watch(folder: string, limit: number): Watchdog {
  const shared: Shared = {
    folder,
    limit,
    state: new Int32Array(new SharedArrayBuffer(8)),
    input: new Uint8Array(new SharedArrayBuffer(MAX_BYTES)),
  };
  const worker = new Worker(new URL(import.meta.url), { workerData: shared });
  worker.unref();
  return {
    begin: (input) => {
      const bytes = input.subarray(0, MAX_BYTES);
      shared.input.set(bytes);
      shared.state[1] = bytes.length;
      shared.state[0]!++;
    },
    end: () => worker.terminate(),
  };
}

if (!isMainThread) {
  const { folder, limit, state, input } = workerData as Shared;
  let last = -1;
  setInterval(() => {
    if (state[0] !== last) {
      last = state[0]!;
      return;
    }
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'hang');
    writeFileSync(file, input.slice(0, state[1]));
    writeSync(1, `FOUND an input that takes longer than ${String(limit)} ms\nin ${file}\n`);
    process.kill(process.pid, 'SIGKILL');
  }, limit);
}
