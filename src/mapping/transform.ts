import type { JsonObject, JsonValue } from '../events.ts';
import type { Fault } from '../errors.ts';
import { keyText } from './values.ts';
import type { CompiledField, CompiledMapping } from './compile.ts';

/** What {@link transformFields} made of an event's `data`. */
export type TransformResult =
  | {
      readonly ok: true;
      /** The row's key, as text. */
      readonly key: Readonly<Record<string, string>>;
      /** The other columns the event carries, constants included. */
      readonly values: JsonObject;
    }
  | { readonly ok: false; readonly errors: readonly Fault[] };

/**
 * Turns an event's `data` into the key and columns of a row.
 *
 * A field that is missing stays missing (events are patches), one that is null stays null;
 * `default` fills what is missing only; `required` refuses both. Unmapped fields are left behind.
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
  const errors: Fault[] = [];
  const key: Record<string, string> = {};
  const values: Record<string, JsonValue> = {};
  const put = (column: string, value: JsonValue, pointer: string): void => {
    if (!mapping.key.includes(column)) {
      values[column] = value;
      return;
    }
    const text = keyText(value);
    if (text === undefined) {
      errors.push({
        path: pointer,
        message: 'must be a string that is not empty, or an integer below 2^53',
      });
    } else key[column] = text;
  };

  for (const field of mapping.fields) {
    const value = readField(field, data);
    if (field.required && (value === undefined || value === null)) {
      errors.push({ path: field.pointer, message: 'is required' });
    } else if (value !== undefined) put(field.to, value, field.pointer);
  }
  for (const [column, value] of Object.entries(mapping.constants)) put(column, value, '');
  return errors.length === 0 ? { ok: true, key, values } : { ok: false, errors };
}

/** Read, then default. The further steps of the mapping language go here, in its order. */
function readField(field: CompiledField, data: JsonObject): JsonValue | undefined {
  const value = field.read(data);
  return value === undefined ? field.default : value;
}
