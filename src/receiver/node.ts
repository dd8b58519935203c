/**
 * What Express and Fastify have in common: Node's own request and response. Of `node:http`, only types
 * are imported.
 */
import { executionAsyncResource } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BodyEnd, PUSH, type PushedBody, WHOLE } from './body.ts';
import type { ReceiverResponse } from './responses.ts';
import type { ReceiverRequest } from './types.ts';

/** A Node request, with what a body parser of the host may have left on it. */
export type NodeRequest = IncomingMessage & {
  readonly body?: unknown;
  readonly rawBody?: unknown;
};

/**
 * One of the objects that Node makes for every `process.nextTick`. Where a full collection finds none, V8
 * forgets their shape, and from then on makes each by its runtime, which takes six times as long; a request
 * has half a dozen.
 */
const tick: object[] = [];
process.nextTick(() => {
  tick.push(executionAsyncResource());
});

/** How long the rest of a body that nobody wants is read before the connection is cut. */
const LINGER = 2_000;

/** Turns a Node request into the receiver's. */
export function fromNode(request: NodeRequest): ReceiverRequest {
  return {
    method: request.method ?? '',
    // Node joins or drops repeated headers; as lines, a second signature can be refused.
    headers: request.rawHeaders,
    body: bodyOf(request),
  };
}

/**
 * Ends a connection whose request body was not read to its end, a while after the answer: at once
 * would reset it, and the sender might never see the answer.
 */
export function lingerAfter(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  const linger = (): void => {
    if (request.complete) return;
    const timer = setTimeout(() => request.destroy(), LINGER);
    timer.unref();
    request.once('close', () => {
      clearTimeout(timer);
    });
    request.resume();
  };
  // Over HTTP/2 an answer does not finish before the rest of the request is read.
  if (request.httpVersionMajor >= 2) linger();
  else response.once('finish', linger);
}

/** The headers of an answer, without what HTTP/2 has no place for. */
export function headersFor(
  request: IncomingMessage,
  { headers }: ReceiverResponse,
): Readonly<Record<string, string>> {
  if (headers['connection'] === undefined || request.httpVersionMajor < 2) return headers;
  const { connection: _, ...others } = headers;
  return others;
}

function bodyOf(request: NodeRequest): ReceiverRequest['body'] {
  if (!isTaken(request)) return new NodeBody(request);
  return keptBytes(request.rawBody, request.body);
}

/**
 * The exact bytes that a parser of the host has kept: a Buffer, or `rawBody` as text, which has the
 * signature of the bytes only if it stands for them.
 */
export function keptBytes(rawBody: unknown, body: unknown): Uint8Array | undefined {
  if (rawBody instanceof Uint8Array) return rawBody;
  if (typeof rawBody === 'string') return new TextEncoder().encode(rawBody);
  return body instanceof Uint8Array ? body : undefined;
}

/** Whether someone else reads the body, or has. */
function isTaken(request: NodeRequest): boolean {
  return request.readableDidRead || request.readableEnded || request.readableFlowing === true;
}

/** Whether a stream of HTTP/2 was cut off. Node reads on then by itself, as if someone had taken the body. */
function isReset(request: IncomingMessage): boolean {
  if (request.httpVersionMajor < 2) return false;
  const { stream } = request as { readonly stream?: { readonly rstCode?: number | undefined } };
  return (stream?.rstCode ?? 0) > 0;
}

/**
 * The request's chunks. Node's own iterator destroys the request, and with it the socket, when it
 * is left early; this lets go of it, so that an answer can still be sent.
 *
 * A class, because V8 calls its runtime for every computed name of a literal once it has lost its shape.
 */
class NodeBody implements PushedBody {
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  [WHOLE](): Uint8Array | undefined {
    return wholeOf(this.#request);
  }

  [PUSH](onChunk: (chunk: Uint8Array) => void, onEnd: (end: BodyEnd) => void): () => void {
    return push(this.#request, onChunk, onEnd);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return iterate(this.#request);
  }
}

/** All of a body, where it has come and nobody has read of it. */
function wholeOf(request: IncomingMessage): Uint8Array | undefined {
  const isHere =
    request.complete &&
    request.readableLength > 0 &&
    request.readableEncoding === null &&
    !request.destroyed &&
    !isTaken(request) &&
    // A request of HTTP/2 needs a listener for its errors.
    request.httpVersionMajor === 1;
  return isHere ? (request.read() as Uint8Array) : undefined;
}

function push(
  request: IncomingMessage,
  onChunk: (chunk: Uint8Array) => void,
  onEnd: (end: BodyEnd) => void,
): () => void {
  // Between the request's arrival and now the client was looked up, and the host was at work.
  if (isReset(request) || isTaken(request)) {
    onEnd(isReset(request) ? 'aborted' : 'no_bytes');
    return () => undefined;
  }
  let isOver = false;
  const finish = (end: BodyEnd): void => {
    if (isOver) return;
    letGo();
    onEnd(end);
  };
  const onData = (chunk: unknown): void => {
    // The host may have set an encoding.
    if (chunk instanceof Uint8Array) onChunk(chunk);
    else finish('no_bytes');
  };
  const onFinished = (): void => {
    finish('ended');
  };
  const onAborted = (): void => {
    finish('aborted');
  };
  const letGo = (): void => {
    isOver = true;
    // The listener for 'error' stays: without one, a reset connection would end the process.
    request.off('data', onData).off('end', onFinished).off('close', onAborted);
    if (!request.readableEnded) request.pause();
  };
  request.on('data', onData).on('end', onFinished).on('error', onAborted).on('close', onAborted);
  // The request may be over before anyone listens.
  if (request.destroyed) onAborted();
  return letGo;
}

/** What no stream of bytes gives; the receiver answers body_already_parsed to it. */
const NO_BYTES = { done: false, value: undefined as unknown as Uint8Array } as const;

/** The same for a receiver of the host's own, which knows an async iterable. */
function iterate(request: IncomingMessage): AsyncIterator<Uint8Array> {
  // Between the request's arrival and now the client was looked up, and the host was at work.
  if (isTaken(request)) return { next: () => Promise.resolve(NO_BYTES) };
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
}
