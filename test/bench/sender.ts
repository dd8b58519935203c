/** How fast events leave, against a bare loop that posts the same bytes to the same server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, fetch as undiciFetch } from 'undici';
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import type { FetchLike } from '../../src/sender/attempt.ts';
import { signRequest } from '../../src/sender/request.ts';
import { createSender } from '../../src/sender/sender.ts';
import { startProcess } from '../support/spawn.ts';
import {
  CONCURRENCY,
  CREDENTIALS,
  drain,
  fetchBy,
  makeBody,
  postBy,
  type Way,
} from './delivery.ts';
import type { Plan } from './plan.ts';
import { inFlight } from './workload.ts';

const EVENTS = 2_000;

/** Measures every way in turns, so that what else the machine does falls on all of them. */
export async function benchSender(plan: Plan): Promise<void> {
  const rounds = plan.rounds(15);
  const events = plan.volume(EVENTS, 50);
  const sink = startProcess(process.execPath, ['test/bench/sink.ts'], {});
  const [, url = ''] = await sink.printed(/Listening on (http:.*)/);
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-bench-'));
  const agent = new Agent({ connections: CONCURRENCY, pipelining: 1 });
  const outbox = sqliteOutbox({ path: join(folder, 'outbox.db') });
  const byRequest = fetchBy(agent);
  const post = (bodies: readonly string[], send: (body: string) => Promise<unknown>) =>
    inFlight(bodies, send, CONCURRENCY);
  const send = (fetch?: FetchLike): Way => {
    const concurrency = CONCURRENCY;
    const sender = createSender({ url, ...CREDENTIALS, concurrency, ...(fetch && { fetch }) });
    return (bodies) => post(bodies, (event) => sender.send(event));
  };

  const ways = {
    'undici.request': postBy(url, agent),
    'undici.fetch': (bodies) =>
      post(bodies, async (event) => {
        const init = signRequest({ event, ...CREDENTIALS });
        await (await undiciFetch(url, { ...init, dispatcher: agent })).text();
      }),
    fetch: (bodies) =>
      post(bodies, async (event) => {
        await (await fetch(url, signRequest({ event, ...CREDENTIALS }))).text();
      }),
    'send by fetch': send(),
    'send by undici.request': send(byRequest),
    'sqliteOutbox by fetch': drain(url, outbox),
    'sqliteOutbox by undici.request': drain(url, outbox, byRequest),
  } satisfies Record<string, Way>;
  type Name = keyof typeof ways;

  const speeds: Record<Name, number>[] = [];
  try {
    const names = Object.keys(ways) as Name[];
    for (let round = -1; round < rounds; round++) {
      const speed = {} as Record<Name, number>;
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        speed[name] = await ways[name](Array.from({ length: events }, makeBody));
      }
      // The first round warms up.
      if (round >= 0) speeds.push(speed);
      plan.progress('sending in every way', round + 1, rounds);
    }
  } finally {
    await outbox.close();
    await agent.close();
    await sink.stop('SIGKILL');
    rmSync(folder, { recursive: true });
  }

  const rows: readonly [Name, Name, number?][] = [
    ['sqliteOutbox by undici.request', 'undici.request', 0.6],
    ['send by undici.request', 'undici.request', 0.8],
    ['sqliteOutbox by fetch', 'undici.fetch', 0.6],
    ['send by fetch', 'undici.fetch', 0.8],
    ['fetch', 'undici.request'],
  ];
  for (const [ours, baseline, bar] of rows) {
    plan.tell({
      group: 'sender',
      name: `${ours} / ${baseline}`,
      unit: 'events/s',
      ours: speeds.map((speed) => speed[ours]),
      baseline: speeds.map((speed) => speed[baseline]),
      direction: 'at least',
      ...(bar === undefined ? {} : { bar }),
      note: `${String(CONCURRENCY)} requests in flight`,
    });
  }
}
