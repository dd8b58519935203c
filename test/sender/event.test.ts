import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, EventError } from '../../src/errors.ts';
import { validateEnvelope } from '../../src/envelope.ts';
import { type Envelope, serializeEvent } from '../../src/events.ts';
import { buildEvent, prepareEvent } from '../../src/sender/event.ts';

const NOW = Date.parse('2025-03-02T10:30:45.678Z');
const DATA = { his_appointment_id: 'A123' };
const OPTIONS = { types: [], maxBodyBytes: 1_000, maxClockSkew: 900_000 };

describe('buildEvent', () => {
  it('builds an envelope with an id, the time and the operation of the type', () => {
    const event = buildEvent({ type: 'appointment.created', data: DATA }, { now: () => NOW });
    expect(event).toEqual({
      event_id: expect.stringMatching(
        /^evt_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ) as string,
      timestamp: '2025-03-02T10:30:45.678Z',
      type: 'appointment.created',
      operation: 'created',
      data: DATA,
    });
    expect(validateEnvelope(event)).toMatchObject({ ok: true });
  });

  it('takes what it is given instead', () => {
    const event = buildEvent({
      type: 'invoice.sent',
      data: DATA,
      eventId: 'mine',
      timestamp: '2025-01-08T12:00:00+05:30',
      source: 'HIS',
    });
    expect(event).toEqual({
      event_id: 'mine',
      timestamp: '2025-01-08T12:00:00+05:30',
      type: 'invoice.sent',
      operation: 'sent',
      data: DATA,
      source: 'HIS',
    });
    const { timestamp } = buildEvent({
      type: 'service.created',
      data: DATA,
      timestamp: new Date(NOW),
    });
    expect(timestamp).toBe('2025-03-02T10:30:45.678Z');
  });

  it('has the milliseconds in its id, as RFC 9562 has them', () => {
    const future = Date.parse('2100-01-01T00:00:00Z');
    const { event_id: id } = buildEvent(
      { type: 'service.created', data: {} },
      { now: () => future, randomBytes: (size) => new Uint8Array(size).fill(0xff) },
    );
    expect(parseInt(id.slice(4).replaceAll('-', '').slice(0, 12), 16)).toBe(future);
    expect(id.slice(4 + 14)).toBe('77ff-bfff-ffffffffffff');
  });

  it('makes ids that grow, also within a millisecond and when the clock goes back', () => {
    const later = Date.parse('2110-01-01T00:00:00Z');
    const ids = Array.from({ length: 10_000 }, (_, index) => {
      const millis = index === 5_000 ? later - 60_000 : later;
      return buildEvent({ type: 'service.created', data: {} }, { now: () => millis }).event_id;
    });
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(['appointment', 'Appointment.Created', 'a.b.c', ''])('refuses the type %j', (type) => {
    expect(() => buildEvent({ type, data: {} })).toThrow(ConfigurationError);
  });

  it('refuses a Date that is none', () => {
    const parts = { type: 'service.created', data: {}, timestamp: new Date('x') } as const;
    expect(() => buildEvent(parts)).toThrow('timestamp is an invalid Date.');
  });
});

describe('prepareEvent', () => {
  const event = (more: object = {}): Envelope<object> => ({
    event_id: 'e1',
    timestamp: '2025-03-02T10:30:45Z',
    type: 'appointment.created',
    data: DATA,
    ...more,
  });
  const faultsOf = (given: unknown, options = OPTIONS): [string, string][] => {
    try {
      prepareEvent(given as Envelope<object>, options, NOW);
    } catch (error) {
      expect(error).toBeInstanceOf(EventError);
      return (error as EventError).faults.map(({ path, message }) => [path, message]);
    }
    return [];
  };

  it('gives the exact body, keys sorted', () => {
    expect(prepareEvent(event(), OPTIONS, NOW)).toEqual({
      eventId: 'e1',
      type: 'appointment.created',
      body: '{"data":{"his_appointment_id":"A123"},"event_id":"e1","timestamp":"2025-03-02T10:30:45Z","type":"appointment.created"}',
    });
  });

  it('takes types of the host, and times that are ahead a little', () => {
    expect(faultsOf(event({ type: 'invoice.sent' }))).toEqual([
      ['/type', 'is not a supported event type'],
    ]);
    expect(
      faultsOf(event({ type: 'invoice.sent' }), { ...OPTIONS, types: ['invoice.sent'] } as never),
    ).toEqual([]);
    const at = (millis: number) => event({ timestamp: new Date(NOW + millis).toISOString() });
    expect(faultsOf(at(900_000))).toEqual([]);
    expect(faultsOf(at(900_001))).toEqual([
      ['/timestamp', 'is ahead of the clock, and would win over every later event'],
    ]);
  });

  it('lists everything that is wrong with the envelope', () => {
    expect(faultsOf({ event_id: 'a b', type: 'x', data: [] }).map(([path]) => path)).toEqual([
      '/timestamp',
      '/event_id',
      '/data',
      '/type',
    ]);
  });

  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  it.each([
    ['a circle', { data: circle }, 'the event is circular'],
    ['NaN', { data: { n: NaN } }, 'a number that JSON cannot express'],
    [
      'more digits than a double has',
      { data: { n: 123456789012345680000 } },
      'digits that a double',
    ],
    ['U+0000', { data: { s: 'a\0' } }, 'U+0000'],
    ['a lone surrogate', { data: { s: '\ud800' } }, 'surrogate'],
    ['a poisoned key', { data: JSON.parse('{"__proto__":1}') as object }, '__proto__'],
    ['a body that is too long', { data: { s: 'é'.repeat(500) } }, 'bytes long; 1000 are allowed'],
  ])('refuses %s, and repeats nothing', (_, more, message) => {
    const faults = faultsOf(event(more));
    expect(faults).toHaveLength(1);
    expect(faults[0]![0]).toBe('');
    expect(faults[0]![1]).toContain(message);
  });

  it.each(['a', 'é', '€', '😀'])(
    'takes a body of %j as long as is allowed, and not a byte more',
    (letter) => {
      const data = { s: letter.repeat(80), fill: '' };
      const size = Buffer.byteLength(serializeEvent(event({ data })));
      data.fill = 'x'.repeat(1_000 - size);
      expect(faultsOf(event({ data }))).toEqual([]);
      data.fill += 'x';
      expect(faultsOf(event({ data }))[0]![1]).toBe('is 1001 bytes long; 1000 are allowed');
    },
  );

  it('lets pass only what a receiver would read as the same event', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (data) => {
        let body: string;
        try {
          ({ body } = prepareEvent(event({ data }), { ...OPTIONS, maxBodyBytes: 1e6 }, NOW));
        } catch (error) {
          expect(error).toBeInstanceOf(EventError);
          return;
        }
        expect((JSON.parse(body) as { data: unknown }).data).toEqual(
          JSON.parse(JSON.stringify(data)),
        );
      }),
    );
  });
});
