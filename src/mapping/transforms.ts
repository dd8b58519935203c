import { ConfigurationError } from '../errors.ts';
import type { JsonObject, JsonValue } from '../events.ts';
import type { Report } from './report.ts';
import type { Convert } from './types.ts';
import { isJson, isObject, Refused } from './values.ts';

/** What a transform is told beside the value. */
export interface TransformContext {
  /** As the mapping writes them; `undefined` where it names the function only. */
  readonly parameters: JsonValue | undefined;
  /** The whole `data` of the event, not to be changed. */
  readonly data: JsonObject;
}

/**
 * A function of the host's that mappings may name. It is given neither a missing value nor null,
 * and returns a JSON value at once; what it throws becomes a fault of the field, and what it says
 * goes nowhere, because it may quote the value.
 */
export type Transform = (value: JsonValue, context: TransformContext) => JsonValue;

/** @throws ConfigurationError for what is no function. */
export function checkTransforms(
  transforms: Readonly<Record<string, Transform>>,
): ReadonlyMap<string, Transform> {
  for (const [name, transform] of Object.entries(transforms)) {
    if (typeof transform !== 'function') {
      throw new ConfigurationError(`transforms: ${JSON.stringify(name)} must be a function.`);
    }
  }
  return new Map(Object.entries(transforms));
}

/** A transform as a rule names it. */
export interface NamedTransform {
  readonly name: string;
  readonly convert: Convert;
}

/** Reads `transform` of a rule. */
export function readTransform(
  report: Report,
  value: JsonValue | undefined,
  parent: string,
  known: ReadonlyMap<string, Transform>,
): NamedTransform | undefined {
  if (value === undefined) return undefined;
  const place = `${parent}/transform`;
  const isLong = isObject(value);
  const long = isLong ? report.object(value, place, ['name', 'parameters']) : undefined;
  const name = long === undefined ? value : long['name'];
  if (typeof name !== 'string') {
    report.fault(
      isLong ? `${place}/name` : place,
      'must name a function, or be { "name": …, "parameters": … }',
    );
    return undefined;
  }
  const parameters = long?.['parameters'];
  if (parameters !== undefined && !isJson(parameters)) {
    report.fault(`${place}/parameters`, 'must be a JSON value');
    return undefined;
  }
  const transform = known.get(name);
  if (transform === undefined) {
    const hint = report.didYouMean(name, known);
    report.fault(place, `no transform ${JSON.stringify(name)} is registered${hint}`);
    return undefined;
  }
  return { name, convert: guard(name, transform, parameters) };
}

function guard(name: string, transform: Transform, parameters: JsonValue | undefined): Convert {
  const failed = new Refused(`transform ${JSON.stringify(name)} failed`);
  const notJson = new Refused(`transform ${JSON.stringify(name)} gave no JSON value`);
  return (value, data) => {
    let result: unknown;
    try {
      result = transform(value, { parameters, data });
      // Nobody waits for a promise; one that rejects would end the process.
      if (result instanceof Promise) result.catch(() => undefined);
      // Inside, because a getter of what it returned may throw as well.
      return isJson(result) ? result : notJson;
    } catch {
      return failed;
    }
  };
}
