import type { JsonObject, JsonValue } from '../events.ts';

import type { FieldType } from './document.ts';
import { compilePath, type SourcePath } from './path.ts';
import type { Report } from './report.ts';
import { type NamedTransform, readTransform, type Transform } from './transforms.ts';
import { isJson, isObject, isScalar, listOf } from './values.ts';
import type { OnUnmapped, ValueMap } from './value-map.ts';
import { readZone, type ZoneSource } from './zone-source.ts';
import { formatFault } from './datetime.ts';
import type { Disambiguation } from './zone.ts';

const TYPES: readonly FieldType[] = [
  'string',
  'integer',
  'number',
  'decimal',
  'boolean',
  'date',
  'datetime',
  'json',
];

/** A column a field goes to, and what is done on the way; read and checked, not yet compiled. */
export interface Rule {
  readonly to: string;
  readonly type: FieldType | undefined;
  readonly format: string;
  readonly zone: ZoneSource | undefined;
  readonly disambiguation: Disambiguation;
  readonly offset: 'use' | 'ignore';
  readonly valueMap: ValueMap | undefined;
  readonly onUnmapped: OnUnmapped;
  readonly fallback: readonly SourcePath[];
  readonly default: JsonValue | undefined;
  readonly required: boolean;
  readonly transform: NamedTransform | undefined;
  /** It names the column, and nothing is done with the value. */
  readonly isRename: boolean;
  /** Where it stands in a list of rules; `undefined` where it is the only one and there is no list. */
  readonly index: number | undefined;
}

/** What rules refer to by name. */
export interface RuleContext {
  readonly report: Report;
  readonly valueMaps: ReadonlyMap<string, ValueMap>;
  readonly transforms: ReadonlyMap<string, Transform>;
  /** The names of the value maps that were referred to. */
  readonly usedMaps: Set<string>;
}

const MEMBERS = [
  'to',
  'type',
  'format',
  'timezone',
  'disambiguation',
  'offset',
  'valueMap',
  'onUnmapped',
  'fallback',
  'default',
  'required',
  'transform',
];

/** The rule of a plain rename. */
export function renameTo(to: string): Rule {
  return { ...RENAME, to };
}

/**
 * Reads one rule; `undefined`, and a fault, where it does not even name a column.
 *
 * @param place - Where it stands.
 * @param index - Where in a list.
 */
export function readRule(
  value: JsonValue,
  place: string,
  index: number | undefined,
  context: RuleContext,
): Rule | undefined {
  if (typeof value === 'string') return { ...RENAME, to: value, index };
  const { report } = context;
  if (!isObject(value)) {
    report.fault(place, 'must be a column, a rule, a list of those, or null');
    return undefined;
  }
  report.object(value, place, MEMBERS);
  const { to, required = false } = value;
  if (typeof required !== 'boolean') report.fault(`${place}/required`, 'must be true or false');
  if (typeof to !== 'string') report.fault(`${place}/to`, 'must name the column');
  const rule = {
    ...readDates(value, place, report),
    to: to as string,
    valueMap: readMapName(value['valueMap'], place, context),
    onUnmapped: readOnUnmapped(value, place, report),
    fallback: readFallback(value['fallback'], place, report),
    default: readDefault(value['default'], place, report),
    required: required === true,
    transform: readTransform(report, value['transform'], place, context.transforms),
    isRename: false,
    index,
  };
  return typeof to === 'string' ? rule : undefined;
}

const RENAME: Omit<Rule, 'to'> = {
  type: undefined,
  format: 'iso',
  zone: undefined,
  disambiguation: 'compatible',
  offset: 'use',
  valueMap: undefined,
  onUnmapped: 'error',
  fallback: [],
  default: undefined,
  required: false,
  transform: undefined,
  isRename: true,
  index: undefined,
};

function readDefault(
  value: JsonValue | undefined,
  parent: string,
  report: Report,
): JsonValue | undefined {
  if (value === undefined || isJson(value)) return value;
  report.fault(`${parent}/default`, 'must be a JSON value');
  return undefined;
}

type Dates = Pick<Rule, 'type' | 'format' | 'zone' | 'disambiguation' | 'offset'>;

function readDates(value: JsonObject, place: string, report: Report): Dates {
  const type = report.oneOf(value, place, 'type', TYPES);
  const { format, timezone } = value;
  const offset = report.oneOf(value, place, 'offset', OFFSETS) ?? 'use';
  const disambiguation =
    report.oneOf(value, place, 'disambiguation', DISAMBIGUATIONS) ?? 'compatible';
  const zone = timezone === undefined ? undefined : readZone(report, timezone, `${place}/timezone`);
  if (type !== 'datetime') {
    for (const member of ['timezone', 'offset', 'disambiguation']) {
      if (value[member] !== undefined) {
        report.fault(`${place}/${member}`, 'belongs to the type datetime');
      }
    }
  }
  const fault = format === undefined ? undefined : faultOfFormat(format, type, offset);
  if (fault === undefined) {
    return { type, format: (format ?? 'iso') as string, zone, disambiguation, offset };
  }
  report.fault(`${place}/format`, fault);
  return { type, format: 'iso', zone, disambiguation, offset };
}

const OFFSETS = ['use', 'ignore'] as const;
const DISAMBIGUATIONS = ['compatible', 'earlier', 'later', 'reject'] as const;

function faultOfFormat(
  format: JsonValue,
  type: FieldType | undefined,
  offset: 'use' | 'ignore',
): string | undefined {
  if (type !== 'date' && type !== 'datetime') return 'belongs to the types date and datetime';
  if (typeof format === 'string') return formatFault(format, type, offset);
  return 'must be iso, epoch-seconds, epoch-millis, or a pattern';
}

function readMapName(
  value: JsonValue | undefined,
  parent: string,
  { report, valueMaps, usedMaps }: RuleContext,
): ValueMap | undefined {
  if (value === undefined) return undefined;
  const place = `${parent}/valueMap`;
  if (typeof value !== 'string') {
    report.fault(place, 'must be the name of a value map');
    return undefined;
  }
  usedMaps.add(value);
  const map = valueMaps.get(value);
  if (map === undefined) {
    const hint = report.didYouMean(value, valueMaps);
    report.fault(place, `there is no value map ${JSON.stringify(value)}${hint}`);
  }
  return map;
}

function readOnUnmapped(rule: JsonObject, parent: string, report: Report): OnUnmapped {
  const value = rule['onUnmapped'];
  if (value === undefined) return 'error';
  const place = `${parent}/onUnmapped`;
  if (rule['valueMap'] === undefined) report.fault(place, 'belongs to a valueMap');
  if (value === 'error' || value === 'keep') return value;
  if (!isObject(value)) {
    report.fault(place, 'must be "error", "keep" or { "use": … }');
    return 'error';
  }
  const use = report.object(value, place, ['use'])?.['use'];
  if (isScalar(use)) return { use };
  report.fault(`${place}/use`, 'must be a string, a number, true, false or null');
  return 'error';
}

function readFallback(
  value: JsonValue | undefined,
  parent: string,
  report: Report,
): readonly SourcePath[] {
  if (value === undefined) return RENAME.fallback;
  const names = listOf(value);
  const isList = names.every((name) => typeof name === 'string' && name !== '');
  if (names.length === 0 || !isList || new Set(names).size < names.length) {
    report.fault(`${parent}/fallback`, 'must be a list of different source fields');
    return [];
  }
  return (names as readonly string[]).map(compilePath);
}
