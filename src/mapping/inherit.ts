import type { JsonValue } from '../events.ts';
import type { Entry } from './entry.ts';
import { compilePath, escapePointer, type SourcePath } from './path.ts';
import type { Report } from './report.ts';
import { readRule, renameTo, type Rule, type RuleContext } from './rule.ts';
import { isJson, isObject, listOf } from './values.ts';
import { readZone, type ZoneSource } from './zone-source.ts';

/** A value, and the JSON Pointer of where it stands in the document. */
export interface Placed<Value> {
  readonly value: Value;
  readonly place: string;
}

/** What is done with one source; no rules where it is dropped on purpose. */
export interface FieldDraft {
  readonly path: SourcePath;
  readonly rules: readonly Rule[];
  /** Where it was inherited from; `undefined` where the mapping has it of its own. */
  readonly origin: Origin | undefined;
}

/** What a column always gets. */
export interface ConstantDraft extends Placed<JsonValue> {
  /** Where it was inherited from; `undefined` where the mapping has it of its own. */
  readonly origin: Origin | undefined;
}

/** By column. */
export type Constants = ReadonlyMap<string, ConstantDraft>;

/** The mapping that has fields of its own. */
export interface Origin {
  /** Its JSON Pointer. */
  readonly place: string;
  /** The template it belongs to. */
  readonly template: string | undefined;
}

/**
 * A mapping as it was written, with what it inherits; not yet compiled. If it is a template's, several
 * clients may have it as it is.
 */
export interface MappingDraft extends Origin {
  readonly entry: Entry;
  readonly table: Placed<JsonValue> | undefined;
  readonly key: Placed<JsonValue> | undefined;
  readonly zone: ZoneSource | undefined;
  readonly unmapped: 'ignore' | 'warn' | 'error' | undefined;
  readonly constants: Constants;
  /** No two of them read the same source. */
  readonly fields: readonly FieldDraft[];
}

/** By event type; `null` where it is declined. */
export type Drafts = ReadonlyMap<string, MappingDraft | null>;

/** The mappings of a client or a template, with what it inherits. */
export interface Layer {
  readonly zone: ZoneSource | undefined;
  readonly drafts: Drafts;
}

/** What a mapping is read with. */
export interface DraftContext extends RuleContext {
  /** The template that is being read. */
  readonly template: string | undefined;
  /** Sources by how they are written, because a document has thousands of the same. */
  readonly sources: Map<string, Source>;
}

/** A source, and the fields that read it, by what is written there. */
export interface Source {
  readonly path: SourcePath;
  readonly fields: Written;
}

/** What was read where so much of a rule was written; `next` goes on by what follows. */
interface Written {
  next: Map<string | boolean, Written> | undefined;
  field: FieldDraft | undefined;
}

const UNMAPPED = ['ignore', 'warn', 'error'] as const;
const MEMBERS = ['table', 'key', 'timezone', 'unmapped', 'constants', 'fields'];

/** Where a rule stands in the document. */
export function placeOf(draft: MappingDraft, field: FieldDraft, { index }: Rule): string {
  const place = placeOfField((field.origin ?? draft).place, field.path.source);
  return index === undefined ? place : `${place}/${String(index)}`;
}

/** Where the constant of a column stands. */
export function placeOfConstant({ place }: Origin, column: string): string {
  return `${place}/constants/${escapePointer(column)}`;
}

/** Where a field stands; made when it is asked for, because a document has a million fields. */
export function placeOfField(mapping: string, source: string): string {
  return `${mapping}/fields/${escapePointer(source)}`;
}

/** Reads a mapping of a client or a template over the one it inherits. */
export function readDraft(
  entry: Entry,
  value: JsonValue,
  place: string,
  context: DraftContext,
  inherited: MappingDraft | null | undefined,
): MappingDraft | undefined {
  const { report } = context;
  const mapping = report.object(value, place, MEMBERS);
  if (mapping === undefined) return undefined;
  const { table, key, timezone, constants, fields } = mapping;
  const unmapped = report.oneOf(mapping, place, 'unmapped', UNMAPPED);
  const zone = timezone === undefined ? undefined : readZone(report, timezone, `${place}/timezone`);
  return {
    entry,
    place,
    template: context.template,
    table: table === undefined ? inherited?.table : { value: table, place: `${place}/table` },
    key: key === undefined ? inherited?.key : { value: key, place: `${place}/key` },
    zone: zone ?? inherited?.zone,
    unmapped: unmapped ?? inherited?.unmapped,
    constants: mergeConstants(inherited, readConstants(constants, place, report)),
    fields: mergeFields(
      inherited,
      fields === undefined && inherited ? [] : readFields(fields, place, context),
    ),
  };
}

function mergeFields(
  inherited: MappingDraft | null | undefined,
  own: readonly FieldDraft[],
): readonly FieldDraft[] {
  if (!inherited) return own;
  const merged = new Map<string, FieldDraft>();
  for (const field of inherited.fields) {
    merged.set(field.path.source, { ...field, origin: field.origin ?? inherited });
  }
  for (const field of own) merged.set(field.path.source, field);
  return [...merged.values()];
}

const NO_CONSTANTS: Constants = new Map();

function mergeConstants(inherited: MappingDraft | null | undefined, own: Constants): Constants {
  if (!inherited || inherited.constants.size === 0) return own;
  const merged = new Map<string, ConstantDraft>();
  for (const [column, constant] of inherited.constants) {
    merged.set(column, { ...constant, origin: constant.origin ?? inherited });
  }
  for (const [column, constant] of own) merged.set(column, constant);
  return merged;
}

function readConstants(value: JsonValue | undefined, parent: string, report: Report): Constants {
  if (value === undefined) return NO_CONSTANTS;
  const constants = new Map<string, ConstantDraft>();
  for (const [column, constant, place] of report.entries(value, `${parent}/constants`)) {
    if (isJson(constant)) constants.set(column, { value: constant, place, origin: undefined });
    else report.fault(place, 'must be a JSON value');
  }
  return constants;
}

/** @param mapping - Where the mapping stands that has them. */
function readFields(
  value: JsonValue | undefined,
  mapping: string,
  context: DraftContext,
): readonly FieldDraft[] {
  const isFields = isObject(value) || context.report.isObject(value, `${mapping}/fields`);
  if (!isFields) return [];
  return Object.keys(value).map((source) =>
    readField(source, value[source] as JsonValue, mapping, context),
  );
}

function readField(
  name: string,
  value: JsonValue,
  mapping: string,
  context: DraftContext,
): FieldDraft {
  const { path, fields } = readSource(name, mapping, context);
  const written = find(fields, value);
  if (written?.field !== undefined) return written.field;
  const { faults } = context.report;
  const before = faults.length;
  const field = { path, rules: readRules(value, name, mapping, context), origin: undefined };
  // What is at fault is read again, so that it is reported wherever it stands.
  if (written !== undefined && faults.length === before) written.field = field;
  return field;
}

/** Where a column, or a rule of words only, is remembered; `undefined` for what is rarely written twice. */
function find(start: Written, value: JsonValue): Written | undefined {
  if (typeof value === 'string') return step(start, value);
  if (!isObject(value)) return undefined;
  let written = start;
  for (const member in value) {
    const word = value[member];
    if (typeof word !== 'string' && typeof word !== 'boolean') return undefined;
    written = step(step(written, member), word);
  }
  return written === start ? undefined : written;
}

function step(from: Written, word: string | boolean): Written {
  const next = (from.next ??= new Map<string | boolean, Written>());
  let written = next.get(word);
  if (written === undefined) next.set(word, (written = { next: undefined, field: undefined }));
  return written;
}

function readSource(name: string, mapping: string, { sources, report }: DraftContext): Source {
  let source = sources.get(name);
  if (source === undefined) {
    source = { path: compilePath(name), fields: { next: undefined, field: undefined } };
    sources.set(name, source);
  }
  if (name === '') report.fault(placeOfField(mapping, ''), 'a source field has a name');
  if (source.path.isOdd) {
    report.warn(
      placeOfField(mapping, name),
      'is no path (a.b[0].c), so it is read as a key spelled like this',
    );
  }
  return source;
}

const DROPPED: readonly Rule[] = [];

function readRules(
  value: JsonValue,
  source: string,
  mapping: string,
  context: RuleContext,
): readonly Rule[] {
  if (value === null) return DROPPED;
  if (typeof value === 'string') return [renameTo(value)];
  const place = placeOfField(mapping, source);
  if (!Array.isArray(value)) {
    const rule = readRule(value, place, undefined, context);
    return rule === undefined ? DROPPED : [rule];
  }
  const list = listOf(value) as readonly JsonValue[];
  if (list.length === 0) {
    context.report.fault(place, 'must have at least one rule; null drops the field');
  }
  return list.flatMap(
    (item, index) => readRule(item, `${place}/${String(index)}`, index, context) ?? [],
  );
}
