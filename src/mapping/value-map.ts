import type { JsonValue } from '../events.ts';
import type { Report } from './report.ts';
import type { Convert } from './types.ts';
import { isScalar, Refused } from './values.ts';

/** A table of codes. */
export interface ValueMap {
  readonly name: string;
  readonly values: ReadonlyMap<string, JsonValue>;
}

/** What becomes of a code that a value map does not have. */
export type OnUnmapped = 'error' | 'keep' | { readonly use: JsonValue };

/** Reads the value maps of a document. */
export function readValueMaps(
  report: Report,
  value: JsonValue | undefined,
): ReadonlyMap<string, ValueMap> {
  const maps = new Map<string, ValueMap>();
  if (value === undefined) return maps;
  for (const [name, map, place] of report.entries(value, '/valueMaps')) {
    const values = new Map<string, JsonValue>();
    for (const [code, result, at] of report.entries(map, place)) {
      if (isScalar(result)) values.set(code, result);
      else report.fault(at, 'must be a string, a number, true, false or null');
    }
    maps.set(name, { name, values });
  }
  return maps;
}

const NOT_LISTED = new Refused('is not in the value map');
const NO_CODE = new Refused('must be a string, an integer, true or false to be in a value map');

/** Looks values up; numbers and booleans by their JSON text. */
export function compileLookup({ values }: ValueMap, onUnmapped: OnUnmapped): Convert {
  const unmapped: Convert =
    onUnmapped === 'error'
      ? () => NOT_LISTED
      : onUnmapped === 'keep'
        ? (value) => value
        : () => onUnmapped.use;
  return (value, data) => {
    const code = codeOf(value);
    if (code === undefined) return onUnmapped === 'error' ? NO_CODE : unmapped(value, data);
    const found = values.get(code);
    return found === undefined ? unmapped(value, data) : found;
  };
}

function codeOf(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}
