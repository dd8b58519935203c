/** Whether an event costs more when several receivers share one Postgres. */
import { Client } from 'pg';
import { createSchema } from '../support/databases.ts';
import { missingCluster, startCluster } from '../support/servers.ts';
import { cpuOf, cpuOfFamily, parentOf, TICK } from './cpu.ts';
import type { Load, LoadQuestion } from './load.ts';
import { serveAt, type UnderTest } from './places.ts';
import type { Plan } from './plan.ts';
import type { Measured } from './row.ts';
import { startWorker, type Worker } from './worker.ts';

const CONNECTIONS = 64;
const EVENTS = 6_000;
/** V8 needs so many to make good code of a receiver. */
const WARM_UP = 40_000;
const ROUNDS = 15;

/** Receivers on one schema. */
interface Setup {
  readonly receivers: readonly UnderTest[];
  /** To each of them. */
  readonly connections: number;
  readonly drop: () => Promise<void>;
  next: number;
}

export async function benchScale(plan: Plan): Promise<void> {
  if (missingCluster !== false || process.platform !== 'linux') {
    console.log('scale      left out: it needs a PostgreSQL of its own, on Linux\n');
    return;
  }
  // Of its own, so that every process of it is about these events.
  const cluster = await startCluster();
  const generator = startWorker<LoadQuestion, Load | null>('load.ts');
  try {
    const url = `postgres://postgres@127.0.0.1:${String(cluster.port)}/postgres`;
    const postmaster = await postmasterOf(url);
    for (const [connections, name, bar] of [
      [CONNECTIONS, '2 receivers with 64 connections each / 1 receiver with 64', 1.15],
      // As much load in all, so batches are half as large on each; what that costs is only shown.
      [CONNECTIONS / 2, '2 receivers with 32 connections each / 1 receiver with 64', undefined],
    ] as const) {
      const setups = {
        ours: await setUp(url, 2, connections),
        baseline: await setUp(url, 1, CONNECTIONS),
      };
      try {
        await contend({ name, bar, setups }, { generator, postmaster, plan });
      } finally {
        for (const { receivers, drop } of Object.values(setups)) {
          for (const receiver of receivers) await receiver.stop();
          await drop();
        }
      }
    }
  } finally {
    await generator.stop();
    cluster.remove();
  }
}

/** The process that all others of a PostgreSQL are children of. */
async function postmasterOf(connectionString: string): Promise<number> {
  const client = new Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = parentOf(rows[0]!.pid);
  await client.end();
  return pid;
}

async function setUp(url: string, count: number, connections: number): Promise<Setup> {
  const { connectionString, drop } = await createSchema('his_scale', url);
  const receivers: UnderTest[] = [];
  for (let i = 0; i < count; i++) {
    receivers.push(await serveAt('fastify-postgres', connectionString));
  }
  return { receivers, connections, drop, next: 0 };
}

interface Means {
  readonly generator: Worker<LoadQuestion, Load | null>;
  readonly postmaster: number;
  readonly plan: Plan;
}

/** What a run came to. */
interface Cost {
  /** Microseconds of processor time an event, of the receivers and of Postgres. */
  readonly receivers: number;
  readonly postgres: number;
  readonly speed: number;
}

async function run(setup: Setup, count: number, { generator, postmaster }: Means): Promise<Cost> {
  await generator.ask({ kind: 'prepare', first: setup.next, count });
  setup.next += count;
  const take = (): [number, number] => [
    setup.receivers.reduce((sum, { pid }) => sum + cpuOf(pid), 0),
    cpuOfFamily(postmaster),
  ];
  const before = take();
  const load = await generator.ask({
    kind: 'run',
    ports: setup.receivers.map(({ port }) => port),
    connections: setup.connections,
    replayed: false,
  });
  const after = take();
  return {
    receivers: Math.max(after[0] - before[0], TICK) / count,
    postgres: Math.max(after[1] - before[1], TICK) / count,
    speed: load!.speed,
  };
}

interface Contest {
  readonly name: string;
  readonly bar: number | undefined;
  readonly setups: Readonly<Record<'ours' | 'baseline', Setup>>;
}

async function contend({ name, bar, setups }: Contest, means: Means): Promise<void> {
  const { plan } = means;
  const rounds = plan.rounds(ROUNDS);
  const costs: Record<keyof typeof setups, Cost[]> = { ours: [], baseline: [] };
  for (let round = -2; round < rounds; round++) {
    const order =
      round % 2 === 0 ? (['ours', 'baseline'] as const) : (['baseline', 'ours'] as const);
    for (const side of order) {
      const setup = setups[side];
      // The first two rounds warm up: each receiver as long, whatever their number.
      const isWarmUp = round < 0;
      const count = plan.volume(isWarmUp ? WARM_UP * setup.receivers.length : EVENTS, 300);
      const cost = await run(setup, count, means);
      if (!isWarmUp) costs[side].push(cost);
    }
    plan.progress(name, round + 1, rounds);
  }
  for (const { receivers, next } of Object.values(setups)) {
    const stored = await receivers[0]!.stored();
    if (stored?.events !== next) {
      throw new Error(`${String(next)} events sent, ${String(stored?.events)} stored`);
    }
  }
  const of = (measure: (cost: Cost) => number) => ({
    ours: costs.ours.map(measure),
    baseline: costs.baseline.map(measure),
  });
  const row = (what: string, measure: (cost: Cost) => number): Omit<Measured, 'direction'> => ({
    group: 'scale',
    name: `${what}, ${name}`,
    unit: 'µs',
    ...of(measure),
  });
  plan.tell({
    ...row('CPU an event', ({ receivers, postgres }) => receivers + postgres),
    direction: 'at most',
    ...(bar === undefined ? {} : { bar }),
  });
  plan.tell({
    ...row('CPU of the receivers an event', ({ receivers }) => receivers),
    direction: 'at most',
  });
  plan.tell({
    ...row('CPU of Postgres an event', ({ postgres }) => postgres),
    direction: 'at most',
  });
  plan.tell({
    ...row('speed', ({ speed }) => speed),
    unit: 'events/s',
    direction: 'at least',
    note: 'receivers, Postgres and the load generator share the cores of this machine',
  });
}
