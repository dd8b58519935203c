import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextCheck } from 'node:timers/promises';
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
import { type RawRequest, type RawResponse, send } from '../support/raw.ts';
import { ROOT } from '../support/process.ts';
import { CLIENTS, type Fixture, fixture, signedHeaders } from '../support/receiver.ts';
import { type Before, EXPRESS, FASTIFY, FETCH, HOSTS, type HostKind, OWN_LIMIT } from './hosts.ts';
import { LIMITS, setting, signed } from './vectors/kit.ts';
import { VECTORS } from './vectors.ts';

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
function essence({ status, headers, body }: RawResponse) {
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

/** The answer to HEAD may tell the length of the body it has not, or not (RFC 9110, section 8.6). */
function withoutLength({ headers: { 'content-length': _, ...headers }, ...answer }: RawResponse) {
  return { ...answer, headers };
}

/** An unknown token: whatever else is not authorized has the same answer, to the byte. */
const STRANGER: RawRequest = {
  headers: { ...signedHeaders(SAMPLE_REQUEST), authorization: 'Bearer nobody' },
  body: SAMPLE_REQUEST,
};

describe('every adapter', () => {
  it.each(VECTORS)('$name: $status', async ({ request, before = [], ...expected }) => {
    const answers = await Promise.all(
      HOSTS.map(async (host) => {
        const { store, ...options } = setting();
        const { origin } = await start(host, undefined, { ...options, store });
        for (const { status = 200, ...earlier } of before) {
          expect((await send(origin, earlier)).status, host.name).toBe(status);
        }
        const answer = await send(origin, request);
        if (expected.code === 'unauthorized') {
          expect(answer.raw, host.name).toBe((await send(origin, STRANGER)).raw);
        }
        for (const [table, count] of Object.entries(expected.rows ?? {})) {
          expect(store.rows(table), host.name).toHaveLength(count);
        }
        const comparable = request.method === 'HEAD' ? withoutLength(answer) : answer;
        return { host: host.name, ...essence(comparable) };
      }),
    );
    for (const { host, ...answer } of answers) {
      const { host: _, ...first } = answers[0]!;
      expect(answer, host).toEqual(first);
      expect(answer.status, host).toBe(expected.status);
      expect(answer.headers, host).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        ...expected.headers,
      });
      if (request.method === 'HEAD') expect(answer.body, host).toBe('');
      else if (answer.status === 200) expect(JSON.parse(answer.body), host).toEqual(SUCCESS_BODY);
      else {
        const error = { status: 'error', code: expected.code };
        expect(JSON.parse(answer.body), host).toMatchObject(error);
      }
    }
  });

  it('is asked for every answer there is', () => {
    const source = readFileSync(join(ROOT, 'src/receiver/responses.ts'), 'utf8');
    const union = /export type ResponseCode =([^;]+);/.exec(source)![1]!;
    const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code!);
    const asked = new Set(VECTORS.map(({ code }) => code));
    // What a host's parser takes depends on the host; see below.
    expect(codes.filter((code) => !asked.has(code))).toEqual(['body_already_parsed']);
  });
});

describe.each(HOSTS)('$name', (host) => {
  it('stores the row once, and says so the second time', async () => {
    const { origin, store } = await start(host);
    const request = signed(SAMPLE_REQUEST);
    expect((await send(origin, request)).headers).not.toHaveProperty('idempotent-replayed');
    expect((await send(origin, request)).headers['idempotent-replayed']).toBe('true');
    expect(store.rows('appointment')).toMatchObject([SAMPLE_ROW]);
    expect(store.rows('appointment')).toHaveLength(1);
  });

  it('hands on 500 and 503 with Retry-After', async () => {
    const store = Object.assign(memoryStore(), { commit: () => Promise.reject(new Error('away')) });
    const { origin, receiver } = await start(host, undefined, { store });
    const request = signed(SAMPLE_REQUEST);
    const failed = await send(origin, request);
    expect([failed.status, failed.headers['retry-after']]).toEqual([500, '5']);
    await receiver.close();
    const closing = await send(origin, request);
    expect([closing.status, closing.headers['retry-after']]).toEqual([503, '5']);
  });
});

describe("a host's own parser", () => {
  it.each([...EXPRESS, FASTIFY, FETCH])('$name: is left alone', async (host) => {
    const { origin } = await start(host);
    const headers = { 'content-type': 'application/json' };
    const answer = await send(origin, { path: '/own', headers, body: '{"own": 1}' });
    expect(JSON.parse(answer.body)).toEqual({ own: 1 });
    // Each has a limit far below the receiver's, so the table above shows that it does not matter.
    const large = JSON.stringify({ own: 'x'.repeat(OWN_LIMIT) });
    expect((await send(origin, { path: '/own', headers, body: large })).status).toBe(413);
  });

  it.each<[string, HostKind, Before]>([
    ...EXPRESS.map((host): [string, HostKind, Before] => [host.name, host, 'parse']),
    ...EXPRESS.map((host): [string, HostKind, Before] => [`${host.name}, as text`, host, 'text']),
    [FASTIFY.name, FASTIFY, 'parse'],
    [FETCH.name, FETCH, 'parse'],
  ])('%s: that took the body is told so at once', async (_, host, before) => {
    const { origin, store } = await start(host, before);
    const headers = signedHeaders(SAMPLE_REQUEST);
    const answer = await send(origin, { headers, body: SAMPLE_REQUEST });
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
    const answer = await send(origin, { headers, body: SAMPLE_REQUEST });
    expect(answer.status).toBe(200);
    expect(store.rows('appointment')).toMatchObject([SAMPLE_ROW]);
    const wrong = { ...headers, 'buktor-signature': 'f'.repeat(64) };
    const refused = await send(origin, { headers: wrong, body: SAMPLE_REQUEST });
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
      const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
      const chunks = SAMPLE_REQUEST.match(/[^]{1,100}/g)!;
      const answer = await send(origin, {
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

describe('a stream of HTTP/2 that is cut off', () => {
  /** Node's own client would end the stream before it resets it. */
  function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  }

  const text = (value: string): Buffer =>
    Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const lines = {
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'x',
    ':path': '/his/receive',
    'content-type': 'application/json',
    // A sandbox client may leave the signature out, which a part of a body would not have.
    authorization: 'Bearer sandbox',
  };
  const headers = Object.entries(lines).flatMap(([name, value]) => [
    Buffer.from([0]),
    text(name),
    text(value),
  ]);
  const begun = Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(1, 4, 1, Buffer.concat(headers)),
    frame(0, 0, 1, Buffer.from(SAMPLE_REQUEST.slice(0, 20))),
  ]);
  const cancel = frame(3, 0, 1, Buffer.from([0, 0, 0, 8]));

  it.each(['at once', 'later', 'with its connection'])('was aborted: %s', async (when) => {
    const { receiver, store, results } = fixture({ limits: LIMITS });
    const app = Fastify({ http2: true });
    await app.register(fastifyReceiver, { receiver });
    const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
    const socket = connect(Number(port), '127.0.0.1');
    cleanUps.push(async () => {
      socket.destroy();
      await app.close();
    });
    socket.write(when === 'at once' ? Buffer.concat([begun, cancel]) : begun);
    await once(app.server, 'request');
    if (when !== 'at once') {
      // The receiver begins in the turn after.
      await nextCheck();
      await nextCheck();
      if (when === 'later') socket.write(cancel);
      else socket.destroy();
    }
    await vi.waitUntil(() => results.length > 0);
    expect(results.map(({ code }) => code)).toEqual(['request_timeout']);
    expect(await store.find({})[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
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
