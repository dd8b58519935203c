/** How fast a worker drains a queue of pg-boss, against a bare loop that posts the same bytes. */
import { randomBytes } from 'node:crypto';
import { PgBoss } from 'pg-boss';
import { Agent } from 'undici';
import { pgBossOutbox } from '../../src/outboxes/pg-boss.ts';
import { missingPostgres, POSTGRES_URL } from '../support/databases.ts';
import { startProcess } from '../support/spawn.ts';
import { CONCURRENCY, drain, fetchBy, makeBody, postBy } from './delivery.ts';
import type { Plan } from './plan.ts';

export async function benchBoss(plan: Plan): Promise<void> {
  if (missingPostgres !== false) return;
  const sink = startProcess(process.execPath, ['test/bench/sink.ts']);
  const [, url = ''] = await sink.printed(/Listening on (http:.*)/);
  const dispatcher = new Agent({ connections: CONCURRENCY, pipelining: 1 });
  const schema = `his_bench_${randomBytes(6).toString('hex')}`;
  const boss = new PgBoss({ connectionString: POSTGRES_URL, schema, schedule: false });
  boss.on('error', console.error);
  await boss.start();
  const outbox = pgBossOutbox({ boss, schema });
  const ours = drain(url, outbox, fetchBy(dispatcher));
  const baseline = postBy(url, dispatcher);

  try {
    const rounds = plan.rounds(9);
    const speeds: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
    for (let round = -1; round < rounds; round++) {
      const bodies = Array.from({ length: plan.volume(1_000, 50) }, makeBody);
      const speed = [await ours(bodies), await baseline(bodies)] as const;
      // The first round warms up.
      if (round < 0) continue;
      speeds.ours.push(speed[0]);
      speeds.baseline.push(speed[1]);
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
