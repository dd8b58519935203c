import { connect } from 'node:net';
import Fastify from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { expressReceiver } from '../../src/adapters/express.ts';
import { fastifyReceiver } from '../../src/adapters/fastify.ts';
import { fetchReceiver } from '../../src/adapters/fetch.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { ReceiverOptions } from '../../src/receiver/options.ts';
import type { Receiver } from '../../src/receiver/receiver.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import { SAMPLE_REQUEST, SAMPLE_ROW, SUCCESS_BODY } from '../support/document.ts';
import { wire, type WireResponse } from '../support/http.ts';
import { type Fixture, fixture, signedHeaders } from '../support/receiver.ts';
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
    const { origin, receiver } = await start(host);
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
