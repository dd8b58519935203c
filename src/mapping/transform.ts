import type { JsonObject, JsonValue } from '../events.ts';
import type { Fault } from '../errors.ts';
import { pointerIn, type SourcePath } from './path.ts';
import type { CompiledField, CompiledMapping, Step } from './types.ts';
import { unmappedFields } from './unmapped.ts';
import { isObject, keyText, Refused } from './values.ts';

/** What {@link transformFields} made of an event's `data`. */
export type TransformResult =
  | {
      readonly ok: true;
      /** The row's key, as text. */
      readonly key: Readonly<Record<string, string>>;
      /** The other columns the event carries, constants included. */
      readonly values: JsonObject;
      /** Source fields that no rule names, where the mapping says `"unmapped": "warn"`. */
      readonly warnings?: readonly Fault[];
    }
  | { readonly ok: false; readonly errors: readonly Fault[] };

/**
 * Turns an event's `data` into the key and columns of a row.
 *
 * Each field is read, or its fallbacks are; what is missing gets its default; then come the value
 * map, the type and the transform. A field that is missing stays missing (events are patches), one
 * that is null stays null; `required` refuses both. What no rule names is left behind.
 *
 * @example
 * ```ts
 * import { resolveMapping, transformFields } from '@buktor/his-webhook';
 *
 * const mapping = resolveMapping(mappings, '1001', event.type);
 * if (mapping) transformFields(mapping, event.data);
 * // { ok: true, key: { buktor_appointment_id: 'A123' }, values: { buktor_status: 'confirmed' } }
 * ```
 *
 * @returns Every faulty field with its JSON Pointer into `data`, where there are any. No message
 *   repeats a value.
 */
export function transformFields(mapping: CompiledMapping, data: JsonObject): TransformResult {
  // What is no object has no fields; a JavaScript caller may hand over anything.
  if (!isObject(data)) return transformFields(mapping, {});
  const errors: Fault[] = [];
  const key: Record<string, string> = {};
  const values: Record<string, JsonValue> = {};
  const { fields, constants } = mapping;
  for (const field of fields) {
    if (field.isRename) {
      const { source } = field;
      const value = Object.hasOwn(data, source) ? data[source] : undefined;
      if (!field.isKey) {
        if (value !== undefined) values[field.to] = value;
        continue;
      }
      if (typeof value === 'string' && value !== '') {
        key[field.to] = value;
        continue;
      }
    }
    const value = transformField(field, data);
    if (value === undefined) continue;
    if (value instanceof Refused) {
      errors.push({ path: pointerIn(pathRead(field, data), data), message: value.reason });
    } else if (field.isKey) key[field.to] = value as string;
    else values[field.to] = value;
  }
  for (const column in constants) {
    if (!Object.hasOwn(constants, column)) continue;
    const value = constants[column] as JsonValue;
    // The compiler saw to it that those of the key are fit for one.
    if (mapping.key.includes(column)) key[column] = keyText(value) as string;
    else values[column] = value;
  }
  if (mapping.unmapped === 'ignore') {
    return errors.length === 0 ? { ok: true, key, values } : { ok: false, errors };
  }
  const unmapped = unmappedFields(mapping, data).map((path) => ({
    path,
    message: 'is not mapped',
  }));
  if (mapping.unmapped === 'error') errors.push(...unmapped);
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, key, values, ...(unmapped.length === 0 ? {} : { warnings: unmapped }) };
}

const REQUIRED = new Refused('is required');
const NO_KEY = new Refused('must be a string that is not empty, or an integer below 2^53');

/** What is stored for a field; `undefined` where there is nothing to store. */
function transformField(field: CompiledField, data: JsonObject): JsonValue | Refused | undefined {
  const { steps } = field;
  let value = readField(field, data);
  if (value === undefined) return field.required ? REQUIRED : undefined;
  for (let i = 0; i < steps.length && value !== null; i++) {
    const result: JsonValue | Refused = (steps[i] as Step).convert(value, data);
    if (result instanceof Refused) return result;
    value = result;
  }
  return finish(field, value);
}

/** The value of the first source that is there, else the default. */
export function readField(
  { paths, default: fallback }: CompiledField,
  data: JsonObject,
): JsonValue | undefined {
  let value = (paths[0] as SourcePath).read(data);
  for (let i = 1; value === undefined && i < paths.length; i++) {
    value = (paths[i] as SourcePath).read(data);
  }
  return value === undefined ? fallback : value;
}

/** The source a field was read from; its first where none is there. */
export function pathRead({ paths }: CompiledField, data: JsonObject): SourcePath {
  return paths.find(({ read }) => read(data) !== undefined) ?? (paths[0] as SourcePath);
}

/** What has gone through all steps, held against what the column is for. */
export function finish(field: CompiledField, value: JsonValue): JsonValue | Refused {
  if (value === null) return field.required ? REQUIRED : value;
  return field.isKey ? (keyText(value) ?? NO_KEY) : value;
}
