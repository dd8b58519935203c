import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import * as PlainDateTime from 'temporal-polyfill/fns/PlainDateTime';
import * as ZonedDateTime from 'temporal-polyfill/fns/ZonedDateTime';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { compileDatetime } from '../../src/mapping/datetime.ts';
import { Refused } from '../../src/mapping/values.ts';
import { type Disambiguation, findZone, zoneNames } from '../../src/mapping/zone.ts';

// Everything works as ever; the calls are counted.
vi.mock('temporal-polyfill/fns/PlainDateTime', { spy: true });
vi.mock('temporal-polyfill/fns/ZonedDateTime', { spy: true });

const DISAMBIGUATIONS: readonly Disambiguation[] = ['compatible', 'earlier', 'later', 'reject'];
const converters = DISAMBIGUATIONS.map((disambiguation) =>
  compileDatetime({ format: 'iso', offset: 'use', disambiguation }),
);

/** What Temporal says without anything kept; `undefined` where it rejects the time. */
function expected(text: string, zone: string, disambiguation: Disambiguation): string | undefined {
  try {
    return Temporal.PlainDateTime.from(text)
      .toZonedDateTime(zone, { disambiguation })
      .toInstant()
      .toString();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function expectTemporals(zone: string, text: string): void {
  const found = findZone(zone);
  for (const [index, disambiguation] of DISAMBIGUATIONS.entries()) {
    const result = converters[index]!(text, found);
    expect(
      result instanceof Refused ? undefined : result,
      `${text} in ${zone}, ${disambiguation}`,
    ).toBe(expected(text, zone, disambiguation));
  }
}

const textOf = (local: number, fraction = ''): string =>
  new Date(local * 1000).toISOString().slice(0, 19) + fraction;

const secondOf = (date: string): number => Date.parse(date) / 1000;

/** Seconds before and after the moments at which a gap or an overlap begins and ends. */
const nearEdge = fc.oneof(
  fc.constantFrom(-1, 0, 1),
  fc.integer({ min: -7200, max: 7200 }),
  fc.integer({ min: -200_000, max: 200_000 }),
);
const fraction = fc.oneof(fc.constant(''), fc.stringMatching(/^\.[0-9]{1,9}$/));

/** Local times anywhere, and around the first clock change after a moment. */
function checkZones(zones: readonly string[], runs: number, from: number, until: number): void {
  const times = fc.record({
    zone: fc.constantFrom(...zones),
    moment: fc.integer({ min: from, max: until }),
    near: fc.array(fc.tuple(nearEdge, fraction), { minLength: 3, maxLength: 3 }),
  });
  fc.assert(
    fc.property(times, ({ zone, moment, near }) => {
      expectTemporals(zone, textOf(moment, near[0]?.[1]));
      const change = Temporal.Instant.fromEpochMilliseconds(moment * 1000)
        .toZonedDateTimeISO(zone)
        .getTimeZoneTransition('next');
      if (change === null) return;
      const before = change.subtract({ nanoseconds: 1 }).offsetNanoseconds / 1e9;
      const after = change.offsetNanoseconds / 1e9;
      for (const edge of [before, after]) {
        for (const [distance, digits] of near) {
          const local = change.epochMilliseconds / 1000 + edge + distance;
          expectTemporals(zone, textOf(local, digits));
        }
      }
    }),
    { numRuns: runs },
  );
}

/** Half hours, negative summer time, skipped days, changes of the standard time, odd seconds. */
const STRANGE = [
  'Africa/Cairo',
  'Africa/Casablanca',
  'Africa/El_Aaiun',
  'Africa/Juba',
  'Africa/Monrovia',
  'Africa/Sao_Tome',
  'Africa/Windhoek',
  'America/Caracas',
  'America/Nuuk',
  'America/Scoresbysund',
  'America/St_Johns',
  'America/Asuncion',
  'Antarctica/Casey',
  'Antarctica/Troll',
  'Asia/Gaza',
  'Asia/Kathmandu',
  'Asia/Pyongyang',
  'Asia/Tehran',
  'Australia/Eucla',
  'Australia/Lord_Howe',
  'Europe/Dublin',
  'Europe/Istanbul',
  'Europe/Lisbon',
  'Europe/Volgograd',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Pacific/Fakaofo',
  'Pacific/Kiritimati',
  'Pacific/Kwajalein',
  'Pacific/Norfolk',
];

describe('a zone agrees with Temporal, to the second', () => {
  const from = secondOf('1970-01-01T00:00Z');
  const until = secondOf('2040-01-01T00:00Z');

  it('where its clocks are strange', () => {
    checkZones(STRANGE, 1500, from, until);
  });

  const areaOf = (zone: string): string => zone.split('/')[0]!;
  it.each([...new Set(zoneNames().map(areaOf))])('in %s', (area) => {
    const zones = zoneNames().filter((zone) => areaOf(zone) === area);
    checkZones(zones, zones.length * 10, from, until);
  });

  it.each([
    ['Africa/Cairo', '2010-08-20', '2010-10-10'],
    ['Africa/Tunis', '1943-03-10', '1943-05-10'],
    ['America/Argentina/Tucuman', '2004-05-15', '2004-06-30'],
    ['America/Recife', '2000-09-20', '2000-10-31'],
    ['Asia/Gaza', '2040-10-01', '2040-11-10'],
    ['Europe/Vienna', '1945-03-20', '1945-04-30'],
  ])('where %s changes its clocks again within a month, from %s on', (zone, first, last) => {
    checkZones([zone], 50, secondOf(first), secondOf(last));
    for (let local = secondOf(first); local < secondOf(last); local += 3600) {
      expectTemporals(zone, textOf(local));
    }
  });

  it('in years long gone and far ahead', () => {
    const zones = ['UTC', 'Asia/Kolkata', 'America/New_York', 'Europe/Dublin', 'Asia/Manila'];
    checkZones(zones, 150, secondOf('1830-01-01T00:00Z'), from);
    checkZones(zones, 150, until, secondOf('9990-01-01T00:00Z'));
  });

  it.each([
    ['Pacific/Apia', '2011-12-29T23:59:59'],
    ['Pacific/Apia', '2011-12-30T00:00:00'],
    ['Pacific/Apia', '2011-12-30T23:59:59'],
    ['Pacific/Apia', '2011-12-31T00:00:00'],
    ['Pacific/Kwajalein', '1993-08-21T12:00:00'],
    ['Pacific/Kwajalein', '1969-09-30T12:00:00'],
    ['Asia/Manila', '1844-12-31T12:00:00'],
    ['America/Juneau', '1867-10-18T12:00:00'],
    ['Africa/Monrovia', '1972-01-07T00:20:00'],
    ['Europe/Dublin', '1971-10-31T02:30:00'],
    ['Africa/Casablanca', '2025-02-23T02:30:00'],
    ['Africa/Casablanca', '2025-04-06T02:30:00'],
    ['Africa/Cairo', '2010-08-11T00:30:00'],
    ['Australia/Lord_Howe', '2025-10-05T02:15:00'],
    ['UTC', '0000-01-02T00:00:00'],
    ['Asia/Tokyo', '9999-12-31T00:00:00'],
  ])('in %s at %s', (zone, text) => {
    expectTemporals(zone, text);
  });
});

describe('what a zone keeps', () => {
  const asked = vi.mocked(ZonedDateTime.create);
  const askedOnce = vi.mocked(PlainDateTime.toZonedDateTime);
  beforeEach(() => {
    vi.clearAllMocks();
  });

  it('does not depend on what was asked before', async () => {
    const fresh = async () => {
      vi.resetModules();
      return (await import('../../src/mapping/zone.ts')).findZone;
    };
    const range = { min: secondOf('1900-01-01T00:00Z'), max: secondOf('2045-01-01T00:00Z') };
    const times = fc.array(fc.integer(range), { minLength: 2, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...STRANGE), times, async (name, locals) => {
        const [one, other] = [(await fresh())(name)!, (await fresh())(name)!];
        const ask = (zone: typeof one, local: number) => [local, zone.secondOf(local, 'earlier')];
        const forwards = locals.map((local) => ask(one, local));
        const backwards = locals.toReversed().map((local) => ask(other, local));
        expect(backwards.toReversed()).toEqual(forwards);
      }),
      { numRuns: 60 },
    );
  });

  it('spares Temporal the local times nearby', () => {
    // Under a name that no other test asks for.
    const zone = findZone('US/Central')!;
    const locals = [0, 3600, 86_400].map((more) => secondOf('2025-03-09T02:30Z') + more);
    for (const local of locals) zone.secondOf(local, 'compatible');
    expect(asked).toHaveBeenCalled();
    vi.clearAllMocks();
    for (const local of locals) zone.secondOf(local, 'compatible');
    expect(asked).not.toHaveBeenCalled();
    expect(askedOnce).not.toHaveBeenCalled();
  });

  it('has a bound, however strange the years are', () => {
    const zone = findZone('America/Denver')!;
    const first = secondOf('2025-03-09T02:30Z');
    zone.secondOf(first, 'compatible');
    asked.mockClear();
    zone.secondOf(first, 'compatible');
    expect(asked).not.toHaveBeenCalled();
    for (let year = 1; year < 2100; year++) zone.secondOf((year - 1970) * 31_556_952, 'compatible');
    asked.mockClear();
    zone.secondOf(first, 'compatible');
    expect(asked).toHaveBeenCalledOnce();
  });
});

describe('findZone', () => {
  it.each(['UTC', 'Asia/Kolkata', 'Asia/Calcutta', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'])(
    'finds %s, once',
    (name) => {
      const zone = findZone(name);
      expect(zone?.name).toBe(name);
      expect(findZone(name)).toBe(zone);
      expect(findZone(name.toLowerCase())).toBe(zone);
    },
  );

  it.each([
    '',
    ' ',
    'UTC ',
    'IST',
    'PST',
    'Z',
    '+05:30',
    '-08',
    '\u221208:00',
    'Asia/Bombay',
    'Asia/',
    'Asia/Kolkata[u-ca=iso8601]',
    '2025-03-02T10:30Z',
    '2025-03-02T10:30[Asia/Kolkata]',
    'constructor',
    '__proto__',
    `A${'a'.repeat(100_000)}`,
  ])('finds no %j', (name) => {
    expect(findZone(name)).toBeUndefined();
  });

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const zone = findZone(name);
        if (zone !== undefined) expect(zone.name.toLowerCase()).toBe(name.toLowerCase());
      }),
    );
  });
});

it('zoneNames gives names that are found', () => {
  const names = zoneNames();
  expect(names).toContain('UTC');
  expect(names).toContain('Europe/Berlin');
  expect(names.length).toBeGreaterThan(400);
  expect([...names].sort()).toEqual(names);
  expect(names.filter((name) => findZone(name)?.name !== name)).toEqual([]);
});
