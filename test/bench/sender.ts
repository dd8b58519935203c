/** How fast events leave, against a bare loop that posts the same bytes to the same server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, fetch as undiciFetch, request } from 'undici';
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import type { FetchLike } from '../../src/sender/attempt.ts';
import { buildEvent } from '../../src/sender/event.ts';
import { signRequest } from '../../src/sender/request.ts';
import { createSender, type Sender } from '../../src/sender/sender.ts';
import { SAMPLE_EVENT } from '../../src/cli/sample.ts';
import { serializeEvent } from '../../src/events.ts';
import { startProcess } from '../support/spawn.ts';
import type { Plan } from './plan.ts';
import { inFlight } from './workload.ts';

const CONCURRENCY = 16;
const EVENTS = 2_000;
const [token, secret] = ['demo-token', 'your_shared_secret'];

type Way = (bodies: readonly string[]) => Promise<number>;

/** Measures every way in turns, so that what else the machine does falls on all of them. */
export async function benchSender(plan: Plan): Promise<void> {
  const rounds = plan.rounds(15);
  const events = plan.volume(EVENTS, 50);
  const sink = startProcess(process.execPath, ['test/bench/sink.ts'], {});
  const [, url = ''] = await sink.printed(/Listening on (http:.*)/);
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-bench-'));
  const agent = new Agent({ connections: CONCURRENCY, pipelining: 1 });
  const outbox = sqliteOutbox({ path: join(folder, 'outbox.db') });
  let delivered = (): void => undefined;
  const byRequest: FetchLike = async (url, { method, headers, body, signal }) => {
    const answer = await request(url, { method, headers, body, signal, dispatcher: agent });
    return {
      status: answer.statusCode,
      headers: { get: (name) => (answer.headers[name] as string | undefined) ?? null },
      body: answer.body,
    };
  };
  const senderOn = (fetch?: FetchLike): Sender =>
    createSender({
      url,
      token,
      secret,
      concurrency: CONCURRENCY,
      ...(fetch && { fetch }),
    });
  const queueOn = (fetch?: FetchLike): Sender<unknown> =>
    createSender<unknown>({
      url,
      token,
      secret,
      concurrency: CONCURRENCY,
      outbox,
      ...(fetch && { fetch }),
      onLifecycle: ({ kind }) => {
        if (kind === 'delivered') delivered();
      },
    });
  const post = (bodies: readonly string[], send: (body: string) => Promise<unknown>) =>
    inFlight(bodies, send, CONCURRENCY);

  const send =
    (sender: Sender): Way =>
    (bodies) =>
      post(bodies, (event) => sender.send(event));
  const drain =
    (sender: Sender<unknown>): Way =>
    async (bodies) => {
      await Promise.all(bodies.map((event) => sender.enqueue(event)));
      let left = bodies.length;
      const start = performance.now();
      await new Promise<void>((resolve) => {
        delivered = () => {
          if (--left === 0) resolve();
        };
        sender.start();
      });
      // Until the outbox knows of the last one.
      await sender.stop();
      return (bodies.length / (performance.now() - start)) * 1_000;
    };

  const ways = {
    'undici.request': (bodies) =>
      post(bodies, async (event) => {
        const { method, headers, body } = signRequest({ event, token, secret });
        const answer = await request(url, { method, headers, body, dispatcher: agent });
        await answer.body.text();
      }),
    'undici.fetch': (bodies) =>
      post(bodies, async (event) => {
        const init = signRequest({ event, token, secret });
        await (await undiciFetch(url, { ...init, dispatcher: agent })).text();
      }),
    fetch: (bodies) =>
      post(bodies, async (event) => {
        await (await fetch(url, signRequest({ event, token, secret }))).text();
      }),
    'send by fetch': send(senderOn()),
    'send by undici.request': send(senderOn(byRequest)),
    'sqliteOutbox by fetch': drain(queueOn()),
    'sqliteOutbox by undici.request': drain(queueOn(byRequest)),
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

const makeBody = (): string =>
  serializeEvent(buildEvent({ type: 'appointment.created', data: SAMPLE_EVENT.data }));
