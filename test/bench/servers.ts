import type { RequestListener } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import {
  bearerTokens,
  createReceiver,
  type EventStore,
  type Receiver,
  RECEIVE_PATHS,
} from '@buktor/his-webhook';
import { expressReceiver } from '@buktor/his-webhook/express';
import { fastifyReceiver } from '@buktor/his-webhook/fastify';
import { memoryStore, type MemoryStore } from '@buktor/his-webhook/stores/memory';
import { postgresStore } from '@buktor/his-webhook/stores/postgres';
import { sqliteStore } from '@buktor/his-webhook/stores/sqlite';
import express from 'express';
import Fastify from 'fastify';
import { Pool } from 'pg';
import { bareExpress } from './baselines/express.ts';
import { bareFastify } from './baselines/fastify.ts';
import { handWrittenPostgres } from './baselines/fastify-postgres.ts';
import { handWrittenSqlite } from './baselines/fastify-sqlite.ts';
import { CLIENT, MAPPINGS, SECRET, TOKEN } from './events.ts';
import { listen, listenFastify, type Served, type Stored } from './served.ts';

/** Ours by adapter and store, and the baselines. */
export type ServerKind =
  | 'fastify-memory'
  | 'express-memory'
  | 'fastify-sqlite'
  | 'fastify-postgres'
  | 'bare-fastify'
  | 'bare-express'
  | 'hand-sqlite'
  | 'hand-postgres';

/** What makes each, given the file or the URL of its database. */
export const SERVERS: Readonly<Record<ServerKind, (place: string) => Promise<Served>>> = {
  'fastify-memory': () => {
    const store = memoryStore();
    return onFastify(store, () => countMemory(store));
  },
  'express-memory': () => {
    const store = memoryStore();
    return onExpress(store, () => countMemory(store));
  },
  'fastify-sqlite': (path) => onFastify(sqliteStore({ path }), () => countSqlite(path)),
  'fastify-postgres': (connectionString) => {
    const pool = new Pool({ connectionString, connectionTimeoutMillis: 5_000 });
    return onFastify(postgresStore({ pool, schema: 'auto' }), () => countPostgres(pool));
  },
  'bare-fastify': bareFastify,
  'bare-express': bareExpress,
  'hand-sqlite': handWrittenSqlite,
  'hand-postgres': handWrittenPostgres,
};

async function makeReceiver(store: EventStore): Promise<Receiver> {
  const receiver = createReceiver({
    clients: bearerTokens({ [TOKEN]: { id: CLIENT, secrets: SECRET } }),
    mappings: MAPPINGS,
    store,
    onResult({ error }) {
      if (error !== undefined) console.error(error);
    },
  });
  await receiver.ready();
  return receiver;
}

async function onFastify(store: EventStore, stored: Served['stored']): Promise<Served> {
  const app = Fastify();
  await app.register(fastifyReceiver, { receiver: await makeReceiver(store) });
  return { listen: () => listenFastify(app), stored };
}

async function onExpress(store: EventStore, stored: Served['stored']): Promise<Served> {
  const app = express();
  app.all([...RECEIVE_PATHS], expressReceiver(await makeReceiver(store)));
  return { listen: () => listen(app as RequestListener), stored };
}

async function countMemory(store: MemoryStore): Promise<Stored> {
  let events = 0;
  for await (const _ of store.find({ state: 'applied' })) events++;
  return { events, rows: store.rows('appointment').length };
}

const COUNT = `SELECT (SELECT count(*) FROM his_events WHERE state = 'applied') AS events,
  (SELECT count(*) FROM appointment) AS "rows"`;

function countSqlite(path: string): Promise<Stored> {
  const database = new DatabaseSync(path, { readOnly: true });
  const counts = database.prepare(COUNT).get() as unknown as Stored;
  database.close();
  return Promise.resolve({ ...counts });
}

async function countPostgres(pool: Pool): Promise<Stored> {
  const { events, rows } = (await pool.query<Record<string, string>>(COUNT)).rows[0]!;
  return { events: Number(events), rows: Number(rows) };
}
