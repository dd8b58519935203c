import type { Fault } from '../errors.ts';
import type { Envelope, JsonObject } from '../events.ts';

/**
 * What an event's `data` must look like, by event type: `compileDataSchemas` of
 * `@buktor/his-webhook/schemas` makes it out of JSON Schemas, and a host may bring its own.
 */
export interface DataSchemas {
  /** The event types of the host's own it was made for; the receiver takes them from here. */
  readonly types: readonly string[];
  /**
   * Checks the `data` of an event, and changes nothing in it.
   *
   * @param type - The event's type; one without a schema has no faults.
   * @returns Every fault with its JSON Pointer into `data`; an empty list where there is none. The
   *   sender is answered with them and quarantine keeps them, so no message may repeat a value.
   */
  validate(type: string, data: JsonObject): readonly Fault[];
}

/**
 * The faults of an event's `data`; none where the host has no schemas.
 *
 * @throws TypeError if schemas of the host's own give no list: what they say, or the promise they
 *   return, must not become a 200 by accident.
 */
export function checkData(schemas: DataSchemas | undefined, event: Envelope): readonly Fault[] {
  if (schemas === undefined) return [];
  const faults: unknown = schemas.validate(event.type, event.data);
  if (!Array.isArray(faults)) throw new TypeError('dataSchemas.validate must return a list.');
  return faults as readonly Fault[];
}
