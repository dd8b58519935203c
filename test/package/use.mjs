// Run in an empty project that has the packed package installed, under every supported Node.
// The first argument is that Node's major version.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import * as root from '@buktor/his-webhook';
import { expressReceiver } from '@buktor/his-webhook/express';
import { fastifyReceiver } from '@buktor/his-webhook/fastify';
import { fetchReceiver } from '@buktor/his-webhook/fetch';
import { memoryOutbox } from '@buktor/his-webhook/outboxes/memory';
import { sqliteOutbox } from '@buktor/his-webhook/outboxes/sqlite';
import { createSender } from '@buktor/his-webhook/sender';
import {
  memoryIdempotency,
  memoryPersistence,
  memoryStore,
} from '@buktor/his-webhook/stores/memory';
import { compileDataSchemas } from '@buktor/his-webhook/schemas';
import { redisIdempotency } from '@buktor/his-webhook/stores/redis';
import { sqliteStore } from '@buktor/his-webhook/stores/sqlite';

const require = createRequire(import.meta.url);
const schema = require.resolve('@buktor/his-webhook/schemas/envelope.schema.json');
assert.equal(JSON.parse(readFileSync(schema, 'utf8')).title, 'HIS Webhook event');
const format = require.resolve('@buktor/his-webhook/schemas/his-json-mapping.schema.json');
assert.equal(JSON.parse(readFileSync(format, 'utf8')).title, 'HIS JSON mapping');
assert.equal(typeof fastifyReceiver, 'function');
assert.equal(typeof expressReceiver, 'function');

assert.equal(process.versions.node.split('.')[0], process.argv[2]);

const secret = 'your_shared_secret';
const mappings = root.compileMappings({
  clients: {
    1001: { mappings: { 'appointment.created': { fields: { his_appointment_id: 'id', s: 's' } } } },
  },
});
const body = root.serializeEvent({
  event_id: 'evt_1',
  timestamp: '2025-01-08T12:00:00Z',
  type: 'appointment.created',
  data: { his_appointment_id: 'A1', s: 'open' },
});

async function receives(store) {
  const receiver = root.createReceiver({
    clients: root.bearerTokens({ t: { id: '1001', secrets: secret } }),
    mappings,
    store,
  });
  await receiver.ready();
  const handle = fetchReceiver(receiver);
  for (const replayed of [null, 'true']) {
    const request = root.signRequest({ event: body, token: 't', secret });
    const response = await handle(new Request('http://x/his/receive', request));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('idempotent-replayed'), replayed);
  }
  await receiver.close();
}

const draft07 = 'http://json-schema.org/draft-07/schema#';
const schemas = compileDataSchemas({
  'payment.*': {
    type: 'object',
    required: ['id'],
    properties: { id: { format: 'uuid', type: 'string' } },
  },
  'payment.failed': { $schema: draft07, type: 'object', properties: { id: { const: 1 } } },
});
assert.deepEqual(schemas.validate('payment.successful', {}), [
  { path: '/id', message: 'is required' },
]);
assert.equal(schemas.validate('payment.failed', { id: 2 }).length, 1);

// Zones, by the runtime's own Temporal or by what the package carries along: a gap, and a spring of two changes.
const zoned = root.compileMappings({
  clients: {
    1: {
      timezone: 'Europe/Vienna',
      mappings: {
        'service.*': { fields: { his_service_id: 'id', at: { to: 'at', type: 'datetime' } } },
      },
    },
  },
});
for (const [at, expected] of [
  ['2025-03-30T02:30:00', '2025-03-30T01:30:00Z'],
  ['1945-04-07T12:00:00', '1945-04-07T10:00:00Z'],
]) {
  const mapping = root.resolveMapping(zoned, '1', 'service.created');
  assert.equal(root.transformFields(mapping, { his_service_id: '7', at }).values.at, expected);
}

assert.equal(typeof redisIdempotency, 'function');
const persistence = memoryPersistence();
const parts = { idempotency: memoryIdempotency(), persistence, inbox: memoryStore() };
await receives(root.composeStores(parts));
assert.equal(persistence.rows('appointment').length, 1);

const memory = memoryStore();
await receives(memory);
assert.equal(memory.rows('appointment').length, 1);

/** From the outbox through the platform's fetch and a server to the rows. */
async function delivers(outbox) {
  const store = memoryStore();
  const receiver = root.createReceiver({
    clients: root.bearerTokens({ t: { id: '1001', secrets: secret } }),
    mappings,
    store,
  });
  const server = createServer(expressReceiver(receiver));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/his/receive`;
  let deliver;
  const delivered = new Promise((resolve) => (deliver = resolve));
  const sender = createSender({
    url,
    token: 't',
    secret,
    outbox,
    onLifecycle: ({ kind }) => kind === 'delivered' && deliver(),
  });
  sender.start();
  const data = { his_appointment_id: 'A2', s: 'open' };
  await sender.enqueue(root.buildEvent({ type: 'appointment.created', data }));
  await delivered;
  await sender.stop();
  assert.deepEqual(await sender.count(), { queued: 0, dead: 0 });
  assert.equal(store.rows('appointment')[0].id, 'A2');
  await outbox.close();

  const refused = createSender({ url, token: 'wrong', secret });
  await assert.rejects(refused.send(body), { code: 'delivery_failed', kind: 'endpoint' });
  server.close();
  server.closeAllConnections();
  await receiver.close();
}
await delivers(memoryOutbox());

// However many wait for their next attempt, Node has nothing to warn of.
const warnings = [];
process.on('warning', ({ name }) => warnings.push(name));
const patient = createSender({
  url: 'http://127.0.0.1:9',
  token: 't',
  secret,
  fetch: () => Promise.reject(new Error('nobody there')),
  retry: { initialDelay: 5, maxDelay: 5 },
});
await Promise.allSettled(Array.from({ length: 40 }, () => patient.send(body, { retryFor: 20 })));
await new Promise((resolve) => setImmediate(resolve));
assert.deepEqual(
  warnings.filter((name) => name === 'MaxListenersExceededWarning'),
  [],
);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 13)) {
  await receives(sqliteStore({ path: ':memory:' }));
  await delivers(sqliteOutbox({ path: ':memory:' }));
} else {
  for (const make of [sqliteStore, sqliteOutbox]) {
    assert.throws(() => make({ path: ':memory:' }), {
      name: 'ConfigurationError',
      code: 'invalid_configuration',
      message: /needs node:sqlite, which is in Node 22\.13 and later; this is Node 20\./,
    });
  }
}
