import type { JsonValue } from '../events.ts';

/** `his-json-mapping.json`: for each client, how its fields become columns. */
export interface MappingDocument {
  /** Where an editor finds the JSON Schema of the format; it means nothing else. */
  readonly $schema?: string;
  readonly version?: 1;
  /** Tables of codes, by name: what the hospital sends → what Buktor stores. */
  readonly valueMaps?: Readonly<Record<string, ValueMapDocument>>;
  /** Mappings that clients (and other templates) extend, by name. */
  readonly templates?: Readonly<Record<string, ClientDocument>>;
  /** By client id; `*` serves the clients that have no entry. */
  readonly clients: Readonly<Record<string, ClientDocument>>;
}

/** Code → value. Numbers and booleans are looked up by their JSON text (`1`, `true`). */
export type ValueMapDocument = Readonly<Record<string, string | number | boolean | null>>;

/** The mappings of one client, or of a template. */
export interface ClientDocument {
  /** The template whose mappings it inherits, type by type and source field by source field. */
  readonly extends?: string;
  /** The zone of date-times that carry no offset. */
  readonly timezone?: TimezoneDocument;
  /**
   * By event type, or `resource.*` for the types without an entry; `null` declines them. A client
   * that extends a template may do without.
   */
  readonly mappings?: Readonly<Record<string, EventMappingDocument | null>>;
}

/** An IANA name, or the source field that holds one. */
export type TimezoneDocument = string | { readonly path: string };

/** How the `data` of one event type becomes a row. */
export interface EventMappingDocument {
  /** The table; the event's resource (`appointment`) by default. */
  readonly table?: string;
  /** The columns that identify the row within the client; the target of `his_<resource>_id` by default. */
  readonly key?: readonly string[];
  /** The zone of date-times that carry no offset; the client's by default. */
  readonly timezone?: TimezoneDocument;
  /** What becomes of source fields that no rule names; they are never stored. @default 'ignore' */
  readonly unmapped?: 'ignore' | 'warn' | 'error';
  /** Columns that have the same value in every row this mapping writes. */
  readonly constants?: Readonly<Record<string, JsonValue>>;
  /** By source field or path (`patient.phones[0].value`). May be left out where it is inherited. */
  readonly fields?: Readonly<Record<string, FieldDocument>>;
}

/** A column (rename, value untouched), the long form, several of them, or `null`: dropped on purpose. */
export type FieldDocument =
  string | FieldRuleDocument | readonly (string | FieldRuleDocument)[] | null;

/** What a field's value is turned into. */
export type FieldType =
  'string' | 'integer' | 'number' | 'decimal' | 'boolean' | 'date' | 'datetime' | 'json';

/** The long form of a field. */
export interface FieldRuleDocument {
  /** The column. */
  readonly to: string;
  /** What the value must be, or be turned into; untouched by default. */
  readonly type?: FieldType;
  /** How a `date` or `datetime` is written: `iso`, `epoch-seconds`, `epoch-millis`, or a pattern. @default 'iso' */
  readonly format?: string;
  /** The zone of a `datetime` that carries no offset; the mapping's, then the client's, by default. */
  readonly timezone?: TimezoneDocument;
  /** Which moment a local time means that a clock change skips or repeats. @default 'compatible' */
  readonly disambiguation?: 'compatible' | 'earlier' | 'later' | 'reject';
  /** `ignore` takes the local time and leaves its offset, for hospitals that send local time as `Z`. @default 'use' */
  readonly offset?: 'use' | 'ignore';
  /** The name of a value map. */
  readonly valueMap?: string;
  /** What becomes of a code the value map does not have. @default 'error' */
  readonly onUnmapped?: 'error' | 'keep' | { readonly use: string | number | boolean | null };
  /** Source fields that are read, in this order, where the field itself is missing. */
  readonly fallback?: readonly string[];
  /** Used where all of them are missing; `null` is a value and stays. */
  readonly default?: JsonValue;
  /** Refuses the event where the value is missing or null. */
  readonly required?: boolean;
  /** A function the host registered: its name, or its name and parameters. The last step. */
  readonly transform?: string | { readonly name: string; readonly parameters?: JsonValue };
}

/** What a table or column may be called in every database this package writes to. */
export const SQL_IDENTIFIER: RegExp = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
