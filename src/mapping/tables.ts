import type { JsonValue } from '../events.ts';
import { type FieldType, SQL_IDENTIFIER } from './document.ts';
import { listOf } from './values.ts';

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

/** The type of a column, where the mappings give it one. */
export function typeOf({ types }: TableSpec, column: string): FieldType | undefined {
  return types !== undefined && Object.hasOwn(types, column) ? types[column] : undefined;
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

/** What is wrong with a key of which {@link keyNames} makes nothing. */
export const NO_KEY = 'must be a list of different column names';

/** The columns of a `key`; `undefined` where it is no list of different names. */
export function keyNames(value: JsonValue): readonly string[] | undefined {
  const names = listOf(value);
  const isKey = names.length > 0 && names.every(isString) && new Set(names).size === names.length;
  return isKey ? names : undefined;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
