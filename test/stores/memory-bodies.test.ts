import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bodies, erase, keepAlone, read } from '../../src/stores/memory/bodies.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('bodies in memory', () => {
  it('gives each back as it was kept, whatever their sizes', () => {
    const size = fc.oneof(fc.nat(400), fc.constantFrom(0, 32_767, 32_768, 32_769, 65_536, 70_000));
    fc.assert(
      fc.property(fc.array(size, { maxLength: 12 }), (sizes) => {
        const bodies = new Bodies();
        const kept = sizes.map((length, i) => bodies.keep(bytes(length, i + 1)));
        expect(kept.map(read)).toEqual(sizes.map((length, i) => bytes(length, i + 1)));
      }),
    );
  });

  it('keeps copies, and gives copies', () => {
    const bodies = new Bodies();
    const given = bytes(3, 1);
    for (const kept of [bodies.keep(given), keepAlone(given)]) {
      given.fill(9);
      read(kept).fill(8);
      expect(read(kept)).toEqual(bytes(3, 1));
      given.fill(1);
    }
  });

  it('overwrites one and leaves its neighbours', () => {
    const bodies = new Bodies();
    const [first, second, third] = [1, 2, 3].map((value) => bodies.keep(bytes(5, value)));
    erase(second!);
    expect([first!, second!, third!].map(read)).toEqual([bytes(5, 1), bytes(5, 0), bytes(5, 3)]);
    expect(first!.block).toBe(third!.block);
  });

  it('has one block for many', () => {
    const bodies = new Bodies();
    const blocks = new Set(Array.from({ length: 1_000 }, () => bodies.keep(bytes(300, 1)).block));
    expect(blocks.size).toBe(5);
  });
});
