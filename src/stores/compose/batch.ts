import type { Change } from '../types.ts';

/** How many changes of a batch are in work at a time. */
const PARALLEL = 16;

/**
 * Does work for each change of a batch, several at a time; but the same event twice, and changes of
 * the same row, one after the other in the order of the batch.
 *
 * @returns What the work gave, in the order of the batch, once nothing is in work any more.
 * @throws what failed first; changes that were not begun by then are left.
 */
export async function mapBatch<T>(
  batch: readonly Change[],
  work: (change: Change) => Promise<T>,
): Promise<readonly T[]> {
  const results: Promise<T>[] = [];
  const latest = new Map<string, Promise<T>>();
  const queue = batch.values();
  let failure: { readonly error: unknown } | undefined;

  const begin = (change: Change): Promise<T> => {
    const names = namesOf(change);
    // Changes are taken in order, so whatever one waits for was begun before it.
    const before = names.flatMap((name) => latest.get(name) ?? []);
    const result = Promise.all(before).then(() => work(change));
    for (const name of names) latest.set(name, result);
    return result;
  };
  const take = async (): Promise<void> => {
    for (const change of queue) {
      if (failure !== undefined) return;
      const result = begin(change);
      results.push(result);
      await result.catch((error: unknown) => {
        failure ??= { error };
      });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, take));
  if (failure !== undefined) throw failure.error;
  return Promise.all(results);
}

/** What a change has to itself: its event, and its row. */
function namesOf({ clientId, eventId, row }: Change): readonly string[] {
  const event = JSON.stringify(['event', clientId, eventId]);
  if (row === null) return [event];
  const key = Object.entries(row.key).sort(([a], [b]) => (a < b ? -1 : 1));
  return [event, JSON.stringify(['row', clientId, row.table, key])];
}
