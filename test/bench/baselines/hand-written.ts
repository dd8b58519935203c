import Fastify, { type FastifyInstance } from 'fastify';
import { CLIENT, TOKEN } from '../events.ts';
import { SUCCESS } from '../served.ts';
import { bareVerify } from './hmac.ts';

/** An event as a service reads it that trusts whoever signs. */
export interface PlainEvent {
  readonly event_id: string;
  readonly timestamp: string;
  readonly type: string;
  readonly data: Readonly<Record<string, string | undefined>>;
}

/** The values of its claim: client, id, type, when it happened and came, and the bytes. */
export const claimOf = (event: PlainEvent, body: Buffer): [...string[], Buffer] => [
  CLIENT,
  event.event_id,
  event.type,
  event.timestamp,
  new Date().toISOString(),
  body,
];

/** The values of its row; one version for all columns holds off an older event. */
export const rowOf = ({ data, timestamp, event_id: id }: PlainEvent): (string | null)[] => [
  CLIENT,
  data['his_appointment_id'] ?? null,
  data['his_patient_id'] ?? null,
  data['his_doctor_id'] ?? null,
  data['his_status'] ?? null,
  data['his_created_at'] ?? null,
  `${timestamp} ${id}`,
];

/** The tables, in SQL that both databases take; `bytes` is their type for the body. */
export const tables = (bytes: 'blob' | 'bytea'): string => `
  CREATE TABLE events (client_id text, event_id text, type text, occurred_at text,
    received_at text, body ${bytes}, PRIMARY KEY (client_id, event_id));
  CREATE TABLE appointments (client_id text, id text, patient text, doctor text, status text,
    created_at text, version text, PRIMARY KEY (client_id, id))`;

export const UPSERT_TAIL = `ON CONFLICT (client_id, id) DO UPDATE SET patient = excluded.patient,
    doctor = excluded.doctor, status = excluded.status, created_at = excluded.created_at,
    version = excluded.version
  WHERE appointments.version <= excluded.version`;

/** A route that checks token and signature, parses, and answers once the event is stored. */
export function handWrittenRoute(
  store: (event: PlainEvent, body: Buffer) => Promise<void> | void,
): FastifyInstance {
  const app = Fastify();
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  app.post('/his/receive', async (request, reply) => {
    const body = request.body as Buffer;
    const signature = request.headers['buktor-signature'];
    if (
      request.headers.authorization !== `Bearer ${TOKEN}` ||
      typeof signature !== 'string' ||
      signature.length !== 64 ||
      !bareVerify(body, signature)
    ) {
      return reply.code(401).send({ status: 'error', message: 'Unauthorized' });
    }
    await store(JSON.parse(body.toString()) as PlainEvent, body);
    return SUCCESS;
  });
  return app;
}
