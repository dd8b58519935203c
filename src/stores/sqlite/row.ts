import type { JsonValue } from '../../events.ts';
import type { Session } from '../../sqlite/connection.ts';
import { quote, RowRefused, type SqlValue } from '../../sqlite/driver.ts';
import type { RowChange } from '../types.ts';
import {
  advanceAll,
  mergeVersions,
  type VersionNames,
  versionNames,
  writeVersions,
} from './versions.ts';

/** Writes the columns that win; `false` where none does. */
export function applyRow(session: Session, clientId: string, row: RowChange): boolean {
  const { table, key, values, version } = row;
  const keys = Object.keys(key);
  const columns = Object.keys(values);
  const identity = [clientId, ...Object.values(key)];
  const shape = shapeOf(table, keys, columns);
  const stored = session.prepareLists(shape.select).get(...identity) as
    readonly [SqlValue] | undefined;
  if (stored === undefined) {
    write(session, shape.insert, values, columns, writeVersions(shape.names, version), identity);
    return true;
  }
  // A column of the host's may hold anything.
  const versions = String(stored[0] ?? '{}');
  const advanced = advanceAll(versions, shape.names, version);
  if (advanced !== undefined) {
    write(session, shape.update, values, columns, advanced, identity);
    return true;
  }
  const { winners, merged } = mergeVersions(versions, columns, version);
  if (winners.length === 0) return false;
  const { update } = shapeOf(table, keys, winners);
  write(session, update, values, winners, merged, identity);
  return true;
}

function write(
  session: Session,
  sql: string,
  values: RowChange['values'],
  columns: readonly string[],
  versions: string,
  identity: readonly string[],
): void {
  const cells: SqlValue[] = [];
  for (const column of columns) cells.push(toSql(values[column] as JsonValue));
  cells.push(versions, ...identity);
  const { changes } = session.prepare(sql).run(...cells);
  // A trigger can drop a row without an error; that must not count as stored.
  if (Number(changes) !== 1) throw new RowRefused('a trigger dropped it');
}

/** What is written for one set of columns. Parameters: columns, his_versions, client, key. */
interface Shape {
  readonly select: string;
  readonly insert: string;
  readonly update: string;
  readonly names: VersionNames;
}

/** Where a list of names leads to, one after another: that takes a third of joining them to one. */
class Branch {
  readonly next = new Map<string, Branch>();
  shape: Shape | undefined;
}

let shapes = new Branch();
let branches = 0;

function shapeOf(table: string, key: readonly string[], columns: readonly string[]): Shape {
  let branch = follow(shapes, table);
  for (const name of key) branch = follow(branch, name);
  branch = follow(branch, '');
  for (const name of columns) branch = follow(branch, name);
  return (branch.shape ??= makeShape(table, key, columns));
}

function follow(branch: Branch, name: string): Branch {
  let next = branch.next.get(name);
  if (next === undefined) {
    // Patches name any set of columns, so the number of shapes has no bound of its own.
    if (++branches > 1_000) {
      shapes = new Branch();
      branches = 0;
    }
    next = new Branch();
    branch.next.set(name, next);
  }
  return next;
}

function makeShape(table: string, key: readonly string[], columns: readonly string[]): Shape {
  const identity = ['client_id', ...key].map(quote);
  // A column of the host's may ignore letter case; two clients, or two keys, must stay two.
  const sameRow = identity.map((name) => `${name} = ? COLLATE BINARY`).join(' AND ');
  const written = [...columns, 'his_versions'].map(quote);
  const all = [...written, ...identity];
  const places = all.map(() => '?').join(', ');
  const settings = written.map((name) => `${name} = ?`).join(', ');
  return {
    select: `SELECT his_versions FROM ${quote(table)} WHERE ${sameRow}`,
    // OR ABORT, because a constraint of the host's may say ON CONFLICT IGNORE or REPLACE.
    insert: `INSERT OR ABORT INTO ${quote(table)} (${all.join(', ')}) VALUES (${places})`,
    update: `UPDATE OR ABORT ${quote(table)} SET ${settings} WHERE ${sameRow}`,
    names: versionNames(columns),
  };
}

function toSql(value: JsonValue): SqlValue {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  // node:sqlite binds every number as a REAL, which would show 5 as 5.0.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  return value === null ? null : JSON.stringify(value);
}
