import { Buffer } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type Io, UsageError } from './io.ts';

/** A line of a file. */
export interface Line {
  /** Counted from 1, empty lines included. */
  readonly number: number;
  /** Without its end; `undefined` where it was too long to be kept. */
  readonly bytes: Buffer | undefined;
  /** How many bytes of the file it takes, its end included. */
  readonly size: number;
}

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/**
 * Cuts a stream into lines, and gives those that end in one chunk together: no more is in memory than a
 * chunk and the longest line that is kept. Empty lines are left out, and so are a byte order mark in the
 * beginning and the `\r` of a Windows line end.
 *
 * @param longest - In bytes.
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  longest: number,
): AsyncGenerator<readonly Line[]> {
  let parts: Buffer[] = [];
  let kept = 0;
  let size = 0;
  let number = 1;
  const add = (part: Buffer): void => {
    size += part.length;
    // Of a line that is too long, so much that it is known to be.
    if (kept > longest + 2) return;
    kept += part.length;
    parts.push(part);
  };
  let lines: Line[] = [];
  const end = (): void => {
    const bytes = trim(Buffer.concat(parts), number === 1);
    const isKept = kept === size;
    const line = { number, size, bytes: isKept && bytes.length <= longest ? bytes : undefined };
    parts = [];
    kept = 0;
    size = 0;
    number++;
    if (bytes.length > 0) lines.push(line);
  };
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let at = buffer.indexOf(NEWLINE); at !== -1; at = buffer.indexOf(NEWLINE, start)) {
      add(buffer.subarray(start, at + 1));
      end();
      start = at + 1;
    }
    if (start < buffer.length) add(buffer.subarray(start));
    yield lines;
    lines = [];
  }
  end();
  yield lines;
}

/** Spaces around JSON mean nothing, but the bytes in between are what is signed. */
function trim(line: Buffer, isFirst: boolean): Buffer {
  const isMarked = isFirst && line.subarray(0, 3).equals(BYTE_ORDER_MARK);
  let start = isMarked ? BYTE_ORDER_MARK.length : 0;
  let end = line.length;
  while (start < end && isSpace(line[start])) start++;
  while (end > start && isSpace(line[end - 1])) end--;
  return line.subarray(start, end);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** Where lines come from. */
export interface Source {
  /** For messages. */
  readonly name: string;
  /** In bytes; `undefined` where nobody knows before its end. */
  readonly size: number | undefined;
  readonly stream: Readable;
}

/** Opens a file; standard input for `-`. */
export async function openSource(io: Io, file: string): Promise<Source> {
  if (file === '-') return { name: 'standard input', size: undefined, stream: io.stdin() };
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const stats = await handle.stat();
    if (stats.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    const stream = handle.createReadStream({ highWaterMark: 256 * 1024 });
    return { name: file, size: stats.isFile() ? stats.size : undefined, stream };
  } catch (error) {
    await handle?.close();
    throw new UsageError(`Cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? ''}`);
  }
}
