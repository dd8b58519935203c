import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import express5 from 'express';
import express4 from 'express4';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { expressReceiver } from '../../src/adapters/express.ts';
import { fastifyReceiver } from '../../src/adapters/fastify.ts';
import { fetchReceiver } from '../../src/adapters/fetch.ts';
import { RECEIVE_PATHS } from '../../src/events.ts';
import type { Receiver } from '../../src/receiver/types.ts';

/** The most bytes that the parsers of the hosts take for their own routes. */
export const OWN_LIMIT = 50;

/** A running server. */
export interface Host {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/** What a host does before the receiver sees a request. */
export type Before = 'parse' | 'keep-raw-body' | 'raw' | 'text';

/** A way to run a receiver behind a framework. */
export interface HostKind {
  readonly name: string;
  readonly start: (receiver: Receiver, before?: Before) => Promise<Host>;
}

function listen(server: Server): Promise<Host> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({
        origin: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => {
              closed();
            });
            server.closeAllConnections();
          }),
      });
    });
  });
}

function startExpress(
  express: typeof express5,
  receiver: Receiver,
  before?: Before,
): Promise<Host> {
  const app = express();
  if (before === 'parse') app.use(express.json({ strict: false }));
  if (before === 'raw') app.use(express.raw({ type: '*/*' }));
  if (before === 'text') app.use(express.text({ type: '*/*' }));
  if (before === 'keep-raw-body') {
    app.use(
      express.json({
        verify: (request, _, bytes) => {
          (request as { rawBody?: Buffer }).rawBody = bytes;
        },
      }),
    );
  }
  app.all(RECEIVE_PATHS, expressReceiver(receiver));
  app.use(
    express.json({ limit: OWN_LIMIT }),
    express.urlencoded({ limit: OWN_LIMIT, extended: false }),
  );
  app.post('/own', (request, response) => {
    response.json(request.body);
  });
  return listen(createServer(app as RequestListener));
}

async function startFastify(receiver: Receiver, before?: Before): Promise<Host> {
  const app = Fastify({ bodyLimit: OWN_LIMIT });
  app.addContentTypeParser(
    /^application\/(x-www|octet)/,
    { parseAs: 'string' },
    (_, body, done) => {
      done(null, body);
    },
  );
  if (before !== undefined) {
    app.addHook('preParsing', async (request, _, payload) => {
      const chunks: Buffer[] = [];
      for await (const chunk of payload) chunks.push(chunk as Buffer);
      const bytes = Buffer.concat(chunks);
      if (before === 'keep-raw-body') (request as { rawBody?: Buffer }).rawBody = bytes;
      return undefined;
    });
  }
  await app.register(fastifyReceiver, { receiver });
  app.post('/own', (request) => request.body);
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  return { origin, close: () => app.close() };
}

function startFetch(receiver: Receiver, before?: Before): Promise<Host> {
  const app = new Hono();
  const handle = fetchReceiver(receiver);
  for (const path of RECEIVE_PATHS) {
    app.all(path, async (context) => {
      if (before !== undefined) await context.req.raw.text();
      return handle(context.req.raw);
    });
  }
  app.post('/own', bodyLimit({ maxSize: OWN_LIMIT }), async (context) =>
    context.json(await context.req.json()),
  );
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
      resolve({
        origin: `http://127.0.0.1:${String(port)}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => {
              closed();
            });
            (server as Server).closeAllConnections();
          }),
      });
    });
  });
}

const EXPRESS_4: HostKind = {
  name: 'Express 4',
  start: (receiver, before) => startExpress(express4, receiver, before),
};
const EXPRESS_5: HostKind = {
  name: 'Express 5',
  start: (receiver, before) => startExpress(express5, receiver, before),
};
export const FASTIFY: HostKind = { name: 'Fastify', start: startFastify };
export const FETCH: HostKind = { name: 'fetch (Hono)', start: startFetch };
const NODE: HostKind = {
  name: 'node:http',
  start: (receiver) => listen(createServer(expressReceiver(receiver))),
};

export const EXPRESS: readonly HostKind[] = [EXPRESS_4, EXPRESS_5];

/** The adapters that have Node's own request in hand. */
export const NODE_HOSTS: readonly HostKind[] = [...EXPRESS, FASTIFY, NODE];

/** Every adapter behind a real server. */
export const HOSTS: readonly HostKind[] = [...NODE_HOSTS, FETCH];
