import type { JsonValue } from '../../events.ts';
import { type Version, wins } from '../../merge.ts';
import type { RowChange } from '../types.ts';
import type { Session } from './connection.ts';
import { quote, RowRefused, type SqlValue } from './driver.ts';

/** Writes the columns that win; `false` where none does. */
export function applyRow(session: Session, clientId: string, row: RowChange): boolean {
  const { key, values, version } = row;
  const table = quote(row.table);
  const keyColumns = Object.keys(key);
  const keyValues = [clientId, ...Object.values(key)];
  // A column of the host's may ignore letter case; two clients, or two keys, must stay two.
  const sameRow = ['client_id', ...keyColumns]
    .map((name) => `${quote(name)} = ? COLLATE BINARY`)
    .join(' AND ');

  const stored = session
    .prepare(`SELECT his_versions FROM ${table} WHERE ${sameRow}`)
    .get(...keyValues) as { his_versions: string | null } | undefined;
  const versions = readVersions(stored?.his_versions);
  const winners = Object.keys(values).filter((column) => wins(version, versions.get(column)));
  for (const column of winners) versions.set(column, version);
  const written = [
    ...winners.map((column) => toSql(values[column] as JsonValue)),
    JSON.stringify(Object.fromEntries(versions)),
  ];
  const columns = [...winners, 'his_versions'].map(quote);

  // OR ABORT, because a constraint of the host's may say ON CONFLICT IGNORE or REPLACE.
  if (stored === undefined) {
    const all = ['client_id', ...keyColumns.map(quote), ...columns];
    const places = all.map(() => '?').join(', ');
    const insert = `INSERT OR ABORT INTO ${table} (${all.join(', ')}) VALUES (${places})`;
    assertWritten(session.prepare(insert).run(...keyValues, ...written));
    return true;
  }
  if (winners.length === 0) return false;
  const settings = columns.map((column) => `${column} = ?`).join(', ');
  const update = `UPDATE OR ABORT ${table} SET ${settings} WHERE ${sameRow}`;
  assertWritten(session.prepare(update).run(...written, ...keyValues));
  return true;
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
