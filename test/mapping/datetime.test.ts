import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/events.ts';
import {
  compileDate,
  compileDatetime,
  formatFault,
  needsZone,
} from '../../src/mapping/datetime.ts';
import { Refused } from '../../src/mapping/values.ts';
import { findZone } from '../../src/mapping/zone.ts';
import { runCommand } from '../support/process.ts';
import { TYPE_INPUTS, type TypeRule } from './type-inputs.ts';

type Converter = (value: JsonValue) => string | Refused;

function converterOf(type: 'date' | 'datetime', rule: TypeRule): Converter {
  const { format = 'iso', offset = 'use', disambiguation = 'compatible', timezone } = rule;
  expect(formatFault(format, type, offset), format).toBeUndefined();
  if (type === 'date') return compileDate(format);
  const convert = compileDatetime({ format, offset, disambiguation });
  const zone = timezone === undefined ? undefined : findZone(timezone);
  expect(zone?.name).toBe(timezone);
  return (value) => convert(value, zone);
}

const written = fc
  .record({
    date: fc.date({
      min: new Date('0001-01-03T00:00:00Z'),
      max: new Date('9999-12-29T00:00:00Z'),
      noInvalidDate: true,
    }),
    fraction: fc.option(fc.stringMatching(/^[0-9]{1,9}$/), { nil: undefined }),
  })
  .map(({ date, fraction }) => date.toISOString().slice(0, 19) + (fraction ? `.${fraction}` : ''));

describe.each(['date', 'datetime'] as const)('%s', (type) => {
  it.each(TYPE_INPUTS[type].accepted)('takes %j with %j as %s', (input, rule, result) => {
    expect(converterOf(type, rule)(input)).toBe(result);
  });

  it.each(TYPE_INPUTS[type].refused.map(([input, rule, reason]) => ({ input, rule, reason })))(
    'refuses $input with $rule',
    ({ input, rule, reason }) => {
      const result = converterOf(type, rule)(input);
      expect(result).toBeInstanceOf(Refused);
      if (reason !== undefined) expect((result as Refused).reason).toBe(reason);
    },
  );
});

describe('compileDatetime', () => {
  it('takes values with an offset as Temporal does', () => {
    const convert = converterOf('datetime', {});
    const offset = fc
      .tuple(fc.constantFrom('+', '-'), fc.nat(23), fc.nat(59), fc.constantFrom('', ':', 'short'))
      .map(([sign, hours, minutes, form]) => {
        const [h, m] = [hours, minutes].map((n) => String(n).padStart(2, '0')) as [string, string];
        return form === 'short' ? `${sign}${h}` : `${sign}${h}${form}${m}`;
      });
    fc.assert(
      fc.property(written, fc.oneof(offset, fc.constantFrom('Z', 'z')), (time, suffix) => {
        const text = time + suffix;
        expect(convert(text)).toBe(Temporal.Instant.from(text).toString());
      }),
      { numRuns: 3000 },
    );
  });

  it('knows the same days as Temporal', () => {
    const convert = converterOf('datetime', {});
    const number = (max: number, width: number) =>
      fc.nat(max).map((n) => String(n).padStart(width, '0'));
    fc.assert(
      fc.property(number(9999, 4), number(15, 2), number(33, 2), (year, month, day) => {
        const text = `${year}-${month}-${day}T12:00Z`;
        let expected: string | undefined;
        try {
          expected = Temporal.Instant.from(text).toString();
        } catch {
          // No such day.
        }
        const result = convert(text);
        expect(result instanceof Refused ? undefined : result).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes every number of seconds and milliseconds as Temporal does', () => {
    const seconds = converterOf('datetime', { format: 'epoch-seconds' });
    const millis = converterOf('datetime', { format: 'epoch-millis' });
    const range = { min: -62_167_219_200_000, max: 253_402_300_799_999 };
    const nanos = fc.bigInt({
      min: BigInt(range.min) * 1_000_000n,
      max: BigInt(range.max) * 1_000_000n,
    });
    fc.assert(
      fc.property(fc.integer(range), nanos, (ms, ns) => {
        const expected = Temporal.Instant.fromEpochMilliseconds(ms).toString();
        expect(millis(ms)).toBe(expected);
        expect(millis(String(ms))).toBe(expected);
        expect(seconds(ms / 1000)).toBe(expected);
        const digits = String(ns < 0n ? -ns : ns).padStart(10, '0');
        const text = `${ns < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
        expect(seconds(text)).toBe(new Temporal.Instant(ns).toString());
      }),
      { numRuns: 2000 },
    );
  });

  it('gives the same whatever zone the machine is in', () => {
    const outputs = ['UTC', 'America/New_York', 'Pacific/Kiritimati'].map((zone) => {
      const { status, stdout, stderr } = runCommand(
        process.execPath,
        ['test/support/print-datetimes.ts'],
        { env: { TZ: zone } },
      );
      expect(status, stderr).toBe(0);
      const [machine, ...lines] = stdout.trimEnd().split('\n');
      expect(machine).toBe(zone);
      return lines;
    });
    expect(outputs[0]!.length).toBeGreaterThan(1000);
    expect(outputs[1]).toEqual(outputs[0]);
    expect(outputs[2]).toEqual(outputs[0]);
  });
});

describe('compileDate', () => {
  it('never shifts: the date is the one that is written', () => {
    const iso = converterOf('date', {});
    const pattern = converterOf('date', { format: "yyyy-MM-dd'T'HH:mm:ssxxx" });
    fc.assert(
      fc.property(
        written,
        fc.constantFrom('', 'Z', '+14:00', '-12:00', '+23:59'),
        (time, offset) => {
          expect(iso(time + offset)).toBe(time.slice(0, 10));
          if (offset.length === 6)
            expect(pattern(time.slice(0, 19) + offset)).toBe(time.slice(0, 10));
        },
      ),
    );
  });
});

describe('any value', () => {
  const formats = [
    'iso',
    'epoch-seconds',
    'epoch-millis',
    'd MMM yyyy h:mm:ss.SSS a X',
    'yyyyMMddHHmm',
  ];
  const zone = findZone('America/New_York')!;
  const converters: Converter[] = [
    ...formats.map((format) => {
      const convert = compileDatetime({ format, offset: 'use', disambiguation: 'reject' });
      return (value: JsonValue) => convert(value, zone);
    }),
    compileDate('iso'),
    compileDate('MMMM d, yyyy'),
  ];
  const nearly = fc
    .tuple(
      fc.oneof(
        written,
        fc.constantFrom('2 Mar 2025 1:30:05.123 PM +05', '202503021030', 'May 2, 2025'),
      ),
      fc.nat(30),
      fc.nat(3),
      fc.string({ unit: 'binary', maxLength: 3 }),
    )
    .map(([text, at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut));
  const value = fc.oneof(
    fc.jsonValue() as fc.Arbitrary<JsonValue>,
    fc.string({ unit: 'binary' }),
    nearly,
  );

  it('is converted or refused, never thrown at, and never repeated', () => {
    const reasons = new Set<string>();
    fc.assert(
      fc.property(value, (input) => {
        for (const convert of converters) {
          const result = convert(input);
          if (result instanceof Refused) reasons.add(result.reason);
          else expect(result).toMatch(/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?Z)?$/);
        }
      }),
      { numRuns: 5000 },
    );
    // A reason that held a value would be a new one for each.
    expect(reasons.size).toBeLessThan(12);
  });

  it('is taken where Temporal takes it, if it is in the form of iso', () => {
    const convert = converterOf('datetime', {});
    fc.assert(
      fc.property(nearly, fc.constantFrom('Z', '+05:30', ''), (text, offset) => {
        const result = convert(text + offset);
        if (!(result instanceof Refused))
          expect(result).toBe(Temporal.Instant.from(text + offset).toString());
      }),
      { numRuns: 5000 },
    );
  });
});

describe('formatFault', () => {
  it.each([
    ['epoch-seconds', 'date', 'use', /zone/],
    ['epoch-millis', 'date', 'use', /zone/],
    ['epoch-seconds', 'datetime', 'ignore', /no offset/],
    ['epoch-millis', 'datetime', 'ignore', /no offset/],
    ['dd.MM.yyyy', 'datetime', 'use', /no hour/],
    ['epoch', 'datetime', 'use', /means nothing/],
    ['ISO', 'date', 'use', /means nothing/],
    ['', 'date', 'use', /no year/],
  ] as const)('finds fault with %j of a %s (%s)', (format, type, offset, fault) => {
    expect(formatFault(format, type, offset)).toMatch(fault);
  });

  it.each([
    ['iso', 'date', 'use'],
    ['iso', 'datetime', 'ignore'],
    ['epoch-seconds', 'datetime', 'use'],
    ['epoch-millis', 'datetime', 'use'],
    ['dd.MM.yyyy', 'date', 'use'],
    ['dd.MM.yyyy HH', 'datetime', 'ignore'],
  ] as const)('finds none with %j of a %s (%s)', (format, type, offset) => {
    expect(formatFault(format, type, offset)).toBeUndefined();
  });

  it('answers for any text, and what has no fault compiles', () => {
    const letters = fc.constantFrom(
      'yyyy',
      'MM',
      'M',
      'MMM',
      'dd',
      'd',
      'HH',
      'h',
      'a',
      'mm',
      'XXX',
      "'",
      '-',
      ' ',
      'Q',
    );
    const format = fc.oneof(
      fc.string(),
      fc.array(letters, { maxLength: 10 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(format, (text) => {
        for (const type of ['date', 'datetime'] as const) {
          if (formatFault(text, type) !== undefined) continue;
          const convert =
            type === 'date' ? compileDate(text) : converterOf('datetime', { format: text });
          expect(convert('')).toBeInstanceOf(Refused);
        }
        expect(needsZone(text, 'ignore')).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

it.each([
  ['iso', true],
  ['epoch-seconds', false],
  ['epoch-millis', false],
  ['yyyy-MM-dd HH:mm', true],
  ["yyyy-MM-dd HH:mm 'X'", true],
  ['yyyy-MM-dd HH:mm X', false],
  ['yyyy-MM-dd HH:mm xxx', false],
])('needsZone(%j) is %s', (format, expected) => {
  expect(needsZone(format, 'use')).toBe(expected);
  expect(needsZone(format, 'ignore')).toBe(true);
});
