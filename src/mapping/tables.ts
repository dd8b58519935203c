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
