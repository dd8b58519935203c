import { describe, expect, it, vi } from 'vitest';
import { readBody } from '../../src/receiver/body.ts';

const LIMITS = { bodyBytes: 10, bodyTimeout: 1_000 };

/** A stream that notes what is done to it. */
function streamOf(
  chunks: readonly unknown[],
  onEnd: () => Promise<void> = () => Promise.resolve(),
) {
  const stream = {
    reads: 0,
    letGo: 0,
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = chunks[stream.reads++];
        if (value === undefined) await onEnd();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return() {
        stream.letGo++;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  return stream;
}

const bytes = (...values: number[]) => Uint8Array.from(values);

describe('readBody', () => {
  it('joins the chunks of a stream', async () => {
    const stream = streamOf([bytes(1, 2), bytes(), bytes(3)]);
    expect(await readBody(stream, undefined, LIMITS)).toEqual({ ok: true, bytes: bytes(1, 2, 3) });
    expect(stream.letGo).toBe(0);
    expect(await readBody(streamOf([]), 0, LIMITS)).toEqual({ ok: true, bytes: bytes() });
  });

  it('reads nothing of a body that says it is too large', async () => {
    const stream = streamOf([bytes(1)]);
    expect(await readBody(stream, 11, LIMITS)).toEqual({ ok: false, cause: 'too_large' });
    expect(stream.reads).toBe(0);
    expect(await readBody(bytes(1), 11, LIMITS)).toEqual({ ok: false, cause: 'too_large' });
  });

  it('stops at the limit, whatever the length that was said', async () => {
    const stream = streamOf([new Uint8Array(10), bytes(1), bytes(2)]);
    expect(await readBody(stream, 3, LIMITS)).toEqual({ ok: false, cause: 'too_large' });
    expect([stream.reads, stream.letGo]).toEqual([2, 1]);
    expect(await readBody(new Uint8Array(11), 3, LIMITS)).toEqual({
      ok: false,
      cause: 'too_large',
    });
    expect(await readBody(new Uint8Array(10), 3, LIMITS)).toMatchObject({ ok: true });
  });

  it('stops at the deadline, once for the whole body', async () => {
    vi.useFakeTimers();
    try {
      const stream = streamOf([bytes(1)], () => new Promise(() => undefined));
      const reading = readBody(stream, undefined, LIMITS);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await reading).toEqual({ ok: false, cause: 'timeout' });
      expect(stream.letGo).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves no timer behind', async () => {
    vi.useFakeTimers();
    try {
      await readBody(streamOf([bytes(1)]), undefined, LIMITS);
      await readBody(streamOf([new Uint8Array(11)]), undefined, LIMITS);
      await readBody(
        streamOf([], () => Promise.reject(new Error('reset'))),
        undefined,
        LIMITS,
      );
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([undefined, null, 'text', { parsed: true }, 7, streamOf(['text']), streamOf([{}])])(
    'takes nothing but bytes: %j',
    async (body) => {
      expect(await readBody(body, undefined, LIMITS)).toEqual({ ok: false, cause: 'no_bytes' });
    },
  );

  it('calls a stream that breaks aborted', async () => {
    const stream = streamOf([bytes(1)], () => Promise.reject(new Error('reset')));
    expect(await readBody(stream, undefined, LIMITS)).toEqual({ ok: false, cause: 'aborted' });
  });
});
