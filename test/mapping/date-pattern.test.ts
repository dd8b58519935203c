import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern, patternFault } from '../../src/mapping/date-pattern.ts';
import { compileDatetime } from '../../src/mapping/datetime.ts';
import { Refused } from '../../src/mapping/values.ts';
import { findZone } from '../../src/mapping/zone.ts';

const UTC = findZone('UTC');

/** What a pattern of a `datetime` makes of a text, in UTC. */
function read(pattern: string, text: string): string | Refused {
  expect(patternFault(pattern, 'datetime')).toBeUndefined();
  return compileDatetime({ format: pattern, offset: 'use', disambiguation: 'compatible' })(
    text,
    UTC,
  );
}

describe('the letters of a pattern', () => {
  it.each([
    ['yyyy-MM-dd HH', '2025-03-02 09', '2025-03-02T09:00:00Z'],
    ['yyyy-M-d H', '2025-3-2 9', '2025-03-02T09:00:00Z'],
    ['yyyy-M-d H', '2025-12-31 23', '2025-12-31T23:00:00Z'],
    ['yyyy-M-d H', '2025-03-02 09', '2025-03-02T09:00:00Z'],
    ['dd MMM yyyy HH', '02 Sep 2025 09', '2025-09-02T09:00:00Z'],
    ['ddMMMyyyyHH', '02sep202509', '2025-09-02T09:00:00Z'],
    ['d MMMM yyyy HH', '2 September 2025 09', '2025-09-02T09:00:00Z'],
    ['d MMMM yyyy HH', '2 MAY 2025 09', '2025-05-02T09:00:00Z'],
    ['yyyyMMddHHmmssSSS', '20250302093015120', '2025-03-02T09:30:15.12Z'],
    ['yyyyMMdd HHmmss.SSSSSSSSS', '20250302 093015.000000001', '2025-03-02T09:30:15.000000001Z'],
    ['yyyyMMdd HHmmss,S', '20250302 093015,0', '2025-03-02T09:30:15Z'],
    ['yyyyMMdd hh:mm a', '20250302 12:00 AM', '2025-03-02T00:00:00Z'],
    ['yyyyMMdd hh:mm a', '20250302 01:00 am', '2025-03-02T01:00:00Z'],
    ['yyyyMMdd hh:mm a', '20250302 12:00 PM', '2025-03-02T12:00:00Z'],
    ['yyyyMMdd h:mma', '20250302 11:59Pm', '2025-03-02T23:59:00Z'],
    ['a h yyyyMMdd', 'PM 1 20250302', '2025-03-02T13:00:00Z'],
    ['yyyyMMdd HHX', '20250302 09Z', '2025-03-02T09:00:00Z'],
    ['yyyyMMdd HHX', '20250302 09+05', '2025-03-02T04:00:00Z'],
    ['yyyyMMdd HHX', '20250302 09+0530', '2025-03-02T03:30:00Z'],
    ['yyyyMMdd HHXX', '20250302 09Z', '2025-03-02T09:00:00Z'],
    ['yyyyMMdd HHXX', '20250302 09-0530', '2025-03-02T14:30:00Z'],
    ['yyyyMMdd HHXXX', '20250302 09Z', '2025-03-02T09:00:00Z'],
    ['yyyyMMdd HHXXX', '20250302 09+05:30', '2025-03-02T03:30:00Z'],
    ['yyyyMMdd HHx', '20250302 09-08', '2025-03-02T17:00:00Z'],
    ['yyyyMMdd HHxx', '20250302 09+0000', '2025-03-02T09:00:00Z'],
    ['yyyyMMdd HHxxx', '20250302 09-08:00', '2025-03-02T17:00:00Z'],
    ["yyyy-MM-dd'T'HH:mm", '2025-03-02T09:30', '2025-03-02T09:30:00Z'],
    ["'on' yyyyMMdd 'at' HH 'o''clock'", "on 20250302 at 09 o'clock", '2025-03-02T09:00:00Z'],
    ["yyyyMMdd''HH", "20250302'09", '2025-03-02T09:00:00Z'],
    ["yyyyMMdd'''T'HH", "20250302'T09", '2025-03-02T09:00:00Z'],
    ['yyyy年MM月dd日 HH', '2025年03月02日 09', '2025-03-02T09:00:00Z'],
    ['[1] yyyyMMdd (HH)', '[1] 20250302 (09)', '2025-03-02T09:00:00Z'],
  ])('%s reads %s as %s', (pattern, text, expected) => {
    expect(read(pattern, text)).toBe(expected);
  });

  it.each([
    ['yyyy-MM-dd HH', '2025-3-02 09'],
    ['yyyy-MM-dd HH', '25-03-02 09'],
    ['yyyy-MM-dd HH', '2025-03-02 9'],
    ['yyyy-MM-dd HH', '2025-03-02 09 '],
    ['yyyy-MM-dd HH', '2025-03-02  09'],
    ['yyyy-MM-dd HH', '2025/03/02 09'],
    ['yyyy-MM-dd HH', '2025-02-30 09'],
    ['yyyy-MM-dd HH', '2025-03-02 24'],
    ['yyyy-M-d H', '2025-003-2 9'],
    ['dd MMM yyyy HH', '02 Sept 2025 09'],
    ['dd MMM yyyy HH', '02 03 2025 09'],
    ['dd MMMM yyyy HH', '02 Sep 2025 09'],
    ['yyyyMMddHHmmss', '20250302093060'],
    ['yyyyMMddHHmm', '202503020960'],
    ['yyyyMMdd HHmmss.SSS', '20250302 093015.12'],
    ['yyyyMMdd HHmmss.SSS', '20250302 093015.1234'],
    ['yyyyMMdd hh:mm a', '20250302 00:30 AM'],
    ['yyyyMMdd hh:mm a', '20250302 13:30 PM'],
    ['yyyyMMdd hh:mm a', '20250302 01:30 a.m.'],
    ['yyyyMMdd hh:mm a', '20250302 01:30 '],
    ['yyyyMMdd HHX', '20250302 09z'],
    ['yyyyMMdd HHX', '20250302 09+053'],
    ['yyyyMMdd HHX', '20250302 09+05:30'],
    ['yyyyMMdd HHXX', '20250302 09+05'],
    ['yyyyMMdd HHXXX', '20250302 09+0530'],
    ['yyyyMMdd HHXXX', '20250302 09+05.30'],
    ['yyyyMMdd HHXXX', '20250302 09+24:00'],
    ['yyyyMMdd HHXXX', '20250302 09+05:60'],
    ['yyyyMMdd HHXXX', '20250302 09'],
    ['yyyyMMdd HHx', '20250302 09Z'],
    ['yyyyMMdd HHxx', '20250302 09Z'],
    ['yyyyMMdd HHxxx', '20250302 09Z'],
    ["yyyy-MM-dd'T'HH", '2025-03-02t09'],
  ])('%s refuses %s', (pattern, text) => {
    expect(read(pattern, text)).toBeInstanceOf(Refused);
  });

  it('reads what it would write', () => {
    const number = (min: number, max: number) => fc.integer({ min, max });
    const short = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
    const two = (n: number) => String(n).padStart(2, '0');
    fc.assert(
      fc.property(
        number(1, 9998),
        number(1, 12),
        number(1, 28),
        number(0, 86_399),
        (y, M, d, s) => {
          const year = String(y).padStart(4, '0');
          const [h, m, sec] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
          const expected = `${year}-${two(M)}-${two(d)}T${two(h)}:${two(m)}:${two(sec)}Z`;
          const halfHour = `${String(h % 12 || 12)}:${two(m)}:${two(sec)} ${h < 12 ? 'AM' : 'PM'}`;
          const text = `${String(d)} ${short[M - 1]!} ${year} ${halfHour}`;
          expect(
            read('yyyyMMddHHmmss', `${year}${two(M)}${two(d)}${two(h)}${two(m)}${two(sec)}`),
          ).toBe(expected);
          expect(read('d MMM yyyy h:mm:ss a', text)).toBe(expected);
        },
      ),
    );
  });
});

describe('patternFault', () => {
  it.each([
    ['dd.MM.yy', '"yy": two digits have no century'],
    ['dd.MM.y', 'what is known is yyyy'],
    ['dd.MM.yyyyy', 'what is known is yyyy'],
    ['ddd.MM.yyyy', 'what is known is dd, d'],
    ['dd.MMMMM.yyyy', 'what is known is MM, M, MMM, MMMM'],
    ['dd.MM.yyyy H:m', 'what is known is mm'],
    ['dd.MM.yyyy HH:mm:s', 'what is known is ss'],
    ['dd.MM.yyyy HH:mm:ss.SSSSSSSSSS', 'what is known is S,'],
    ['dd.MM.yyyy HHXXXX', 'what is known is X, XX, XXX'],
    ['yyyy-MM-ddTHH:mm', "text stands in quotes ('T')"],
    ['YYYY-MM-dd', '"YYYY", which means nothing'],
    ['yyyy-MM-DD', '"DD", which means nothing'],
    ['EEE dd.MM.yyyy', '"EEE", which means nothing'],
    ['dd.MM.yyyy z', '"z", which means nothing'],
    ["dd.MM.yyyy 'at", 'a quote that is not closed'],
    ["dd.MM.yyyy'", 'a quote that is not closed'],
    ['MM.yyyy', 'has no day'],
    ['dd.yyyy', 'has no month'],
    ['dd.MM', 'has no year'],
    ['dd.MM.yyyy mm', 'has no hour'],
    ['dd.MM.yyyy HH:ss', 'has no minute'],
    ['dd.MM.yyyy HH:mm.SSS', 'has no second'],
    ['dd.MM.yyyy XXX', 'has no hour'],
    ['dd.MM.yyyy dd', 'has the day'],
    ['dd.MMM.yyyy MM', 'has the month'],
    ['dd.MM.yyyy HH hh a', 'has the hour'],
    ['dd.MM.yyyy HH X xxx', 'has the offset'],
    ['dd.MM.yyyy hh:mm', 'one of h and a without the other'],
    ['dd.MM.yyyy HH:mm a', 'one of h and a without the other'],
    ['dMyyyy HH', 'digits right after d'],
    ['dd.yyyy.MHH', 'digits right after M'],
    ["dd.MM.yyyy H'0'", 'digits right after H'],
    ['HHXdd.MM.yyyy', 'digits right after X'],
  ])('finds fault with %s', (pattern, fault) => {
    expect(patternFault(pattern, 'date')).toContain(fault);
    expect(patternFault(pattern, 'datetime')).toContain(fault);
    // It follows the name of the format in a sentence.
    expect(patternFault(pattern, 'date')).toMatch(/^has /);
  });

  it.each(['dd.MM.yyyy', 'yyyyMMdd', 'MMMM d, yyyy', 'dd.MM.yyyy HH:mm:ss.SSS XXX'])(
    'finds none with %s as a date',
    (pattern) => {
      expect(patternFault(pattern, 'date')).toBeUndefined();
    },
  );

  it('keeps a pattern with unknown letters from being compiled', () => {
    expect(() => compilePattern('dd.MM.yy')).toThrow(TypeError);
  });
});
