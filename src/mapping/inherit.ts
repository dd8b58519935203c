import type { JsonValue } from '../events.ts';
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

/** Where fields stand in the document. */
export interface Origin {
  /** The JSON Pointer of their `fields`. */
  readonly parent: string;
  /** The template that has them. */
  readonly template: string | undefined;
}

/** A mapping as it was written, with what it inherits; not yet compiled. */
export interface MappingDraft {
  readonly place: string;
  /** Of the fields of its own. If that is a template, several clients may have the draft as it is. */
  readonly origin: Origin;
  readonly table: Placed<JsonValue> | undefined;
  readonly key: Placed<JsonValue> | undefined;
  readonly zone: ZoneSource | undefined;
  readonly unmapped: 'ignore' | 'warn' | 'error' | undefined;
  readonly constants: ReadonlyMap<string, Placed<JsonValue>>;
  /** No two of them read the same source. */
  readonly fields: readonly FieldDraft[];
  /** Reads it once more, for those who keep nothing but the document. */
  readonly again: () => MappingDraft;
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

/** What was read where so much of a rule was written; `next` goes on by the texts that follow. */
interface Written {
  readonly next: Map<string, Written>;
  field: FieldDraft | undefined;
}

const UNMAPPED = ['ignore', 'warn', 'error'] as const;
const MEMBERS = ['table', 'key', 'timezone', 'unmapped', 'constants', 'fields'];

/** Where a rule stands in the document. */
export function placeOf(
  { origin }: Pick<MappingDraft, 'origin'>,
  field: FieldDraft,
  { index }: Rule,
): string {
  const place = placeOfField((field.origin ?? origin).parent, field.path.source);
  return index === undefined ? place : `${place}/${String(index)}`;
}

function placeOfField(parent: string, source: string): string {
  return `${parent}/${escapePointer(source)}`;
}

/** Reads a mapping of a client or a template over the one it inherits. */
export function readDraft(
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
  const origin = { parent: `${place}/fields`, template: context.template };
  const draft: MappingDraft = {
    place,
    origin,
    table: table === undefined ? inherited?.table : { value: table, place: `${place}/table` },
    key: key === undefined ? inherited?.key : { value: key, place: `${place}/key` },
    zone: zone ?? inherited?.zone,
    unmapped: unmapped ?? inherited?.unmapped,
    constants: mergeConstants(inherited?.constants, readConstants(constants, place, report)),
    fields: mergeFields(
      inherited,
      fields === undefined && inherited ? [] : readFields(fields, origin.parent, context),
    ),
    // What was reported once is not reported again.
    again: () => readDraft(value, place, context, inherited) ?? draft,
  };
  return draft;
}

function mergeFields(
  inherited: MappingDraft | null | undefined,
  own: readonly FieldDraft[],
): readonly FieldDraft[] {
  if (!inherited) return own;
  const merged = new Map<string, FieldDraft>();
  for (const field of inherited.fields) {
    merged.set(field.path.source, { ...field, origin: field.origin ?? inherited.origin });
  }
  for (const field of own) merged.set(field.path.source, field);
  return [...merged.values()];
}

type Constants = ReadonlyMap<string, Placed<JsonValue>>;

const NO_CONSTANTS: Constants = new Map();

function mergeConstants(inherited: Constants | undefined, own: Constants): Constants {
  return inherited === undefined || inherited.size === 0 ? own : new Map([...inherited, ...own]);
}

function readConstants(value: JsonValue | undefined, parent: string, report: Report): Constants {
  if (value === undefined) return NO_CONSTANTS;
  const constants = new Map<string, Placed<JsonValue>>();
  for (const [column, constant, place] of report.entries(value, `${parent}/constants`)) {
    if (isJson(constant)) constants.set(column, { value: constant, place });
    else report.fault(place, 'must be a JSON value');
  }
  return constants;
}

function readFields(
  value: JsonValue | undefined,
  parent: string,
  context: DraftContext,
): readonly FieldDraft[] {
  if (!context.report.isObject(value, parent)) return [];
  return Object.keys(value).map((source) =>
    readField(source, value[source] as JsonValue, parent, context),
  );
}

function readField(
  name: string,
  value: JsonValue,
  parent: string,
  context: DraftContext,
): FieldDraft {
  const { path, fields } = readSource(name, parent, context);
  const written = find(fields, value);
  if (written?.field !== undefined) return written.field;
  const { faults } = context.report;
  const before = faults.length;
  const field = { path, rules: readRules(value, name, parent, context), origin: undefined };
  // What is at fault is read again, so that it is reported wherever it stands.
  if (written !== undefined && faults.length === before) written.field = field;
  return field;
}

/** Where a column, or a rule of texts only, is remembered; `undefined` for what is rarely written twice. */
function find(start: Written, value: JsonValue): Written | undefined {
  if (typeof value === 'string') return step(start, value);
  if (!isObject(value)) return undefined;
  let written = start;
  for (const member in value) {
    const text = value[member];
    if (typeof text !== 'string') return undefined;
    written = step(step(written, member), text);
  }
  return written === start ? undefined : written;
}

function step({ next }: Written, text: string): Written {
  let written = next.get(text);
  if (written === undefined) next.set(text, (written = { next: new Map(), field: undefined }));
  return written;
}

function readSource(name: string, parent: string, { sources, report }: DraftContext): Source {
  let source = sources.get(name);
  if (source === undefined) {
    source = { path: compilePath(name), fields: { next: new Map(), field: undefined } };
    sources.set(name, source);
  }
  if (name === '') report.fault(`${parent}/`, 'a source field has a name');
  if (source.path.isOdd) {
    report.warn(
      placeOfField(parent, name),
      'is no path (a.b[0].c), so it is read as a key spelled like this',
    );
  }
  return source;
}

const DROPPED: readonly Rule[] = [];

function readRules(
  value: JsonValue,
  source: string,
  parent: string,
  context: RuleContext,
): readonly Rule[] {
  if (value === null) return DROPPED;
  if (typeof value === 'string') return [renameTo(value)];
  const place = placeOfField(parent, source);
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
