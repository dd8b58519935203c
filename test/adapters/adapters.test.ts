import { createServer, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import Fastify from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { expressReceiver } from '../../src/adapters/express.ts';
import { fastifyReceiver } from '../../src/adapters/fastify.ts';
import { fetchReceiver } from '../../src/adapters/fetch.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { ClientLookup } from '../../src/receiver/clients.ts';
import type { ReceiverOptions } from '../../src/receiver/options.ts';
import type { Receiver } from '../../src/receiver/types.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import { SAMPLE_REQUEST, SAMPLE_ROW, SUCCESS_BODY } from '../support/document.ts';
import { wire, type WireResponse } from '../support/http.ts';
import { CLIENTS, type Fixture, fixture, signedHeaders } from '../support/receiver.ts';
import { type Before, EXPRESS, FASTIFY, FETCH, HOSTS, type HostKind, NODE_HOSTS } from './hosts.ts';
import { LIMITS, VECTORS } from './vectors.ts';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(
  host: HostKind,
  before?: Before,
  options: Partial<ReceiverOptions> = {},
): Promise<Fixture & { origin: string }> {
  const made = fixture({ limits: LIMITS, ...options });
  const { origin, close } = await host.start(made.receiver, before);
  cleanUps.push(close);
  return { ...made, origin };
}

/** What of an answer must be the same everywhere: all but what HTTP itself adds. */
function essence({ status, headers, body }: WireResponse) {
  const {
    date: _,
    'keep-alive': _k,
    'x-powered-by': _x,
    connection,
    'transfer-encoding': _t,
    ...rest
  } = headers;
  return {
    status,
    headers: connection === 'close' && status === 408 ? { ...rest, connection } : rest,
    body,
  };
}

describe.each(HOSTS)('$name', (host) => {
  it.each(VECTORS)('$name: $status', async ({ path = '/his/receive', request, ...expected }) => {
    const { origin, receiver, store } = await start(host);
    const answer = await wire({ url: origin + path, ...request });
    expect({
      status: answer.status,
      ...(answer.status === 200
        ? {}
        : { code: (JSON.parse(answer.body) as { code: string }).code }),
    }).toEqual({
      status: expected.status,
      ...(expected.code === undefined ? {} : { code: expected.code }),
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...expected.headers,
    });
    if (answer.status === 200) expect(JSON.parse(answer.body)).toEqual(SUCCESS_BODY);
    if (expected.table !== undefined) expect(store.rows(expected.table)).toHaveLength(1);
    await receiver.close();
  });

  it('stores the row once, and says so the second time', async () => {
    const { origin, store } = await start(host);
    const request = {
      url: `${origin}/his/receive`,
      headers: signedHeaders(SAMPLE_REQUEST),
      body: SAMPLE_REQUEST,
    };
    expect((await wire(request)).headers).not.toHaveProperty('idempotent-replayed');
    expect((await wire(request)).headers['idempotent-replayed']).toBe('true');
    expect(store.rows('appointment')).toMatchObject([SAMPLE_ROW]);
    expect(store.rows('appointment')).toHaveLength(1);
  });

  it('hands on 500 and 503 with Retry-After', async () => {
    const store = Object.assign(memoryStore(), { commit: () => Promise.reject(new Error('away')) });
    const { origin, receiver } = await start(host, undefined, { store });
    const request = {
      url: `${origin}/his/receive`,
      headers: signedHeaders(SAMPLE_REQUEST),
      body: SAMPLE_REQUEST,
    };
    const failed = await wire(request);
    expect([failed.status, failed.headers['retry-after']]).toEqual([500, '5']);
    await receiver.close();
    const closing = await wire(request);
    expect([closing.status, closing.headers['retry-after']]).toEqual([503, '5']);
  });

  it('leaves nothing behind when a request is aborted', async () => {
    const { origin, store, results, receiver } = await start(host);
    const socket = connect(Number(new URL(origin).port), '127.0.0.1');
    const headers = Object.entries(signedHeaders(SAMPLE_REQUEST)).map(
      ([name, value]) => `${name}: ${value}`,
    );
    socket.write(
      [
        'POST /his/receive HTTP/1.1',
        'Host: x',
        ...headers,
        'Content-Length: 5000',
        '',
        SAMPLE_REQUEST,
      ].join('\r\n'),
    );
    await new Promise((sent) => setTimeout(sent, 30));
    socket.destroy();
    await vi.waitUntil(() => results.length === 1);
    expect(results).toMatchObject([{ status: 408 }]);
    expect(store.rows('appointment')).toEqual([]);
    await receiver.close();
  });
});

// Elsewhere the connection is the runtime's, and a Response is all there is to give it.
describe.each(NODE_HOSTS)('$name', (host) => {
  it('keeps the connection in use after a body that was not read to its end', async () => {
    const { origin, store } = await start(host);
    const socket = connect(Number(new URL(origin).port), '127.0.0.1');
    let answers = '';
    socket.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    const head = (token: string, length: number) =>
      Object.entries({
        ...signedHeaders(SAMPLE_REQUEST, token),
        host: 'x',
        'content-length': String(length),
      })
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('');
    const send = (token: string, body: string) =>
      socket.write(`POST /his/receive HTTP/1.1\r\n${head(token, body.length)}\r\n${body}`);
    send('nobody', 'x'.repeat(100_000));
    await vi.waitUntil(() => answers.includes('HTTP/1.1 401'));
    const chunk = 'x'.repeat(10_000);
    const headers = head('token-1001', 0).replace(
      /content-length: 0/,
      'transfer-encoding: chunked',
    );
    socket.write(
      `POST /his/receive HTTP/1.1\r\n${headers}\r\n${`2710\r\n${chunk}\r\n`.repeat(200)}0\r\n\r\n`,
    );
    await vi.waitUntil(() => answers.includes('HTTP/1.1 413'));
    send('token-1001', SAMPLE_REQUEST);
    await vi.waitUntil(() => answers.includes('HTTP/1.1 200'));
    expect(store.rows('appointment')).toMatchObject([SAMPLE_ROW]);
    socket.destroy();
  });
});

describe('all adapters', () => {
  it.each(VECTORS)('answer alike: $name', async ({ path = '/his/receive', request }) => {
    const answers = [];
    for (const host of HOSTS) {
      const { origin } = await start(host);
      answers.push(essence(await wire({ url: origin + path, ...request })));
    }
    for (const [index, answer] of answers.entries()) {
      expect(answer, HOSTS[index]!.name).toEqual(answers[0]);
    }
  });
});

describe("a host's own parser", () => {
  it.each([...EXPRESS, FASTIFY, FETCH])('$name: is left alone', async (host) => {
    const { origin } = await start(host);
    const headers = { 'content-type': 'application/json' };
    const answer = await wire({ url: `${origin}/own`, headers, body: '{"own": 1}' });
    expect(JSON.parse(answer.body)).toEqual({ own: 1 });
  });

  it.each<[string, HostKind, Before]>([
    ...EXPRESS.map((host): [string, HostKind, Before] => [host.name, host, 'parse']),
    ...EXPRESS.map((host): [string, HostKind, Before] => [`${host.name}, as text`, host, 'text']),
    [FASTIFY.name, FASTIFY, 'parse'],
    [FETCH.name, FETCH, 'parse'],
  ])('%s: that took the body is told so at once', async (_, host, before) => {
    const { origin, store } = await start(host, before);
    const headers = signedHeaders(SAMPLE_REQUEST);
    const answer = await wire({ url: `${origin}/his/receive`, headers, body: SAMPLE_REQUEST });
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.body)).toMatchObject({
      code: 'body_already_parsed',
      message: expect.stringContaining('express.json()') as string,
    });
    expect(store.rows('appointment')).toEqual([]);
  });

  it.each<[string, HostKind, Before]>([
    ...EXPRESS.map((host): [string, HostKind, Before] => [host.name, host, 'keep-raw-body']),
    ...EXPRESS.map((host): [string, HostKind, Before] => [`${host.name}, raw`, host, 'raw']),
    [FASTIFY.name, FASTIFY, 'keep-raw-body'],
  ])('%s: that kept the bytes is no hindrance', async (_, host, before) => {
    const { origin, store } = await start(host, before);
    const headers = signedHeaders(SAMPLE_REQUEST);
    const answer = await wire({ url: `${origin}/his/receive`, headers, body: SAMPLE_REQUEST });
    expect(answer.status).toBe(200);
    expect(store.rows('appointment')).toMatchObject([SAMPLE_ROW]);
    const wrong = { ...headers, 'buktor-signature': 'f'.repeat(64) };
    const refused = await wire({
      url: `${origin}/his/receive`,
      headers: wrong,
      body: SAMPLE_REQUEST,
    });
    expect(refused.status).toBe(401);
  });
});

describe('a missing receiver', () => {
  it('is told of when it is mounted', async () => {
    const missing = undefined as unknown as Receiver;
    expect(() => expressReceiver(missing)).toThrow(ConfigurationError);
    expect(() => fetchReceiver(missing)).toThrow(ConfigurationError);
    await expect(Fastify().register(fastifyReceiver, { receiver: missing })).rejects.toThrow(
      ConfigurationError,
    );
  });
});

describe('a body that someone else reads', () => {
  it.each(['before the receiver', 'while the client is looked up'])(
    '%s, is told of at once',
    async (when) => {
      let current: IncomingMessage | undefined;
      const take = () => current?.on('data', () => undefined);
      const clients: ClientLookup = (token) => {
        if (when.startsWith('while')) take();
        return CLIENTS(token);
      };
      const { receiver } = fixture({ clients });
      const handle = expressReceiver(receiver);
      const server = createServer((request, response) => {
        current = request;
        if (when.startsWith('before')) take();
        handle(request, response);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      cleanUps.push(
        () =>
          new Promise((closed) => {
            server.close(() => {
              closed();
            });
          }),
      );
      const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/his/receive`;
      const chunks = SAMPLE_REQUEST.match(/[^]{1,100}/g)!;
      const answer = await wire({
        url,
        headers: signedHeaders(SAMPLE_REQUEST),
        body: chunks,
        pause: 5,
      });
      expect(answer.status).toBe(500);
      expect(answer.body).toContain('body_already_parsed');
    },
  );

  it('in fetch, though it has read nothing yet, is told of', async () => {
    const { receiver } = fixture();
    const init = { method: 'POST', headers: signedHeaders(SAMPLE_REQUEST), body: SAMPLE_REQUEST };
    const request = new Request('http://x/his/receive', init);
    request.body!.getReader();
    const answer = await fetchReceiver(receiver)(request);
    expect([answer.status, await answer.text()]).toEqual([
      500,
      expect.stringContaining('body_already_parsed'),
    ]);
  });

  it('may be kept as text by a plugin of Fastify', async () => {
    const { receiver } = fixture();
    const app = Fastify();
    app.addHook('preParsing', async (request, _, payload) => {
      let text = '';
      for await (const chunk of payload) text += String(chunk);
      (request as { rawBody?: string }).rawBody = text;
      return undefined;
    });
    await app.register(fastifyReceiver, { receiver });
    const request = { method: 'POST', url: '/his/receive', payload: SAMPLE_REQUEST } as const;
    const headers = signedHeaders(SAMPLE_REQUEST);
    expect((await app.inject({ ...request, headers })).statusCode).toBe(200);
    const wrong = { ...headers, 'buktor-signature': 'f'.repeat(64) };
    expect((await app.inject({ ...request, headers: wrong })).statusCode).toBe(401);
    await app.close();
  });
});

describe('HTTP/2', () => {
  it('has its streams closed after a body nobody wanted', async () => {
    const { receiver } = fixture({ limits: LIMITS });
    const app = Fastify({ http2: true });
    await app.register(fastifyReceiver, { receiver });
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const open = new Set<unknown>();
    app.server.on('stream', (stream) => {
      open.add(stream);
      stream.once('close', () => open.delete(stream));
    });
    const client = connectHttp2(origin);
    cleanUps.push(async () => {
      client.destroy();
      await app.close();
    });
    const send = (body: string) =>
      new Promise<number>((resolve, reject) => {
        const headers = {
          ...signedHeaders(SAMPLE_REQUEST),
          ':method': 'POST',
          ':path': '/his/receive',
        };
        const stream = client.request(headers);
        stream.once('response', (answer) => {
          resolve(answer[':status']!);
          stream.resume();
        });
        stream.once('error', reject);
        stream.end(body);
      });
    expect(await send('x'.repeat(500_000))).toBe(413);
    expect(await send(SAMPLE_REQUEST)).toBe(200);
    await vi.waitUntil(() => open.size === 0, { timeout: 10_000 });
  });
});

describe('fastifyReceiver', () => {
  it('takes other paths and a prefix', async () => {
    const { receiver } = fixture();
    const app = Fastify();
    await app.register(fastifyReceiver, { receiver, paths: ['/hook'], prefix: '/v1' });
    const headers = signedHeaders(SAMPLE_REQUEST);
    const post = (url: string) =>
      app.inject({ method: 'POST', url, headers, payload: SAMPLE_REQUEST });
    expect((await post('/v1/hook')).statusCode).toBe(200);
    expect((await post('/his/receive')).statusCode).toBe(404);
    await app.close();
  });

  it("leaves the errors of the host's hooks to the host", async () => {
    const { receiver } = fixture();
    const app = Fastify();
    app.addHook('onRequest', () =>
      Promise.reject(Object.assign(new Error('slow down'), { statusCode: 429 })),
    );
    await app.register(fastifyReceiver, { receiver });
    const answer = await app.inject({ method: 'POST', url: '/his/receive' });
    expect(answer.statusCode).toBe(429);
    await app.close();
  });
});

describe('fetchReceiver', () => {
  it('answers a Request that no server made', async () => {
    const { receiver } = fixture();
    const handle = fetchReceiver(receiver);
    const url = 'https://example.org/his/receive';
    const signed = { method: 'POST', headers: signedHeaders(SAMPLE_REQUEST), body: SAMPLE_REQUEST };
    expect((await handle(new Request(url, signed))).status).toBe(200);
    expect((await handle(new Request(url))).status).toBe(405);
    const { body: _, ...bodiless } = signed;
    expect(
      (await handle(new Request(url, { ...bodiless, headers: signedHeaders('') }))).status,
    ).toBe(400);
  });
});
