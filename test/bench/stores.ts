/** How fast the durable stores commit, against what they would do without batches. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { postgresStore } from '../../src/stores/postgres.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { missingPostgres, openPostgres } from '../support/databases.ts';
import { BASELINE_TABLES, processByHand } from './baseline.ts';
import { IN_FLIGHT, inFlight, quantile, throughQueue, VISITS, visitEvent } from './workload.ts';

/** How a store fared against its baseline: higher is better. */
export interface StoreResult {
  readonly group: 'stores';
  readonly name: string;
  /** The least the median of the ratios may be. */
  readonly bar: number;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Events a second, in the middle. */
  readonly ours: number;
  readonly baseline: number;
}

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

let events = 0;
const make = (count: number) =>
  Array.from({ length: count }, () => visitEvent(++events, `evt_${String(events)}`, ROWS));

/** Both sides in turns, so that what else the machine does falls on both. */
async function hold(contest: Contest, rounds: number): Promise<StoreResult> {
  const { name, bar } = contest;
  const ratios: number[] = [];
  const speeds: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
  for (let round = -1; round < rounds; round++) {
    const sides =
      round % 2 === 0 ? (['ours', 'baseline'] as const) : (['baseline', 'ours'] as const);
    const speed = { ours: 0, baseline: 0 };
    for (const side of sides) speed[side] = await contest[side](make(contest.events[side]));
    // The first round warms up.
    if (round < 0) continue;
    ratios.push(speed.ours / speed.baseline);
    speeds.ours.push(speed.ours);
    speeds.baseline.push(speed.baseline);
  }
  return {
    group: 'stores',
    name,
    bar,
    median: quantile(ratios),
    low: quantile(ratios, 0.1),
    high: quantile(ratios, 0.9),
    ours: quantile(speeds.ours),
    baseline: quantile(speeds.baseline),
  };
}

async function benchSqlite(rounds: number): Promise<StoreResult> {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-bench-'));
  const store = sqliteStore({ path: join(folder, 'bench.db') });
  try {
    await store.prepare([VISITS]);
    return await hold(
      {
        name: `SQLite, batches of up to 128 / batches of one`,
        bar: 8,
        events: { ours: 8_000, baseline: 800 },
        ours: (changes) => throughQueue(store, changes),
        baseline: (changes) => throughQueue(store, changes, 1),
      },
      rounds,
    );
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchPostgres(rounds: number): Promise<StoreResult> {
  const database = await openPostgres({ max: 10 });
  const pool = database.pool as Pool;
  const store = postgresStore({ pool, schema: 'auto' });
  try {
    await database.sql(BASELINE_TABLES);
    await store.prepare([VISITS]);
    return await hold(
      {
        name: 'Postgres, one statement a batch / four statements an event, a pool of 10',
        bar: 6,
        events: { ours: 8_000, baseline: 2_000 },
        ours: (changes) => throughQueue(store, changes),
        baseline: (changes) => inFlight(changes, (change) => processByHand(pool, change)),
      },
      rounds,
    );
  } finally {
    await store.close();
    await database.end();
  }
}

/** Measures the stores; prints as it goes. */
export async function benchStores(rounds: number): Promise<readonly StoreResult[]> {
  console.log(
    `${String(IN_FLIGHT)} requests in flight, fsync on; ratio: median of ${String(rounds)} rounds (10 % – 90 %)\n`,
  );
  const contests = missingPostgres === false ? [benchSqlite, benchPostgres] : [benchSqlite];
  const results: StoreResult[] = [];
  for (const contest of contests) {
    const result = await contest(rounds);
    results.push(result);
    const { name, bar, median, low, high, ours, baseline } = result;
    console.log(`stores     ${name}`);
    console.log(
      `           ${median.toFixed(2)} × (${low.toFixed(2)} – ${high.toFixed(2)})  ${inThousands(ours)} / ${inThousands(baseline)} events/s  ≥ ${String(bar)} ${median >= bar ? 'met' : 'MISSED'}\n`,
    );
  }
  return results;
}

function inThousands(speed: number): string {
  return `${(speed / 1000).toFixed(1)} k`;
}
