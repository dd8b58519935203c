/** How fast a worker drains a queue of pg-boss, against a bare loop that posts the same bytes. */
import { randomBytes } from 'node:crypto';
import { PgBoss } from 'pg-boss';
import { Agent, request } from 'undici';
import { SAMPLE_EVENT } from '../../src/cli/sample.ts';
import { serializeEvent } from '../../src/events.ts';
import { pgBossOutbox } from '../../src/outboxes/pg-boss.ts';
import { buildEvent } from '../../src/sender/event.ts';
import { signRequest } from '../../src/sender/request.ts';
import { createSender } from '../../src/sender/sender.ts';
import { missingPostgres, POSTGRES_URL } from '../support/databases.ts';
import { startProcess } from '../support/spawn.ts';
import type { Plan } from './plan.ts';
import { inFlight } from './workload.ts';

const CONCURRENCY = 16;
const [token, secret] = ['demo-token', 'your_shared_secret'];

export async function benchBoss(plan: Plan): Promise<void> {
  if (missingPostgres !== false) return;
  const sink = startProcess(process.execPath, ['test/bench/sink.ts']);
  const [, url = ''] = await sink.printed(/Listening on (http:.*)/);
  const dispatcher = new Agent({ connections: CONCURRENCY, pipelining: 1 });
  const schema = `his_bench_${randomBytes(6).toString('hex')}`;
  const boss = new PgBoss({ connectionString: POSTGRES_URL, schema, schedule: false });
  boss.on('error', console.error);
  await boss.start();
  let delivered = (): void => undefined;
  const sender = createSender({
    url,
    token,
    secret,
    concurrency: CONCURRENCY,
    outbox: pgBossOutbox({ boss, schema }),
    fetch: async (target, { method, headers, body, signal }) => {
      const answer = await request(target, { method, headers, body, signal, dispatcher });
      return {
        status: answer.statusCode,
        headers: { get: (name) => answer.headers[name]?.toString() ?? null },
        body: answer.body,
      };
    },
    onLifecycle: ({ kind }) => {
      if (kind === 'delivered') delivered();
    },
  });

  const drain = async (bodies: readonly string[]): Promise<number> => {
    await inFlight(bodies, (event) => sender.enqueue(event), CONCURRENCY);
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
  const post = (bodies: readonly string[]): Promise<number> =>
    inFlight(
      bodies,
      async (event) => {
        const { method, headers, body } = signRequest({ event, token, secret });
        const answer = await request(url, { method, headers, body, dispatcher });
        await answer.body.text();
      },
      CONCURRENCY,
    );

  try {
    const rounds = plan.rounds(9);
    const speeds: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
    for (let round = -1; round < rounds; round++) {
      const bodies = Array.from({ length: plan.volume(1_000, 50) }, () =>
        serializeEvent(buildEvent({ type: 'appointment.created', data: SAMPLE_EVENT.data })),
      );
      const [ours, baseline] = [await drain(bodies), await post(bodies)];
      // The first round warms up.
      if (round < 0) continue;
      speeds.ours.push(ours);
      speeds.baseline.push(baseline);
      plan.progress('draining pg-boss', round + 1, rounds);
    }
    plan.tell({
      group: 'sender',
      name: 'pgBossOutbox by undici.request / undici.request',
      unit: 'events/s',
      ...speeds,
      direction: 'at least',
      note: `${String(CONCURRENCY)} requests in flight; the outbox is on the Postgres above`,
    });
  } finally {
    await boss.getDb().executeSql(`DROP SCHEMA ${schema} CASCADE`);
    await boss.stop({ graceful: false });
    await dispatcher.close();
    await sink.stop('SIGKILL');
  }
}
