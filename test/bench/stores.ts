/** How fast the durable stores commit, against what they would do without batches. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { postgresStore } from '../../src/stores/postgres.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { missingPostgres, openPostgres } from '../support/databases.ts';
import { BASELINE_TABLES, processByHand } from './baselines/statements.ts';
import type { Plan } from './plan.ts';
import { IN_FLIGHT, inFlight, throughQueue, VISITS, visitEvent } from './workload.ts';

/** Rows the events are about: a third of them are new. */
const ROWS = 20_000;

interface Contest {
  readonly name: string;
  readonly bar: number;
  /** Events of one round, on either side. */
  readonly events: { readonly ours: number; readonly baseline: number };
  readonly ours: (changes: ReturnType<typeof visitEvent>[]) => Promise<number>;
  readonly baseline: (changes: ReturnType<typeof visitEvent>[]) => Promise<number>;
}

/** Rounds that are not counted: V8 is at work on the code by then. */
const WARM_UP_ROUNDS = 5;

let events = 0;
const make = (count: number) =>
  Array.from({ length: count }, () => visitEvent(++events, `evt_${String(events)}`, ROWS));

/** Both sides in turns, so that what else the machine does falls on both. */
async function hold(contest: Contest, plan: Plan): Promise<void> {
  const { name, bar } = contest;
  if (!plan.wants(name)) return;
  const rounds = plan.rounds(15);
  const speeds: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const sides =
      round % 2 === 0 ? (['ours', 'baseline'] as const) : (['baseline', 'ours'] as const);
    const speed = { ours: 0, baseline: 0 };
    for (const side of sides) {
      speed[side] = await contest[side](make(plan.volume(contest.events[side], 100)));
    }
    if (round < 0) continue;
    speeds.ours.push(speed.ours);
    speeds.baseline.push(speed.baseline);
    plan.progress(name, round + 1, rounds);
  }
  plan.tell({
    group: 'stores',
    name,
    unit: 'events/s',
    ...speeds,
    direction: 'at least',
    bar,
    note: `${String(IN_FLIGHT)} commits in flight, in one process with the store`,
  });
}

async function benchSqlite(plan: Plan): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-bench-'));
  const store = sqliteStore({ path: join(folder, 'bench.db') });
  try {
    await store.prepare([VISITS]);
    await hold(
      {
        name: 'SQLite, batches of up to 128 / batches of one',
        bar: 8,
        events: { ours: 8_000, baseline: 800 },
        ours: (changes) => throughQueue(store, changes),
        baseline: (changes) => throughQueue(store, changes, 1),
      },
      plan,
    );
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchPostgres(plan: Plan): Promise<void> {
  const database = await openPostgres({ max: 10 });
  const pool = database.pool as Pool;
  const store = postgresStore({ pool, schema: 'auto' });
  try {
    await database.sql(BASELINE_TABLES);
    await store.prepare([VISITS]);
    await hold(
      {
        name: 'Postgres, one statement a batch / four statements an event, a pool of 10',
        bar: 6,
        events: { ours: 8_000, baseline: 2_000 },
        ours: (changes) => throughQueue(store, changes),
        baseline: (changes) => inFlight(changes, (change) => processByHand(pool, change)),
      },
      plan,
    );
  } finally {
    await store.close();
    await database.end();
  }
}

/** Measures the durable stores. */
export async function benchStores(plan: Plan): Promise<void> {
  await benchSqlite(plan);
  if (missingPostgres === false) await benchPostgres(plan);
}
