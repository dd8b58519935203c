import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type AnswerBody, readBounded } from '../../src/sender/body.ts';

const LIMIT = 100;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A body in every form that is read, with whether it was closed before its end. */
const FORMS: Readonly<
  Record<
    string,
    (source: () => AsyncGenerator<Uint8Array>) => { body: AnswerBody; isClosed: () => boolean }
  >
> = {
  'a stream of Node': (source) => {
    const body = Readable.from(source(), { objectMode: false });
    return { body, isClosed: () => body.destroyed && !body.readableEnded };
  },
  'a stream of the platform': (source) => {
    const chunks = source();
    let isClosed = false;
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const next = await chunks.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      cancel: () => {
        isClosed = true;
      },
    });
    return { body, isClosed: () => isClosed };
  },
  'an iterable': (source) => {
    let isClosed = false;
    const body = (async function* () {
      let isAtEnd = false;
      try {
        yield* source();
        isAtEnd = true;
      } catch (error) {
        isAtEnd = true;
        throw error;
      } finally {
        isClosed = !isAtEnd;
      }
    })();
    return { body, isClosed: () => isClosed };
  },
};

async function* slowly(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    await new Promise((resolve) => setImmediate(resolve));
    yield bytes(part);
  }
}

describe.each(Object.entries(FORMS))('%s', (_, make) => {
  it('is read to its end, characters that are split included', async () => {
    const { body, isClosed } = make(async function* () {
      await Promise.resolve();
      yield bytes('Zo');
      yield bytes('ë').subarray(0, 1);
      yield bytes('ë').subarray(1);
    });
    expect(await readBounded(body, LIMIT, true).text).toBe('Zoë');
    expect(isClosed()).toBe(false);
  });

  it('is read, and not kept, where it is not wanted', async () => {
    let isRead = false;
    const { body } = make(async function* () {
      yield* slowly('a', 'b');
      isRead = true;
    });
    expect(await readBounded(body, LIMIT, false).text).toBe('');
    expect(isRead).toBe(true);
  });

  it('is closed where it is longer than it may be', async () => {
    const exact = make(() => slowly('x'.repeat(60), 'x'.repeat(40)));
    expect(await readBounded(exact.body, LIMIT, true).text).toHaveLength(100);
    let more = 0;
    const { body, isClosed } = make(async function* () {
      for (; more < 1_000; more++) yield* slowly('x'.repeat(60));
    });
    expect(await readBounded(body, LIMIT, true).text).toBe('');
    await expect.poll(isClosed).toBe(true);
    expect(more).toBeLessThan(10);
  });

  it('rejects where it breaks off', async () => {
    const { body } = make(async function* () {
      yield* slowly('a');
      throw new Error('reset');
    });
    await expect(readBounded(body, LIMIT, true).text).rejects.toThrow('reset');
  });

  it('is closed when it is given up, with nothing unhandled', async () => {
    const { body, isClosed } = make(async function* () {
      for (;;) yield* slowly('x');
    });
    const reading = readBounded(body, 1e9, true);
    await new Promise((resolve) => setTimeout(resolve, 5));
    reading.cancel();
    await reading.text.catch(() => undefined);
    await expect.poll(isClosed).toBe(true);
  });
});

it('is no answer where a stream of Node is closed without a word', async () => {
  const stream = new Readable({ read: () => undefined });
  const { text } = readBounded(stream, LIMIT, true);
  stream.push('a');
  setImmediate(() => stream.destroy());
  await expect(text).rejects.toThrow('The answer broke off.');
});

it('is bounded where a stream gives text instead of bytes', async () => {
  const stream = Readable.from(['x'.repeat(1_000)]).setEncoding('utf8');
  expect(await readBounded(stream, LIMIT, true).text).toBe('');
});

it('is empty where there is none', async () => {
  expect(await readBounded(null, LIMIT, true).text).toBe('');
});
