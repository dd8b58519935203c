import { SchemaError } from '../../errors.ts';
import { auditSql } from '../../postgres/audit.ts';
import type { FieldType } from '../../mapping/document.ts';
import { type TableSpec, typeOf } from '../../mapping/tables.ts';
import { DELETED_AT } from '../../merge.ts';
import { type ColumnInfo, readSpellings, readTables, type TableInfo } from './catalog.ts';
import { quote, type Session } from './driver.ts';

/** `managed` only checks; `auto` creates missing tables and adds missing nullable columns. */
export type SchemaMode = 'managed' | 'auto';

/** Column → type of the inbox, and what else it says of the column. */
const INBOX: Readonly<Record<string, readonly [type: string, more?: string]>> = {
  client_id: ['text', 'COLLATE "C" NOT NULL'],
  event_id: ['text', 'COLLATE "C" NOT NULL'],
  type: ['text'],
  // Text, because a timestamptz has room for six digits of a second only.
  occurred_at: ['text'],
  received_at: ['timestamp with time zone', 'NOT NULL'],
  state: ['text', 'NOT NULL'],
  code: ['text'],
  reason: ['text'],
  digest: ['text'],
  body: ['bytea'],
  form: ['text', 'NOT NULL'],
  mapping_version: ['text'],
  attempts: ['integer', 'NOT NULL DEFAULT 1'],
};

const INBOX_SQL: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS his_events (\n  ${Object.entries(INBOX)
    .map(([name, definition]) => [name, ...definition].join(' '))
    .join(',\n  ')},\n  PRIMARY KEY (client_id, event_id)\n)`,
  `CREATE INDEX IF NOT EXISTS his_events_quarantined ON his_events (client_id) WHERE state = 'quarantined'`,
  `CREATE INDEX IF NOT EXISTS his_events_bodies ON his_events (received_at) WHERE body IS NOT NULL AND state <> 'quarantined'`,
];

/** The type of a column we make. */
const TYPES: Readonly<Record<FieldType, string>> = {
  string: 'text',
  integer: 'bigint',
  number: 'double precision',
  decimal: 'numeric',
  boolean: 'boolean',
  date: 'date',
  datetime: 'timestamp with time zone',
  json: 'jsonb',
};

/** Types that take what a field stores, and lose some of it without a word. */
const LOSSY: Readonly<Partial<Record<FieldType, readonly string[]>>> = {
  string: ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision', 'money'],
  integer: ['real'],
  number: ['real'],
  decimal: ['real', 'double precision', 'money'],
  datetime: ['date', 'time without time zone', 'time with time zone'],
};

const BOOKKEEPING: ReadonlyMap<string, string> = new Map([
  ['his_versions', 'jsonb'],
  [DELETED_AT, 'timestamp with time zone'],
]);

/**
 * The SQL that makes the inbox, the audit trail and what mappings need, for those who run their migrations
 * themselves. Every statement can be run again; what is there is left as it is. Columns have the types
 * that the mappings give them, and are `text` where they give none: change that before you run it.
 *
 * @example
 * ```ts
 * import { migrations } from '@buktor/his-webhook/stores/postgres';
 *
 * console.log(migrations(mappings.tables));
 * ```
 *
 * @param tables - The `tables` of a mapping set.
 */
export function migrations(tables: readonly TableSpec[]): string {
  const statements = [...INBOX_SQL, ...auditSql(), ...tables.flatMap((spec) => tableSql(spec))];
  return statements.map((statement) => `${statement};\n`).join('\n');
}

function tableSql(spec: TableSpec): readonly string[] {
  const { table, key } = spec;
  const identity = ['client_id', ...key].map((name) => `${quote(name)} text COLLATE "C" NOT NULL`);
  return [
    `CREATE TABLE IF NOT EXISTS ${quote(table)} (\n  ${identity.join(',\n  ')},\n  UNIQUE (${keyList(spec)})\n)`,
    addColumns(spec, [...spec.columns, ...BOOKKEEPING.keys()]),
  ];
}

function keyList({ key }: TableSpec): string {
  return ['client_id', ...key].map(quote).join(', ');
}

function addColumns(spec: TableSpec, names: readonly string[]): string {
  const additions = names.map(
    (name) => `\n  ADD COLUMN IF NOT EXISTS ${quote(name)} ${columnType(spec, name)}`,
  );
  return `ALTER TABLE ${quote(spec.table)}${additions.join(',')}`;
}

function columnType(spec: TableSpec, name: string): string {
  return BOOKKEEPING.get(name) ?? TYPES[typeOf(spec, name) ?? 'string'];
}

/**
 * Holds the database against what the mappings need.
 *
 * @returns The tables as they are now.
 * @throws SchemaError with everything that is missing or that a patch could not satisfy.
 */
export async function prepareSchema(
  session: Session,
  specs: readonly TableSpec[],
  mode: SchemaMode,
): Promise<ReadonlyMap<string, TableInfo>> {
  const names = ['his_events', ...specs.map(({ table }) => table)];
  let tables = await readTables(session, names);
  let findings = await check(session, specs, tables);
  if (findings.sql.length > 0 && findings.faults.length === 0 && mode === 'auto') {
    // Receivers that start together would create the same table twice.
    await session.query(`SELECT pg_advisory_xact_lock(hashtext('his_events'))`, []);
    for (const statement of findings.sql) await session.query(statement, []);
    tables = await readTables(session, names);
    findings = await check(session, specs, tables);
  }
  const problems = [...findings.missing, ...findings.faults];
  if (problems.length > 0) {
    throw new SchemaError(
      mode === 'auto' ? findings.faults : problems,
      findings.sql.map((statement) => `${statement};`),
    );
  }
  return tables;
}

interface Findings {
  /** Statements that add what is missing. */
  readonly sql: string[];
  readonly missing: string[];
  /** What no statement of ours mends. */
  readonly faults: string[];
}

async function check(
  session: Session,
  specs: readonly TableSpec[],
  tables: ReadonlyMap<string, TableInfo>,
): Promise<Findings> {
  const findings: Findings = { sql: [], missing: [], faults: [] };
  const inbox = tables.get('his_events');
  if (inbox === undefined) {
    findings.missing.push('table his_events is missing');
    findings.sql.push(...INBOX_SQL);
  } else checkInbox(inbox, findings.faults);

  const lost = specs.filter(({ table }) => !tables.has(table));
  const spellings =
    lost.length === 0
      ? []
      : await readSpellings(
          session,
          lost.map((s) => s.table),
        );
  for (const spec of specs) {
    const info = tables.get(spec.table);
    if (info !== undefined) {
      checkTable(info, spec, findings);
      continue;
    }
    const other = spellings.find((name) => name.toLowerCase() === spec.table.toLowerCase());
    // Spelled alike, another receiver has just made it.
    if (other !== undefined && !spellings.includes(spec.table)) {
      findings.faults.push(`table ${spec.table} is spelled ${other} in the database`);
      continue;
    }
    findings.missing.push(`table ${spec.table} is missing`);
    findings.sql.push(...tableSql(spec));
  }
  return findings;
}

function checkInbox(info: TableInfo, faults: string[]): void {
  for (const [name, [type]] of Object.entries(INBOX)) {
    const column = info.columns.get(name);
    if (column === undefined) faults.push(`his_events.${name} is missing`);
    else if (column.type !== type) faults.push(`his_events.${name} must be of type ${type}`);
  }
  if (!info.uniqueKeys.includes('client_id,event_id')) {
    faults.push('his_events has no UNIQUE (client_id, event_id)');
  }
  checkPrivileges(info, faults);
}

function checkPrivileges(info: TableInfo, faults: string[]): void {
  const { name, missingPrivileges, isDurable } = info;
  if (!isDurable) faults.push(`${name} is unlogged or temporary, and would not survive a crash`);
  if (missingPrivileges.length > 0) {
    faults.push(`${name}: the role may not ${missingPrivileges.join(', ')}`);
  }
}

/** Types in which two different texts are two different keys. */
const KEY_TYPES: ReadonlySet<string> = new Set(['text', 'character varying']);

function checkTable(info: TableInfo, spec: TableSpec, { sql, missing, faults }: Findings): void {
  const { table } = spec;
  const identity = ['client_id', ...spec.key];
  if (info.kind !== 'r' && info.kind !== 'p') {
    faults.push(`${table} is not a table`);
    return;
  }
  checkPrivileges(info, faults);

  for (const name of identity) {
    const column = info.columns.get(name);
    if (column === undefined) {
      faults.push(`${missingColumn(info, name)}, and is part of the key`);
    } else if (!KEY_TYPES.has(column.type) || !column.isDeterministic) {
      faults.push(`${table}.${name} is part of the key and must be text that compares bytewise`);
    }
  }
  const added: string[] = [];
  for (const name of [...spec.columns, ...BOOKKEEPING.keys()]) {
    const column = info.columns.get(name);
    if (column?.isGenerated === true) {
      faults.push(`${table}.${name} is generated and cannot be written`);
    }
    if (column !== undefined) {
      const type = typeOf(spec, name);
      if (type !== undefined && LOSSY[type]?.includes(column.type) === true) {
        faults.push(
          `${table}.${name} is of type ${column.declared}, which changes the ${type}s of the mapping: it must be ${TYPES[type]}`,
        );
      }
      continue;
    }
    if (spellingOf(info, name) !== undefined) faults.push(missingColumn(info, name));
    else {
      missing.push(`column ${table}.${name} is missing`);
      added.push(name);
    }
  }
  if (added.length > 0) sql.push(addColumns(spec, added));
  checkBookkeeping(info, faults);
  for (const column of info.columns.values()) {
    if (!identity.includes(column.name) && isUnsatisfiable(column)) {
      faults.push(
        `${table}.${column.name} is NOT NULL without a default, which a patch may leave out`,
      );
    }
  }
  if (info.hasForeignKey) faults.push(`${table} has a foreign key, and events come in any order`);
  if (!info.uniqueKeys.includes([...identity].sort().join())) {
    faults.push(`${table} has no UNIQUE (${identity.join(', ')})`);
  }
}

function checkBookkeeping({ name, columns }: TableInfo, faults: string[]): void {
  const versions = columns.get('his_versions');
  if (versions !== undefined && versions.type !== 'jsonb') {
    faults.push(`${name}.his_versions must be of type jsonb`);
  }
}

function isUnsatisfiable({ isRequired, fallback, isGenerated }: ColumnInfo): boolean {
  return isRequired && fallback === null && !isGenerated;
}

function spellingOf({ columns }: TableInfo, name: string): string | undefined {
  return [...columns.keys()].find((other) => other.toLowerCase() === name.toLowerCase());
}

function missingColumn(info: TableInfo, name: string): string {
  const other = spellingOf(info, name);
  return other === undefined
    ? `${info.name}.${name} is missing`
    : `${info.name}.${name} is spelled ${other} in the table`;
}
