/** What every store must do for any history, as properties of an engine. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { JsonValue } from '../../src/events.ts';
import { sha256 } from '../../src/json.ts';
import type { TableSpec } from '../../src/mapping/tables.ts';
import { atVersion, mergeChanges, type VersionedValues } from '../../src/merge.ts';
import type {
  Change,
  EventState,
  EventStore,
  QuarantineVerdict,
  RefusedEvent,
  ReplayedEntry,
  StoredEvent,
  Verdict,
} from '../../src/stores/types.ts';
import { APPOINTMENT, changeOf, refusalOf } from '../../src/testing/changes.ts';
import type { StoredRow } from '../../src/testing/suite.ts';

/** The tables the histories write to; the second has two columns for a key. */
export const TABLES: readonly TableSpec[] = [
  APPOINTMENT,
  { table: 'slot', key: ['doctor', 'day'], columns: ['status', 'length'] },
];

/** One database with {@link TABLES}, prepared in every store; it may be used by many runs. */
export interface ModelEngine {
  /** Stores on the same database, each a writer of its own. */
  readonly writers: readonly EventStore[];
  /** The rows of some clients, as `EventStoreHarness.rows` has them. */
  readonly rows: (table: string, clientIds: readonly string[]) => Promise<readonly StoredRow[]>;
  /** As `EventStoreHarness.stored`; `his_deleted_at` too may be rounded. */
  readonly stored?: (value: JsonValue, column: string) => unknown;
}

/** Opens an engine, or gives the one that is open. */
export type OpenEngine = () => Promise<ModelEngine>;

/** How much longer than usual the properties run: the environment variable `PROPERTY_RUNS`. */
export const RUNS_FACTOR: number = Number(process.env['PROPERTY_RUNS'] || 1);

/** Checks a property this many times, or as the environment says; `PROPERTY_SEED` repeats a run. */
export async function check<T>(property: fc.IAsyncProperty<T>, runs: number): Promise<void> {
  const seed = process.env['PROPERTY_SEED'];
  await fc.assert(property, {
    numRuns: Math.ceil(runs * RUNS_FACTOR),
    ...(seed ? { seed: Number(seed) } : {}),
  });
}

/** An event, before it has a client of its own. */
interface Draft {
  readonly client: number;
  readonly id: string;
  readonly operation: string;
  readonly at: string;
  readonly table: string;
  readonly key: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, JsonValue>>;
}

/** Ids and keys that fall together where letter case, a locale or a separator has a say. */
const IDS = ['e1', 'E1', 'e10', '_e', 'Z', 'a', '~', '!'];
const KEYS = ['A', 'a', 'AA', '1'];
/** The first two are one moment, and so are the last two; some differ in their last digit only. */
const TIMES = [
  '2025-01-08T12:00:00Z',
  '2025-01-08T17:30:00.000+05:30',
  '2025-01-08T12:00:00.1Z',
  '2025-01-08T12:00:00.100000001Z',
  '2025-01-08T11:59:59.999999999Z',
  '2025-01-08T12:00:10Z',
  '2025-01-08T12:00:10.0000000009Z',
];

const value: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 4 }),
  fc.integer(),
  fc.constant(null),
);

/** Part of these members, or all, or none. */
const someOf = <T>(names: readonly string[], member: fc.Arbitrary<T>) =>
  fc.record(Object.fromEntries(names.map((name) => [name, member])), {
    requiredKeys: [],
    noNullPrototype: true,
  }) as fc.Arbitrary<Record<string, T>>;

const draft: fc.Arbitrary<Draft> = fc.oneof(
  ...TABLES.map(({ table, key, columns }) =>
    fc.record({
      client: fc.nat({ max: 1 }),
      id: fc.constantFrom(...IDS),
      operation: fc.constantFrom('created', 'updated', 'deleted', 'moved'),
      at: fc.constantFrom(...TIMES),
      table: fc.constant(table),
      key: fc
        .tuple(...key.map(() => fc.constantFrom(...KEYS)))
        .map((parts) => Object.fromEntries(key.map((name, i) => [name, parts[i]!]))),
      values: someOf(columns, value),
    }),
  ),
);

const drafts = fc.array(draft, { minLength: 1, maxLength: 8 });

/** Every draft at least once, some of them again, in any order. */
const deliveries = <T>(count: number, step: (event: number) => fc.Arbitrary<T>) =>
  fc
    .array(fc.nat({ max: count - 1 }), { maxLength: 8 })
    .chain((again) => {
      const all = [...Array(count).keys(), ...again];
      return fc.shuffledSubarray(all, { minLength: all.length });
    })
    .chain((order) => fc.tuple(...order.map(step)));

let runs = 0;

/** The drafts as changes, of clients that no other run has. */
function changesOf(events: readonly Draft[]): { clients: string[]; changes: Change[] } {
  const run = `${String(process.pid)}-${String(++runs)}`;
  const clients = [`${run}-a`, `${run}-A`];
  const changes = events.map(({ table, key, client, values, ...event }, index) => {
    const content = { table, key, values };
    const change = changeOf({ ...event, client: clients[client]!, values, content });
    const body = Buffer.from(`body ${String(index)} of ${run}`);
    return { ...change, body, row: { ...change.row!, table, key } };
  });
  return { clients, changes };
}

/** What comes next in a history of one writer. */
interface Step {
  readonly event: number;
  readonly how: (typeof HOW)[number];
  /** Whether it is committed in one batch with the step before. */
  readonly joins: boolean;
}

/** How an event comes: most of them as deliveries, so these stand on several lines. */
const HOW = [
  ...(['delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered'] as const),
  'declined',
  'forced',
  'refused',
  'refused without an id',
  'replayed',
  'replayed too late',
  'replayed and refused',
] as const;

/**
 * One writer: every verdict, every row and the whole inbox are those of the {@link Model}, whatever
 * is delivered, refused, declined, replayed and forced, in any order and any batches.
 */
export function historyProperty(open: OpenEngine): fc.IAsyncProperty<unknown> {
  const history = drafts.chain((events) =>
    fc.record({
      events: fc.constant(events),
      steps: deliveries(events.length, (event) =>
        fc.record({
          event: fc.constant(event),
          how: fc.constantFrom(...HOW),
          joins: fc.boolean(),
        }),
      ),
    }),
  );
  return fc.asyncProperty(history, async ({ events, steps }) => {
    const engine = await open();
    const store = engine.writers[0]!;
    const { clients, changes } = changesOf(events);
    const model = new Model();

    let batch: Change[] = [];
    let expected: Verdict[] = [];
    const commit = async (): Promise<void> => {
      assert.deepEqual(await store.commit(batch), expected, 'the verdicts of a batch');
      batch = [];
      expected = [];
      model.look();
    };
    for (const step of steps) {
      if (!step.joins || step.how.includes('refused')) await commit();
      const { change, refusal } = operationOf(step, changes[step.event]!, model);
      if (refusal === undefined) {
        batch.push(change);
        expected.push(model.commit(change));
      } else {
        const verdict = model.quarantine(refusal);
        assert.equal(await store.quarantine(refusal), verdict, 'the verdict of a refusal');
        model.look();
      }
    }
    await commit();

    await assertRows(engine, clients, model.claimed);
    assert.deepEqual(await entriesOf(store, clients), model.entries());
  });
}

/** Several writers at once: one of them claims each event, and the rows are those of the claims. */
export function writersProperty(open: OpenEngine): fc.IAsyncProperty<unknown> {
  const history = drafts.chain((events) =>
    fc.record({
      events: fc.constant(events),
      steps: deliveries(events.length, (event) =>
        fc.record({
          event: fc.constant(event),
          writer: fc.nat({ max: 2 }),
          joins: fc.boolean(),
          isRefused: fc.nat({ max: 9 }).map((n) => n === 0),
        }),
      ),
    }),
  );
  return fc.asyncProperty(history, async ({ events, steps }) => {
    const engine = await open();
    const { clients, changes } = changesOf(events);
    const committed: { change: Change; verdict: Verdict }[] = [];
    await Promise.all(
      engine.writers.map(async (store, writer) => {
        const batches: Change[][] = [];
        for (const { event, isRefused, joins } of steps.filter(
          (step) => step.writer % engine.writers.length === writer,
        )) {
          if (isRefused) await store.quarantine(refusalOf(changes[event]!));
          else if (joins && batches.length > 0) batches.at(-1)!.push(changes[event]!);
          else batches.push([changes[event]!]);
        }
        for (const batch of batches) {
          const verdicts = await store.commit(batch);
          assert.equal(verdicts.length, batch.length);
          batch.forEach((change, i) => committed.push({ change, verdict: verdicts[i]! }));
        }
      }),
    );

    const entries = await entriesOf(engine.writers[0]!, clients);
    const claims = entries.filter(({ state }) => state === 'applied');
    const claimed = claims.map((claim) => {
      // The same content may have come at two times; then it is the claim's that counts.
      const found = committed.find(
        ({ change }) =>
          isSameEvent(change, claim) &&
          change.digest === claim.digest &&
          change.occurredAt === claim.occurredAt,
      );
      assert.ok(found !== undefined, 'a claim is that of a change');
      return found.change;
    });
    for (const [index, claim] of claims.entries()) {
      const { table, key } = claimed[index]!.row!;
      const verdicts = committed.filter(({ change }) => isSameEvent(change, claim));
      const isOurs = ({ change }: { change: Change }) => change.digest === claim.digest;
      const ours = verdicts.filter(isOurs).map(({ verdict }) => verdict);
      const others = verdicts.filter((one) => !isOurs(one)).map(({ verdict }) => verdict);
      const where = `${table} ${JSON.stringify(key)}`;
      assert.equal(ours.filter((v) => v === 'applied' || v === 'stale').length, 1, where);
      assert.equal(ours.filter((v) => v === 'duplicate').length, ours.length - 1, where);
      assert.deepEqual(new Set(others), new Set(others.length > 0 ? ['conflict'] : []), where);
    }
    const distinct = new Set(committed.map(({ change }) => identity(change)));
    assert.deepEqual(new Set(claims.map(identity)), distinct, 'every event is claimed');
    assert.equal(claims.length, distinct.size, 'and by one entry');
    await assertRows(engine, clients, claimed);
  });
}

const identity = ({ clientId, eventId }: { clientId: string; eventId: string }) =>
  `${clientId} ${eventId}`;
const isSameEvent = (change: Change, entry: StoredEvent) => identity(change) === identity(entry);

/** What a step asks of the store; what it replays, the model knows. */
function operationOf(
  { how }: Step,
  event: Change,
  model: Model,
): { change: Change; refusal?: RefusedEvent } {
  const mended = { ...event.row!.values, status: 'mended' };
  switch (how) {
    case 'delivered':
      return { change: event };
    case 'declined':
      return { change: { ...event, row: null } };
    case 'forced':
      return { change: { ...event, row: { ...event.row!, values: mended }, force: true } };
    case 'refused':
      return { change: event, refusal: refusalFor(event) };
    case 'refused without an id':
      return { change: event, refusal: refusalFor(event, { eventId: null, digest: null }) };
    case 'replayed':
      return { change: { ...event, ...model.replayOf(event, 0) } };
    case 'replayed too late':
      return { change: { ...event, ...model.replayOf(event, 1), force: true } };
    case 'replayed and refused':
      return { change: event, refusal: refusalFor(event, model.replayOf(event, 0)) };
  }
}

const refusalFor = (event: Change, overrides: Partial<RefusedEvent> = {}) =>
  refusalOf(event, { body: event.body!, ...overrides });

/**
 * The rules of an inbox and of a row, as `docs` and types.ts have them, in the plainest form: rows
 * are not kept, they are what the changes that hold a claim amount to.
 */
class Model {
  readonly #entries = new Map<string, StoredEvent>();
  /** The entries as they were before the batch: what a replay in it can know. */
  #seen: ReadonlyMap<string, StoredEvent> = new Map();
  /** The changes that were committed, in order; a change by force stands twice. */
  readonly claimed: Change[] = [];

  commit(change: Change): Verdict {
    const entry = this.#entries.get(identity(change));
    if (this.#isOutdated(change)) return 'duplicate';
    if (isClaim(entry) && entry.digest !== change.digest) return 'conflict';
    const { row, replayOf, force, ...event } = change;
    if (replayOf !== undefined && replayOf.key !== change.eventId) {
      this.#entries.delete(identity({ ...change, eventId: replayOf.key }));
    }
    if (isClaim(entry) && force !== true) return 'duplicate';
    this.#record({
      ...event,
      state: row === null ? 'declined' : 'applied',
      code: null,
      reason: null,
    });
    if (row === null) return 'applied';
    const isNew = !this.claimed.some((other) => rowOf(other) === rowOf(change));
    this.claimed.push(change);
    const { versions } = fold(this.claimed.filter((other) => rowOf(other) === rowOf(change)));
    const hasWon = Object.keys(row.values).some((column) => versions[column] === row.version);
    return isNew || hasWon ? 'applied' : 'stale';
  }

  quarantine(refused: RefusedEvent): QuarantineVerdict {
    const { replayOf: _, eventId, ...event } = refused;
    if (this.#isOutdated(refused)) return 'duplicate';
    const entry = eventId === null ? undefined : this.#entries.get(identity({ ...event, eventId }));
    const isTaken = isClaim(entry);
    if (isTaken && entry.digest === event.digest) return 'duplicate';
    const key = eventId === null || isTaken ? `body ${sha256(event.body)}` : eventId;
    this.#record({ ...event, eventId: key, state: 'quarantined' });
    return 'quarantined';
  }

  /** Has replays begin with the entries as they are now. */
  look(): void {
    this.#seen = new Map(this.#entries);
  }

  /** What a replay of this event's entry would say it began with, so many changes ago. */
  replayOf(event: Change, changesAgo: number): { replayOf?: ReplayedEntry } {
    const keys = [`body ${sha256(event.body!)}`, event.eventId];
    const key = keys.find((eventId) => this.#seen.has(identity({ ...event, eventId })));
    if (key === undefined) return {};
    const { attempts } = this.#seen.get(identity({ ...event, eventId: key }))!;
    return { replayOf: { key, attempts: attempts - changesAgo } };
  }

  entries(): StoredEvent[] {
    return [...this.#entries.values()].map(readable).sort(byIdentity);
  }

  #isOutdated({ clientId, replayOf }: Change | RefusedEvent): boolean {
    if (replayOf === undefined) return false;
    const entry = this.#entries.get(identity({ clientId, eventId: replayOf.key }));
    return entry?.attempts !== replayOf.attempts;
  }

  #record(entry: Omit<StoredEvent, 'attempts'>): void {
    const attempts = (this.#entries.get(identity(entry))?.attempts ?? 0) + 1;
    this.#entries.set(identity(entry), { ...entry, attempts });
  }
}

const isClaim = (entry: StoredEvent | undefined): entry is StoredEvent =>
  entry !== undefined && (['applied', 'declined'] as EventState[]).includes(entry.state);

/** Which row a change is about. */
const rowOf = ({ clientId, row }: Change): string =>
  JSON.stringify([row!.table, clientId, Object.entries(row!.key).sort()]);

/** What a row is after these changes. */
function fold(changes: readonly Change[]): VersionedValues {
  return changes.reduce<VersionedValues>(
    (row, { row: change }) => mergeChanges(row, atVersion(change!.values, change!.version)),
    { values: {}, versions: {} },
  );
}

/** Asserts that the rows of some clients are what these changes amount to. */
async function assertRows(
  { rows, stored = (value: JsonValue): unknown => value }: ModelEngine,
  clients: readonly string[],
  changes: readonly Change[],
): Promise<void> {
  const expected = new Map(
    changes.map((change) => {
      const id = rowOf(change);
      const { values, versions } = fold(changes.filter((other) => rowOf(other) === id));
      const { table, key } = change.row!;
      const { columns } = TABLES.find((spec) => spec.table === table)!;
      const all = [...columns, 'his_deleted_at'].map((column) => [
        column,
        stored(values[column] ?? null, column),
      ]);
      const row = { client_id: change.clientId, ...key, his_versions: versions };
      return [id, { ...row, ...(Object.fromEntries(all) as StoredRow) }];
    }),
  );
  const found = new Map<string, StoredRow>();
  for (const { table, key } of TABLES) {
    for (const row of await rows(table, clients)) {
      const keys = key.map((name) => [name, row[name]] as [string, unknown]).sort();
      found.set(JSON.stringify([table, row['client_id'], keys]), row);
    }
  }
  assert.deepEqual(found, expected, 'the rows');
}

async function entriesOf(store: EventStore, clients: readonly string[]): Promise<StoredEvent[]> {
  const entries: StoredEvent[] = [];
  for (const clientId of clients) {
    for await (const entry of store.find({ clientId })) entries.push(readable(entry));
  }
  return entries.sort(byIdentity);
}

const byIdentity = (a: StoredEvent, b: StoredEvent) => (identity(a) < identity(b) ? -1 : 1);

/** An entry whose body shows in a failed comparison, whatever kind of bytes the driver gives. */
function readable(entry: StoredEvent): StoredEvent {
  return { ...entry, body: Buffer.from(entry.body!).toString() as unknown as Uint8Array };
}
