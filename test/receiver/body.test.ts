import { describe, expect, it, vi } from 'vitest';
import { type BodyEnd, PUSH, readBody } from '../../src/receiver/body.ts';

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
    expect(await readBody(new Uint8Array(10), 10, LIMITS)).toMatchObject({ ok: true });
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

  it('takes a stream that cannot be let go of', async () => {
    const chunks = [new Uint8Array(11), 'text'];
    const stream = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false, value: chunks.shift() }),
      }),
    };
    expect(await readBody(stream, undefined, LIMITS)).toEqual({ ok: false, cause: 'too_large' });
    expect(await readBody(stream, undefined, LIMITS)).toEqual({ ok: false, cause: 'no_bytes' });
  });

  it('calls a stream that breaks aborted', async () => {
    const stream = streamOf([bytes(1)], () => Promise.reject(new Error('reset')));
    expect(await readBody(stream, undefined, LIMITS)).toEqual({ ok: false, cause: 'aborted' });
  });
});

/** A stream that pushes, with the hands that push it. */
function pushedBody() {
  const stream = {
    begun: 0,
    letGo: 0,
    push: (_: Uint8Array): void => undefined,
    end: (_: BodyEnd): void => undefined,
    [PUSH](onChunk: (chunk: Uint8Array) => void, onEnd: (end: BodyEnd) => void) {
      stream.begun++;
      stream.push = onChunk;
      stream.end = onEnd;
      return () => {
        stream.letGo++;
      };
    },
    [Symbol.asyncIterator]: () => {
      throw new Error('It is not iterated over.');
    },
  };
  return stream;
}

describe('readBody of a stream that pushes', () => {
  it('joins the chunks, up to the limit', async () => {
    const stream = pushedBody();
    const reading = readBody(stream, 3, LIMITS);
    for (const chunk of [bytes(1, 2), bytes(), bytes(3), new Uint8Array(7)]) stream.push(chunk);
    stream.end('ended');
    expect(await reading).toEqual({ ok: true, bytes: bytes(1, 2, 3, 0, 0, 0, 0, 0, 0, 0) });
    expect(stream).toMatchObject({ begun: 1, letGo: 0 });
  });

  it('begins nothing for a body that says it is too large', async () => {
    const stream = pushedBody();
    expect(await readBody(stream, 11, LIMITS)).toEqual({ ok: false, cause: 'too_large' });
    expect(stream.begun).toBe(0);
  });

  it('lets go at the limit', async () => {
    const stream = pushedBody();
    const reading = readBody(stream, undefined, LIMITS);
    stream.push(new Uint8Array(10));
    expect(stream.letGo).toBe(0);
    stream.push(bytes(1));
    expect(stream.letGo).toBe(1);
    expect(await reading).toEqual({ ok: false, cause: 'too_large' });
  });

  it.each(['aborted', 'no_bytes'] as const)('tells that it was %s', async (end) => {
    const stream = pushedBody();
    const reading = readBody(stream, undefined, LIMITS);
    stream.push(bytes(1));
    stream.end(end);
    expect(await reading).toEqual({ ok: false, cause: end });
  });

  it('takes one that is over before it began', async () => {
    const over = {
      [PUSH](_: unknown, onEnd: (end: BodyEnd) => void) {
        onEnd('aborted');
        return () => undefined;
      },
    };
    expect(await readBody(over, undefined, LIMITS)).toEqual({ ok: false, cause: 'aborted' });
  });

  it('lets go at the deadline, once for the whole body', async () => {
    vi.useFakeTimers();
    try {
      const stream = pushedBody();
      const reading = readBody(stream, undefined, LIMITS);
      await vi.advanceTimersByTimeAsync(999);
      stream.push(bytes(1));
      expect(stream.letGo).toBe(0);
      await vi.advanceTimersByTimeAsync(1);
      expect(stream.letGo).toBe(1);
      expect(await reading).toEqual({ ok: false, cause: 'timeout' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves no timer behind', async () => {
    vi.useFakeTimers();
    try {
      const whole = pushedBody();
      const large = pushedBody();
      const reading = [whole, large].map((stream) => readBody(stream, undefined, LIMITS));
      whole.end('ended');
      large.push(new Uint8Array(11));
      for (const one of reading) await one;
      expect(vi.getTimerCount()).toBe(0);
      expect(large.letGo).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
