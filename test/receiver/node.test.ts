import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PUSH, readBody, WHOLE } from '../../src/receiver/body.ts';
import {
  fromNode,
  headersFor,
  keptBytes,
  lingerAfter,
  type NodeRequest,
} from '../../src/receiver/node.ts';
import { success } from '../../src/receiver/responses.ts';

const LIMITS = { bodyBytes: 10, bodyTimeout: 5_000 };

/** A request that has arrived at a server, with the end that sends its body. */
async function arrived() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = httpRequest({
    port: (server.address() as AddressInfo).port,
    method: 'POST',
    headers: { 'transfer-encoding': 'chunked', 'X-A': ['1', '2'] },
  });
  client.on('error', () => undefined);
  client.flushHeaders();
  const [request, response] = (await once(server, 'request')) as [NodeRequest, ServerResponse];
  onTestFinished(() => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { request, response, client };
}

type Body = NonNullable<ReturnType<typeof fromNode>['body']>;

/** The receiver takes what is pushed; one of the host's own iterates. */
const WAYS: Readonly<Record<string, (body: Body) => unknown>> = {
  pushes: (body) => body,
  'is iterated over': (body) => {
    const chunks = body as AsyncIterable<Uint8Array>;
    return { [Symbol.asyncIterator]: () => chunks[Symbol.asyncIterator]() };
  },
};

describe.each(Object.entries(WAYS))('the body of a Node request that %s', (_, way) => {
  const read = (body: ReturnType<typeof fromNode>['body']) =>
    readBody(way(body!), undefined, LIMITS);

  it('has all its chunks, those that wait and those that come', async () => {
    const { request, client } = await arrived();
    client.write('ab');
    await once(request, 'readable');
    const reading = read(fromNode(request).body);
    await new Promise(setImmediate);
    client.write('cd');
    setTimeout(() => client.end('ef'), 10);
    const result = await reading;
    expect(result.ok && Buffer.from(result.bytes).toString()).toBe('abcdef');
  });

  it('is empty where nothing was sent', async () => {
    const { request, client } = await arrived();
    const reading = read(fromNode(request).body);
    client.end();
    expect(await reading).toEqual({ ok: true, bytes: new Uint8Array() });
  });

  it.each<[string, (request: IncomingMessage) => unknown]>([
    ['flows', (request) => request.resume()],
    ['is listened to', (request) => request.on('data', () => undefined)],
    ['was read of', (request) => once(request, 'readable').then(() => request.read(1) as unknown)],
    ['has text', (request) => request.setEncoding('utf8')],
  ])('has no bytes where it %s before it is read', async (_, take) => {
    const { request, client } = await arrived();
    const { body } = fromNode(request);
    client.write('abc');
    await take(request);
    expect(await read(body)).toEqual({ ok: false, cause: 'no_bytes' });
  });

  it('is aborted where its sender goes', async () => {
    const { request, client } = await arrived();
    const reading = read(fromNode(request).body);
    client.write('abc');
    await vi.waitUntil(() => request.readableDidRead, { interval: 1 });
    client.destroy();
    expect(await reading).toEqual({ ok: false, cause: 'aborted' });
  });

  it('is aborted where its sender has gone before it is read', async () => {
    const { request, client } = await arrived();
    const { body } = fromNode(request);
    request.on('error', () => undefined);
    client.destroy();
    await new Promise((resolve) => request.once('close', resolve));
    expect(await read(body)).toEqual({ ok: false, cause: 'aborted' });
  });

  it('is aborted where the host ends it', async () => {
    const { request, client } = await arrived();
    const reading = read(fromNode(request).body);
    client.write('abc');
    await vi.waitUntil(() => request.readableDidRead, { interval: 1 });
    request.destroy();
    expect(await reading).toEqual({ ok: false, cause: 'aborted' });
  });

  it('is let go of at the limit, and can still be answered', async () => {
    const { request, response, client } = await arrived();
    const reading = read(fromNode(request).body);
    client.write('0123456789');
    client.write('a');
    expect(await reading).toEqual({ ok: false, cause: 'too_large' });
    for (const event of ['data', 'end', 'close'] as const) {
      expect(request.listenerCount(event), event).toBe(0);
    }
    expect(request.readableFlowing).toBe(false);
    expect(request.destroyed).toBe(false);
    const answered = once(client, 'response') as Promise<[IncomingMessage]>;
    response.statusCode = 413;
    response.end();
    expect((await answered)[0].statusCode).toBe(413);
    // A reset that comes now must not end the process.
    expect(request.listenerCount('error')).toBeGreaterThan(0);
    request.emit('error', new Error('reset'));
  });

  it('leaves no listener behind at its end', async () => {
    const { request, client } = await arrived();
    const before = request.listenerCount('end');
    const reading = read(fromNode(request).body);
    client.end('abc');
    expect(await reading).toMatchObject({ ok: true });
    expect([request.listenerCount('data'), request.listenerCount('end')]).toEqual([0, before]);
  });
});

describe('a body that is there', () => {
  interface Whole {
    [WHOLE]: () => Uint8Array | undefined;
  }
  const whole = (request: NodeRequest) => (fromNode(request).body as unknown as Whole)[WHOLE]();

  /** A request all of whose body has come, in two chunks. */
  async function complete() {
    const arrival = await arrived();
    arrival.client.write('ab');
    arrival.client.end('cd');
    await vi.waitUntil(() => arrival.request.complete, { interval: 1 });
    return arrival;
  }

  it('is taken at once, and the request is over by itself', async () => {
    const { request, response, client } = await complete();
    expect(Buffer.from(whole(request)!).toString()).toBe('abcd');
    await once(request, 'end');
    const answered = once(client, 'response') as Promise<[IncomingMessage]>;
    lingerAfter(request, response);
    response.end();
    expect((await answered)[0].statusCode).toBe(200);
  });

  it('is none before all of it has come', async () => {
    const { request, client } = await arrived();
    const body = fromNode(request).body as unknown as Whole;
    expect(body[WHOLE]()).toBeUndefined();
    client.write('ab');
    await vi.waitUntil(() => request.readableLength > 0, { interval: 1 });
    expect(body[WHOLE]()).toBeUndefined();
    // Nothing was begun, so it can be read as it comes.
    client.end('cd');
    const result = await readBody(body, undefined, LIMITS);
    expect(result.ok && Buffer.from(result.bytes).toString()).toBe('abcd');
  });

  it.each<[string, (request: NodeRequest) => unknown]>([
    ['is empty', (request) => request.read() as unknown],
    ['was destroyed', (request) => request.destroy()],
    ['has text', (request) => request.setEncoding('utf8')],
    ['flows', (request) => request.resume()],
    ['was read of', (request) => request.read(1) as unknown],
    ['is one of HTTP/2', (request) => Object.assign(request, { httpVersionMajor: 2 })],
  ])('is left to be read where the request %s', async (_, change) => {
    const { request } = await complete();
    request.on('error', () => undefined);
    const body = fromNode(request).body as unknown as Whole;
    change(request);
    expect(body[WHOLE]()).toBeUndefined();
  });

  it('has its limit', async () => {
    const { request } = await complete();
    const { body } = fromNode(request);
    const tight = { ...LIMITS, bodyBytes: 3 };
    expect(await readBody(body, undefined, tight)).toEqual({ ok: false, cause: 'too_large' });
  });
});

describe('a pushed body', () => {
  it('ends once, and hands nothing over after it was let go of', async () => {
    const { request, client } = await arrived();
    const body = fromNode(request).body as { [PUSH]: (...args: unknown[]) => () => void };
    const onChunk = vi.fn();
    const onEnd = vi.fn();
    const letGo = body[PUSH](onChunk, onEnd);
    client.write('abc');
    await vi.waitUntil(() => onChunk.mock.calls.length === 1, { interval: 1 });
    letGo();
    client.end('def');
    request.resume();
    await once(request, 'end');
    request.emit('error', new Error('reset'));
    request.emit('close');
    expect(onChunk).toHaveBeenCalledOnce();
    expect(onEnd).not.toHaveBeenCalled();
  });
});

describe('fromNode', () => {
  it('hands on the method and every line of the headers', async () => {
    const { request } = await arrived();
    const { method, headers } = fromNode(request);
    expect(method).toBe('POST');
    expect(headers).toEqual(request.rawHeaders);
    expect(headers).toEqual(expect.arrayContaining(['X-A', '1', 'X-A', '2']));
  });

  it.each<[string, (request: NodeRequest, end: () => void) => unknown]>([
    ['was read to its end', (request, end) => (end(), once(request.resume(), 'end'))],
    [
      'was empty, and read to its end',
      (request, end) => (
        end(),
        once(
          request.on('readable', () => void request.read()),
          'end',
        )
      ),
    ],
    ['was begun', (request) => once(request, 'readable').then(() => request.read(1) as unknown)],
    ['flows', (request) => request.resume()],
  ])('takes what a parser has kept where the body %s', async (state, take) => {
    const { request, client } = await arrived();
    if (!state.includes('empty')) client.write('abc');
    await take(request, () => client.end());
    expect(fromNode(request).body).toBeUndefined();
    const bytes = Buffer.from('abc');
    expect(fromNode(Object.assign(request, { body: bytes })).body).toBe(bytes);
    const rawBody = Buffer.from('raw');
    expect(fromNode(Object.assign(request, { rawBody })).body).toBe(rawBody);
  });
});

describe('keptBytes', () => {
  const bytes = Buffer.from('é');

  it.each([
    [bytes, undefined, bytes],
    [bytes, Buffer.from('other'), bytes],
    [undefined, bytes, bytes],
    ['é', bytes, new Uint8Array(bytes)],
    ['', undefined, new Uint8Array()],
    [undefined, 'é', undefined],
    [undefined, { parsed: true }, undefined],
    [{ parsed: true }, bytes, bytes],
    [null, undefined, undefined],
  ])('of %j and %j are %j', (rawBody, body, kept) => {
    expect(keptBytes(rawBody, body)).toEqual(kept);
  });
});

describe('headersFor', () => {
  it('leaves out of HTTP/2 what it has no place for', async () => {
    const { request } = await arrived();
    const answer = { ...success(false), headers: { a: '1', connection: 'close' } };
    expect(headersFor(request, answer)).toEqual({ a: '1', connection: 'close' });
    expect(headersFor(request, { ...answer, headers: { a: '1' } })).toEqual({ a: '1' });
    Object.assign(request, { httpVersionMajor: 2 });
    expect(headersFor(request, answer)).toEqual({ a: '1' });
  });
});

describe('lingerAfter', () => {
  function fakeTimers() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
  }

  it('reads what nobody wants for two seconds after the answer, and then cuts it off', async () => {
    const { request, response, client } = await arrived();
    client.write('abc');
    fakeTimers();
    lingerAfter(request, response);
    expect(vi.getTimerCount()).toBe(0);
    response.end();
    await once(response, 'finish');
    expect(request.readableFlowing).toBe(true);
    vi.advanceTimersByTime(1_999);
    expect(request.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(request.destroyed).toBe(true);
  });

  it('does so at once over HTTP/2, where no answer finishes before', async () => {
    const { request, response } = await arrived();
    Object.assign(request, { httpVersionMajor: 2 });
    fakeTimers();
    lingerAfter(request, response);
    expect(request.readableFlowing).toBe(true);
    expect(vi.getTimerCount()).toBe(1);
    // A request that is over needs no timer.
    request.emit('close');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves a request alone that is there to its end, or is by the time of the answer', async () => {
    for (const isLate of [false, true]) {
      const { request, response, client } = await arrived();
      const listeners = response.listenerCount('finish');
      if (isLate) lingerAfter(request, response);
      client.end('abc');
      await vi.waitUntil(() => request.complete, { interval: 1 });
      if (!isLate) {
        lingerAfter(request, response);
        expect(response.listenerCount('finish')).toBe(listeners);
      }
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      response.end();
      await once(response, 'finish');
      expect(vi.getTimerCount()).toBe(0);
      vi.useRealTimers();
    }
  });
});
