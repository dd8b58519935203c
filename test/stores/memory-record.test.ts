import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EventBlocks,
  QuarantinedEvent,
  type RecordedEvent,
} from '../../src/stores/memory/record.ts';
import type { Change } from '../../src/stores/types.ts';
import { changeOf, refusalOf } from '../../src/testing/changes.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const changeWith = (change: Partial<Change>): Change => ({ ...changeOf({ id: 'e1' }), ...change });

/** All of the block that an event lies in. */
const blockOf = (event: RecordedEvent): string => event.block.toString('latin1');

describe('events recorded in memory', () => {
  it('are given back as they were, whatever their sizes and their letters', () => {
    const size = fc.oneof(fc.nat(400), fc.constantFrom(0, 32_600, 32_768, 65_536, 70_000));
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 90 }),
      fc.constant('é'.repeat(12_000)),
    );
    const some = fc.record({
      body: fc.option(fc.tuple(size, fc.nat(255)).map(([length, value]) => bytes(length, value))),
      digest: text,
      occurredAt: text,
      type: fc.constantFrom('appointment.created', 'x.y'),
      row: fc.constant(null),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 12 }), (parts) => {
        const blocks = new EventBlocks();
        const changes = parts.map(changeWith);
        const recorded = changes.map((change) => blocks.record(change, 2));
        expect(recorded.map((event) => event.toStoredEvent())).toEqual(
          changes.map(({ row: _, ...change }) => ({
            ...change,
            state: 'declined',
            code: null,
            reason: null,
            attempts: 2,
          })),
        );
        expect(recorded.map(({ digest }) => digest)).toEqual(changes.map(({ digest }) => digest));
      }),
    );
  });

  it('keep copies, and give copies', () => {
    const given = bytes(3, 1);
    const recorded = new EventBlocks().record(changeWith({ body: given }), 1);
    const refused = new QuarantinedEvent(refusalOf(changeWith({}), { body: given }), 'e1', 1);
    for (const event of [recorded, refused]) {
      given.fill(9);
      event.toStoredEvent().body!.fill(8);
      expect(event.toStoredEvent().body).toEqual(bytes(3, 1));
      given.fill(1);
    }
  });

  it('overwrite a body that is erased, and leave all else as it is', () => {
    const blocks = new EventBlocks();
    const events = ['one', 'two', 'three'].map((body) =>
      blocks.record(changeWith({ body: Buffer.from(body), digest: `digest of ${body}` }), 1),
    );
    events[1]!.eraseBody();
    expect(events.map(({ hasBody }) => hasBody)).toEqual([true, false, true]);
    expect(events.map((event) => event.toStoredEvent().body)).toEqual([
      new Uint8Array(Buffer.from('one')),
      null,
      new Uint8Array(Buffer.from('three')),
    ]);
    expect(events[1]!.digest).toBe('digest of two');
    expect(blockOf(events[0]!)).toMatch(/Zonedigest of two[^Z]*Z\0{3}digest of three/);
  });

  it('lie in one block, many of them', () => {
    const blocks = new EventBlocks();
    const events = Array.from({ length: 1_000 }, () =>
      blocks.record(changeWith({ body: bytes(300, 1), digest: 'd'.repeat(64) }), 1),
    );
    // 300 bytes, 64 of the digest and 30 of the time.
    expect(new Set(events.map(({ block }) => block)).size).toBe(Math.ceil((1_000 * 394) / 65_536));
  });
});
