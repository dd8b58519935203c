// Type-checked in a project of its own, against the packed package.
import express from 'express';
import Fastify from 'fastify';
import { DatabaseSync } from 'node:sqlite';
import {
  type AnyHisWebhookError,
  bearerTokens,
  buildEvent,
  compileMappings,
  composeStores,
  createReceiver,
  type DataSchemas,
  type EventStore,
  type HisEvent,
  RECEIVE_PATHS,
  serializeEvent,
  validateEnvelope,
} from '@buktor/his-webhook';
import { expressReceiver } from '@buktor/his-webhook/express';
import { fastifyReceiver } from '@buktor/his-webhook/fastify';
import { fetchReceiver } from '@buktor/his-webhook/fetch';
import { memoryOutbox } from '@buktor/his-webhook/outboxes/memory';
import { sqliteOutbox } from '@buktor/his-webhook/outboxes/sqlite';
import { createSender, type Outbox, type Sender } from '@buktor/his-webhook/sender';
import { compileDataSchemas, type DataSchema } from '@buktor/his-webhook/schemas';
import { memoryPersistence, memoryStore } from '@buktor/his-webhook/stores/memory';
import { redisIdempotency } from '@buktor/his-webhook/stores/redis';
import { sqliteStore } from '@buktor/his-webhook/stores/sqlite';

const store: EventStore = Math.random() < 2 ? memoryStore() : sqliteStore({ path: 'x.db' });
const answer = () => Promise.resolve('claimed');
const idempotency = redisIdempotency({ client: { eval: answer, evalsha: answer } });
const composed: EventStore = composeStores({
  idempotency,
  persistence: memoryPersistence(),
  inbox: memoryStore(),
});
void composed;
const schema: DataSchema = { $ref: 'https://example.org/p', $comment: 'x' };
const dataSchemas: DataSchemas = compileDataSchemas(
  { 'payment.*': schema, 'lab.done': true },
  {
    types: ['lab.done'],
    formats: { ward: /^W/, upper: (text) => text === text.toUpperCase() },
    references: [{ $id: 'https://example.org/p', type: 'object' }],
  },
);
const receiver = createReceiver({
  dataSchemas,
  clients: bearerTokens({
    t: { id: '1001', secrets: ['a', { secret: 'b', notAfter: new Date() }] },
  }),
  mappings: compileMappings({ clients: {} }),
  store,
  onResult: ({ status, code }) => [status, code],
});
express().all(RECEIVE_PATHS, expressReceiver(receiver));
void Fastify().register(fastifyReceiver, { receiver, paths: ['/x'], prefix: '/y' });
const handle: (request: Request) => Promise<Response> = fetchReceiver(receiver);
void handle;

interface Appointment {
  his_appointment_id: string;
}
const event: HisEvent<Appointment> = {
  event_id: 'e',
  timestamp: '2025-01-08T12:00:00Z',
  type: 'appointment.created',
  operation: 'created',
  data: { his_appointment_id: 'A1' },
};
const text: string = serializeEvent(event);
const result = validateEnvelope(JSON.parse(text));
if (result.ok && result.event.type === 'payment.failed') {
  const operation: 'failed' | undefined = result.event.operation;
  void operation;
}
export function explain(error: AnyHisWebhookError): readonly unknown[] {
  return error.code === 'invalid_mapping' ? error.faults : [];
}

const credentials = { url: 'https://example.org/his/receive', token: () => 't', secret: 's' };
const sender = createSender({ ...credentials, outbox: sqliteOutbox({ path: 'x.db' }) });
void sender.enqueue(event, { transaction: new DatabaseSync(':memory:') });
const outbox: Outbox = memoryOutbox();
const plain: Sender = createSender({ ...credentials, outbox });
// @ts-expect-error It takes part in no transaction.
void plain.enqueue(event, { transaction: new DatabaseSync(':memory:') });
const built = buildEvent({ type: 'payment.failed', data: { his_payment_id: 'P1' } });
const failed: 'failed' | undefined = built.operation;
void failed;
