/**
 * Whether a commit costs more when the inbox has millions of keys: with ids in order of time, as this
 * package's sender makes them, and with random ones.
 */
import { mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { postgresStore } from '../../src/stores/postgres.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import type { EventStore } from '../../src/stores/types.ts';
import { missingPostgres, openPostgres } from '../support/databases.ts';
import type { Plan } from './plan.ts';
import { VISITS, visitEvent } from './workload.ts';

type IdKind = 'time-ordered' | 'random';

/** A store whose inbox can be filled behind its back. */
interface Engine {
  readonly name: string;
  readonly keys: number;
  readonly open: () => Promise<Grown>;
}

interface Grown {
  readonly store: EventStore;
  /** Makes entries with the ids 0 to `to`, as fast as the database can. */
  readonly fill: (kind: IdKind, to: number, progress: Plan['progress']) => Promise<void>;
  /** What fills the inbox by now, in bytes. */
  readonly size: () => Promise<number>;
  readonly remove: () => Promise<void>;
}

/** Keys of the small inbox that a big one is compared with. */
const FEW = 10_000;
/** Events in a commit. */
const BATCH = 64;
/** Bytes that a key may take at most, with room to spare. */
const ROOM_PER_KEY = 700;

const DAY = Date.UTC(2025, 0, 1);

/** The n-th id: a UUIDv7 of its millisecond, or a UUIDv4 that looks like nothing else. */
function idOf(kind: IdKind, n: number): string {
  // The same in SQL below.
  const scrambled = (BigInt(n) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
  const tail = scrambled.toString(16).padStart(16, '0');
  const head = kind === 'random' ? `${tail.slice(0, 8)}-${tail.slice(8, 12)}-4` : uuidTime(DAY + n);
  return `${head}${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(4)}`;
}

function uuidTime(milliseconds: number): string {
  const hex = milliseconds.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
}

const ENTRY_COLUMNS =
  'client_id, event_id, type, occurred_at, received_at, state, digest, form, mapping_version';
const CHUNK = 100_000;

async function openSqlite(): Promise<Grown> {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-growth-'));
  const path = join(folder, 'growth.db');
  const first = sqliteStore({ path });
  await first.prepare([VISITS]);
  await first.close();
  const store = sqliteStore({ path });
  return {
    store,
    fill(kind, to, progress) {
      const database = new DatabaseSync(path);
      database.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
        PRAGMA cache_size = -3000000; PRAGMA locking_mode = EXCLUSIVE`);
      const insert = database.prepare(
        `INSERT INTO his_events (${ENTRY_COLUMNS})
           VALUES ('1001', ?, 'appointment.updated', '2025-01-08T12:00:00.000000000Z',
             '2026-01-01T00:00:00.000Z', 'applied', '${'d'.repeat(64)}', 'envelope', 'v1')`,
      );
      for (let start = 0; start < to; start += CHUNK) {
        database.exec('BEGIN');
        for (let n = start; n < Math.min(start + CHUNK, to); n++) insert.run(idOf(kind, n));
        database.exec('COMMIT');
        progress(`filling SQLite, ${kind}`, Math.min(start + CHUNK, to), to);
      }
      database.exec('PRAGMA journal_mode = WAL');
      database.close();
      return Promise.resolve();
    },
    size: () => Promise.resolve(statSync(path).size),
    async remove() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openOnPostgres(): Promise<Grown> {
  const database = await openPostgres();
  const store = postgresStore({ pool: database.pool, schema: 'auto', timeout: 60_000 });
  await store.prepare([VISITS]);
  return {
    store,
    async fill(kind, to, progress) {
      for (let start = 0; start < to; start += CHUNK) {
        const end = Math.min(start + CHUNK, to);
        const ids = Array.from({ length: end - start }, (_, i) => idOf(kind, start + i));
        await database.sql(
          `INSERT INTO his_events (${ENTRY_COLUMNS})
             SELECT '1001', id, 'appointment.updated', '2025-01-08T12:00:00.000000000Z',
               '2026-01-01', 'applied', repeat('d', 64), 'envelope', 'v1'
             FROM unnest($1::text[]) AS id`,
          [ids],
        );
        progress(`filling Postgres, ${kind}`, end, to);
      }
      await database.sql('VACUUM ANALYZE his_events');
    },
    async size() {
      const [row] = await database.sql(`SELECT pg_total_relation_size('his_events')::text AS n`);
      return Number(row!['n']);
    },
    remove: async () => {
      await store.close();
      await database.end();
    },
  };
}

/** Milliseconds of a commit of new events, once each store. */
async function timeCommit(store: EventStore, kind: IdKind, from: number): Promise<number> {
  const batch = Array.from({ length: BATCH }, (_, i) =>
    visitEvent(from + i, idOf(kind, from + i), 20_000),
  );
  const start = performance.now();
  await store.commit(batch);
  return performance.now() - start;
}

/** Measures an engine with a kind of id; gives the bytes that a key takes. */
async function measure({ name, keys, open }: Engine, kind: IdKind, plan: Plan): Promise<number> {
  const small = await open();
  const large = await open();
  const few = Math.min(FEW, keys / 2);
  const [rounds, warmUp] = [plan.rounds(300), plan.volume(20, 1)];
  try {
    await small.fill(kind, few, plan.progress);
    await large.fill(kind, keys, plan.progress);
    const bytesPerKey = (await large.size()) / keys;
    const times: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
    for (let round = -warmUp; round < rounds; round++) {
      const done = (round + warmUp) * BATCH;
      const inSmall = await timeCommit(small.store, kind, few + done);
      const inLarge = await timeCommit(large.store, kind, keys + done);
      if (round < 0) continue;
      times.ours.push(inLarge);
      times.baseline.push(inSmall);
      plan.progress(`committing to ${name}, ${kind}`, round + 1, rounds);
    }
    plan.tell({
      group: 'growth',
      name: `${name}, commit among ${millions(keys)} ${kind} keys / among ${thousands(few)}`,
      unit: 'ms',
      ...times,
      direction: 'at most',
      // Random ids are not held to it: they touch another page of the index each.
      ...(kind === 'random' ? {} : { bar: 1.5 }),
      note: `${String(BATCH)} events a commit`,
    });
    return bytesPerKey;
  } finally {
    await small.remove();
    await large.remove();
  }
}

const thousands = (count: number): string => count.toLocaleString('en-GB');
const millions = (count: number): string =>
  count < 1e6 ? thousands(count) : `${String(count / 1e6)} million`;

/** Measures each engine with each kind of id. */
export async function benchGrowth(plan: Plan): Promise<void> {
  const engines: Engine[] = [{ name: 'SQLite', keys: plan.keys ?? 10_000_000, open: openSqlite }];
  if (missingPostgres === false) {
    engines.push({ name: 'Postgres', keys: plan.keys ?? 3_000_000, open: openOnPostgres });
  }
  const room = Math.max(...engines.map((engine) => engine.keys)) * ROOM_PER_KEY;
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bavail * bsize < room) {
    throw new Error(`needs ${String(Math.ceil(room / 1e9))} GB of room in ${tmpdir()}`);
  }
  for (const engine of engines) {
    const ordered = await measure(engine, 'time-ordered', plan);
    const random = await measure(engine, 'random', plan);
    plan.tell({
      group: 'growth',
      name: `${engine.name}, an event without its body, time-ordered ids / random ids`,
      unit: 'bytes',
      ours: [ordered],
      baseline: [random],
      direction: 'at most',
    });
  }
}
