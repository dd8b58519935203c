/** The body of a request: its exact bytes, or a stream of them. */
export type RequestBody = Uint8Array | AsyncIterable<Uint8Array>;

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
export async function readBody(
  body: unknown,
  declared: number | undefined,
  limits: BodyLimits,
): Promise<BodyResult> {
  if (declared !== undefined && declared > limits.bodyBytes) return TOO_LARGE;
  if (body instanceof Uint8Array) {
    return body.length > limits.bodyBytes ? TOO_LARGE : { ok: true, bytes: body };
  }
  if (!isAsyncIterable(body)) return { ok: false, cause: 'no_bytes' };

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

function isAsyncIterable(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}
