// As use.mjs, by require.
const assert = require('node:assert/strict');
const root = require('@buktor/his-webhook');
const { expressReceiver } = require('@buktor/his-webhook/express');
const { fastifyReceiver } = require('@buktor/his-webhook/fastify');
const { fetchReceiver } = require('@buktor/his-webhook/fetch');
const { memoryOutbox } = require('@buktor/his-webhook/outboxes/memory');
const { sqliteOutbox } = require('@buktor/his-webhook/outboxes/sqlite');
const { createSender } = require('@buktor/his-webhook/sender');
const { memoryStore } = require('@buktor/his-webhook/stores/memory');
const { redisIdempotency } = require('@buktor/his-webhook/stores/redis');
const { sqliteStore } = require('@buktor/his-webhook/stores/sqlite');

// Nobody has ajv loaded who does not ask for schemas.
const hasAjv = () =>
  Object.keys(require.cache).some((file) => /[\\/]node_modules[\\/]ajv/.test(file));
assert.equal(hasAjv(), false);
const { compileDataSchemas } = require('@buktor/his-webhook/schemas');
assert.equal(hasAjv(), true);

assert.equal(process.versions.node.split('.')[0], process.argv[2]);

for (const part of [
  expressReceiver,
  fastifyReceiver,
  fetchReceiver,
  memoryOutbox,
  memoryStore,
  sqliteOutbox,
  sqliteStore,
]) {
  assert.equal(typeof part, 'function');
}
assert.equal(root.EVENT_TYPES.length, 14);
assert.match(root.generateSignature('x', 'y'), /^[0-9a-f]{64}$/);
// One class, whichever subpath threw it.
for (const make of [
  () => memoryStore({ quarantineQuota: -1 }),
  () => redisIdempotency({}),
  () => compileDataSchemas({ 'payment.failed': { type: 'nothing' } }),
  () => root.verifySignature('', '', ''),
  () => createSender({ url: 'http://example.org', token: 't', secret: 's' }),
  () => sqliteOutbox({}),
]) {
  assert.throws(make, root.ConfigurationError);
}

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

(async () => {
  const store = memoryStore();
  const receiver = root.createReceiver({
    clients: root.bearerTokens({ t: { id: '1', secrets: 's', signature: 'optional' } }),
    mappings: root.compileMappings({
      clients: { 1: { mappings: { 'payment.*': { fields: { his_payment_id: 'id' } } } } },
    }),
    store,
    dataSchemas: compileDataSchemas({
      'payment.*': { properties: { at: { type: 'string', format: 'date' } }, type: 'object' },
    }),
  });
  for (const [at, expected] of [
    ['2025-01-08', 200],
    ['2025-01-32', 422],
  ]) {
    const { status } = await receiver.receive({
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer t' },
      body: Buffer.from(JSON.stringify({ event_type: 'payment.failed', his_payment_id: 7, at })),
    });
    assert.equal(status, expected);
  }
  assert.equal(store.rows('payment')[0].id, '7');
  await receiver.close();
})();
