/** The body of a request: its exact bytes, or a stream of them. */
export type RequestBody = Uint8Array | AsyncIterable<Uint8Array>;

/** How a {@link PushedBody} ends: all of it is there, its sender is gone, or someone else took it. */
export type BodyEnd = 'ended' | 'aborted' | 'no_bytes';

/**
 * A stream that hands its chunks over by itself, as Node's do: an iterator over it would take a promise
 * and a turn of the event loop's queue for each.
 */
export interface PushedBody {
  /** Takes all of it at once, where all of it is there; what gives none has begun nothing. */
  [WHOLE]?(): Uint8Array | undefined;
  /**
   * Begins, once; chunks come later. What it returns lets go of the stream, so that nothing more is
   * handed over; when it ends, it has let go by itself.
   */
  [PUSH](onChunk: (chunk: Uint8Array) => void, onEnd: (end: BodyEnd) => void): () => void;
}

/** Name what a {@link PushedBody} does; whoever looks for an async iterable does not see it. */
export const PUSH: unique symbol = Symbol('his-webhook.push');
export const WHOLE: unique symbol = Symbol('his-webhook.whole');

/** What {@link readBody} came back with. */
export type BodyResult =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly cause: 'too_large' | 'timeout' | 'aborted' | 'no_bytes' };

/** Bounds of {@link readBody}. */
export interface BodyLimits {
  readonly bodyBytes: number;
  readonly bodyTimeout: number;
}

/**
 * Reads a whole body within its bounds. When a bound is passed the stream is let go of
 * (`return()`), and nothing more of it is kept.
 *
 * @param body - Anything but bytes or a stream of bytes is `no_bytes`: a parser was here before.
 * @param declared - The Content-Length, where there is one.
 */
export function readBody(
  body: unknown,
  declared: number | undefined,
  limits: BodyLimits,
): Promise<BodyResult> | BodyResult {
  if (declared !== undefined && declared > limits.bodyBytes) return TOO_LARGE;
  const bytes = isPushed(body) ? body[WHOLE]?.() : body;
  if (bytes instanceof Uint8Array) {
    return bytes.length > limits.bodyBytes ? TOO_LARGE : { ok: true, bytes };
  }
  if (isPushed(body)) return readPushed(body, limits);
  return isAsyncIterable(body) ? readPulled(body, limits) : { ok: false, cause: 'no_bytes' };
}

async function readPulled(body: AsyncIterable<unknown>, limits: BodyLimits): Promise<BodyResult> {
  const iterator = body[Symbol.asyncIterator]();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(resolve, limits.bodyTimeout, 'timeout');
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), deadline]);
      if (next === 'timeout') return letGo(iterator, 'timeout');
      if (next.done === true) return { ok: true, bytes: join(chunks, length) };
      if (!(next.value instanceof Uint8Array)) return letGo(iterator, 'no_bytes');
      length += next.value.length;
      if (length > limits.bodyBytes) return letGo(iterator, 'too_large');
      chunks.push(next.value);
    }
  } catch {
    return { ok: false, cause: 'aborted' };
  } finally {
    clearTimeout(timer);
  }
}

function readPushed(body: PushedBody, limits: BodyLimits): Promise<BodyResult> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Most bodies come with their head: they have ended before a promise has its turn.
    void READY.then(() => {
      if (isOver) return;
      timer = setTimeout(() => {
        letGo();
        resolve({ ok: false, cause: 'timeout' });
      }, limits.bodyTimeout);
    });
    const finish = (result: BodyResult): void => {
      isOver = true;
      clearTimeout(timer);
      resolve(result);
    };
    const letGo = body[PUSH](
      (chunk) => {
        length += chunk.length;
        if (length <= limits.bodyBytes) {
          chunks.push(chunk);
          return;
        }
        letGo();
        finish(TOO_LARGE);
      },
      (end) => {
        const isWhole = end === 'ended';
        finish(isWhole ? { ok: true, bytes: join(chunks, length) } : { ok: false, cause: end });
      },
    );
  });
}

const READY = Promise.resolve();
const TOO_LARGE: BodyResult = { ok: false, cause: 'too_large' };

function letGo(
  iterator: AsyncIterator<unknown>,
  cause: 'too_large' | 'timeout' | 'no_bytes',
): BodyResult {
  // Not awaited: a generator that waits for its next chunk would not answer before that.
  iterator.return?.().catch(() => undefined);
  return { ok: false, cause };
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

export function isPushed(body: unknown): body is PushedBody {
  return typeof body === 'object' && body !== null && PUSH in body;
}

function isAsyncIterable(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}
