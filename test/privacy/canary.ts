import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, vi } from 'vitest';

/**
 * Markers that stand for what belongs to patients, and for credentials. They are planted wherever an
 * event has room for them, and must be seen nowhere else.
 */
const PREFIX = `canary${randomBytes(4).toString('hex')}`;
const NUMBER = 918_273_640_000;

let planted = 0;

/** A text that occurs nowhere else; it begins with a letter, and has letters and digits only. */
export function marker(): string {
  return `${PREFIX}x${String(++planted)}`;
}

/** A number that occurs nowhere else. */
export function markedNumber(): number {
  return NUMBER + (++planted % 10_000);
}

/** What else must not be seen: signatures, and markers that other tests have. */
const others = new Set<string>();

export function forbid(text: string): void {
  others.add(text.toLowerCase());
}

/** The forms a marker may be seen in. */
const FORMS: readonly string[] = [
  PREFIX,
  String(NUMBER).slice(0, 8),
  Buffer.from(PREFIX).toString('hex'),
  // As `util.inspect` shows bytes.
  Buffer.from(PREFIX).toString('hex').replace(/../g, '$& ').trim(),
  // Wherever it begins, these are the characters that no neighbour changes.
  ...[0, 1, 2].map((offset) =>
    Buffer.from(`${'.'.repeat(offset)}${PREFIX}`)
      .toString('base64')
      .slice(offset === 0 ? 0 : 4, 16)
      .toLowerCase(),
  ),
];

/** The first marker in a text, with what stands around it. */
export function findMarker(text: string): string | undefined {
  const lower = text.toLowerCase();
  for (const form of [...FORMS, ...others]) {
    const at = lower.indexOf(form);
    if (at >= 0) return `…${text.slice(Math.max(0, at - 80), at + 60)}…`;
  }
  return undefined;
}

/** Everything that can be read off a value, as a logger, a debugger or a curious host would. */
export function textOf(value: unknown): string {
  const texts: string[] = [];
  const seen = new Set<object>();
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) {
      if (typeof part !== 'function') texts.push(String(part));
      return;
    }
    if (seen.has(part)) return;
    seen.add(part);
    if (part instanceof Uint8Array) texts.push(Buffer.from(part).toString('latin1'));
    else if (part instanceof Map || part instanceof Set) for (const item of part) visit(item);
    else {
      for (const name of Reflect.ownKeys(part)) {
        texts.push(String(name));
        visit(Object.getOwnPropertyDescriptor(part, name)!.value);
      }
      if (part instanceof Error) texts.push(String(part), part.message, part.stack ?? '');
    }
  };
  visit(value);
  texts.push(
    inspect(value, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null }),
  );
  try {
    texts.push(JSON.stringify(value));
  } catch {
    // Circular, which the walk above is not stopped by.
  }
  return texts.join('\n');
}

/** Fails where a marker can be read off a value. */
export function expectNoMarker(value: unknown, where: string): void {
  expect(findMarker(textOf(value)), where).toBeUndefined();
}

/** Waits for a promise, and gives what it rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error ?? new Error('rejected with nothing'),
  );
}

/** Everything this process prints or warns of while work is done. */
export async function printed(work: () => Promise<void>): Promise<string> {
  let text = '';
  const note = (...parts: unknown[]): boolean => {
    text += `${parts.map(textOf).join(' ')}\n`;
    return true;
  };
  const spies = [
    ...(['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation(note),
    ),
    vi.spyOn(process, 'emitWarning').mockImplementation(note),
    vi.spyOn(process.stdout, 'write').mockImplementation(note),
    vi.spyOn(process.stderr, 'write').mockImplementation(note),
  ];
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return text;
}
