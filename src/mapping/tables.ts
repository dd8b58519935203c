import { type FieldType, SQL_IDENTIFIER } from './document.ts';

/** A table as the mappings need it. */
export interface TableSpec {
  readonly table: string;
  /** Stored as text; with `client_id` they identify a row. */
  readonly key: readonly string[];
  /** The other columns that mappings write. */
  readonly columns: readonly string[];
  /** The types of those of them that have one; the others take values of any kind. */
  readonly types?: Readonly<Record<string, FieldType>>;
}

/** Where in the document a name stands. */
export interface Placed {
  readonly name: string;
  readonly place: string;
}

/** Names by lower case, because SQLite does not tell `A` from `a`. */
export type Columns = Map<string, Placed>;

/** Reports a fault at a JSON Pointer. */
export type Report = (place: string, message: string) => void;

/** Why a table cannot have this name. */
export function tableFault(name: unknown): string | undefined {
  if (typeof name !== 'string' || !SQL_IDENTIFIER.test(name)) {
    return 'must be a table name: letters, digits and _, 63 at most';
  }
  if (/^(his_|sqlite_|pg_)/i.test(name)) {
    return 'tables beginning with his_, sqlite_ or pg_ are reserved';
  }
  return undefined;
}

/** Why a column cannot have this name. */
export function columnFault(name: unknown): string | undefined {
  // `__proto__` would be a setter where the row is a JavaScript object.
  if (typeof name !== 'string' || !SQL_IDENTIFIER.test(name) || name === '__proto__') {
    return 'must be a column name: letters, digits and _, 63 at most';
  }
  if (/^(client_id$|his_)/i.test(name)) {
    return 'column client_id and columns beginning with his_ are reserved';
  }
  return undefined;
}

interface Draft {
  readonly table: Placed;
  readonly key: readonly string[];
  readonly columns: Columns;
}

/** Gathers the tables of all mappings, and holds the mappings of one table against each other. */
export class TableRegistry {
  readonly #drafts = new Map<string, Draft>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  add(table: Placed, key: readonly string[], columns: Columns): void {
    const known = this.#drafts.get(table.name.toLowerCase());
    if (known === undefined) {
      this.#drafts.set(table.name.toLowerCase(), { table, key, columns: new Map(columns) });
      return;
    }
    if (known.table.name !== table.name) {
      this.#report(
        table.place,
        `table ${table.name} is spelled ${known.table.name} in ${known.table.place}`,
      );
    }
    if (!sameNames(known.key, key)) {
      this.#report(
        table.place,
        `the key of table ${table.name} is (${key.join(', ')}) here and (${known.key.join(', ')}) in ${known.table.place}`,
      );
    }
    for (const [folded, column] of columns) {
      const other = known.columns.get(folded);
      if (other === undefined) known.columns.set(folded, column);
      else if (other.name !== column.name) {
        this.#report(
          column.place,
          `column ${column.name} is spelled ${other.name} in ${other.place}`,
        );
      }
    }
  }

  specs(): readonly TableSpec[] {
    return [...this.#drafts.values()].map(({ table, key, columns }) => ({
      table: table.name,
      key,
      columns: [...columns.values()].map(({ name }) => name).filter((name) => !key.includes(name)),
    }));
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
