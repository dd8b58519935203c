import type { JsonValue } from '../events.ts';

/** `his-json-mapping.json`: for each client, how its fields become columns. */
export interface MappingDocument {
  readonly version?: 1;
  /** By client id; `*` serves the clients that have no entry. */
  readonly clients: Readonly<Record<string, ClientDocument>>;
}

/** The mappings of one client. */
export interface ClientDocument {
  /** By event type, or `resource.*` for the types without an entry; `null` declines them. */
  readonly mappings: Readonly<Record<string, EventMappingDocument | null>>;
}

/** How the `data` of one event type becomes a row. */
export interface EventMappingDocument {
  /** The table; the event's resource (`appointment`) by default. */
  readonly table?: string;
  /** The columns that identify the row within the client; the target of `his_<resource>_id` by default. */
  readonly key?: readonly string[];
  /** Columns that have the same value in every row this mapping writes. */
  readonly constants?: Readonly<Record<string, JsonValue>>;
  /** By source field or path (`patient.phones[0].value`). */
  readonly fields: Readonly<Record<string, FieldDocument>>;
}

/** A column (rename, value untouched), the long form, several of them, or `null`: dropped on purpose. */
export type FieldDocument =
  string | FieldRuleDocument | readonly (string | FieldRuleDocument)[] | null;

/** The long form of a field. */
export interface FieldRuleDocument {
  /** The column. */
  readonly to: string;
  /** Used where the source field is missing; `null` is a value and stays. */
  readonly default?: JsonValue;
  /** Refuses the event where the value is missing or null. */
  readonly required?: boolean;
}

/** Members of the format that this version does not know yet, by where they stand. */
export const RESERVED_MEMBERS = {
  document: ['valueMaps', 'templates'],
  client: ['extends', 'timezone'],
  mapping: ['unmapped', 'timezone'],
  field: [
    'type',
    'format',
    'timezone',
    'disambiguation',
    'offset',
    'valueMap',
    'onUnmapped',
    'fallback',
    'transform',
  ],
} as const;

/** What a table or column may be called in every database this package writes to. */
export const SQL_IDENTIFIER: RegExp = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
