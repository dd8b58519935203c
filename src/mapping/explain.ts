import { checkMembers } from '../configuration.ts';
import { ConfigurationError, type Fault } from '../errors.ts';
import type { JsonObject, JsonValue } from '../events.ts';
import { findMapping } from './resolve.ts';
import { type RevealOption, showValue } from './show.ts';
import { finish, transformFields } from './transform.ts';
import type { CompiledField, CompiledMapping, MappingSet } from './types.ts';
import { unmappedFields } from './unmapped.ts';
import { isObject, Refused } from './values.ts';

/** One thing that was done for a column, and what came of it. */
export interface ExplainedStep {
  readonly step:
    'read' | 'fallback' | 'default' | 'valueMap' | 'type' | 'transform' | 'constant' | 'check';
  /** Which source, value map, type or transform. */
  readonly detail: string;
  /** `missing`, `null`, why it was refused, or the value: masked unless it was asked for. */
  readonly result: string;
}

/** How one column got its value, or why it got none. */
export interface ExplainedColumn {
  readonly column: string;
  readonly isKey: boolean;
  /** As the mapping writes it; `null` for a constant. */
  readonly source: string | null;
  /** JSON Pointer of the rule, within the mapping document. */
  readonly place: string;
  /** The template the rule was inherited from. */
  readonly inheritedFrom: string | null;
  readonly steps: readonly ExplainedStep[];
  readonly outcome: 'stored' | 'missing' | 'refused';
}

/** What becomes of one event, column by column. */
export interface MappingExplanation {
  readonly clientId: string;
  readonly type: string;
  /** `declined`: the mapping says so with `null`. `unmapped`: there is no mapping. */
  readonly status: 'stored' | 'refused' | 'declined' | 'unmapped';
  /** The client's entry that serves the event: its own, or `*`. */
  readonly client: string | null;
  /** The mapping that serves it: the event's type, or `resource.*`. */
  readonly entry: string | null;
  /** JSON Pointer of that mapping, within the document. */
  readonly place: string | null;
  readonly table: string | null;
  readonly columns: readonly ExplainedColumn[];
  /** Source fields that no rule names, as JSON Pointers into `data`; the first 20. */
  readonly unmapped: readonly string[];
  /** Why the event is refused, as the receiver would answer. */
  readonly errors: readonly Fault[];
}

/**
 * Explains what a mapping makes of an event: for each column the source that was read, the rule and
 * where it was inherited from, and each step with its result. Values are masked unless `reveal` is
 * set.
 *
 * @example
 * ```ts
 * import { compileMappings, explainMapping } from '@buktor/his-webhook';
 *
 * const { columns } = explainMapping(compileMappings(document), '1001', event);
 * for (const { column, steps } of columns) console.log(column, steps);
 * ```
 *
 * @throws ConfigurationError where `event` has no `type` or no `data`.
 */
export function explainMapping(
  mappings: MappingSet,
  clientId: string,
  event: { readonly type: string; readonly data: object },
  options: RevealOption = {},
): MappingExplanation {
  checkMembers('explainMapping', options, ['reveal']);
  const { type, data } = readEvent(event);
  const found = findMapping(mappings, clientId, type);
  const about = { clientId, type, client: found?.client ?? null, entry: found?.entry ?? null };
  if (!found?.mapping) {
    return {
      ...about,
      status: found === undefined ? 'unmapped' : 'declined',
      place: null,
      table: null,
      columns: [],
      unmapped: [],
      errors: [],
    };
  }
  const { mapping } = found;
  const result = transformFields(mapping, data);
  return {
    ...about,
    status: result.ok ? 'stored' : 'refused',
    place: mapping.place,
    table: mapping.table,
    columns: explainColumns(mapping, data, options.reveal === true),
    unmapped: unmappedFields(mapping, data),
    errors: result.ok ? [] : result.errors,
  };
}

function readEvent(event: unknown): { readonly type: string; readonly data: JsonObject } {
  const { type, data } = (isObject(event as JsonValue) ? event : {}) as Record<string, unknown>;
  if (typeof type !== 'string' || !isObject(data as JsonValue)) {
    throw new ConfigurationError('explainMapping takes an event with its type and its data.');
  }
  return { type, data: data as JsonObject };
}

function explainColumns(
  mapping: CompiledMapping,
  data: JsonObject,
  reveal: boolean,
): ExplainedColumn[] {
  const columns = mapping.fields.map((field) => explainField(field, data, reveal));
  for (const [column, value] of Object.entries(mapping.constants)) {
    const origin = mapping.constantOrigins.get(column);
    columns.push({
      column,
      isKey: mapping.key.includes(column),
      source: null,
      place: origin?.place ?? mapping.place,
      inheritedFrom: origin?.inheritedFrom ?? null,
      // The document's own, and nobody's secret.
      steps: [{ step: 'constant', detail: '', result: JSON.stringify(value) }],
      outcome: 'stored',
    });
  }
  return columns;
}

function explainField(field: CompiledField, data: JsonObject, reveal: boolean): ExplainedColumn {
  const steps: ExplainedStep[] = [];
  const note = (step: ExplainedStep['step'], detail: string, result: unknown): void => {
    const text = result instanceof Refused ? result.reason : showValue(result, reveal);
    steps.push({ step, detail, result: text });
  };
  const explained = (outcome: ExplainedColumn['outcome']): ExplainedColumn => ({
    column: field.to,
    isKey: field.isKey,
    source: field.source,
    place: field.place,
    inheritedFrom: field.inheritedFrom ?? null,
    steps,
    outcome,
  });

  let value: JsonValue | undefined;
  for (const [index, path] of field.paths.entries()) {
    value = path.read(data);
    note(index === 0 ? 'read' : 'fallback', path.source, value);
    if (value !== undefined) break;
  }
  if (value === undefined && field.default !== undefined) {
    value = field.default;
    steps.push({ step: 'default', detail: '', result: JSON.stringify(value) });
  }
  if (value === undefined) {
    if (!field.required) return explained('missing');
    steps.push({ step: 'check', detail: 'required', result: 'is required' });
    return explained('refused');
  }
  for (const { name, detail, convert } of field.steps) {
    if (value === null) break;
    const result: JsonValue | Refused = convert(value, data);
    note(name, detail, result);
    if (result instanceof Refused) return explained('refused');
    value = result;
  }
  const finished = finish(field, value);
  if (!(finished instanceof Refused)) return explained('stored');
  note('check', field.isKey ? 'key' : 'required', finished);
  return explained('refused');
}
