import type { JsonValue } from '../../events.ts';
import { type Version, wins } from '../../merge.ts';
import type { RowChange } from '../types.ts';
import type { Session } from './connection.ts';
import { quote, type SqlValue } from './driver.ts';

/** Writes the columns that win; `false` where none does. */
export function applyRow(session: Session, clientId: string, row: RowChange): boolean {
  const { key, values, version } = row;
  const table = quote(row.table);
  const keyColumns = Object.keys(key);
  const keyValues = [clientId, ...Object.values(key)];
  const sameRow = `client_id = ? AND ${keyColumns.map((name) => `${quote(name)} = ?`).join(' AND ')}`;

  const stored = session
    .prepare(`SELECT his_versions FROM ${table} WHERE ${sameRow}`)
    .get(...keyValues) as { his_versions: string | null } | undefined;
  const versions = new Map(
    Object.entries(JSON.parse(stored?.his_versions ?? '{}') as Record<string, Version>),
  );
  const winners = Object.keys(values).filter((column) => wins(version, versions.get(column)));
  for (const column of winners) versions.set(column, version);
  const written = [
    ...winners.map((column) => toSql(values[column] as JsonValue)),
    JSON.stringify(Object.fromEntries(versions)),
  ];
  const columns = [...winners, 'his_versions'].map(quote);

  if (stored === undefined) {
    const all = ['client_id', ...keyColumns.map(quote), ...columns];
    session
      .prepare(`INSERT INTO ${table} (${all.join(', ')}) VALUES (${all.map(() => '?').join(', ')})`)
      .run(...keyValues, ...written);
    return true;
  }
  if (winners.length === 0) return false;
  session
    .prepare(
      `UPDATE ${table} SET ${columns.map((column) => `${column} = ?`).join(', ')} WHERE ${sameRow}`,
    )
    .run(...written, ...keyValues);
  return true;
}

function toSql(value: JsonValue): SqlValue {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  // node:sqlite binds every number as a REAL, which would show 5 as 5.0.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}
