import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { bearerTokens, buildEvent, compileMappings, createReceiver } from '@buktor/his-webhook';
import { expressReceiver } from '@buktor/his-webhook/express';
import { pgBossOutbox } from '@buktor/his-webhook/outboxes/pg-boss';
import { createSender } from '@buktor/his-webhook/sender';
import { memoryStore } from '@buktor/his-webhook/stores/memory';
import { Client } from 'pg';
import { PgBoss } from 'pg-boss';

const { DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/postgres' } = process.env;
const [token, secret] = ['demo-token', randomBytes(32).toString('base64url')];
// A schema of the example's own, which goes when it ends. A HIS would leave `schema` out.
const schema = `his_example_${String(process.pid)}`;

// The other end, for the example's sake: it takes what is created, and has no mapping for the rest.
const receiver = createReceiver({
  clients: bearerTokens({ [token]: { id: '1001', secrets: secret } }),
  mappings: compileMappings({
    clients: {
      1001: {
        mappings: {
          'appointment.created': { fields: { his_appointment_id: 'buktor_appointment_id' } },
        },
      },
    },
  }),
  store: memoryStore(),
});
const server = createServer(expressReceiver(receiver)).listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const port = typeof address === 'object' ? address?.port : undefined;
const url = `http://127.0.0.1:${String(port)}/his/receive`;

// The HIS: it writes its row and queues the event in one transaction.
const boss = new PgBoss({ connectionString: DATABASE_URL, schema });
boss.on('error', console.error);
await boss.start();
const sender = createSender({ url, token, secret, outbox: pgBossOutbox({ boss, schema }) });
const client = new Client({ connectionString: DATABASE_URL });
await client.connect();
await client.query(`CREATE TABLE ${schema}.appointment (id text PRIMARY KEY, status text)`);

/**
 * @param {string} id
 * @param {'appointment.created' | 'appointment.updated'} type
 * @param {'COMMIT' | 'ROLLBACK'} end
 */
async function book(id, type, end) {
  await client.query('BEGIN');
  await client.query(`INSERT INTO ${schema}.appointment VALUES ($1, 'confirmed')`, [id]);
  const data = { his_appointment_id: id };
  await sender.enqueue(buildEvent({ type, data, eventId: `evt_${id}` }), { transaction: client });
  await client.query(end);
}
for (let n = 1; n <= 8; n++) await book(`A${String(n)}`, 'appointment.created', 'COMMIT');
await book('A9', 'appointment.created', 'ROLLBACK');
await book('A10', 'appointment.updated', 'COMMIT');
const { rowCount } = await client.query(`SELECT id FROM ${schema}.appointment`);
const { queued } = await sender.count();
console.log(rowCount, 'appointments,', queued, 'events queued');

// Two processes deliver; in earnest they are on machines of their own. With a HIS_SECRET that is not the
// receiver's, the example shows how that ends.
const { HIS_SECRET = secret } = process.env;
const seen = { isRefused: false };
const workers = ['1', '2'].map((WORKER) =>
  fork(new URL('worker.js', import.meta.url), {
    env: { ...process.env, DATABASE_URL, BOSS_SCHEMA: schema, HIS_URL: url, HIS_SECRET, WORKER },
  }).on('message', (message) => {
    if (message === 'paused') seen.isRefused = true;
  }),
);
const isAlive = () =>
  workers.every(({ exitCode, signalCode }) => (exitCode ?? signalCode) === null);
while ((await sender.count()).queued > 0 && !seen.isRefused && isAlive()) {
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const hasLostOne = !isAlive();
for (const worker of workers) {
  if (worker.connected) worker.disconnect();
  if ((worker.exitCode ?? worker.signalCode) === null) await once(worker, 'exit');
}

for await (const { eventId, reason } of sender.deadLetters()) {
  console.log('dead letter', eventId, reason.status, reason.code);
}
const left = await sender.count();
if (left.queued > 0) {
  const why = seen.isRefused
    ? 'the receiver refuses the workers; are their token and secret the ones it knows?'
    : 'a worker died.';
  console.error(`${String(left.queued)} events are still queued: ${why}`);
}
if (left.queued > 0 || hasLostOne) process.exitCode = 1;

await boss.stop();
await client.query(`DROP SCHEMA ${schema} CASCADE`);
await client.end();
server.close();
await receiver.close();
