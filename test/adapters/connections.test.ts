import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { expressReceiver } from '../../src/adapters/express.ts';
import type { ReceiverOptions } from '../../src/receiver/options.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import type { EventStore } from '../../src/stores/types.ts';
import { SAMPLE_REQUEST, SAMPLE_ROW } from '../support/document.ts';
import { dial, headOf, type RawConnection, type RawRequest, send } from '../support/raw.ts';
import { CLIENTS, fixture } from '../support/receiver.ts';
import { type Host, HOSTS, type HostKind, NODE_HOSTS } from './hosts.ts';
import { BAD_SIGNATURES } from './vectors/credentials.ts';
import { event, sample, signed } from './vectors/kit.ts';

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Long, so that a timer that is left behind is still there; odd, so that it is known. */
const PATIENT = { bodyTimeout: 54_321, lookupTimeout: 54_322, storeTimeout: 54_323 };

/** The timers of {@link PATIENT} that run. */
function watchTimers(): ReadonlySet<unknown> {
  const running = new Set<unknown>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  vi.stubGlobal('setTimeout', (...args: Parameters<typeof set>) => {
    const timer = set(...args);
    if (Object.values(PATIENT).includes(args[1] ?? 0)) running.add(timer);
    return timer;
  });
  vi.stubGlobal('clearTimeout', (timer: Parameters<typeof clear>[0]) => {
    running.delete(timer);
    clear(timer);
  });
  cleanUps.push(() => void vi.unstubAllGlobals());
  return running;
}

async function start(host: HostKind, options: Partial<ReceiverOptions> = {}) {
  const made = fixture({ limits: { ...PATIENT, bodyBytes: 20_000 }, ...options });
  const { origin, close } = await host.start(made.receiver);
  cleanUps.push(close);
  const open = (): RawConnection => {
    const connection = dial(origin);
    cleanUps.push(() => {
      connection.destroy();
    });
    return connection;
  };
  return { ...made, origin, open };
}

const GOOD = signed(SAMPLE_REQUEST);
const STRANGER = signed(SAMPLE_REQUEST, { authorization: 'Bearer nobody' });
/** A request as one piece of bytes; its body is Latin-1. */
const bytesOf = (request: RawRequest, body = request.body as string) =>
  headOf('http://x', request) + body;
const about = (id: string) =>
  event({ event_id: id, data: { ...sample.data, his_appointment_id: id } });

/** Requests that are not one in HTTP: two readers could see different ends of them. */
const chunked = { ...GOOD, body: ['x'] };
const chunk = `${SAMPLE_REQUEST.length.toString(16)}\r\n${SAMPLE_REQUEST}\r\n`;
const withHeaders = (headers: RawRequest['headers']) => bytesOf(signed(SAMPLE_REQUEST, headers));
const MALFORMED: Readonly<Record<string, string>> = {
  'a Content-Length and chunks': withHeaders({ 'transfer-encoding': 'chunked' }),
  'a Content-Length and chunks, with both ends': `${headOf('http://x', signed('', { 'transfer-encoding': 'chunked' }))}${chunk}0\r\n\r\n`,
  'two lengths': withHeaders({ 'content-length': '5' }),
  'a length twice': withHeaders({ 'content-length': String(SAMPLE_REQUEST.length) }),
  'a length with a sign': bytesOf(GOOD).replace('content-length: ', 'content-length: +'),
  'a length that is hexadecimal': bytesOf(GOOD).replace('content-length: ', 'content-length: 0x'),
  'a length that is a list': bytesOf(GOOD).replace(/(content-length: )(\d+)/, '$1$2, $2'),
  'a blank before the colon': bytesOf(GOOD).replace('content-length:', 'content-length :'),
  'a chunk of no size': headOf('http://x', chunked) + `zz\r\n${chunk}0\r\n\r\n`,
  'a chunk of a negative size': headOf('http://x', chunked) + `-1\r\n${chunk}0\r\n\r\n`,
  'a chunk of a size that overflows': headOf('http://x', chunked) + `${'f'.repeat(20)}\r\n${chunk}`,
  'a chunk that is longer than it says':
    headOf('http://x', chunked) + `5\r\n${SAMPLE_REQUEST}\r\n0\r\n\r\n`,
  'a chunk that ends in a bare line feed':
    headOf('http://x', chunked) + chunk.replaceAll('\r\n', '\n') + '0\n\n',
  'an encoding after chunked':
    headOf('http://x', chunked).replace(/(transfer-encoding: chunked)/, '$1, identity') +
    `${chunk}0\r\n\r\n`,
  'lines that end in bare line feeds': bytesOf(GOOD).replace(/\r\n/g, '\n'),
  'a folded line': bytesOf(GOOD).replace('buktor-signature: ', 'buktor-signature:\r\n '),
  'a NUL in a header': withHeaders({
    'buktor-signature': `${GOOD.headers['buktor-signature'] as string}\0`,
  }),
  'a NUL in a name': bytesOf(GOOD).replace('client', 'cl\0ient').replace('host:', 'ho\0st:'),
  'no host': bytesOf(GOOD).replace(/host: .*\r\n/, ''),
  'a method in small letters': bytesOf(GOOD).replace('POST', 'post'),
  'the hello of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a header of 20,000 bytes': withHeaders({ 'x-flood': 'x'.repeat(20_000) }),
  '5,000 headers': withHeaders({ 'x-flood': Array<string>(5_000).fill('x') }),
};

describe.each(HOSTS)('$name', (host) => {
  it.each(Object.entries(MALFORMED))('survives %s, and stores nothing of it', async (_, bytes) => {
    const { origin, open, store, receiver } = await start(host);
    const connection = open();
    connection.write(bytes);
    const { status } = await connection.answer();
    expect([400, 401, 431]).toContain(status);
    connection.destroy();
    await receiver.ready();
    expect(store.rows('appointment')).toEqual([]);
    expect((await send(origin, GOOD)).status).toBe(200);
  });

  it('answers pipelined requests, each with its own answer and in their order', async () => {
    const { open, store } = await start(host);
    const connection = open();
    const bad = signed('{', {});
    const requests = [about('A1'), about('A1'), bad, about('A2'), STRANGER, about('A3')];
    connection.write(requests.map((request) => bytesOf(request)).join(''));
    const statuses = [];
    for (const _ of requests) statuses.push((await connection.answer()).status);
    expect(statuses).toEqual([200, 200, 400, 200, 401, 200]);
    expect(store.rows('appointment')).toHaveLength(3);
  });

  it('takes no request out of the body of another, be that refused before it is read', async () => {
    const { open, store, results } = await start(host);
    const connection = open();
    connection.write(
      bytesOf(STRANGER, bytesOf(GOOD)).replace(
        /(content-length: )\d+/,
        `$1${String(bytesOf(GOOD).length)}`,
      ),
    );
    expect((await connection.answer()).status).toBe(401);
    connection.write(bytesOf(signed('{')));
    expect((await connection.answer()).status).toBe(400);
    expect(store.rows('appointment')).toEqual([]);
    expect(results).toHaveLength(2);
  });

  it('takes no header out of the trailer of a chunked body', async () => {
    const { open } = await start(host);
    const connection = open();
    const nameless = signed(SAMPLE_REQUEST, { authorization: undefined });
    const { authorization } = GOOD.headers;
    const trailer = `authorization: ${authorization as string}\r\n`;
    connection.write(
      `${headOf('http://x', { ...nameless, body: ['x'] })}${chunk}0\r\n${trailer}\r\n`,
    );
    expect((await connection.answer()).status).toBe(401);
  });

  const half = SAMPLE_REQUEST.slice(0, 100);
  it.each<[string, string, readonly number[]]>([
    ['within its head', headOf('http://x', GOOD).slice(0, 120), []],
    ['before its body', headOf('http://x', GOOD), [408]],
    ['within its body', bytesOf(GOOD, half), [408]],
    ['within a chunk', `${headOf('http://x', chunked)}${chunk.slice(0, 100)}`, [408]],
    ['before the end of its chunks', `${headOf('http://x', chunked)}${chunk}`, [408]],
    ['before the answer', bytesOf(GOOD), [200]],
    ['before a refusal, with a body that nobody wants', bytesOf(STRANGER, half), [401]],
  ])('leaves nothing behind of a request that is aborted %s', async (_, bytes, statuses) => {
    const { origin, results, receiver, store } = await start(host);
    await receiver.ready();
    const timers = watchTimers();
    const connections = Array.from({ length: 20 }, () => dial(origin));
    for (const connection of connections) connection.write(bytes);
    await vi.waitUntil(() => results.length === (statuses[0] === 408 ? 0 : statuses.length * 20));
    // What is cut off before anything was heard of it has at least arrived.
    if (results.length === 0) await send(origin, { ...GOOD, method: 'PUT' });
    expect(timers.size).toBe(statuses[0] === 408 ? 20 : 0);
    for (const connection of connections) connection.destroy();
    for (const connection of connections) await connection.closed();
    const heard = () => results.filter(({ code }) => code !== 'method_not_allowed');
    await vi.waitUntil(() => heard().length === statuses.length * 20);
    expect(new Set(heard().map(({ status }) => status))).toEqual(new Set(statuses));
    expect(store.rows('appointment')).toHaveLength(statuses[0] === 200 ? 1 : 0);
    expect(timers.size).toBe(0);
    // Waits for whatever is still in work.
    await receiver.close();
  });

  it('stores an event whose sender was gone while it was stored, and waits for no one', async () => {
    let proceed = (): void => undefined;
    const inner = memoryStore();
    const commit: EventStore['commit'] = async (batch, options) => {
      await new Promise<void>((resolve) => (proceed = resolve));
      return inner.commit(batch, options);
    };
    const store = { ...inner, commit };
    const hanging = vi.spyOn(store, 'commit');
    const { origin, results, receiver } = await start(host, { store });
    const connection = dial(origin);
    connection.write(bytesOf(GOOD));
    await vi.waitUntil(() => hanging.mock.calls.length === 1);
    connection.destroy();
    await connection.closed();
    proceed();
    await vi.waitUntil(() => results.length === 1);
    expect(results).toMatchObject([{ status: 200, eventId: 'evt_123456' }]);
    hanging.mockImplementation((batch, options) => inner.commit(batch, options));
    expect((await send(origin, GOOD)).headers['idempotent-replayed']).toBe('true');
    await receiver.close();
  });

  it('hears of an abort while the client is looked up', async () => {
    let proceed = (): void => undefined;
    const clients = async (token: string) => {
      await new Promise<void>((resolve) => (proceed = resolve));
      return CLIENTS(token);
    };
    const looked = vi.fn(clients);
    const { origin, results, receiver, store } = await start(host, { clients: looked });
    const connection = dial(origin);
    connection.write(bytesOf(GOOD, half));
    await vi.waitUntil(() => looked.mock.calls.length === 1);
    connection.destroy();
    await connection.closed();
    // Lets the server hear of it.
    await send(origin, { ...GOOD, method: 'PUT' });
    proceed();
    await vi.waitUntil(() => results.length === 2);
    expect(results).toMatchObject([{ status: 405 }, { status: 408, clientId: '1001' }]);
    expect(store.rows('appointment')).toEqual([]);
    await receiver.close();
  });
});

// Elsewhere the connection is the runtime's, and a Response is all there is to give it.
describe.each(NODE_HOSTS)('$name', (host) => {
  it('keeps the connection in use after a body that was not read to its end', async () => {
    const { open, store } = await start(host);
    const connection = open();
    connection.write(bytesOf({ ...STRANGER, body: 'x'.repeat(100_000) }));
    expect((await connection.answer()).status).toBe(401);
    const chunks = `2710\r\n${'x'.repeat(10_000)}\r\n`.repeat(200);
    connection.write(`${headOf('http://x', chunked)}${chunks}0\r\n\r\n`);
    expect((await connection.answer()).status).toBe(413);
    connection.write(bytesOf(GOOD));
    expect((await connection.answer()).status).toBe(200);
    expect(store.rows('appointment')).toMatchObject([SAMPLE_ROW]);
  });

  it('cuts the connection of a sender that never stops sending what nobody wants', async () => {
    const { open } = await start(host);
    const connection = open();
    connection.write(headOf('http://x', { ...STRANGER, declared: 999_999_999 }));
    expect((await connection.answer()).status).toBe(401);
    const dripping = setInterval(() => {
      connection.write('x');
    }, 50);
    expect(await connection.closed()).toBe('');
    clearInterval(dripping);
  });
});

describe('the listeners on a request', () => {
  async function serve(options: Partial<ReceiverOptions> = {}) {
    const made = fixture({ limits: { bodyBytes: 2_000, bodyTimeout: 100 }, ...options });
    const requests: IncomingMessage[] = [];
    const handle = expressReceiver(made.receiver);
    const server = createServer({ insecureHTTPParser: true }, (request, response) => {
      requests.push(request);
      handle(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host: Host = {
      origin: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
      close: () =>
        new Promise((closed) => {
          server.close(() => {
            closed();
          });
          server.closeAllConnections();
        }),
    };
    cleanUps.push(host.close);
    return { ...made, ...host, requests };
  }

  it.each<[string, RawRequest, number]>([
    ['was taken', GOOD, 200],
    ['was too large', signed('x'.repeat(2_001)), 413],
    ['was too large, chunked', { ...GOOD, body: Array<string>(3).fill('x'.repeat(1_000)) }, 413],
    ['was too slow', { ...GOOD, body: '', declared: 10 }, 408],
    ['was of a stranger', STRANGER, 401],
    ['was no POST', { ...GOOD, method: 'PUT' }, 405],
  ])('are gone after a body that %s', async (_, request, status) => {
    const { origin, requests } = await serve();
    const connection = dial(origin);
    connection.write(headOf(origin, request));
    connection.write(
      [request.body]
        .flat()
        .map((part) =>
          Array.isArray(request.body)
            ? `${part!.length.toString(16)}\r\n${String(part)}\r\n`
            : String(part),
        )
        .join(''),
    );
    expect((await connection.answer()).status).toBe(status);
    connection.destroy();
    await vi.waitUntil(() => requests[0]!.closed, { timeout: 10_000 });
    // Node's own, which every request has.
    const isOurs = (listener: unknown) => (listener as { name: string }).name !== 'clearIncoming';
    const ours = (name: string) => requests[0]!.listeners(name).filter(isOurs).length;
    expect(['data', 'end', 'close'].map(ours)).toEqual([0, 0, 0]);
    // One stays: without it, a connection that is reset would end the process.
    expect(ours('error')).toBeLessThanOrEqual(1);
  });

  it('let a signature with a NUL through where the host parses leniently: it is 401 like others', async () => {
    const { origin, results } = await serve();
    const stranger = await send(origin, STRANGER);
    for (const signature of [`${GOOD.headers['buktor-signature'] as string}\0`, '\0']) {
      const answer = await send(origin, signed(SAMPLE_REQUEST, { 'buktor-signature': signature }));
      expect(answer.raw).toBe(stranger.raw);
    }
    expect(results.map(({ status }) => status)).toEqual([401, 401, 401]);
  });
});

describe('a receiver without a host', () => {
  const good = GOOD.headers['buktor-signature'] as string;
  const bytes = Buffer.from(SAMPLE_REQUEST);
  const ask = async (headers: object) => {
    const { receiver } = fixture();
    const all = { ...GOOD.headers, ...headers } as Record<string, string>;
    return receiver.receive({ method: 'POST', headers: all, body: bytes });
  };

  it.each<[string, unknown]>([
    ...Object.entries(BAD_SIGNATURES),
    ['with a NUL after', `${good}\0`],
    ['with a line break after', `${good}\n`],
    ['that is a number', 7],
    ['that is true', true],
    ['that is null', null],
    ['that is an object', { toString: () => good }],
    ['that is bytes', Buffer.from(good)],
    ['that is a list in a list', [[good]]],
    ['that is a list of nothing', [undefined]],
    ['that is an empty list', []],
    ['that is the right one in an object of text', Object(good)],
  ])('answers a signature %s as an unknown token, to the byte', async (_, signature) => {
    const stranger = await ask({ authorization: 'Bearer nobody' });
    expect(stranger.status).toBe(401);
    expect(await ask({ 'buktor-signature': signature })).toEqual(stranger);
  });

  it.each<[string, unknown]>([
    ['a number', 7],
    ['null', null],
    ['an object', {}],
    ['a list in a list', [['Bearer token-1001']]],
  ])('answers a token that is %s so too', async (_, authorization) => {
    expect((await ask({ authorization })).status).toBe(401);
  });

  it.each<[string, unknown]>([
    ['a number', 7],
    ['an object', {}],
  ])('takes no media type or encoding that is %s', async (_, value) => {
    expect((await ask({ 'content-type': value })).status).toBe(415);
    expect((await ask({ 'content-encoding': value })).status).toBe(415);
  });
});
