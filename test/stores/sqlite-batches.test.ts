import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { memoryStore } from '../../src/stores/memory.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import type { Change, InboxStore, StoredEvent } from '../../src/stores/types.ts';
import { APPOINTMENT, changeOf, refusalOf } from '../../src/testing/changes.ts';

/** The inbox of a host's own, made as it likes: the type of the ids, a constraint, and what else is there. */
function openInbox({ type = 'TEXT', key = 'UNIQUE (client_id, event_id)', more = '' }) {
  const database = new DatabaseSync(':memory:');
  onTestFinished(() => {
    database.close();
  });
  database.exec(`CREATE TABLE his_events (client_id ${type}, event_id ${type}, type TEXT,
    occurred_at TEXT, received_at TEXT, state TEXT, code TEXT, reason TEXT, digest TEXT, body BLOB,
    form TEXT, mapping_version TEXT, attempts INTEGER NOT NULL DEFAULT 1, ${key}); ${more}`);
  const all = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row));
  return { store: sqliteStore({ database }), all };
}

async function entriesOf(store: InboxStore): Promise<StoredEvent[]> {
  const entries: StoredEvent[] = [];
  for await (const entry of store.find({})) entries.push(entry);
  return entries.map((entry) => ({ ...entry, body: entry.body && Buffer.from(entry.body) }));
}

const event = fc.record({
  id: fc.nat({ max: 40 }).map((n) => `e${String(n)}`),
  key: fc.constantFrom('A1', 'A2', 'A3'),
  second: fc.nat({ max: 9 }),
  operation: fc.constantFrom('created', 'updated', 'updated', 'deleted'),
  values: fc.dictionary(fc.constantFrom('status', 'room', 'note'), fc.nat({ max: 3 })),
  isForced: fc.boolean(),
  isDeclined: fc.nat({ max: 9 }).map((n) => n === 0),
});

/** What one event says does not change, but for a few that are sent with other content. */
const steps = fc
  .tuple(
    fc.array(event, { minLength: 40, maxLength: 40 }),
    fc.array(
      fc.record({
        batch: fc.array(fc.nat({ max: 39 }), { minLength: 1, maxLength: 30 }),
        refused: fc.array(fc.nat({ max: 39 }), { maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  )
  .map(([events, steps]) => {
    const changes = events.map(({ second, isForced, isDeclined, ...spec }): Change => {
      const at = `2025-01-08T12:00:0${String(second)}Z`;
      const change = changeOf({ ...spec, at, ...(isForced && { force: true }) });
      return isDeclined ? { ...change, row: null } : change;
    });
    const pick = (numbers: readonly number[]) => numbers.map((n) => changes[n]!);
    return steps.map(({ batch, refused }) => ({ batch: pick(batch), refused: pick(refused) }));
  });

describe('a batch of sqliteStore', () => {
  it('is judged as the model judges it, event after event', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (steps) => {
        const ours = sqliteStore({ path: ':memory:' });
        const model = memoryStore();
        try {
          for (const store of [ours, model]) await store.prepare([APPOINTMENT]);
          for (const { batch, refused } of steps) {
            for (const change of refused) {
              const refusal = refusalOf(change);
              expect(await ours.quarantine(refusal)).toBe(await model.quarantine(refusal));
            }
            expect(await ours.commit(batch)).toEqual(await model.commit(batch));
          }
          expect(await entriesOf(ours)).toEqual(await entriesOf(model));
        } finally {
          await ours.close();
        }
      }),
      { numRuns: 300 },
    );
  });

  const twenty = Array.from({ length: 20 }, (_, i) => {
    const id = `e${String(i).padStart(2, '0')}`;
    return changeOf({ id, key: id, values: { status: i } });
  });

  it('keeps its verdicts where a trigger drops an entry, or refuses it', async () => {
    const { store, all } = openInbox({
      more: `CREATE TRIGGER refuse BEFORE INSERT ON his_events WHEN NEW.event_id = 'e12'
         BEGIN SELECT RAISE(ABORT, 'no'); END;
       CREATE TRIGGER ignore BEFORE INSERT ON his_events WHEN NEW.event_id = 'e05'
         BEGIN SELECT RAISE(IGNORE); END`,
    });
    await store.prepare([APPOINTMENT]);
    const verdicts = await store.commit(twenty);
    expect(verdicts).toEqual(
      twenty.map(({ eventId }) =>
        eventId === 'e12' ? { rejected: 'a trigger refused it' } : 'applied',
      ),
    );
    expect(all('SELECT count(*) FROM his_events')).toEqual([[18]]);
    expect(all('SELECT count(*) FROM appointment')).toEqual([[19]]);
  });

  it('commits each event for itself where a trigger rolls all back', async () => {
    const { store, all } = openInbox({
      more: `CREATE TRIGGER roll BEFORE INSERT ON his_events WHEN NEW.event_id = 'e12'
         BEGIN SELECT RAISE(ROLLBACK, 'no'); END`,
    });
    await store.prepare([APPOINTMENT]);
    const verdicts = await store.commit(twenty);
    expect(verdicts.filter((verdict) => verdict === 'applied')).toHaveLength(19);
    expect(verdicts[12]).toEqual({ rejected: 'a trigger refused it' });
    expect(all('SELECT count(*) FROM appointment')).toEqual([[19]]);
  });

  it.each(['IGNORE', 'REPLACE', 'ROLLBACK', 'FAIL'])(
    'finds duplicates whatever ON CONFLICT the key of the inbox has: %s',
    async (resolution) => {
      const { store, all } = openInbox({
        key: `PRIMARY KEY (client_id, event_id) ON CONFLICT ${resolution}`,
      });
      await store.prepare([APPOINTMENT]);
      await store.commit(twenty.slice(10, 11));
      const expected = twenty.map((_, i) => (i === 10 ? 'duplicate' : 'applied'));
      expect(await store.commit(twenty)).toEqual(expected);
      expect(all('SELECT DISTINCT attempts FROM his_events')).toEqual([[1]]);
    },
  );

  it('tells events apart by every byte, whatever the collation of a column', async () => {
    const { store } = openInbox({
      type: 'TEXT COLLATE NOCASE',
      key: 'UNIQUE (client_id COLLATE BINARY, event_id COLLATE BINARY)',
    });
    await store.prepare([APPOINTMENT]);
    for (const id of ['e1', 'E1']) {
      const change = changeOf({ id, key: id });
      expect(await store.quarantine(refusalOf(change))).toBe('quarantined');
    }
    for (const id of ['E1', 'e1']) {
      const change = changeOf({ id, key: id });
      const replayOf = { key: id, attempts: 1 };
      expect(await store.commit([{ ...change, replayOf }])).toEqual(['applied']);
      expect(await store.commit([change])).toEqual(['duplicate']);
    }
  });
});

describe('a large batch with a replay in it', () => {
  it('judges the replay by what stands when it comes to it', async () => {
    const store = sqliteStore({ path: ':memory:' });
    onTestFinished(() => store.close());
    await store.prepare([APPOINTMENT]);
    // Both wait under the digest of their body: one is replaced before it is replayed.
    const late = changeOf({ id: 'late' });
    const fresh = changeOf({ id: 'fresh' });
    for (const change of [late, fresh]) {
      await store.quarantine(refusalOf(change, { eventId: null, digest: null }));
    }
    const keyOf = async (change: Change): Promise<string> => {
      const bodies = (await entriesOf(store)).map(({ eventId, body }) => [eventId, String(body)]);
      return bodies.find(([, body]) => body === String(change.body))![0]!;
    };
    const others = Array.from({ length: 8 }, (_, i) => changeOf({ id: `e${String(i)}` }));
    const verdicts = await store.commit([
      { ...late, replayOf: { key: await keyOf(late), attempts: 2 } },
      { ...fresh, replayOf: { key: await keyOf(fresh), attempts: 1 } },
      ...others,
    ]);
    expect(verdicts.slice(0, 2)).toEqual(['duplicate', 'applied']);
    const entries = await entriesOf(store);
    expect(
      entries.filter(({ state }) => state === 'quarantined').map(({ body }) => String(body)),
    ).toEqual(['body of late']);
    expect(entries.map(({ eventId }) => eventId)).not.toContain('late');
  });
});

describe('a large batch that was committed before', () => {
  const batch = Array.from({ length: 8 }, (_, i) => changeOf({ id: `e${String(i)}` }));

  it('is one of duplicates, though a trigger drops what the inbox has', async () => {
    const { store } = openInbox({
      more: `CREATE TRIGGER known BEFORE INSERT ON his_events
        WHEN EXISTS (SELECT 1 FROM his_events WHERE event_id = NEW.event_id)
        BEGIN SELECT RAISE(IGNORE); END`,
    });
    await store.prepare([APPOINTMENT]);
    await store.commit(batch);
    expect(await store.commit(batch)).toEqual(batch.map(() => 'duplicate'));
  });

  it('is judged in its own transaction, not rolled back and begun again', async () => {
    const database = new DatabaseSync(':memory:');
    onTestFinished(() => {
      database.close();
    });
    const store = sqliteStore({ database });
    await store.prepare([APPOINTMENT]);
    await store.commit(batch);
    const exec = vi.spyOn(database, 'exec');
    expect(await store.commit(batch)).toEqual(batch.map(() => 'duplicate'));
    expect(exec.mock.calls.flat()).toEqual(['BEGIN IMMEDIATE', 'COMMIT']);
  });
});
