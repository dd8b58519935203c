/** Whole servers under load, each in a process of its own, as is what loads them. */
import { missingPostgres } from '../support/databases.ts';
import { cpuOf } from './cpu.ts';
import { ROWS } from './events.ts';
import type { Load, LoadQuestion } from './load.ts';
import { serve, type UnderTest } from './places.ts';
import type { Plan } from './plan.ts';
import type { ServerKind } from './servers.ts';
import { startWorker, type Worker } from './worker.ts';

const CONNECTIONS = 64;
const ROUNDS = 21;
/** How long one side is loaded in a round. */
const SECONDS = 0.4;
/** How long it is before: a server answers three times as fast once V8 has made good code of all of it. */
const WARM_UP_SECONDS = 5;

type Generator = Worker<LoadQuestion, Load | null>;

interface Contest {
  readonly name: string;
  readonly ours: ServerKind;
  readonly baseline: ServerKind;
  readonly bar: number;
  /** Where both store: the row of their slowest requests. */
  readonly slowest?: string;
}

const CONTESTS: readonly Contest[] = [
  {
    name: 'Fastify adapter, memoryStore / bare Fastify route',
    ours: 'fastify-memory',
    baseline: 'bare-fastify',
    bar: 0.8,
  },
  {
    name: 'Express 5 adapter, memoryStore / bare Express 5, express.json and res.json',
    ours: 'express-memory',
    baseline: 'bare-express',
    bar: 1.3,
  },
  {
    name: 'Fastify adapter, sqliteStore on disk / bare Fastify route, which stores nothing',
    ours: 'fastify-sqlite',
    baseline: 'bare-fastify',
    bar: 0.5,
  },
  {
    name: 'Fastify adapter, sqliteStore / hand-written Fastify and node:sqlite, one transaction an event',
    ours: 'fastify-sqlite',
    baseline: 'hand-sqlite',
    bar: 3,
    slowest: '99th percentile, sqliteStore / 99th percentile, hand-written on node:sqlite',
  },
  {
    name: 'Fastify adapter, postgresStore / hand-written Fastify and pg, four round trips an event',
    ours: 'fastify-postgres',
    baseline: 'hand-postgres',
    bar: 3.5,
    slowest: '99th percentile, postgresStore / 99th percentile, hand-written on pg',
  },
];

export async function benchHttp(plan: Plan): Promise<void> {
  const generator: Generator = startWorker('load.ts');
  try {
    for (const contest of CONTESTS) {
      if (isThere(contest.ours) && plan.wants(contest.name)) await hold(contest, generator, plan);
    }
    for (const kind of ['fastify-sqlite', 'fastify-postgres'] as const) {
      if (isThere(kind)) await repeat(kind, generator, plan);
    }
  } finally {
    await generator.stop();
  }
}

const isThere = (kind: ServerKind): boolean =>
  !kind.endsWith('-postgres') || missingPostgres === false;

/** A server, and how far its events have come. */
interface Side {
  readonly server: UnderTest;
  /** The number of its next event: every event is new to it. */
  next: number;
  /** How many keep it busy for the time of one round. */
  count: number;
}

async function start(kind: ServerKind): Promise<Side> {
  return { server: await serve(kind), next: 0, count: 0 };
}

/** How a load went, and what of it the server was busy for. */
interface Loaded extends Load {
  /** Microseconds of processor time a request; not a number where the system does not tell. */
  readonly cpu: number;
}

/** Loads a side with events that are new to it. */
async function load(side: Side, generator: Generator, count = side.count): Promise<Loaded> {
  await generator.ask({ kind: 'prepare', first: side.next, count });
  side.next += count;
  const { kind, port, pid } = side.server;
  const before = cpuOf(pid);
  const isOurs = kind.startsWith('fastify-') || kind.startsWith('express-');
  const went = await generator.ask({
    kind: 'run',
    ports: [port],
    connections: CONNECTIONS,
    ...(isOurs && { replayed: false }),
  });
  return { ...went!, cpu: (cpuOf(pid) - before) / count };
}

/** Lets it get warm, and finds out how many events a round may have. */
async function warmUp(side: Side, generator: Generator, plan: Plan): Promise<void> {
  const { speed } = await load(side, generator, plan.volume(1_000, 200));
  const seconds = plan.volume(WARM_UP_SECONDS, 0.05);
  const again = await load(side, generator, Math.ceil(speed * seconds));
  side.count = Math.max(CONNECTIONS * 2, Math.ceil(again.speed * plan.volume(SECONDS, 0.05)));
}

/** Everything that was answered with 200 must be there. */
async function check({ server, next }: Side): Promise<void> {
  const stored = await server.stored();
  if (stored === null) return;
  const { events, rows } = stored;
  if (events !== next || rows !== Math.min(next, ROWS)) {
    throw new Error(
      `${server.kind}: ${String(next)} events sent, stored ${String(events)} in ${String(rows)} rows`,
    );
  }
}

async function hold(contest: Contest, generator: Generator, plan: Plan): Promise<void> {
  const { name, bar, slowest } = contest;
  const sides = { ours: await start(contest.ours), baseline: await start(contest.baseline) };
  const loads: Record<keyof typeof sides, Loaded[]> = { ours: [], baseline: [] };
  try {
    const rounds = plan.rounds(ROUNDS);
    for (const side of Object.values(sides)) await warmUp(side, generator, plan);
    for (let round = 0; round < rounds; round++) {
      const order =
        round % 2 === 0 ? (['ours', 'baseline'] as const) : (['baseline', 'ours'] as const);
      for (const side of order) loads[side].push(await load(sides[side], generator));
      plan.progress(name, round + 1, rounds);
    }
    for (const side of Object.values(sides)) await check(side);
  } finally {
    for (const { server } of Object.values(sides)) await server.stop();
  }
  const of = (measure: keyof Loaded) => ({
    ours: loads.ours.map((load) => load[measure]),
    baseline: loads.baseline.map((load) => load[measure]),
  });
  const group = 'http';
  plan.tell({
    group,
    name,
    unit: 'requests/s',
    ...of('speed'),
    direction: 'at least',
    bar,
    note: `the server took ${mean(of('cpu').ours, 1)} / ${mean(of('cpu').baseline, 1)} µs of processor time a request, the load generator ${mean(of('busy').ours, 100)} / ${mean(of('busy').baseline, 100)} % of a core`,
  });
  if (slowest === undefined) return;
  plan.tell({
    group,
    name: slowest,
    unit: 'ms',
    ...of('p99'),
    direction: 'at most',
    bar: 1,
    note: `${String(CONNECTIONS)} connections, each waits for its answer`,
  });
}

/** Events the server knows, against as many new ones: on one server, for they share its tables. */
async function repeat(kind: ServerKind, generator: Generator, plan: Plan): Promise<void> {
  const store = kind.replace('fastify-', '');
  const name = `${store}Store, duplicates only / fresh events only`;
  if (!plan.wants(name)) return;
  const side = await start(kind);
  const speeds: Record<'ours' | 'baseline', number[]> = { ours: [], baseline: [] };
  try {
    await warmUp(side, generator, plan);
    const rounds = plan.rounds(ROUNDS);
    for (let round = 0; round < rounds; round++) {
      speeds.baseline.push((await load(side, generator)).speed);
      const again = await generator.ask({
        kind: 'run',
        ports: [side.server.port],
        connections: CONNECTIONS,
        replayed: true,
      });
      speeds.ours.push(again!.speed);
      plan.progress(name, round + 1, rounds);
    }
    await check(side);
  } finally {
    await side.server.stop();
  }
  plan.tell({ group: 'http', name, unit: 'requests/s', ...speeds, direction: 'at least', bar: 1 });
}

const mean = (values: readonly number[], factor: number): string =>
  ((factor * values.reduce((sum, value) => sum + value, 0)) / values.length).toFixed(0);
