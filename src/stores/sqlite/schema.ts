import { SchemaError } from '../../errors.ts';
import type { FieldType } from '../../mapping/document.ts';
import { type TableSpec, typeOf } from '../../mapping/tables.ts';
import { DELETED_AT } from '../../merge.ts';
import type { Session } from '../../sqlite/connection.ts';
import { quote } from '../../sqlite/driver.ts';
import { INBOX_COLUMNS } from '../inbox.ts';

/** `auto` creates missing tables and adds missing nullable columns; `managed` only checks. */
export type SchemaMode = 'auto' | 'managed';

/** The statements that make the inbox. */
const INBOX_TABLE = `CREATE TABLE his_events (
  client_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT,
  occurred_at TEXT,
  received_at TEXT NOT NULL,
  state TEXT NOT NULL,
  code TEXT,
  reason TEXT,
  digest TEXT,
  body BLOB,
  form TEXT NOT NULL,
  mapping_version TEXT,
  attempts INTEGER NOT NULL DEFAULT 1,
  UNIQUE (client_id, event_id)
)`;

/** What counts a client's quarantine, and what finds the bodies that are due. */
const INBOX_INDEXES: readonly string[] = [
  `CREATE INDEX IF NOT EXISTS his_events_quarantined ON his_events (client_id) WHERE state = 'quarantined'`,
  `CREATE INDEX IF NOT EXISTS his_events_bodies ON his_events (received_at) WHERE body IS NOT NULL AND state <> 'quarantined'`,
];

/**
 * Holds the database against what the mappings need.
 *
 * @throws SchemaError with everything that is missing or that a patch could not satisfy.
 */
export function prepareSchema(
  session: Session,
  tables: readonly TableSpec[],
  mode: SchemaMode,
): void {
  const sql: string[] = [];
  const missing: string[] = [];
  const faults: string[] = [];
  if (hasTable(session, 'his_events')) checkInbox(session, faults);
  else {
    missing.push('table his_events is missing');
    sql.push(INBOX_TABLE);
  }
  for (const spec of tables) {
    if (hasTable(session, spec.table)) checkTable(session, spec, { sql, missing, faults });
    else {
      missing.push(`table ${spec.table} is missing`);
      sql.push(createTable(spec));
    }
  }
  if (faults.length > 0 || (mode === 'managed' && missing.length > 0)) {
    throw new SchemaError(
      mode === 'managed' ? [...missing, ...faults] : faults,
      sql.map((s) => `${s};`),
    );
  }
  for (const statement of sql) session.exec(statement);
  // Nothing is missing without them but speed, so a managed database may do as it likes.
  if (mode === 'auto') for (const statement of INBOX_INDEXES) session.exec(statement);
}

function checkInbox(session: Session, faults: string[]): void {
  const infos = columnsOf(session, 'his_events');
  const names = new Set(infos.map(({ name }) => name));
  for (const name of [...INBOX_COLUMNS, 'attempts']) {
    if (!names.has(name)) faults.push(`his_events.${name} is missing`);
  }
  if (!hasUniqueKey(session, 'his_events', new Set(['client_id', 'event_id']))) {
    faults.push('his_events has no UNIQUE (client_id, event_id) that compares bytewise');
  }
}

interface Findings {
  /** Statements that add what is missing. */
  readonly sql: string[];
  readonly missing: string[];
  /** What no statement of ours mends. */
  readonly faults: string[];
}

interface ColumnInfo {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  /** 2 and 3: generated. */
  readonly hidden: number;
  readonly pk: number;
}

/** The type of a column we make. Without one there is no affinity, and a value is stored as it is. */
const TYPES: Readonly<Record<FieldType, string>> = {
  string: ' TEXT',
  integer: ' INTEGER',
  number: ' REAL',
  // As text, because SQLite's numbers are doubles.
  decimal: ' TEXT',
  boolean: ' INTEGER',
  date: ' TEXT',
  datetime: ' TEXT',
  json: '',
};

/**
 * Whether a column would change what a field stores: its affinity makes numbers of texts that look
 * like some, 7 of "007" and 1.1 of "1.10". Section 3.1 of "Datatypes In SQLite".
 */
function changesValues(type: FieldType | undefined, declared: string): boolean {
  if (type !== 'string' && type !== 'decimal') return false;
  return /int/i.test(declared) || !/char|clob|text|blob|^any$|^$/i.test(declared);
}

function createTable(spec: TableSpec): string {
  const { table, key, columns } = spec;
  const lines = [
    'client_id TEXT NOT NULL',
    ...key.map((column) => `${quote(column)} TEXT NOT NULL`),
    ...columns.map((column) => `${quote(column)}${columnType(spec, column)}`),
    'his_versions TEXT',
    `${DELETED_AT} TEXT`,
    `UNIQUE (client_id, ${key.map(quote).join(', ')})`,
  ];
  return `CREATE TABLE ${quote(table)} (\n  ${lines.join(',\n  ')}\n)`;
}

function columnType(spec: TableSpec, column: string, untyped = ''): string {
  const type = typeOf(spec, column);
  return (type === undefined ? '' : TYPES[type]) || untyped;
}

function checkTable(session: Session, spec: TableSpec, { sql, missing, faults }: Findings): void {
  const { table } = spec;
  const infos = columnsOf(session, table);
  const columns = new Map(infos.map((info) => [info.name.toLowerCase(), info]));
  const identity = ['client_id', ...spec.key];
  const untyped = isStrict(session, table) ? ' ANY' : '';

  for (const name of identity) {
    const column = columns.get(name.toLowerCase());
    if (column === undefined) faults.push(`${table}.${name} is missing, and is part of the key`);
    else if (!/char|clob|text/i.test(column.type)) {
      faults.push(`${table}.${name} is part of the key and must be of type TEXT`);
    }
  }
  for (const name of [...spec.columns, 'his_versions', DELETED_AT]) {
    const column = columns.get(name.toLowerCase());
    if (column === undefined) {
      const type = name.startsWith('his_') ? ' TEXT' : columnType(spec, name, untyped);
      missing.push(`column ${table}.${name} is missing`);
      sql.push(`ALTER TABLE ${quote(table)} ADD COLUMN ${quote(name)}${type}`);
    } else if (column.name !== name) {
      // The versions in his_versions go by this name.
      faults.push(`${table}.${name} is spelled ${column.name} in the table`);
    } else if (column.hidden > 1) {
      faults.push(`${table}.${name} is generated and cannot be written`);
    } else if (changesValues(typeOf(spec, name), column.type)) {
      faults.push(
        `${table}.${name} is of type ${column.type}, which changes the ${typeOf(spec, name) ?? ''}s of the mapping: it must be TEXT`,
      );
    }
  }
  const known = new Set(identity.map((name) => name.toLowerCase()));
  // SQLite itself fills an INTEGER PRIMARY KEY and what is generated.
  const isRowId = ({ pk, type }: ColumnInfo): boolean =>
    pk > 0 && /^integer$/i.test(type) && infos.filter((info) => info.pk > 0).length === 1;
  for (const info of infos) {
    const { name, notnull, dflt_value: fallback, hidden } = info;
    if (hidden > 1 || isRowId(info)) continue;
    if (notnull === 1 && fallback === null && !known.has(name.toLowerCase())) {
      faults.push(`${table}.${name} is NOT NULL without a default, which a patch may leave out`);
    }
  }
  if (pragma(session, `foreign_key_list(${quote(table)})`).length > 0) {
    faults.push(`${table} has a foreign key, and events come in any order`);
  }
  if (!hasUniqueKey(session, table, known)) {
    faults.push(`${table} has no UNIQUE (${identity.join(', ')}) that compares bytewise`);
  }
}

function columnsOf(session: Session, table: string): readonly ColumnInfo[] {
  return pragma(session, `table_xinfo(${quote(table)})`) as unknown as ColumnInfo[];
}

/** Whether every column of a table must have a type. */
function isStrict(session: Session, table: string): boolean {
  return pragma(session, `table_list(${quote(table)})`)[0]?.['strict'] === 1;
}

/** The rows of a PRAGMA; whole numbers as numbers, though the host's database may read BigInts. */
function pragma(session: Session, text: string): Record<string, unknown>[] {
  const rows = session.database.prepare(`PRAGMA ${text}`).all() as Record<string, unknown>[];
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? Number(value) : value,
      ]),
    ),
  );
}

function hasUniqueKey(session: Session, table: string, key: ReadonlySet<string>): boolean {
  const indexes = pragma(session, `index_list(${quote(table)})`) as {
    name: string;
    unique: number;
    partial: number;
  }[];
  return indexes.some(({ name, unique, partial }) => {
    if (unique !== 1 || partial === 1) return false;
    const columns = (
      pragma(session, `index_xinfo(${quote(name)})`) as {
        name: string | null;
        key: number;
        coll: string;
      }[]
    ).filter((column) => column.key === 1);
    return (
      columns.length === key.size &&
      columns.every(({ name, coll }) => key.has((name ?? '').toLowerCase()) && coll === 'BINARY')
    );
  });
}

function hasTable(session: Session, table: string): boolean {
  return (
    session.database
      .prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)`)
      .get(table) !== undefined
  );
}
