/**
 * The receiver for runtimes with Web `Request` and `Response`.
 *
 * @module @buktor/his-webhook/fetch
 */

import { assertReceiver, type Receiver } from '../receiver/types.ts';

/**
 * Makes a Web handler of a receiver: `Request` in, `Response` out, as Hono, Next.js, Bun and Deno
 * have it.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono';
 * import { fetchReceiver } from '@buktor/his-webhook/fetch';
 *
 * const handle = fetchReceiver(receiver);
 * const app = new Hono();
 * app.all('/his/receive', (c) => handle(c.req.raw));
 * ```
 */
export function fetchReceiver(receiver: Receiver): (request: Request) => Promise<Response> {
  assertReceiver(receiver);
  return async (request) => {
    const { status, headers, body } = await receiver.receive({
      method: request.method,
      headers: request.headers,
      body: bodyOf(request),
    });
    return new Response(body, { status, headers });
  };
}

function bodyOf(request: Request): AsyncIterable<Uint8Array> | Uint8Array | undefined {
  const stream = request.body;
  if (request.bodyUsed || stream?.locked === true) return undefined;
  return stream === null ? new Uint8Array() : chunksOf(stream);
}

/** By its reader, because not every runtime's streams are async iterable. */
function chunksOf(stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const reader = stream.getReader();
      return {
        async next() {
          const { done, value } = await reader.read();
          return done ? { done, value: undefined } : { done, value };
        },
        async return() {
          await reader.cancel();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
