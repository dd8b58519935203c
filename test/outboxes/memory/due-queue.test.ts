import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueQueue } from '../../../src/outboxes/memory/due-queue.ts';

interface Item {
  readonly name: number;
  dueAt: number;
  turn: number;
  place: number;
}

const itemOf = (name: number): Item => ({ name, dueAt: 0, turn: 0, place: -1 });

/** Takes everything out, in the order in which it is due. */
function drain(queue: DueQueue<Item>): number[] {
  const names: number[] = [];
  for (let { first } = queue; first !== undefined; { first } = queue) {
    names.push(first.name);
    queue.delete(first);
  }
  return names;
}

describe('DueQueue', () => {
  it('hands out what is due first, then what came first, whatever came, moved and went', () => {
    const command = fc.record({
      name: fc.nat(15),
      dueAt: fc.option(fc.nat(5), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const queue = new DueQueue<Item>();
        const items = Array.from({ length: 16 }, (_, name) => itemOf(name));
        let model: { readonly name: number; readonly dueAt: number }[] = [];
        for (const { name, dueAt } of commands) {
          model = model.filter((other) => other.name !== name);
          if (dueAt === undefined) queue.delete(items[name]!);
          else {
            queue.put(items[name]!, dueAt);
            model.push({ name, dueAt });
          }
          const [first] = model.toSorted((a, b) => a.dueAt - b.dueAt);
          expect(queue.first?.name).toBe(first?.name);
        }
        const sorted = model.toSorted((a, b) => a.dueAt - b.dueAt);
        expect(drain(queue)).toEqual(sorted.map(({ name }) => name));
      }),
    );
  });
});
