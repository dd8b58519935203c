import assert from 'node:assert/strict';
import { SchemaError } from '../errors.ts';
import type { JsonValue } from '../events.ts';
import type { TableSpec } from '../mapping/tables.ts';
import { atVersion, mergeChanges, type VersionedValues } from '../merge.ts';
import type { Verdict } from '../stores/types.ts';
import {
  APPOINTMENT,
  type ChangeSpec,
  type ChangeWithRow,
  permutations,
  rowChangeOf,
} from './changes.ts';
import type { Closable, Rule, StoredRow } from './suite.ts';

/** What a harness shows of the tables. */
export interface RowsHarness extends Closable {
  /**
   * The rows of a table, every column of it, by name: `his_versions` parsed, `his_deleted_at` in UTC
   * with nine digits, columns that are not set `null` or left out.
   */
  readonly rows: (table: string) => Promise<readonly StoredRow[]>;
  /**
   * What the store's columns make of a value. By default they keep it as it is; columns of type text
   * would say `(value) => (typeof value === 'number' ? String(value) : value)`.
   */
  readonly stored?: (value: JsonValue) => unknown;
}

/** A store as the rules about rows see it. */
export interface RowTarget extends RowsHarness {
  readonly prepare: (tables: readonly TableSpec[]) => Promise<void>;
  /** Writes changes in their order. */
  readonly write: (changes: readonly ChangeWithRow[]) => Promise<readonly Verdict[]>;
}

/** A moment of the histories. */
export function at(second: number): string {
  return `2025-01-08T12:00:0${String(second)}Z`;
}

/** Histories of one row, five events each, with ties in time. */
export const HISTORIES: readonly (readonly ChangeSpec[])[] = [
  [
    { id: 'e1', operation: 'created', at: at(0), values: { status: 'open', room: '1' } },
    { id: 'e2', operation: 'updated', at: at(0), values: { status: 'seen' } },
    { id: 'e3', operation: 'deleted', at: at(0), values: { note: 'gone' } },
    { id: 'e4', operation: 'updated', at: at(0), values: { status: 'late', note: null } },
    { id: 'e5', operation: 'created', at: at(0), values: { room: '2' } },
  ],
  [
    { id: 'e1', operation: 'created', at: at(1), values: { status: 'open', room: '1' } },
    { id: 'e2', operation: 'deleted', at: at(2), values: {} },
    { id: 'e3', operation: 'created', at: at(3), values: { status: 'again' } },
    { id: 'e4', operation: 'updated', at: at(3), values: { room: '3' } },
    { id: 'e5', operation: 'updated', at: at(0), values: { note: 'early', room: '0' } },
  ],
  [
    { id: 'e1', operation: 'updated', at: at(5), values: { status: 'z' } },
    { id: 'e2', operation: 'updated', at: at(5), values: { status: 'a', room: null } },
    { id: 'E3', operation: 'updated', at: at(5), values: { status: 'm', note: '' } },
    { id: 'e4', operation: 'deleted', at: at(4), values: { status: 'old' } },
    { id: 'e5', operation: 'created', at: at(4), values: { note: 'first' } },
  ],
];

/** What the model says the row of these changes is. */
export function model(changes: readonly ChangeWithRow[]): VersionedValues {
  return changes.reduce<VersionedValues>(
    (stored, { row }) => mergeChanges(stored, atVersion(row.values, row.version)),
    { values: {}, versions: {} },
  );
}

/** Asserts that table `appointment` has one row: that of a first event, with its bookkeeping. */
export function assertFirstRow(all: readonly StoredRow[], { row }: ChangeWithRow): void {
  assert.equal(all.length, 1);
  assert.deepEqual(
    { status: null, room: null, note: null, ...all[0] },
    {
      client_id: '1001',
      ...row.key,
      status: null,
      room: null,
      note: null,
      ...row.values,
      his_versions: atVersion(row.values, row.version).versions,
    },
  );
}

/** Holds a row against the model. */
export function assertRow(row: StoredRow | undefined, expected: VersionedValues): void {
  assert.ok(row !== undefined, 'the row is there');
  assert.deepEqual(row['his_versions'], expected.versions);
  for (const column of ['status', 'room', 'note', 'his_deleted_at']) {
    assert.deepEqual(row[column] ?? null, expected.values[column] ?? null, column);
  }
}

async function write({ write }: RowTarget, ...specs: ChangeSpec[]): Promise<readonly Verdict[]> {
  return write(specs.map(rowChangeOf));
}

/** What every store of rows must do; the table {@link APPOINTMENT} is prepared. */
export const ROW_RULES: readonly Rule<RowTarget>[] = [
  {
    name: 'leaves one row for every order of up to five events, with repeats',
    async run(target) {
      let client = 0;
      const expected = new Map<string, VersionedValues>();
      for (const history of HISTORIES) {
        for (let size = 1; size <= history.length; size++) {
          const events = history.slice(0, size);
          for (const order of permutations(events)) {
            const id = `order-${String(++client)}`;
            const specs = order.map((spec) => ({ ...spec, client: id }));
            expected.set(id, model(events.map(rowChangeOf)));
            if (client % 2 === 0) await write(target, ...specs, ...specs);
            else {
              for (const spec of specs) await write(target, spec, specs[0]!);
            }
          }
        }
      }
      const all = await target.rows('appointment');
      assert.equal(all.length, expected.size);
      for (const row of all) assertRow(row, expected.get(row['client_id'] as string)!);
    },
  },
  {
    name: 'leaves the same row where the events of a row come at the same time',
    async run(target) {
      const clients = Array.from({ length: 10 }, (_, i) => `client-${String(i)}`);
      const history = HISTORIES[0]!;
      await Promise.all(
        clients.flatMap((client) =>
          [...history, ...history].map((spec) => write(target, { ...spec, client })),
        ),
      );
      const all = await target.rows('appointment');
      assert.deepEqual(all.map((row) => row['client_id']).sort(), clients);
      for (const row of all) assertRow(row, model(history.map(rowChangeOf)));
    },
  },
  {
    name: 'calls a change stale that wins no column, and applied one that wins any',
    async run(target) {
      const values = { status: 'a', room: '1' };
      assert.deepEqual(await write(target, { id: 'e1', at: at(2), values }), ['applied']);
      assert.deepEqual(await write(target, { id: 'e0', at: at(1), values }), ['stale']);
      const late = { id: 'e2', at: at(1), values: { status: 'b', note: 'late' } };
      assert.deepEqual(await write(target, late), ['applied']);
      const [row] = await target.rows('appointment');
      assert.deepEqual([row!['status'], row!['room'], row!['note']], ['a', '1', 'late']);
    },
  },
  {
    name: 'sets the tombstone with deleted, and lifts it only with a newer created',
    async run(target) {
      const tombstone = async () => (await target.rows('appointment'))[0]!['his_deleted_at'];
      await write(target, { id: 'e1', operation: 'deleted', at: at(2), values: { status: 'x' } });
      assert.equal(await tombstone(), '2025-01-08T12:00:02.000000000Z');
      await write(target, { id: 'e2', operation: 'updated', at: at(5), values: { status: 'y' } });
      await write(target, { id: 'e3', operation: 'created', at: at(2), values: {} });
      assert.equal(await tombstone(), '2025-01-08T12:00:02.000000000Z');
      assert.equal((await target.rows('appointment'))[0]!['status'], 'y');
      await write(target, { id: 'e4', operation: 'created', at: at(3), values: {} });
      assert.equal(await tombstone(), null);
    },
  },
  {
    name: 'stores each kind of value as it was sent',
    async run(target) {
      const { stored = (value: JsonValue): unknown => value } = target;
      const values = [
        '007',
        '',
        'ünï ✓ 😀',
        "'; DROP TABLE x --",
        0,
        -5,
        1.25,
        1e300,
        2 ** 53 - 1,
        null,
      ];
      await write(
        target,
        ...values.map((status, i) => ({ id: `e${String(i)}`, key: String(i), values: { status } })),
      );
      const all = await target.rows('appointment');
      const byKey = new Map(all.map((row) => [row['id'], row['status']]));
      values.forEach((value, i) => {
        assert.strictEqual(byKey.get(String(i)), stored(value));
      });
    },
  },
  {
    name: 'keeps the rows of clients apart, and tells apart keys by every byte',
    async run(target) {
      await write(
        target,
        { id: 'e1', values: { status: 'x' } },
        { id: 'e1', client: '1002', values: { status: 'y' } },
        { id: 'e2', key: 'a1', values: { status: 'z' } },
        { id: 'e3', key: 'A1 ', values: { status: 'w' } },
      );
      const all = await target.rows('appointment');
      const byKey = new Map(
        all.map((row) => [`${String(row['client_id'])}/${String(row['id'])}`, row['status']]),
      );
      const expected = { '1001/A1': 'x', '1002/A1': 'y', '1001/a1': 'z', '1001/A1 ': 'w' };
      assert.deepEqual(byKey, new Map(Object.entries(expected)));
    },
  },
  {
    name: 'takes tables and columns with names that mean something elsewhere',
    async run(target) {
      const columns = ['constructor', 'toString', 'select', 'order'];
      await target.prepare([{ table: 'group', key: ['where', 'hasOwnProperty'], columns }]);
      const change = rowChangeOf({ id: 'e1' });
      const values = Object.fromEntries(columns.map((column) => [column, column]));
      const key = { where: 'w', hasOwnProperty: 'h' };
      const row = { ...change.row, table: 'group', key, values };
      assert.deepEqual(await target.write([{ ...change, row }]), ['applied']);
      const [stored] = await target.rows('group');
      assert.deepEqual({ ...stored, ...values, ...key }, stored);
    },
  },
  {
    name: 'adds what later mappings bring, and refuses a change of key',
    async run(target) {
      await write(target, { id: 'e1', values: { status: 'a' } });
      await target.prepare([{ ...APPOINTMENT, columns: ['extra'] }]);
      await write(target, { id: 'e2', values: { extra: 'x', room: 'r' } });
      const [row] = await target.rows('appointment');
      assert.deepEqual([row!['status'], row!['extra'], row!['room']], ['a', 'x', 'r']);

      await assert.rejects(
        target.prepare([{ table: 'appointment', key: ['status'], columns: ['id'] }]),
        (error: unknown) => error instanceof SchemaError && error.problems.length > 0,
      );
      assert.deepEqual(await write(target, { id: 'e3', values: { status: 'b' } }), ['applied']);
    },
  },
];
