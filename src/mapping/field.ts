import type { JsonValue } from '../events.ts';
import { COERCE } from './coerce.ts';

import { compileDate, compileDatetime, needsZone } from './datetime.ts';
import { type FieldDraft, type MappingDraft, placeOf } from './inherit.ts';
import type { Rule } from './rule.ts';
import type { CompiledField, Convert, Step } from './types.ts';
import { compileLookup } from './value-map.ts';
import { Refused } from './values.ts';
import { compileZone, type ZoneSource } from './zone-source.ts';

/** What a field is compiled from. */
export interface FieldParts {
  readonly draft: MappingDraft;
  readonly field: FieldDraft;
  readonly rule: Rule;
  readonly isKey: boolean;
  /** Those of the mapping and of the client; the rule's own goes before them. */
  readonly zones: readonly ZoneSource[];
}

/** Compiles one rule of one source. */
export function compileField({ draft, field, rule, isKey, zones }: FieldParts): CompiledField {
  const { path, origin = draft } = field;
  return {
    source: path.source,
    pointer: path.pointer,
    to: rule.to,
    type: rule.type,
    isKey,
    required: rule.required || isKey,
    paths: rule.fallback.length === 0 ? [path] : [path, ...rule.fallback],
    default: rule.default,
    isRename: rule.isRename && path.segments.length === 1 && path.segments[0] === path.source,
    steps: compileSteps(rule, rule.zone === undefined ? zones : [rule.zone, ...zones]),
    place: placeOf(draft, field, rule),
    inheritedFrom: origin.template,
  };
}

/** Whether a value may come without an offset, and there is no zone to read it in. */
export function lacksZone(
  { type, format, offset, zone }: Rule,
  zones: readonly ZoneSource[],
): boolean {
  return (
    type === 'datetime' && zone === undefined && zones.length === 0 && needsZone(format, offset)
  );
}

/** Whether values that stand in the document itself will go through the steps of a rule. */
export function hasStaticValues({ default: fallback, valueMap, type }: Rule): boolean {
  return fallback !== undefined || (valueMap !== undefined && type !== undefined);
}

/**
 * What is wrong with values that stand in the document itself, and will go through the steps:
 * where it stands, below the rule, and the fault.
 */
export function* staticFaults(field: CompiledField, rule: Rule): Generator<[string, string]> {
  const [first, second] = field.steps;
  const lookup = first?.name === 'valueMap' ? first : undefined;
  const type = lookup === undefined ? first : second;
  const accepts = (value: JsonValue): boolean =>
    value === null ||
    type?.name !== 'type' ||
    !(type.convert(value, {}) instanceof Refused) ||
    isZoneUnknown(rule);
  if (rule.default !== undefined && rule.default !== null) {
    const found = lookup === undefined ? rule.default : lookup.convert(rule.default, {});
    if (found instanceof Refused) yield ['/default', found.reason];
    else if (!accepts(found)) yield ['/default', `the default is no ${rule.type as string}`];
  }
  if (rule.valueMap === undefined) return;
  if (![...rule.valueMap.values.values()].every(accepts)) {
    yield ['/valueMap', `it has values that are no ${rule.type as string}`];
  }
  if (typeof rule.onUnmapped === 'object' && !accepts(rule.onUnmapped.use)) {
    yield ['/onUnmapped/use', `is no ${rule.type as string}`];
  }
}

/** The zone may come with the event, and is not there yet. */
function isZoneUnknown({ type }: Rule): boolean {
  return type === 'datetime';
}

function compileSteps(rule: Rule, zones: readonly ZoneSource[]): readonly Step[] {
  const steps: Step[] = [];
  const { valueMap, onUnmapped, type, transform } = rule;
  if (valueMap !== undefined) {
    const convert = compileLookup(valueMap, onUnmapped);
    steps.push({ name: 'valueMap', detail: valueMap.name, convert });
  }
  const coerce = compileType(rule, zones);
  if (type !== undefined && coerce !== undefined) {
    steps.push({ name: 'type', detail: describeType(rule, zones), convert: coerce });
  }
  if (transform !== undefined) {
    const convert = coerce === undefined ? transform.convert : hold(transform.convert, coerce);
    steps.push({ name: 'transform', detail: transform.name, convert });
  }
  return steps;
}

function compileType(rule: Rule, zones: readonly ZoneSource[]): Convert | undefined {
  const { type, format, offset, disambiguation } = rule;
  if (type === undefined) return undefined;
  if (type === 'date') return compileDate(format);
  if (type !== 'datetime') return COERCE[type];
  const convert = compileDatetime({ format, offset, disambiguation });
  const zoneOf = compileZone(zones);
  return (value, data) => {
    const zone = zoneOf(data);
    return zone instanceof Refused ? zone : convert(value, zone);
  };
}

/** The type of a field is what its column holds, so it also holds for what a transform makes. */
function hold(transform: Convert, coerce: Convert): Convert {
  return (value, data) => {
    const result = transform(value, data);
    return result === null || result instanceof Refused ? result : coerce(result, data);
  };
}

function describeType({ type, format, offset }: Rule, zones: readonly ZoneSource[]): string {
  const words: string[] = [type as string];
  if (format !== 'iso') words.push(JSON.stringify(format));
  if (type === 'datetime') {
    const names = zones.map((source) =>
      'zone' in source ? source.zone.name : `the zone in ${source.path.source}`,
    );
    if (names.length > 0) words.push(`in ${names.join(', else ')}`);
    if (offset === 'ignore') words.push('(its own offset is ignored)');
  }
  return words.join(' ');
}
