import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLines } from '../../src/cli/lines.ts';
import { clock, ProgressBar, StatusLine, whole } from '../../src/cli/progress.ts';

async function linesOf(bytes: Buffer, size: number, longest = 100) {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  const lines: { number: number; text: string | undefined; size: number }[] = [];
  for await (const batch of readLines(Readable.from(chunks), longest)) {
    for (const { number, bytes, size } of batch) {
      lines.push({ number, text: bytes?.toString(), size });
    }
  }
  return lines;
}

describe('readLines', () => {
  const text = '\ufeffZoë\r\n\n \t\r\n  two \n\ufeffthree\nlast';

  it.each([1, 2, 3, 7, 1_000])('cuts chunks of %d bytes into the same lines', async (size) => {
    expect(await linesOf(Buffer.from(text), size)).toEqual([
      { number: 1, text: 'Zoë', size: 9 },
      { number: 4, text: 'two', size: 7 },
      { number: 5, text: '\ufeffthree', size: 9 },
      { number: 6, text: 'last', size: 4 },
    ]);
  });

  it.each([1, 5, 1_000])('keeps no line that is too long, in chunks of %d bytes', async (size) => {
    const lines = ['x'.repeat(11), 'x'.repeat(10), 'x'.repeat(500), `${'x'.repeat(10)}\r`, 'ok'];
    expect(await linesOf(Buffer.from(lines.join('\n')), size, 10)).toEqual([
      { number: 1, text: undefined, size: 12 },
      { number: 2, text: 'x'.repeat(10), size: 11 },
      { number: 3, text: undefined, size: 501 },
      { number: 4, text: 'x'.repeat(10), size: 12 },
      { number: 5, text: 'ok', size: 2 },
    ]);
  });

  it('finds nothing in nothing', async () => {
    expect(await linesOf(Buffer.from(''), 1)).toEqual([]);
    expect(await linesOf(Buffer.from('\n\n'), 1)).toEqual([]);
  });
});

describe('ProgressBar', () => {
  it('tells how fast it goes, and how long it will take', () => {
    const bar = new ProgressBar();
    const rest = { trouble: undefined, notes: [] };
    expect(bar.draw({ share: 0, done: 0, ...rest }, 1_000)).toBe(
      `${'░'.repeat(24)}   0 %  0 events  0/s`,
    );
    expect(bar.draw({ share: 0.25, done: 5_000, ...rest }, 3_000)).toBe(
      `${'█'.repeat(6)}${'░'.repeat(18)}  25 %  5,000 events  2,500/s  6 s left`,
    );
    expect(bar.draw({ share: 0.25, done: 5_000, trouble: '503', notes: ['3 failed'] }, 4_000)).toBe(
      `${'█'.repeat(6)}${'░'.repeat(18)}  25 %  5,000 events  held up: 503  3 failed`,
    );
  });

  it('has no bar where nobody knows how much there is', () => {
    const progress = { share: undefined, done: 7, trouble: undefined, notes: [] };
    expect(new ProgressBar().draw(progress, 0)).toBe('7 events  0/s');
  });

  it('writes numbers and times', () => {
    expect([whole(1_234_567.8), clock(59.4), clock(60), clock(3_725)]).toEqual([
      '1,234,568',
      '59 s',
      '1:00',
      '1:02:05',
    ]);
  });
});

describe('StatusLine', () => {
  it('is shown in a terminal only, under what is said for good', () => {
    for (const [columns, written] of [
      [10, '\rhow far it\x1b[K\r\x1b[Ksaid\n\rhow far it\x1b[K\n'],
      [undefined, 'said\n'],
    ] as const) {
      let err = '';
      const status = new StatusLine({
        env: {},
        out: () => undefined,
        err: (text) => (err += text),
        stdin: () => Readable.from([]),
        columns: () => columns && columns + 1,
        untilStopped: () => Promise.resolve(),
      });
      status.show('how far it is');
      status.say('said');
      status.keep();
      expect(err).toBe(written);
    }
  });
});
