import { Buffer } from 'node:buffer';

/** The body of an answer: of a `Response`, of `undici.request`, or anything that gives bytes. */
export type AnswerBody = AsyncIterable<Uint8Array> | null;

/** A body that is being read. */
export interface Reading {
  /** The text; empty where it is not wanted, or longer than it may be. Rejects where the body breaks off. */
  readonly text: Promise<string>;
  /** Gives it up, and so the connection it comes by. */
  cancel(): void;
}

/**
 * Reads a body to its end, or until it is longer than `limit` bytes.
 *
 * Streams of Node and of the platform are read by their own means: an iterator over either costs more than
 * what is done with an answer.
 *
 * @param isWanted - Whether the text matters, or only that it is there to its end.
 */
export function readBounded(body: AnswerBody, limit: number, isWanted: boolean): Reading {
  if (body === null) return { text: NOTHING, cancel: () => undefined };
  const chunks = new Chunks(limit, isWanted);
  if (isNodeStream(body)) return readNodeStream(body, chunks);
  if (isWebStream(body)) return readWebStream(body, chunks);
  return readIterable(body, chunks);
}

const NOTHING = Promise.resolve('');

class Chunks {
  readonly #limit: number;
  readonly #isWanted: boolean;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(limit: number, isWanted: boolean) {
    this.#limit = limit;
    this.#isWanted = isWanted;
  }

  /** Takes one more; `false` where that is too much. */
  add(chunk: Uint8Array): boolean {
    this.#size += chunk.byteLength;
    // Also where a stream gives text, whose size is no number.
    if (!(this.#size <= this.#limit)) return false;
    if (this.#isWanted) this.#chunks.push(chunk);
    return true;
  }

  toString(): string {
    return this.#isWanted ? Buffer.concat(this.#chunks).toString('utf8') : '';
  }
}

/** What is used of a `Readable`. */
interface NodeStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  destroy(): unknown;
}

function isNodeStream(body: object): body is NodeStream & AsyncIterable<Uint8Array> {
  const { on, destroy } = body as Partial<NodeStream>;
  return typeof on === 'function' && typeof destroy === 'function';
}

function readNodeStream(stream: NodeStream, chunks: Chunks): Reading {
  const text = new Promise<string>((resolve, reject) => {
    let isEnded = false;
    stream.on('data', (chunk) => {
      if (chunks.add(chunk)) return;
      resolve('');
      stream.destroy();
    });
    stream.on('end', () => {
      isEnded = true;
      resolve(chunks.toString());
    });
    stream.on('error', reject);
    // Of a stream that was destroyed nothing else is heard.
    stream.on('close', () => {
      if (!isEnded) reject(new Error('The answer broke off.'));
    });
  });
  return { text, cancel: () => stream.destroy() };
}

/** What is used of a `ReadableStream`. */
interface WebStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
}

function isWebStream(body: object): body is WebStream & AsyncIterable<Uint8Array> {
  return typeof (body as Partial<WebStream>).getReader === 'function';
}

function readWebStream(stream: WebStream, chunks: Chunks): Reading {
  const reader = stream.getReader();
  const cancel = (): void => {
    reader.cancel().catch(() => undefined);
  };
  const read = async (): Promise<string> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return chunks.toString();
      if (value !== undefined && !chunks.add(value)) {
        cancel();
        return '';
      }
    }
  };
  return { text: read(), cancel };
}

function readIterable(body: AsyncIterable<Uint8Array>, chunks: Chunks): Reading {
  let isCancelled = false;
  const read = async (): Promise<string> => {
    for await (const chunk of body) {
      // Leaving the loop closes what it comes from.
      if (isCancelled || !chunks.add(chunk)) return '';
    }
    return chunks.toString();
  };
  return {
    text: read(),
    cancel: () => {
      isCancelled = true;
    },
  };
}
