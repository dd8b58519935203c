import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTimestamp } from '../src/timestamp.ts';

describe('parseTimestamp', () => {
  it.each([
    ['2025-01-08T12:00:00Z', '2025-01-08T12:00:00.000000000Z'],
    ['2025-01-08t12:00:00z', '2025-01-08T12:00:00.000000000Z'],
    ['2025-01-08T12:00:00.5+05:30', '2025-01-08T06:30:00.500000000Z'],
    ['2025-01-01T00:30:00.1234567891+01:00', '2024-12-31T23:30:00.123456789Z'],
    ['2024-02-29T23:59:59-00:01', '2024-03-01T00:00:59.000000000Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:60.000000000Z'],
    ['2017-01-01T05:29:60.25+05:30', '2016-12-31T23:59:60.250000000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000000Z'],
    ['0099-06-01T00:00:00Z', '0099-06-01T00:00:00.000000000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000000000Z'],
    // The last day of 400 years, and the days about those that are no leap years.
    ['2000-02-29T12:00:00Z', '2000-02-29T12:00:00.000000000Z'],
    ['2000-02-29T23:00:00-01:00', '2000-03-01T00:00:00.000000000Z'],
    ['0400-02-29T12:00:00Z', '0400-02-29T12:00:00.000000000Z'],
    ['1900-02-28T23:00:00-01:00', '1900-03-01T00:00:00.000000000Z'],
    ['2100-03-01T00:00:00+01:00', '2100-02-28T23:00:00.000000000Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000000000Z'],
    ['0000-02-29T12:00:00Z', '0000-02-29T12:00:00.000000000Z'],
  ])('reads %s', (text, utc) => {
    expect(parseTimestamp(text)?.utc).toBe(utc);
  });

  it.each([
    '',
    '2025-01-08',
    '2025-01-08T12:00:00',
    '2025-01-08 12:00:00Z',
    '2025-1-8T12:00:00Z',
    '2025-01-08T12:00Z',
    '2025-01-08T12:00:00.Z',
    '2025-01-08T12:00:00x',
    '2025-01-08T12:00:00+',
    '2025-01-08T12:00:00Z0',
    '2025-01-08T12:00:00Z00:00',
    '2025-01-08T12:00:00+05:3',
    '2025-01-08T12:00:00+05-30',
    '2025-01-08T12:00:00+xx:30',
    '2025-01-08T12:00:00+05:xx',
    'x025-01-08T12:00:00Z',
    '20x5-01-08T12:00:00Z',
    '2025-0x-08T12:00:00Z',
    '2025-01-0xT12:00:00Z',
    '2025-01-08T12:00:00+0530',
    '2025-02-29T12:00:00Z',
    '1900-02-29T00:00:00Z',
    '2025-04-31T12:00:00Z',
    '2025-13-01T12:00:00Z',
    '2025-00-01T12:00:00Z',
    '2025-01-00T12:00:00Z',
    '2025-01-08T24:00:00Z',
    '2025-01-08T12:60:00Z',
    '2025-01-08T12:00:61Z',
    '2025-01-08T12:00:60Z',
    '2025-01-08T12:00:00+24:00',
    '2025-01-08T12:00:00+00:60',
    '0000-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '2025-01-08T12:00:00Z\n',
    ' 2025-01-08T12:00:00Z',
    '２025-01-08T12:00:00Z',
  ])('refuses %j', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it('takes no other character for a digit, a sign or a separator', () => {
    const text = '2025-01-08T12:00:00.25+05:30';
    for (let at = 0; at < text.length; at++) {
      for (const other of ['x', '/', ':', ' ', '\u0130', '\u0a3a', '']) {
        const changed = text.slice(0, at) + other + text.slice(at + 1);
        const read = parseTimestamp(changed);
        // One digit less of the fraction, and nothing else, leaves a timestamp.
        if (changed === text || (other === '' && (at === 20 || at === 21))) {
          expect(read, changed).toBeDefined();
        } else {
          expect(read, changed).toBeUndefined();
        }
      }
    }
  });

  it('agrees with Date wherever Date can say it, and orders as text', () => {
    const date = fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, date, fc.integer({ min: -1439, max: 1439 }), (a, b, offset) => {
        const minutes = Math.abs(offset);
        const suffix = `${offset < 0 ? '-' : '+'}${String(Math.trunc(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
        const local = new Date(a.getTime() + offset * 60_000).toISOString().replace('Z', suffix);
        const read = parseTimestamp(local)!;
        expect(read.epochMillis).toBe(a.getTime());
        expect(read.utc).toBe(a.toISOString().replace('Z', '000000Z'));
        const other = parseTimestamp(b.toISOString())!;
        expect(read.utc < other.utc).toBe(a.getTime() < b.getTime());
      }),
    );
  });
});
