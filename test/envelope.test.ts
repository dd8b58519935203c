import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventIdOf, expandShorthand, isShorthand, validateEnvelope } from '../src/envelope.ts';
import type { JsonObject } from '../src/events.ts';
import { generateValidator } from '../src/schemas/generate.ts';
import { sha256 } from '../src/json.ts';
import { EVENT_TABLE, SAMPLE_CURL_BODY, SAMPLE_REQUEST } from './support/document.ts';

const sample = JSON.parse(SAMPLE_REQUEST) as JsonObject;
const errorsOf = (value: unknown, types?: readonly string[]) => {
  const result = validateEnvelope(value, types === undefined ? {} : { types });
  return result.ok ? [] : result.errors;
};

describe('validateEnvelope', () => {
  it("accepts the document's sample, and gives back the same value", () => {
    const result = validateEnvelope(sample);
    expect(result.ok && result.event).toBe(sample);
  });

  it('accepts the 14 types with and without their operation, and no other operation', () => {
    for (const [type, operation] of EVENT_TABLE) {
      expect(errorsOf({ ...sample, type, operation })).toEqual([]);
      const { operation: _, ...without } = sample;
      expect(errorsOf({ ...without, type })).toEqual([]);
      for (const other of ['created', 'updated', 'deleted', 'successful', 'failed', '']) {
        if (other === operation) continue;
        expect(errorsOf({ ...sample, type, operation: other })).toEqual([
          { path: '/operation', message: `must agree with the type: ${operation}` },
        ]);
      }
    }
  });

  it('reports every fault at once, each with its pointer and without its value', () => {
    const errors = errorsOf({
      event_id: 'has space',
      timestamp: 'SECRET',
      type: 'SECRET.created',
      operation: 7,
      data: ['SECRET'],
      source: { SECRET: 1 },
    });
    expect(errors.map(({ path }) => path).sort()).toEqual([
      '/data',
      '/event_id',
      '/operation',
      '/source',
      '/timestamp',
      '/type',
    ]);
    expect(JSON.stringify(errors)).not.toContain('SECRET');
  });

  it('names what is missing', () => {
    expect(errorsOf({})).toEqual([
      { path: '/event_id', message: 'is required' },
      { path: '/timestamp', message: 'is required' },
      { path: '/type', message: 'is required' },
      { path: '/data', message: 'is required' },
    ]);
  });

  it.each([null, undefined, 7, 'x', true, [], [sample]])('refuses %j', (value) => {
    expect(errorsOf(value)).toMatchObject([{ path: '', message: 'must be an object' }]);
  });

  it.each(['', 'a b', 'é', 'tab\t', 'x'.repeat(256)])('refuses the id %j', (event_id) => {
    expect(errorsOf({ ...sample, event_id })).toEqual([
      { path: '/event_id', message: 'must be 1 to 255 visible ASCII characters' },
    ]);
  });

  it.each([7, null, ['evt_1'], { id: 'evt_1' }])('refuses the id %j, which is no text', (id) => {
    expect(errorsOf({ ...sample, event_id: id })).toEqual([
      { path: '/event_id', message: 'must be a string' },
    ]);
  });

  it('says of each member what it must be', () => {
    const wrong = { event_id: 1, timestamp: 2, type: 3, operation: 4, source: 5 };
    for (const [name, value] of Object.entries(wrong)) {
      expect(errorsOf({ ...sample, [name]: value })).toEqual([
        { path: `/${name}`, message: 'must be a string' },
      ]);
    }
    for (const data of [null, [], 'x', 7]) {
      expect(errorsOf({ ...sample, data })).toEqual([
        { path: '/data', message: 'must be an object' },
      ]);
    }
    expect(errorsOf({ ...sample, timestamp: 'x' })).toEqual([
      {
        path: '/timestamp',
        message: 'must be an RFC 3339 date-time with an offset, such as 2025-01-08T12:00:00Z',
      },
    ]);
  });

  it.each(['x', '~', '!', 'x'.repeat(255), '0193-uuid', 'a/b#c"d'])('accepts the id %j', (id) => {
    expect(errorsOf({ ...sample, event_id: id })).toEqual([]);
  });

  it('wants an offset on the timestamp', () => {
    expect(errorsOf({ ...sample, timestamp: '2025-03-02T10:30:45' })).toEqual([
      { path: '/timestamp', message: expect.stringContaining('RFC 3339') as string },
    ]);
    expect(errorsOf({ ...sample, timestamp: '2025-03-02T10:30:45+05:30' })).toEqual([]);
  });

  it('ignores members it does not know', () => {
    expect(errorsOf({ ...sample, version: 7, extra: null })).toEqual([]);
  });

  it('takes registered types, with their operation', () => {
    expect(errorsOf({ ...sample, type: 'bed.moved', operation: 'moved' })).toMatchObject([
      { path: '/type' },
    ]);
    expect(errorsOf({ ...sample, type: 'bed.moved', operation: 'moved' }, ['bed.moved'])).toEqual(
      [],
    );
    expect(errorsOf({ ...sample, type: 'bed.moved' }, ['bed.moved'])).toMatchObject([
      { path: '/operation', message: 'must agree with the type: moved' },
    ]);
  });

  it('reads own members only', () => {
    expect(errorsOf(Object.create(sample))).toContainEqual({
      path: '/event_id',
      message: 'is required',
    });
  });
});

describe('the generated validator', () => {
  it('is what the schema says now', async () => {
    const file = new URL('../src/schemas/envelope-validator.ts', import.meta.url);
    const generated = await generateValidator();
    expect(readFileSync(file, 'utf8'), 'run npm run generate').toBe(generated);
    expect(generated).not.toMatch(/\brequire\(|new Function|\beval\b/);
  });
});

describe('the shorthand', () => {
  const body = Buffer.from(SAMPLE_CURL_BODY);
  const flat = JSON.parse(SAMPLE_CURL_BODY) as JsonObject;

  it('is an object with event_type and without data', () => {
    expect(isShorthand(flat)).toBe(true);
    expect(isShorthand(sample)).toBe(false);
    expect(isShorthand({ ...flat, data: {} })).toBe(false);
    expect(isShorthand([])).toBe(false);
    expect(isShorthand(null)).toBe(false);
    expect(isShorthand('event_type')).toBe(false);
    const list = Object.assign(['x'], { event_type: 'appointment.created' });
    expect(isShorthand(list)).toBe(false);
    expect(isShorthand(Object.create(flat) as JsonObject)).toBe(false);
  });

  it('becomes an envelope with the digest as its id and the receipt as its time', () => {
    const { event_type: type, ...data } = flat;
    expect(expandShorthand(flat, body, Date.parse('2026-01-01T00:00:00Z'))).toEqual({
      event_id: `sha256-${sha256(body)}`,
      timestamp: '2026-01-01T00:00:00.000Z',
      type,
      data,
    });
  });

  it('keeps an id and a timestamp of its own, even bad ones', () => {
    const own = { ...flat, event_id: 'evt_9', timestamp: '2025-01-01T00:00:00Z' };
    expect(expandShorthand(own, body, 0)).toMatchObject({
      event_id: 'evt_9',
      timestamp: '2025-01-01T00:00:00Z',
    });
    expect(expandShorthand({ ...flat, event_id: null }, body, 0)).toMatchObject({ event_id: null });
  });
});

describe('eventIdOf', () => {
  it('finds a valid id in what may be no envelope', () => {
    expect(eventIdOf({ event_id: 'evt_1' })).toBe('evt_1');
    expect(eventIdOf({ event_id: 'a b' })).toBeUndefined();
    expect(eventIdOf({ event_id: 1 })).toBeUndefined();
    expect(eventIdOf({})).toBeUndefined();
    expect(eventIdOf([])).toBeUndefined();
    expect(eventIdOf(null)).toBeUndefined();
    expect(eventIdOf('evt_1')).toBeUndefined();
    expect(eventIdOf(Object.create({ event_id: 'evt_1' }) as JsonObject)).toBeUndefined();
  });
});
