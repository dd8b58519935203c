/**
 * `npm run chaos [-- WHAT …] [--kills N] [--cuts N] [--rounds N] [--events N] [--seed S]`: kills receivers
 * under load, cuts them off from their database and lets them race, and holds what is left against
 * what they acknowledged; kills senders and receivers with a network between them that fails, and holds
 * what is left against what was enqueued. It ends with 1 where anything was lost, doubled or wrong.
 *
 * WHAT is `sqlite` or `postgres`, a receiver's store, or `senders`; all of it by default.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { missingPostgres } from '../support/databases.ts';
import { showProgress } from '../support/progress.ts';
import type { ChaosEngine } from './engine.ts';
import { isSound, type Judgement } from './judge.ts';
import { type DeliveryOptions, runDelivery } from './delivery.ts';
import { runKills } from './kill.ts';
import { postgres } from './postgres.ts';
import { runRaces } from './race.ts';
import { sqlite } from './sqlite.ts';

const ENGINES: readonly ChaosEngine[] = [sqlite, ...(missingPostgres === false ? [postgres] : [])];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string' },
    cuts: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '20' },
    events: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
  },
});
const unknown = positionals.find(
  (name) => name !== 'senders' && ENGINES.every((engine) => engine.name !== name),
);
if (unknown !== undefined) throw new Error(`no engine ${unknown}`);
const isWanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
const engines = ENGINES.filter(({ name }) => isWanted(name));
const seed = Number(values.seed);
const DEFAULT_KILLS: Readonly<Record<string, number>> = { sqlite: 100, postgres: 50 };

const progress =
  (label: string, total: number): ((done: number) => void) =>
  (done) => {
    showProgress(label, done, total);
  };

const lines: Readonly<Record<string, string | number>>[] = [];

/** Lines as text, under the names of their members. */
function table(rows: typeof lines): string {
  const names = Object.keys(rows[0] ?? {});
  const cells = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  return cells.map((line) => line.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')).join('\n');
}

function report(
  engine: string,
  fault: string,
  result: Judgement & {
    readonly sent: number;
    readonly acknowledged: number;
    readonly duplicates?: number;
    readonly retries?: number;
    readonly faults: readonly string[];
  },
  count: number,
  wanted: number,
): void {
  const isGood = isSound(result) && result.faults.length === 0 && count >= wanted;
  if (!isGood) process.exitCode = 1;
  for (const text of result.faults.slice(0, 3)) console.error(`${engine}, ${fault}: ${text}`);
  const { sent, acknowledged, retries = 0, duplicates = 0 } = result;
  const { lost, doubled, apart, strange, rows, mismatched } = result;
  lines.push({
    engine,
    fault,
    count,
    sent,
    acknowledged,
    retries,
    duplicates,
    lost,
    doubled,
    apart,
    strange,
    rows,
    mismatched,
    verdict: isGood ? 'sound' : 'BROKEN',
  });
}

console.log(`seed ${String(seed)}`);
for (const engine of engines) {
  const kills = Number(values.kills ?? DEFAULT_KILLS[engine.name]);
  const cuts = Number(values.cuts);
  const rounds = Number(values.rounds);
  const killed = await runKills({
    engine,
    fault: 'kill',
    count: kills,
    seed,
    onProgress: progress(`${engine.name}: SIGKILL`, kills),
  });
  const where = `SIGKILL, ${String(killed.atCommit)} at a COMMIT`;
  report(engine.name, where, killed, killed.count, kills);
  if (engine.canDisconnect) {
    const cut = await runKills({
      engine,
      fault: 'disconnect',
      count: cuts,
      seed,
      onProgress: progress(`${engine.name}: connections cut`, cuts),
    });
    report(engine.name, 'connections cut', cut, cut.count, cuts);
  }
  const onProgress = progress(`${engine.name}: races`, rounds * 2);
  report(
    engine.name,
    'races of 4 receivers',
    await runRaces({ engine, rounds, onProgress }),
    rounds * 2,
    rounds * 2,
  );
}
const deliver = async (label: string, wanted: number, options: Partial<DeliveryOptions>) => {
  const engine = missingPostgres === false ? postgres : sqlite;
  const events = Number(values.events);
  const result = await runDelivery({
    engine,
    events,
    rows: events / 10,
    senders: 4,
    receivers: 2,
    killEvery: 1_000,
    seed,
    onProgress: progress(label, events),
    ...options,
  });
  const { senderKills, receiverKills, ghosts, mischief } = result;
  const harm = Object.entries(mischief).map(([name, count]) => `${name} ${String(count)}`);
  console.log(`\n${label}: ${harm.join(', ')}; ${String(ghosts)} transactions rolled back`);
  const fault = `${label}: SIGKILL, ${String(senderKills)} of senders`;
  report(engine.name, fault, result, senderKills + receiverKills, wanted);
};
if (isWanted('senders')) {
  await deliver('4 sqliteOutboxes', Number(values.events) / 1_000, { killEvery: 500 });
  if (missingPostgres === false) {
    // What a killed worker had claimed is claimed again after half a minute.
    await deliver('pgBossOutbox, 3 workers', 3, { isShared: true, senders: 3, mostSenderKills: 1 });
  }
}
console.log(`\n${table(lines)}`);
