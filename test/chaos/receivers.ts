/** Starts and stops the receivers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Running, startProcess } from '../support/spawn.ts';
import type { ChaosEngine } from './engine.ts';

/** A receiver that is up. */
export interface LiveReceiver {
  readonly process: Running;
  readonly port: number;
}

/** Starts a receiver, and asserts that what it acknowledges will be durable. */
export async function startReceiver(
  engine: ChaosEngine,
  env: Readonly<Record<string, string>>,
): Promise<LiveReceiver> {
  const child = startProcess(process.execPath, ['test/chaos/receiver.ts'], env);
  try {
    const [, settings] = await withinSeconds(20, child.printed(/^Settings (.*)$/m));
    const found = JSON.parse(settings!) as unknown;
    if (!isDeepStrictEqual(found, engine.durable)) {
      throw new Error(`the connection is not durable: ${settings!}`);
    }
    const [, port] = await withinSeconds(20, child.printed(/^Listening on (\d+)\.$/m));
    return { process: child, port: Number(port) };
  } catch (error) {
    await child.stop('SIGKILL');
    throw error;
  }
}

/** Starts several receivers at once; all of them, or none. */
export async function startReceivers(
  engine: ChaosEngine,
  env: Readonly<Record<string, string>>,
  count: number,
): Promise<readonly LiveReceiver[]> {
  const starts = await Promise.allSettled(
    Array.from({ length: count }, () => startReceiver(engine, env)),
  );
  const failed = starts.find((start) => start.status === 'rejected');
  const live = starts.flatMap((start) => (start.status === 'fulfilled' ? start.value : []));
  if (failed === undefined) return live;
  await stopReceivers(live, 'SIGKILL');
  throw failed.reason;
}

/** Ends receivers that were started here. */
export async function stopReceivers(
  receivers: readonly LiveReceiver[],
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  await withinSeconds(20, Promise.all(receivers.map((one) => one.process.stop(signal))));
}

/** Fails what takes too long. */
async function withinSeconds<T>(seconds: number, work: Promise<T>): Promise<T> {
  const late = new AbortController();
  const timeout = sleep(seconds * 1_000, undefined, { signal: late.signal, ref: false }).then(
    () => {
      throw new Error(`not done within ${String(seconds)} s`);
    },
  );
  timeout.catch(() => undefined);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    late.abort();
  }
}
