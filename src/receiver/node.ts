/**
 * What Express and Fastify have in common: Node's own request and response. Only types of
 * `node:http` are imported.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { ReceiverRequest } from './receiver.ts';

/** A Node request, with what a body parser of the host may have left on it. */
export type NodeRequest = IncomingMessage & {
  readonly body?: unknown;
  readonly rawBody?: unknown;
};

/** How long the rest of a body that nobody wants is read before the connection is cut. */
const LINGER = 2_000;

/** Turns a Node request into the receiver's. */
export function fromNode(request: NodeRequest): ReceiverRequest {
  return {
    method: request.method ?? '',
    // Node joins or drops repeated headers; as lists, a second signature can be refused.
    headers: headersOf(request),
    body: bodyOf(request),
  };
}

/**
 * Ends a connection whose request body was not read to its end, a while after the answer: at once
 * would reset it, and the sender might never see the answer.
 */
export function lingerAfter(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  response.once('finish', () => {
    if (request.complete) return;
    const timer = setTimeout(() => request.destroy(), LINGER);
    timer.unref();
    request.once('close', () => {
      clearTimeout(timer);
    });
    request.resume();
  });
}

function headersOf(
  request: IncomingMessage | { headers: IncomingHttpHeaders },
): ReceiverRequest['headers'] {
  // Fastify's inject() makes requests that have no headersDistinct.
  return 'headersDistinct' in request ? request.headersDistinct : request.headers;
}

function bodyOf(request: NodeRequest): ReceiverRequest['body'] {
  if (!request.readableDidRead && !request.readableEnded) return streamOf(request);
  // Someone has read the stream. A Buffer that was kept has the exact bytes; anything else has not.
  if (request.rawBody instanceof Uint8Array) return request.rawBody;
  return request.body instanceof Uint8Array ? request.body : undefined;
}

/**
 * The request's chunks. Node's own iterator destroys the request, and with it the socket, when it
 * is left early; this one lets go of it, so that an answer can still be sent.
 */
function streamOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const chunks: Uint8Array[] = [];
      let end: 'open' | 'ended' | 'aborted' = 'open';
      let wake: (() => void) | undefined;

      const onData = (chunk: Uint8Array): void => {
        chunks.push(chunk);
        request.pause();
        wake?.();
      };
      const onEnd = (): void => {
        end = 'ended';
        wake?.();
      };
      const onAbort = (): void => {
        if (end === 'open') end = 'aborted';
        wake?.();
      };
      request.on('data', onData).once('end', onEnd).once('error', onAbort).once('close', onAbort);
      // The request may be over before anyone listens.
      if (request.destroyed) onAbort();

      const letGo = (): void => {
        request.off('data', onData).off('end', onEnd).off('close', onAbort);
        // The listener for 'error' stays: without one, a reset connection would end the process.
      };
      return {
        async next() {
          for (;;) {
            const value = chunks.shift();
            if (value !== undefined) return { done: false, value };
            if (end === 'ended') {
              letGo();
              return { done: true, value: undefined };
            }
            if (end === 'aborted') {
              letGo();
              throw new Error('The request was aborted.');
            }
            request.resume();
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        },
        return() {
          letGo();
          return Promise.resolve({ done: true, value: undefined });
        },
      };
    },
  };
}
