import { SchemaError } from '../../errors.ts';
import type { JsonValue } from '../../events.ts';
import { ByClient } from '../by-client.ts';
import type { Change, RowChange } from '../types.ts';
import type { ColumnInfo, TableInfo } from './catalog.ts';
import { arrayOf, type SqlValue } from './driver.ts';

/** A change that has a row. */
export type RowBearing = Change & { readonly row: RowChange };

/** Distinct events that one statement commits, as it wants them: by column, and by table. */
export interface Batch {
  readonly changes: readonly Change[];
  readonly shared: Shared;
  /** The tables it writes to, in the order of their names. */
  readonly tables: readonly TableBatch[];
}

/** Columns of the inbox for which all events of a batch have the same value. */
export type Shared = readonly string[];

/** Changes of one table, each with its place in the batch. */
export interface TableBatch extends TableShape {
  readonly places: readonly number[];
  readonly changes: readonly RowBearing[];
}

/** What the text of a statement depends on. */
export interface TableShape {
  readonly table: string;
  readonly key: readonly ColumnInfo[];
  readonly columns: readonly ColumnInfo[];
  /** Two changes are about one row. */
  readonly isShared: boolean;
  /** Every change carries every column, as those of one mapping mostly do. */
  readonly isUniform: boolean;
  /** Every change of the batch is about this table. */
  readonly isWhole: boolean;
}

interface ClaimColumn {
  readonly name: string;
  readonly type: string;
  readonly read: (change: Change) => string;
  /** Whether a batch may well have the same value throughout. */
  readonly isOftenShared: boolean;
}

/** What a claim writes of an event, its body left out. */
export const CLAIM_COLUMNS: readonly ClaimColumn[] = [
  { name: 'client_id', type: 'text', read: (c) => c.clientId, isOftenShared: true },
  { name: 'event_id', type: 'text', read: (c) => c.eventId, isOftenShared: false },
  { name: 'type', type: 'text', read: (c) => c.type, isOftenShared: true },
  { name: 'occurred_at', type: 'text', read: (c) => c.occurredAt, isOftenShared: false },
  { name: 'received_at', type: 'timestamptz', read: (c) => c.receivedAt, isOftenShared: false },
  { name: 'state', type: 'text', read: stateOf, isOftenShared: true },
  { name: 'digest', type: 'text', read: (c) => c.digest, isOftenShared: false },
  { name: 'form', type: 'text', read: (c) => c.form, isOftenShared: true },
  { name: 'mapping_version', type: 'text', read: (c) => c.mappingVersion, isOftenShared: true },
];

function stateOf({ row }: Change): string {
  return row === null ? 'declined' : 'applied';
}

/** Puts changes together by column and by table. */
export function toBatch(changes: readonly Change[], tables: ReadonlyMap<string, TableInfo>): Batch {
  const groups = new Map<string, { places: number[]; changes: RowBearing[] }>();
  changes.forEach((change, place) => {
    if (!hasRow(change)) return;
    const { table } = change.row;
    let group = groups.get(table);
    if (group === undefined) groups.set(table, (group = { places: [], changes: [] }));
    group.places.push(place);
    group.changes.push(change);
  });
  const shared = CLAIM_COLUMNS.filter(
    ({ read, isOftenShared }) => isOftenShared && isSame(changes, read),
  );
  return {
    changes,
    shared: shared.map(({ name }) => name),
    tables: [...groups.keys()].sort().map((table) => {
      const info = tables.get(table);
      if (info === undefined) throw new SchemaError([`table ${table} was not prepared`], []);
      const { places, changes: mine } = groups.get(table) ?? { places: [], changes: [] };
      const isWhole = mine.length === changes.length;
      return { table, ...shapeOf(mine, info), isWhole, places, changes: mine };
    }),
  };
}

function hasRow(change: Change): change is RowBearing {
  return change.row !== null;
}

function isSame(changes: readonly Change[], read: (change: Change) => string): boolean {
  const [first] = changes;
  if (first === undefined) return false;
  const value = read(first);
  return changes.every((change) => read(change) === value);
}

function shapeOf(
  changes: readonly RowBearing[],
  info: TableInfo,
): Pick<TableShape, 'key' | 'columns' | 'isShared' | 'isUniform'> {
  const names = new Set<string>();
  let last: readonly string[] | undefined;
  let isUniform = true;
  for (const { row } of changes) {
    const own = Object.keys(row.values);
    // Those of one mapping have the same, in the same order.
    if (own.length === last?.length && own.every((name, i) => name === last?.[i])) continue;
    for (const name of own) names.add(name);
    isUniform &&= last === undefined || own.length === last.length;
    last = own;
  }
  const key = Object.keys(changes[0]?.row.key ?? {})
    .sort()
    .map((name) => columnOf(info, name));
  return {
    key,
    columns: [...names].sort().map((name) => columnOf(info, name)),
    isShared: isAnyShared(changes, key),
    isUniform: isUniform && names.size === last?.length,
  };
}

/** Whether two changes are about one row. */
function isAnyShared(changes: readonly RowBearing[], key: readonly ColumnInfo[]): boolean {
  const rows = new ByClient<true>();
  for (const { clientId, row } of changes) {
    const text = keyText(row, key);
    if (rows.get(clientId, text) === true) return true;
    rows.set(clientId, text, true);
  }
  return false;
}

/**
 * What tells a row from the others of its table.
 *
 * @param key - The columns of the key, in the order of their names.
 */
export function rowKey({ clientId, row }: RowBearing, key: readonly ColumnInfo[]): string {
  return `${clientId}\0${keyText(row, key)}`;
}

/** No text of Postgres holds the character in between. */
function keyText({ key: values }: RowChange, key: readonly ColumnInfo[]): string {
  return key.map(({ name }) => values[name] ?? '').join('\0');
}

function columnOf({ name: table, columns }: TableInfo, name: string): ColumnInfo {
  const column = columns.get(name);
  if (column === undefined) throw new SchemaError([`column ${table}.${name} was not prepared`], []);
  return column;
}

/** The parameters of the claims: places, a text or a list for each column, the bodies as one value. */
export function claimValues({ changes, shared }: Batch): readonly SqlValue[] {
  const [first] = changes;
  const columns = CLAIM_COLUMNS.map(({ name, read }) =>
    first !== undefined && shared.includes(name) ? read(first) : arrayOf(changes.map(read)),
  );
  // A list of bodies would be sent in hexadecimal.
  const sizes = changes.map(({ body }) => body?.byteLength ?? null);
  const bodies = new Uint8Array(sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0));
  let end = 0;
  const starts = changes.map(({ body }) => {
    const start = end;
    if (body !== null) bodies.set(body, start);
    end += body?.byteLength ?? 0;
    return start + 1;
  });
  return [arrayOf([...changes.keys()]), ...columns, arrayOf(starts), arrayOf(sizes), bodies];
}

/** The parameters of a table's rows. */
export function tableValues(batch: TableBatch): readonly SqlValue[] {
  const { key, columns, places, changes, isUniform, isWhole } = batch;
  const lists = [
    ...(isWhole ? [] : [places]),
    changes.map(({ row }) => row.version),
    ...(isUniform ? [] : [changes.map(({ row }) => maskOf(row, columns))]),
    ...key.map((column) => changes.map(({ row }) => keyCell(row.key, column))),
    ...columns.map((column) => changes.map(({ row }) => cell(row.values, column))),
  ];
  return lists.map(arrayOf);
}

/** Which columns a change carries, because null is a value. */
function maskOf({ values }: RowChange, columns: readonly ColumnInfo[]): string {
  return columns.map(({ name }) => (Object.hasOwn(values, name) ? '1' : '0')).join('');
}

/** A key as text. Spaces beyond its length would be cut, and two keys become one row. */
function keyCell(key: RowChange['key'], { name, length }: ColumnInfo): string | null {
  const text = key[name] ?? null;
  if (text === null || length === null || Array.from(text).length <= length) return text;
  return `${text}x`;
}

/** A value of a row as text, which every type of column can be read from. */
export function cell(
  values: Readonly<Record<string, JsonValue>>,
  { name, type }: ColumnInfo,
): string | null {
  const value = Object.hasOwn(values, name) ? values[name] : null;
  if (value === null || value === undefined) return null;
  if (type === 'json' || type === 'jsonb') return JSON.stringify(value);
  if (Array.isArray(value) && type.endsWith('[]')) return arrayOf(value.map(toText));
  return toText(value);
}

function toText(value: JsonValue): string | null {
  return typeof value === 'string' || value === null ? value : JSON.stringify(value);
}
