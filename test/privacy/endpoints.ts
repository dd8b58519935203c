import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { FetchLike } from '../../src/sender/attempt.ts';
import type { SenderOptions } from '../../src/sender/options.ts';
import { marker } from './canary.ts';

/** An endpoint that does not take an event, and what the sender is told to reach it with. */
export interface Endpoint {
  readonly name: string;
  readonly kind: 'rejected' | 'endpoint' | 'unavailable';
  readonly options: () => Promise<Partial<SenderOptions>>;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/his/receive`;
}

/** A server that repeats whatever it is sent, in its body and its headers. */
async function echo(status: number, contentType: string, wrap: (body: string) => string) {
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      response.writeHead(status, {
        'content-type': contentType,
        'x-token': request.headers.authorization ?? '',
        location: `/login?${marker()}`,
      });
      response.end(wrap(body.toString()));
    });
  });
  return { url: await listen(server) };
}

const page = (body: string): string => `<html>${body}</html>`;

/** An answer in the form of the contract, of a receiver that quotes. */
const quoting = (body: string): string =>
  JSON.stringify({
    status: 'error',
    code: 'transform_failed',
    message: `cannot take ${body}`,
    errors: [{ path: `/data/${marker()}`, message: body }],
  });

const KINDS = {
  rejected: [400, 409, 413, 422, 418],
  endpoint: [301, 302, 307, 401, 403, 404, 405, 410, 415],
  unavailable: [408, 425, 429, 500, 502, 503, 504],
} as const;

const answers = (Object.entries(KINDS) as [Endpoint['kind'], readonly number[]][]).flatMap(
  ([kind, statuses]) =>
    statuses.flatMap((status): Endpoint[] => [
      {
        name: `${String(status)}, a page that repeats the request`,
        kind,
        options: () => echo(status, 'text/html', page),
      },
      {
        name: `${String(status)}, a receiver that quotes`,
        kind,
        options: () => echo(status, 'application/json', quoting),
      },
    ]),
);

const broken = (name: string, fetch: FetchLike): Endpoint => ({
  name,
  kind: 'unavailable',
  options: () => Promise.resolve({ fetch }),
});

const said = (init: Parameters<FetchLike>[1]): string =>
  `${String(init.body)} ${JSON.stringify(init.headers)}`;

/** Every way in which an event is not delivered. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...answers,
  {
    name: 'nobody listens',
    kind: 'unavailable',
    options: () => Promise.resolve({ url: `http://127.0.0.1:1/${marker()}` }),
  },
  {
    name: 'a connection that breaks',
    kind: 'unavailable',
    options: async () => ({ url: await listen(createServer((request) => request.destroy())) }),
  },
  {
    name: 'an answer that breaks off',
    kind: 'unavailable',
    options: async () => ({
      url: await listen(
        createServer((_, response) => {
          response.writeHead(422, { 'content-length': '999' });
          response.write(quoting(marker()), () => response.destroy());
        }),
      ),
    }),
  },
  {
    name: 'no answer',
    kind: 'unavailable',
    options: async () => ({
      timeout: 50,
      url: await listen(createServer(() => undefined)),
    }),
  },
  broken('a fetch that quotes', (_, init) => Promise.reject(new Error(said(init)))),
  broken('a fetch that throws', (_, init) => {
    throw Object.assign(new TypeError(said(init), { cause: new Error(said(init)) }), {
      code: said(init),
      request: init,
    });
  }),
  broken('a fetch that throws a text', (_, init) => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- a host may
    throw said(init);
  }),
  {
    name: 'a token that cannot be had',
    kind: 'unavailable',
    options: () => Promise.resolve({ token: () => Promise.reject(new Error(marker())) }),
  },
  {
    name: 'a token that no header carries',
    kind: 'endpoint',
    options: () => Promise.resolve({ token: () => `${marker()}\n${marker()}` }),
  },
  {
    name: 'a secret that is empty',
    kind: 'endpoint',
    options: () => Promise.resolve({ secret: () => '' }),
  },
];
