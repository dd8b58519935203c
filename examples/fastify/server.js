import { readFile } from 'node:fs/promises';
import Fastify from 'fastify';
import { bearerTokens, compileMappings, createReceiver } from '@buktor/his-webhook';
import { fastifyReceiver } from '@buktor/his-webhook/fastify';
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

const app = Fastify();
await app.register(fastifyReceiver, { receiver });
app.addHook('onClose', () => receiver.close());

await app.listen({ port: Number(PORT), host: '127.0.0.1' });
console.log('Listening on', app.server.address());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void app.close());
