import { SchemaError } from '../../errors.ts';
import type { TableSpec } from '../../mapping/tables.ts';
import type { JsonValue } from '../../events.ts';
import { atVersion, type Version, wins } from '../../merge.ts';
import type { RowChange } from '../types.ts';
import { ByClient } from '../by-client.ts';
import { identity } from './identity.ts';

/** A row as a store in memory shows it: `client_id`, key, values, `his_versions`. */
export type MemoryRow = Readonly<Record<string, unknown>>;

type Values = Record<string, JsonValue>;
type Versions = Record<string, Version>;

interface Row {
  readonly clientId: string;
  readonly key: Readonly<Record<string, string>>;
  values: Readonly<Values>;
  /** One for every column, as long as all events carried the same columns; the values are the last one's. */
  versions: Version | Versions;
}

interface Table {
  readonly key: readonly string[];
  readonly rows: ByClient<Row>;
}

/** Buktor's tables, in memory. */
export class MemoryRows {
  readonly #tables = new Map<string, Table>();

  /** @throws SchemaError where a table has another key. */
  prepare(specs: readonly TableSpec[]): void {
    for (const spec of specs) {
      const key = [...spec.key].sort();
      const known = this.#tables.get(spec.table);
      if (known === undefined) this.#tables.set(spec.table, { key, rows: new ByClient() });
      else if (known.key.join() !== key.join()) {
        const problem = `table ${spec.table} has the key (${known.key.join(', ')}), not (${key.join(', ')})`;
        throw new SchemaError([problem], []);
      }
    }
  }

  /** @throws SchemaError where the table was not prepared. */
  check(table: string): void {
    this.#table(table);
  }

  /** Merges a change into its row; whether it wrote a column. */
  apply(clientId: string, { table, key, values, version }: RowChange): boolean {
    const { key: names, rows } = this.#table(table);
    const id = idOf(names, key);
    const row = rows.get(clientId, id);
    if (row === undefined) {
      rows.set(clientId, id, { clientId, key, values, versions: version });
      return true;
    }
    const columns = Object.keys(values);
    if (typeof row.versions === 'string' && hasSameColumns(row.values, columns)) {
      if (columns.length === 0 || !wins(version, row.versions)) return false;
      row.values = values;
      row.versions = version;
      return true;
    }
    const own = ownColumns(row);
    let isNews = false;
    for (const column of columns) {
      const stored = Object.hasOwn(own.versions, column) ? own.versions[column] : undefined;
      if (!wins(version, stored)) continue;
      own.values[column] = values[column] as JsonValue;
      own.versions[column] = version;
      isNews = true;
    }
    return isNews;
  }

  /** The rows of a table, by client and key. */
  list(table: string): readonly MemoryRow[] {
    const rows = this.#tables.get(table)?.rows.list() ?? [];
    return rows.map((row) => ({
      client_id: row.clientId,
      ...row.key,
      ...row.values,
      his_versions: { ...versionsOf(row) },
    }));
  }

  #table(name: string): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new SchemaError([`table ${name} was not prepared`], []);
    return table;
  }
}

function hasSameColumns(values: Row['values'], columns: readonly string[]): boolean {
  return (
    Object.keys(values).length === columns.length &&
    columns.every((column) => Object.hasOwn(values, column))
  );
}

/** The values and versions of a row as objects of its own, to be changed in place. */
function ownColumns(row: Row): { readonly values: Values; readonly versions: Versions } {
  if (typeof row.versions === 'string') {
    row.versions = versionsOf(row);
    row.values = { ...row.values };
  }
  return { values: row.values, versions: row.versions };
}

function versionsOf({ values, versions }: Row): Versions {
  return typeof versions === 'string' ? { ...atVersion(values, versions).versions } : versions;
}

/** What a row goes by among its client's. */
function idOf(columns: readonly string[], key: RowChange['key']): string {
  const only = columns.length === 1 ? columns[0] : undefined;
  return only === undefined
    ? identity(...columns.map((column) => key[column] ?? ''))
    : (key[only] ?? '');
}
