/** The receiver that is killed: a process of its own, on real HTTP. */
import { createServer } from 'node:http';
import { expressReceiver } from '../../src/adapters/express.ts';
import { createReceiver } from '../../src/receiver/receiver.ts';
import type { EventStore } from '../../src/stores/types.ts';
import { CLIENTS, MAPPINGS } from './load.ts';
import { openPostgres, postgresSettings } from './postgres-receiver.ts';
import { openSqlite, sqliteSettings } from './sqlite-receiver.ts';

const { CHAOS_ENGINE, CHAOS_TARGET = '', CHAOS_MUTANT } = process.env;

const isSqlite = CHAOS_ENGINE === 'sqlite';
const store = isSqlite ? openSqlite({ path: CHAOS_TARGET }) : openPostgres(CHAOS_TARGET);

/** A store that is wrong on purpose: it answers before the commit. */
function answersEarly(store: EventStore): EventStore {
  return {
    prepare: (tables) => store.prepare(tables),
    quarantine: (event) => store.quarantine(event),
    find: (filter) => store.find(filter),
    prune: (policy) => store.prune(policy),
    close: () => store.close(),
    commit: (batch) => {
      setTimeout(() => {
        store.commit(batch).catch(() => undefined);
      }, 20);
      return Promise.resolve(batch.map(() => 'applied'));
    },
  };
}

const receiver = createReceiver({
  clients: CLIENTS,
  mappings: MAPPINGS,
  store: CHAOS_MUTANT === 'early-answer' ? answersEarly(store) : store,
  // A mutant that splits its transactions is to be wrong in nothing else.
  limits: CHAOS_MUTANT === undefined ? {} : { batchSize: 1 },
});
await receiver.ready();
console.log(`Settings ${JSON.stringify(isSqlite ? sqliteSettings() : await postgresSettings())}`);

const handle = expressReceiver(receiver);
const server = createServer((request, response) => {
  handle(request, response);
});
server.listen(0, '127.0.0.1', () => {
  console.log(`Listening on ${String((server.address() as { port: number }).port)}.`);
});
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void receiver.close().then(() => process.exit());
});
