import type { JsonObject, JsonValue } from '../events.ts';
import type { Fault } from '../errors.ts';
import type { FieldType } from './document.ts';
import type { SourcePath } from './path.ts';
import type { TableSpec } from './tables.ts';
import type { Refused } from './values.ts';

/** What a step makes of a value that is neither missing nor null. */
export type Convert = (value: JsonValue, data: JsonObject) => JsonValue | Refused;

/** One thing that is done with a value: looked up, turned into a type, handed to the host. */
export interface Step {
  readonly name: 'valueMap' | 'type' | 'transform';
  /** Which value map, type or transform, in words. */
  readonly detail: string;
  readonly convert: Convert;
}

/** One field of a compiled mapping: what it reads, and how that becomes the value of a column. */
export interface CompiledField {
  /** The source as the mapping writes it. */
  readonly source: string;
  /** JSON Pointer of the source, within `data`. */
  readonly pointer: string;
  /** The column. */
  readonly to: string;
  /** What the column holds; `undefined` where it takes values of any kind. */
  readonly type: FieldType | undefined;
  /** The column is part of the key. */
  readonly isKey: boolean;
  /** Refuses the event where the value is missing or null. */
  readonly required: boolean;
  /** The source, and the fallbacks in their order. */
  readonly paths: readonly SourcePath[];
  /** Used where all of them are missing. */
  readonly default: JsonValue | undefined;
  /** It is read from one key, and stored as it is; what most fields do, and quickly so. */
  readonly isRename: boolean;
  /** What is done with the value, in order. */
  readonly steps: readonly Step[];
  /** JSON Pointer of the rule, within the document. */
  readonly place: string;
  /** The template the rule was inherited from. */
  readonly inheritedFrom: string | undefined;
}

/** Where a constant comes from. */
export interface ConstantOrigin {
  /** Its JSON Pointer, within the document. */
  readonly place: string;
  /** The template it was inherited from. */
  readonly inheritedFrom: string | undefined;
}

/** How one client's events of one type become rows. */
export interface CompiledMapping {
  readonly table: string;
  readonly key: readonly string[];
  readonly fields: readonly CompiledField[];
  readonly constants: JsonObject;
  /** Where those stand, by column. */
  readonly constantOrigins: ReadonlyMap<string, ConstantOrigin>;
  /** What becomes of source fields that no rule reads. */
  readonly unmapped: 'ignore' | 'warn' | 'error';
  /** Every source a rule names, those that are dropped on purpose included. */
  readonly sources: readonly SourcePath[];
  /** JSON Pointer of the mapping, within the document. */
  readonly place: string;
}

/** Event type or `resource.*` → mapping; `null` where the type is declined. */
export type ClientMappings = ReadonlyMap<string, CompiledMapping | null>;

/** All mappings of a document, compiled. */
export interface MappingSet {
  /** Changes whenever the document does; every stored event carries it. */
  readonly version: string;
  readonly tables: readonly TableSpec[];
  /** The event types of the host's own it was compiled for; the receiver takes them from here. */
  readonly types: readonly string[];
  /** By client id; `*` serves the clients that have no entry. */
  readonly clients: ReadonlyMap<string, ClientMappings>;
  /** What is allowed and probably not meant. */
  readonly warnings: readonly Fault[];
}
