import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ById } from '../../../src/outboxes/memory/by-id.ts';

describe('ById', () => {
  it('is a map', () => {
    // Of one hash, and so in one list: 'Aa' and 'BB', and whatever is made of them.
    const id = fc.array(fc.constantFrom('Aa', 'BB', 'x'), { maxLength: 3 }).map((a) => a.join(''));
    const command = fc.record({ id, isAdded: fc.boolean() });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const values = new ById<string>();
        const model = new Map<string, string>();
        for (const { id, isAdded } of commands) {
          if (!isAdded) {
            values.delete(id);
            model.delete(id);
          } else if (!model.has(id)) {
            values.add(id, id);
            model.set(id, id);
          }
          expect(values.get(id)).toBe(model.get(id));
          expect(values.size).toBe(model.size);
        }
        expect([...values].sort()).toEqual([...model.values()].sort());
      }),
    );
  });

  it('grows with what is in it', () => {
    const values = new ById<number>();
    const numbers = Array.from({ length: 10_000 }, (_, number) => number);
    for (const number of numbers) values.add(`e${String(number)}`, number);
    for (const number of numbers) expect(values.get(`e${String(number)}`)).toBe(number);
    for (const number of numbers) if (number % 2 === 0) values.delete(`e${String(number)}`);
    expect(values.size).toBe(5_000);
    expect([...values].sort((a, b) => a - b)).toEqual(numbers.filter((number) => number % 2 === 1));
  });
});
