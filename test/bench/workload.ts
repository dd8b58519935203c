import type { TableSpec } from '../../src/mapping/tables.ts';
import { CommitQueue } from '../../src/receiver/commit-queue.ts';
import type { Change, EventStore } from '../../src/stores/types.ts';
import { changeOf } from '../../src/testing/changes.ts';

/** The table the events of the benchmarks are about. */
export const VISITS: TableSpec = {
  table: 'appointment',
  key: ['id'],
  columns: ['patient', 'doctor', 'day', 'hour', 'status', 'note'],
};

/** How many requests wait for their answer at any moment. */
export const IN_FLIGHT = 64;

/** An event about one of these many rows, with a body of 500 bytes. */
export function visitEvent(number: number, eventId: string, rows: number): Change {
  const change = changeOf({
    id: eventId,
    key: `A${String(number % rows)}`,
    operation: number < rows ? 'created' : 'updated',
    at: new Date(Date.UTC(2025, 0, 8) + number).toISOString(),
    values: {
      patient: `P${String(number % rows)}`,
      doctor: `D${String(number % 50)}`,
      day: '2025-03-02',
      hour: '10:30',
      status: number % 3 === 0 ? 'CONFIRMED' : 'ARRIVED',
      note: 'some words',
    },
  });
  return { ...change, body: Buffer.alloc(500, 'x') };
}

/** Commits changes as the receiver does, so many requests in flight; gives events a second. */
export async function throughQueue(
  store: EventStore,
  changes: readonly Change[],
  batchSize = 128,
): Promise<number> {
  const queue = new CommitQueue(store, { batchSize, queueSize: 1_000, storeTimeout: 60_000 });
  return inFlight(changes, (change) => queue.commit(change));
}

/** Runs work on each, so many at a time; gives how many a second. */
export async function inFlight<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
  atATime: number = IN_FLIGHT,
): Promise<number> {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
    }),
  );
  return (items.length / (performance.now() - start)) * 1000;
}

/** The middle of a list, or another share of it. */
export function quantile(values: readonly number[], share = 0.5): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)]!;
}
