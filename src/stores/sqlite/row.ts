import type { JsonValue } from '../../events.ts';
import { type Version, wins } from '../../merge.ts';
import type { RowChange } from '../types.ts';
import type { Session } from '../../sqlite/connection.ts';
import { quote, RowRefused, type SqlValue } from '../../sqlite/driver.ts';

/** Writes the columns that win; `false` where none does. */
export function applyRow(session: Session, clientId: string, row: RowChange): boolean {
  const { key, values, version } = row;
  const names = Object.keys(key);
  const keyValues = [clientId, ...Object.values(key)];
  const stored = session.prepare(text('select', row.table, names, [])).get(...keyValues) as
    { his_versions: string | null } | undefined;
  const versions = readVersions(stored?.his_versions);
  const winners = Object.keys(values).filter((column) => wins(version, versions.get(column)));
  if (stored !== undefined && winners.length === 0) return false;

  for (const column of winners) versions.set(column, version);
  const written = [
    ...winners.map((column) => toSql(values[column] as JsonValue)),
    JSON.stringify(Object.fromEntries(versions)),
  ];
  const statement = stored === undefined ? 'insert' : 'update';
  assertWritten(
    session.prepare(text(statement, row.table, names, winners)).run(...written, ...keyValues),
  );
  return true;
}

const texts = new Map<string, string>();

/** The text of a statement, made once. Its parameters: columns, his_versions, client, key. */
function text(
  statement: 'select' | 'insert' | 'update',
  table: string,
  key: readonly string[],
  columns: readonly string[],
): string {
  const shape = `${statement} ${table} ${key.join()} ${columns.join()}`;
  let known = texts.get(shape);
  if (known === undefined) {
    known = write(statement, table, key, columns);
    // Patches name any set of columns, so the number of shapes has no bound of its own.
    if (texts.size >= 1_000) texts.clear();
    texts.set(shape, known);
  }
  return known;
}

function write(
  statement: 'select' | 'insert' | 'update',
  table: string,
  key: readonly string[],
  columns: readonly string[],
): string {
  const identity = ['client_id', ...key].map(quote);
  // A column of the host's may ignore letter case; two clients, or two keys, must stay two.
  const sameRow = identity.map((name) => `${name} = ? COLLATE BINARY`).join(' AND ');
  const written = [...columns, 'his_versions'].map(quote);
  switch (statement) {
    case 'select':
      return `SELECT his_versions FROM ${quote(table)} WHERE ${sameRow}`;
    // OR ABORT, because a constraint of the host's may say ON CONFLICT IGNORE or REPLACE.
    case 'insert': {
      const all = [...written, ...identity];
      const places = all.map(() => '?').join(', ');
      return `INSERT OR ABORT INTO ${quote(table)} (${all.join(', ')}) VALUES (${places})`;
    }
    case 'update': {
      const settings = written.map((name) => `${name} = ?`).join(', ');
      return `UPDATE OR ABORT ${quote(table)} SET ${settings} WHERE ${sameRow}`;
    }
  }
}

/** A trigger can drop a row without an error; that must not count as stored. */
function assertWritten({ changes }: { readonly changes: number | bigint }): void {
  if (Number(changes) !== 1) throw new RowRefused('a trigger dropped it');
}

function readVersions(text: string | null | undefined): Map<string, Version> {
  try {
    return new Map(Object.entries(JSON.parse(text ?? '{}') as Record<string, Version>));
  } catch {
    throw new RowRefused('its his_versions is not JSON');
  }
}

function toSql(value: JsonValue): SqlValue {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  // node:sqlite binds every number as a REAL, which would show 5 as 5.0.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}
