import { readFile } from 'node:fs/promises';
import express from 'express';
import { bearerTokens, compileMappings, createReceiver, RECEIVE_PATHS } from '@buktor/his-webhook';
import { expressReceiver } from '@buktor/his-webhook/express';
import { sqliteStore } from '@buktor/his-webhook/stores/sqlite';

const { HIS_TOKEN = 'demo-token', HIS_SECRET = 'your_shared_secret', PORT = '8080' } = process.env;

const receiver = createReceiver({
  clients: bearerTokens({ [HIS_TOKEN]: { id: '1001', secrets: HIS_SECRET } }),
  mappings: compileMappings(
    await readFile(new URL('his-json-mapping.json', import.meta.url), 'utf8'),
  ),
  store: sqliteStore({ path: 'buktor.db' }),
  onResult: ({ status, code, eventId }) => {
    console.log(status, code ?? 'stored', eventId);
  },
});
await receiver.ready();

const app = express();
app.all(RECEIVE_PATHS, expressReceiver(receiver)); // reads the body itself: mount it before parsers
app.use(express.json());

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log('Listening on', server.address());
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close();
    void receiver.close();
  });
}
