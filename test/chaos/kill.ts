/** A receiver under load that is killed, or cut off from its database, again and again. */
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Running, spawnNode } from '../support/node-process.ts';
import type { ChaosDatabase, ChaosEngine } from './engine.ts';
import { judge, type Judgement } from './judge.ts';
import { Load, MAPPINGS, pick, randomFrom } from './load.ts';

/** What is done to the receiver. */
export type Fault = 'kill' | 'disconnect';

/** What a run is to do. */
export interface KillOptions {
  readonly engine: ChaosEngine;
  readonly fault: Fault;
  /** How many times the receiver is killed, or connections are cut. */
  readonly count: number;
  readonly seed: number;
  /** A receiver that is wrong on purpose; see `sqlite-receiver.ts`. */
  readonly mutant?: 'row-first' | 'claim-first' | 'early-answer';
  readonly onProgress?: (done: number) => void;
}

/** What a run came to. */
export interface KillReport extends Judgement {
  /** How many times the receiver was killed, or connections were cut. */
  readonly count: number;
  /** How many of the kills hit a moment around a COMMIT. */
  readonly atCommit: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly retries: number;
  readonly duplicates: number;
  readonly faults: readonly string[];
}

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
  const child = spawnNode(['test/chaos/receiver.ts'], env);
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

/** Kills the receiver, or cuts its connections, so many times under load; then judges what is left. */
export async function runKills(options: KillOptions): Promise<KillReport> {
  const { engine, fault, count, seed, mutant, onProgress = () => undefined } = options;
  const database = await engine.create(MAPPINGS.tables);
  const random = randomFrom(seed);
  const load = new Load(randomFrom(seed + 1));
  const env = { ...database.env, ...(mutant === undefined ? {} : { CHAOS_MUTANT: mutant }) };
  try {
    let atCommit = 0;
    let done = 0;
    if (fault === 'kill') {
      for (; done < count; onProgress(++done)) {
        if (await oneLife({ engine, env, random, load })) atCommit++;
      }
    }
    const receiver = await startReceiver(engine, env);
    try {
      load.port = receiver.port;
      if (fault === 'disconnect') done = await cutConnections(database, count, random, onProgress);
      await load.drain();
      await withinSeconds(20, receiver.process.stop());
    } finally {
      await receiver.process.stop('SIGKILL');
    }
    return {
      ...(await judge(database, MAPPINGS.tables, load.events)),
      count: done,
      atCommit,
      sent: load.events.length,
      acknowledged: load.acknowledged,
      retries: load.retries,
      duplicates: load.duplicates,
      faults: load.faults,
    };
  } finally {
    load.giveUp();
    await load.drain();
    await database.close();
  }
}

/** Starts a receiver and kills it under load; whether it was at a COMMIT. */
async function oneLife({
  engine,
  env,
  random,
  load,
}: {
  engine: ChaosEngine;
  env: Readonly<Record<string, string>>;
  random: () => number;
  load: Load;
}): Promise<boolean> {
  const moment = pick(random, ['any', ...engine.moments] as const);
  const at = String(1 + Math.floor(random() * 60));
  const dying = moment === 'any' ? {} : { CHAOS_DIE: moment, CHAOS_DIE_AT: at };
  const { process: child, port } = await startReceiver(engine, { ...env, ...dying });
  const before = load.acknowledged;
  load.port = port;
  let hasKilledItself = false;
  if (moment === 'any') {
    // A kill of a receiver that has done nothing yet proves nothing.
    for (let i = 0; i < 1_000 && load.acknowledged === before; i++) await sleep(2);
    await sleep(random() * 300);
  } else {
    hasKilledItself = await Promise.race([child.exit.then(() => true), sleep(5_000, false)]);
  }
  await child.stop('SIGKILL');
  load.port = undefined;
  return hasKilledItself;
}

async function cutConnections(
  database: ChaosDatabase,
  count: number,
  random: () => number,
  onProgress: (done: number) => void,
): Promise<number> {
  const end = Date.now() + 1_000 * count;
  let cut = 0;
  while (cut < count && Date.now() < end) {
    await sleep(5 + random() * 60);
    cut += (await database.disconnect?.()) ?? 0;
    onProgress(Math.min(cut, count));
  }
  return cut;
}

/** Fails what takes too long. */
export async function withinSeconds<T>(seconds: number, work: Promise<T>): Promise<T> {
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
