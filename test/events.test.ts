import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  EVENT_TYPES,
  type HisEvent,
  operationOf,
  RECEIVE_PATHS,
  type Resource,
  serializeEvent,
} from '../src/events.ts';
import { EVENT_TABLE, SAMPLE_REQUEST } from './support/document.ts';

describe('the catalogue', () => {
  it("is section 3's table", () => {
    expect(EVENT_TYPES.map((type) => [type, operationOf(type)])).toEqual(EVENT_TABLE);
  });

  it('is the enum of the JSON Schema', () => {
    const file = new URL('../src/schemas/envelope.schema.json', import.meta.url);
    const schema = JSON.parse(readFileSync(file, 'utf8')) as {
      properties: { type: { enum: string[] } };
    };
    expect(schema.properties.type.enum).toEqual(EVENT_TYPES);
  });

  it('has both paths of the document, and nobody can change them', () => {
    expect(RECEIVE_PATHS).toEqual(['/his/receive', '/his-receive']);
    expect(() => RECEIVE_PATHS.push('/x')).toThrow(TypeError);
  });

  it('is a discriminated union', () => {
    expectTypeOf<HisEvent['type']>().toEqualTypeOf<(typeof EVENT_TYPES)[number]>();
    expectTypeOf<Extract<HisEvent, { type: 'payment.failed' }>['operation']>().toEqualTypeOf<
      'failed' | undefined
    >();
    expectTypeOf<Resource>().toEqualTypeOf<
      'location' | 'service' | 'appointment' | 'schedule' | 'payment'
    >();
    // @ts-expect-error the operation must agree with the type
    const wrong: HisEvent = {
      event_id: 'e',
      timestamp: '',
      type: 'payment.failed',
      operation: 'successful',
      data: {},
    };
    expect(wrong.type).toBe('payment.failed');
  });
});

describe('serializeEvent', () => {
  const event = JSON.parse(SAMPLE_REQUEST) as HisEvent;

  it('has the same bytes whatever the order of keys', () => {
    const text = serializeEvent(event);
    const reversed = Object.fromEntries(Object.entries(event).reverse()) as unknown as HisEvent;
    expect(serializeEvent(reversed)).toBe(text);
    expect(JSON.parse(text)).toEqual(event);
  });

  it('leaves out what is undefined, and writes a Date as RFC 3339', () => {
    const text = serializeEvent({
      ...event,
      data: { gone: undefined, at: new Date(0) },
    });
    expect(JSON.parse(text)).toMatchObject({ data: { at: '1970-01-01T00:00:00.000Z' } });
    expect(text).not.toContain('gone');
  });

  it.each([
    ['NaN', { n: NaN }],
    ['Infinity', { n: [-Infinity] }],
    ['a BigInt', { n: 1n }],
  ])('throws a TypeError for %s', (_, data) => {
    expect(() => serializeEvent({ ...event, data })).toThrow(TypeError);
  });

  it('throws a TypeError for a circle, and for what is no object', () => {
    const data: Record<string, unknown> = {};
    data['self'] = data;
    expect(() => serializeEvent({ ...event, data })).toThrow(TypeError);
    expect(() => serializeEvent('{}' as unknown as HisEvent)).toThrow(TypeError);
    expect(() => serializeEvent(null as unknown as HisEvent)).toThrow(TypeError);
    const shared = { a: 1 };
    expect(serializeEvent({ ...event, data: { x: shared, y: shared } })).toContain('"y":{"a":1}');
  });
});
