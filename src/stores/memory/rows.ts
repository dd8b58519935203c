import { SchemaError } from '../../errors.ts';
import type { TableSpec } from '../../mapping/tables.ts';
import { atVersion, mergeChanges, type VersionedValues, wins } from '../../merge.ts';
import type { RowChange } from '../types.ts';
import { ByClient } from './by-client.ts';
import { identity } from './identity.ts';

/** A row as a store in memory shows it: `client_id`, key, values, `his_versions`. */
export type MemoryRow = Readonly<Record<string, unknown>>;

interface Row extends VersionedValues {
  readonly clientId: string;
  readonly key: Readonly<Record<string, string>>;
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
    const { key: columns, rows } = this.#table(table);
    const id = idOf(columns, key);
    const row = rows.get(clientId, id);
    const change = atVersion(values, version);
    if (row === undefined) {
      rows.set(clientId, id, { clientId, key, ...change });
      return true;
    }
    rows.set(clientId, id, { clientId, key, ...mergeChanges(row, change) });
    return Object.keys(values).some((column) => wins(version, own(row.versions, column)));
  }

  /** The rows of a table, by client and key. */
  list(table: string): readonly MemoryRow[] {
    const rows = this.#tables.get(table)?.rows.list() ?? [];
    return rows.map(({ clientId, key, values, versions }) => ({
      client_id: clientId,
      ...key,
      ...values,
      his_versions: versions,
    }));
  }

  #table(name: string): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new SchemaError([`table ${name} was not prepared`], []);
    return table;
  }
}

/** What a row goes by among its client's. */
function idOf(columns: readonly string[], key: RowChange['key']): string {
  const only = columns.length === 1 ? columns[0] : undefined;
  return only === undefined
    ? identity(...columns.map((column) => key[column] ?? ''))
    : (key[only] ?? '');
}

function own(versions: Readonly<Record<string, string>>, column: string): string | undefined {
  return Object.hasOwn(versions, column) ? versions[column] : undefined;
}
