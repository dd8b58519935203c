/** A receiver under load that is killed, or cut off from its database, again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from '../support/spawn.ts';
import type { ChaosDatabase, ChaosEngine } from './engine.ts';
import { judge, type Judgement } from './judge.ts';
import { Load, MAPPINGS, pick, randomFrom } from './load.ts';
import { startReceiver, stopReceivers } from './receivers.ts';

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

/** Kills the receiver, or cuts its connections, so many times under load; then judges what is left. */
export async function runKills(options: KillOptions): Promise<KillReport> {
  const { engine, fault, count, seed, mutant, onProgress } = options;
  const database = await engine.create(MAPPINGS.tables);
  const random = randomFrom(seed);
  const load = new Load(randomFrom(seed + 1));
  const env = { ...database.env, ...(mutant === undefined ? {} : { CHAOS_MUTANT: mutant }) };
  try {
    let atCommit = 0;
    let done = 0;
    if (fault === 'kill') {
      while (done < count) {
        if (await oneLife({ engine, env, random, load })) atCommit++;
        done++;
        onProgress?.(done);
        if (load.faults.length > 0) break;
      }
    }
    const receiver = await startReceiver(engine, env);
    try {
      load.port = receiver.port;
      void receiver.process.exit.then((code) => {
        hasEnded(load, receiver.process, code === 0);
      });
      if (fault === 'disconnect') done = await cutConnections(options, database, random, load);
      await load.drain();
      await stopReceivers([receiver]);
    } finally {
      await stopReceivers([receiver], 'SIGKILL');
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
    hasKilledItself = await Promise.race([
      child.exit.then(() => true),
      sleep(5_000, false, { ref: false }),
    ]);
  }
  hasEnded(load, child, (await child.stop('SIGKILL')) === null);
  load.port = undefined;
  return hasKilledItself;
}

/** Notes down a receiver that ended by itself, and ends the run. */
function hasEnded(load: Load, child: Running, isOurs: boolean): void {
  if (isOurs) return;
  load.faults.push(`the receiver ended by itself:\n${child.output()}`);
  load.giveUp();
}

async function cutConnections(
  { count, onProgress }: KillOptions,
  database: ChaosDatabase,
  random: () => number,
  load: Load,
): Promise<number> {
  const end = Date.now() + 1_000 * count;
  let cut = 0;
  while (cut < count && Date.now() < end && load.faults.length === 0) {
    await sleep(5 + random() * 60);
    cut += (await database.disconnect?.()) ?? 0;
    onProgress?.(Math.min(cut, count));
  }
  return cut;
}
