import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { expressReceiver } from '../adapters/express.ts';
import { RECEIVE_PATHS } from '../events.ts';
import { compileMappings } from '../mapping/compile.ts';
import type { MappingSet } from '../mapping/types.ts';
import { bearerTokens } from '../receiver/clients.ts';
import type { ReceiveResult } from '../receiver/options.ts';
import { createReceiver } from '../receiver/receiver.ts';
import { type WatchedMappings, watchMappings } from '../receiver/watch-mappings.ts';
import type { Receiver } from '../receiver/types.ts';
import { signRequest } from '../sender/request.ts';
import { sqliteStore } from '../stores/sqlite.ts';
import { type Io, UsageError } from './io.ts';
import { SAMPLE_CURL_BODY, SAMPLE_EVENT, sampleMapping } from './sample.ts';

export const DEV_USAGE: string = `his-webhook dev [options]

Runs a receiver for one sandbox client on an embedded SQLite file.

  --port N         where to listen on 127.0.0.1    (PORT, 8080; 0 takes any)
  --db FILE        the SQLite database             (HIS_DB, .data/dev.db)
  --mapping FILE   the mapping document            (HIS_MAPPING, the HIS Webhook document's sample)
  --client ID      the Client-ID                   (HIS_CLIENT, 1001)
  --token TOKEN    its bearer token                (HIS_TOKEN, demo-token)
  --secret SECRET  its shared secret               (HIS_SECRET, your_shared_secret)
`;

interface DevOptions {
  readonly port: number;
  readonly db: string;
  readonly mapping: string | undefined;
  readonly client: string;
  readonly token: string;
  readonly secret: string;
}

/** Runs until it is asked to stop. */
export async function dev(args: readonly string[], io: Io): Promise<number> {
  const options = readOptions(args, io);
  const mappings = loadMappings(options, io);
  const inForce = 'current' in mappings ? mappings.current : mappings;
  await makeFolder(options.db);
  const receiver = createReceiver({
    clients: bearerTokens({
      [options.token]: { id: options.client, secrets: options.secret, signature: 'optional' },
    }),
    mappings,
    store: sqliteStore({ path: options.db }),
    onResult: (result) => {
      io.out(`${describe(result)}\n`);
    },
  });
  await receiver.ready();
  const server = await listen(receiver, options.port);
  const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  io.out(welcome(origin, options, inForce));

  await io.untilStopped();
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  await receiver.close();
  if ('close' in mappings) mappings.close();
  server.closeAllConnections();
  await closed;
  return 0;
}

function readOptions(args: readonly string[], { env }: Io): DevOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string' },
      db: { type: 'string' },
      mapping: { type: 'string' },
      client: { type: 'string' },
      token: { type: 'string' },
      secret: { type: 'string' },
    },
  });
  const port = values.port ?? (env['PORT'] || '8080');
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new UsageError(`--port must be a number from 0 to 65535, not ${port}.`);
  }
  return {
    port: Number(port),
    db: values.db ?? (env['HIS_DB'] || '.data/dev.db'),
    mapping: values.mapping ?? (env['HIS_MAPPING'] || undefined),
    client: values.client ?? (env['HIS_CLIENT'] || '1001'),
    token: values.token ?? (env['HIS_TOKEN'] || 'demo-token'),
    secret: values.secret ?? (env['HIS_SECRET'] || 'your_shared_secret'),
  };
}

function loadMappings({ mapping, client }: DevOptions, io: Io): MappingSet | WatchedMappings {
  if (mapping === undefined) return compileMappings(sampleMapping(client));
  return watchMappings(mapping, {
    onReload: ({ version }) => {
      io.out(`Mapping reloaded: version ${version}\n`);
    },
    onError: (error) => {
      io.out(`The mapping was NOT reloaded. ${error.message}\n`);
    },
  });
}

async function makeFolder(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new UsageError(`Cannot make the folder of ${file}: ${code}`);
  }
}

function listen(receiver: Receiver, port: number): Promise<Server> {
  const handle = expressReceiver(receiver);
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] as string;
    if (RECEIVE_PATHS.includes(path)) {
      handle(request, response);
      return;
    }
    response.writeHead(404, { 'content-type': 'application/json; charset=utf-8' });
    const message = `Events are received at ${RECEIVE_PATHS.join(' and ')}.`;
    response.end(JSON.stringify({ status: 'error', message }));
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new UsageError(`Port ${String(port)} is taken; choose another with --port.`)
          : error,
      );
    });
    server.listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}

function welcome(origin: string, options: DevOptions, { clients, tables }: MappingSet): string {
  const url = `${origin}${RECEIVE_PATHS[0] as string}`;
  const { token, secret } = options;
  const { headers, body } = signRequest({ event: SAMPLE_EVENT, token, secret });
  const { 'Buktor-Signature': _, ...unsigned } = headers;
  const isMapped = clients.has(options.client) || clients.has('*');
  const note = `Note: the mapping has no client ${options.client} (it has: ${[...clients.keys()].join(', ') || 'none'}); choose one with --client.\n`;
  const table = tables[0]?.table ?? 'his_events';
  return `Listening on ${origin}
Client ${options.client}, ${options.mapping ?? "the HIS Webhook document's sample mapping"}, database ${options.db}
${isMapped ? '' : note}
The document's sample event, signed:

${curl(url, headers, body as string)}

The document's own cURL (flat and unsigned, for a sandbox client such as this one):

${curl(url, unsigned, SAMPLE_CURL_BODY)}

The rows: sqlite3 ${quoteShell(options.db)} 'SELECT * FROM ${table}'

`;
}

function curl(url: string, headers: Readonly<Record<string, string>>, body: string): string {
  return [
    `curl -i -X POST ${quoteShell(url)}`,
    ...Object.entries(headers).map(([name, value]) => `  -H ${quoteShell(`${name}: ${value}`)}`),
    `  -d ${quoteShell(body)}`,
  ].join(' \\\n');
}

function quoteShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function describe(result: ReceiveResult): string {
  const { status, code, type, eventId, reason, error } = result;
  const words = [String(status), code, type, eventId];
  if (result.replayed) words.push('(replayed)');
  if (result.stale) words.push('(stale: newer values are stored)');
  if (result.warnings.length > 0) {
    words.push(`(not mapped: ${result.warnings.map(({ path }) => path).join(', ')})`);
  }
  if (reason !== null) words.push(`- ${reason.replaceAll('\n', '; ')}`);
  if (error !== undefined) words.push(`- ${error.message}`);
  if (error?.cause instanceof Error) words.push(error.cause.message);
  return words.filter((word) => word !== null).join(' ');
}
