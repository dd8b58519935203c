import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { expressReceiver } from '../../src/adapters/express.ts';
import { fastifyReceiver } from '../../src/adapters/fastify.ts';
import { fetchReceiver } from '../../src/adapters/fetch.ts';
import type { Receiver } from '../../src/receiver/types.ts';
import { SAMPLE_REQUEST } from '../support/document.ts';
import { CLIENTS, fixture, signedHeaders } from '../support/receiver.ts';

const ADDRESS = 'http://127.0.0.1/his/receive';
const requestOf = (body: string | ReadableStream | null): Request =>
  new Request(ADDRESS, {
    method: 'POST',
    headers: signedHeaders(SAMPLE_REQUEST),
    body,
    duplex: 'half',
  });

/** A receiver of the host's own that fails where it should not. */
const BROKEN = {
  receive: () => Promise.reject(new Error('broken')),
} as unknown as Receiver;

/** One whose answer no server can write. */
const UNWRITABLE = {
  receive: () => Promise.resolve({ status: 200, headers: { 'no name': 'x' }, body: '{}' }),
} as unknown as Receiver;

describe('expressReceiver in a host', () => {
  async function serve(
    receiver: Receiver,
    before?: (response: { end(text: string): void }) => void,
  ) {
    const next = vi.fn();
    const handle = expressReceiver(receiver);
    const server = createServer((request, response) => {
      handle(request, response, (error) => {
        next(error);
        response.end('next');
      });
      before?.(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const post = (): Promise<Response> =>
      fetch(origin, {
        method: 'POST',
        headers: signedHeaders(SAMPLE_REQUEST),
        body: SAMPLE_REQUEST,
      });
    return { next, post };
  }

  it('that has answered by itself changes nothing, and is no error', async () => {
    let isHeard = (): void => undefined;
    const heard = new Promise<void>((resolve) => (isHeard = resolve));
    const { receiver } = fixture({ onResult: isHeard });
    const { next, post } = await serve(receiver, (response) => {
      response.end('too late');
    });
    expect(await (await post()).text()).toBe('too late');
    await heard;
    await new Promise(setImmediate);
    expect(next).not.toHaveBeenCalled();
  });

  it('hears of what a receiver of its own throws', async () => {
    const { next, post } = await serve(BROKEN);
    expect(await (await post()).text()).toBe('next');
    expect(next).toHaveBeenCalledWith(new Error('broken'));
  });

  it('hears once of an answer that cannot be written', async () => {
    const { next, post } = await serve(UNWRITABLE);
    expect(await (await post()).text()).toBe('next');
    expect(next).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ code: 'ERR_INVALID_HTTP_TOKEN' }),
    );
  });

  it('has the length of an answer in bytes', async () => {
    const answer = { status: 200, headers: {}, body: '{"message":"ü€"}' };
    const receive = () => Promise.resolve(answer);
    const { post } = await serve({ receive } as unknown as Receiver);
    const response = await post();
    expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(answer.body)));
    expect(await response.text()).toBe(answer.body);
  });
});

describe('fastifyReceiver in a host', () => {
  it('is refused without a receiver, and leaves the process running', async () => {
    const app = Fastify();
    await expect(app.register(fastifyReceiver, {} as never)).rejects.toThrow('receiver');
  });

  it('takes the bytes that a parser has kept on its request', async () => {
    const { receiver } = fixture();
    const app = Fastify();
    app.decorateRequest('rawBody', null);
    app.addHook('preHandler', async (request) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request.raw) chunks.push(chunk as Buffer);
      (request as { rawBody?: unknown }).rawBody = Buffer.concat(chunks);
    });
    await app.register(fastifyReceiver, { receiver });
    onTestFinished(() => app.close());
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const post = { method: 'POST', headers: signedHeaders(SAMPLE_REQUEST), body: SAMPLE_REQUEST };
    expect((await fetch(`${origin}/his/receive`, post)).status).toBe(200);
  });

  it('is not reached where a hook of the host refuses', async () => {
    const { receiver, results } = fixture();
    const app = Fastify();
    app.addHook('preHandler', () =>
      Promise.reject(Object.assign(new Error('not from here'), { statusCode: 403 })),
    );
    await app.register(fastifyReceiver, { receiver });
    onTestFinished(() => app.close());
    const headers = signedHeaders(SAMPLE_REQUEST);
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const post = { method: 'POST', headers, body: SAMPLE_REQUEST };
    const response = await fetch(`${origin}/his/receive`, post);
    expect([response.status, await response.json()]).toMatchObject([
      403,
      { message: 'not from here' },
    ]);
    expect(results).toEqual([]);
  });

  it('does not answer for what else fails', async () => {
    const app = Fastify();
    await app.register(fastifyReceiver, { receiver: BROKEN });
    onTestFinished(() => app.close());
    const response = await app.inject({ method: 'POST', url: '/his/receive' });
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ message: 'broken' });
  });
});

describe('fastifyReceiver with a receiver of the host', () => {
  it.each<[string, Partial<Receiver>]>([
    ['an answer that cannot be written', UNWRITABLE],
    ['no answer', { receive: () => Promise.resolve(undefined as never) }],
  ])('hands on %s as an error', async (_, receiver) => {
    const app = Fastify();
    await app.register(fastifyReceiver, { receiver: receiver as Receiver });
    onTestFinished(() => app.close());
    const response = await app.inject({ method: 'POST', url: '/his/receive' });
    expect(response.statusCode).toBe(500);
  });
});

describe('fetchReceiver in a host', () => {
  const codeOf = async (response: Response): Promise<unknown> =>
    ((await response.json()) as { code?: string }).code;

  it.each<[string, (request: Request) => unknown]>([
    ['has read it', (request) => request.text()],
    ['is reading it', (request) => request.body!.getReader()],
  ])('that %s is told so', async (_, take) => {
    const request = requestOf(SAMPLE_REQUEST);
    await take(request);
    const response = await fetchReceiver(fixture().receiver)(request);
    expect(response.status).toBe(500);
    expect(await codeOf(response)).toBe('body_already_parsed');
  });

  it('gets no exception of a request without a body, which is empty', async () => {
    const response = await fetchReceiver(fixture().receiver)(requestOf(null));
    expect(await codeOf(response)).toBe('unauthorized');
    const sandbox = fixture({ clients: () => CLIENTS('sandbox') });
    const request = new Request(ADDRESS, {
      method: 'POST',
      headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
    });
    expect(await codeOf(await fetchReceiver(sandbox.receiver)(request))).toBe('invalid_json');
  });

  it('has its stream cancelled where it is too long', async () => {
    const cancel = vi.fn();
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        controller.enqueue(new Uint8Array(1_000));
      },
      cancel,
    });
    const { receiver } = fixture({ limits: { bodyBytes: 1_500 } });
    const response = await fetchReceiver(receiver)(requestOf(stream));
    expect(response.status).toBe(413);
    expect(cancel).toHaveBeenCalledOnce();
  });
});
