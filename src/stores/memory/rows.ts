import { SchemaError } from '../../errors.ts';
import type { TableSpec } from '../../mapping/tables.ts';
import { atVersion, mergeChanges, type VersionedValues, wins } from '../../merge.ts';
import type { RowChange } from '../types.ts';
import { identity } from './identity.ts';

/** A row as a store in memory shows it: `client_id`, key, values, `his_versions`. */
export type MemoryRow = Readonly<Record<string, unknown>>;

interface Row extends VersionedValues {
  readonly clientId: string;
  readonly key: Readonly<Record<string, string>>;
}

interface Table {
  readonly key: readonly string[];
  readonly rows: Map<string, Row>;
}

/** Buktor's tables, in memory. */
export class MemoryRows {
  readonly #tables = new Map<string, Table>();

  /** @throws SchemaError where a table has another key. */
  prepare(specs: readonly TableSpec[]): void {
    for (const spec of specs) {
      const key = [...spec.key].sort();
      const known = this.#tables.get(spec.table);
      if (known === undefined) this.#tables.set(spec.table, { key, rows: new Map() });
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
    const id = identity(clientId, ...columns.map((column) => key[column] ?? ''));
    const row = rows.get(id);
    const change = atVersion(values, version);
    const merged = row === undefined ? change : mergeChanges(row, change);
    rows.set(id, { clientId, key, values: merged.values, versions: merged.versions });
    return (
      row === undefined ||
      Object.keys(values).some((column) => wins(version, own(row.versions, column)))
    );
  }

  /** The rows of a table, by client and key. */
  list(table: string): readonly MemoryRow[] {
    return [...(this.#tables.get(table)?.rows ?? [])]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { clientId, key, values, versions }]) => ({
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

function own(versions: Readonly<Record<string, string>>, column: string): string | undefined {
  return Object.hasOwn(versions, column) ? versions[column] : undefined;
}
