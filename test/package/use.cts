// As use.mts, from a CommonJS module.
import webhook = require('@buktor/his-webhook');
import express = require('@buktor/his-webhook/express');
import fastify = require('@buktor/his-webhook/fastify');
import schemas = require('@buktor/his-webhook/schemas');
import memory = require('@buktor/his-webhook/stores/memory');

const receiver: webhook.Receiver = webhook.createReceiver({
  clients: webhook.bearerTokens({ t: { id: '1', secrets: 's' } }),
  mappings: webhook.compileMappings('{"clients":{}}'),
  store: memory.memoryStore(),
  dataSchemas: schemas.compileDataSchemas({ 'payment.*': true }),
});
void express.expressReceiver(receiver);
void fastify.fastifyReceiver;
