import { resourceOf } from '../events.ts';
import type { CompiledMapping, MappingSet } from './types.ts';

/**
 * Finds the mapping for an event. The exact event type wins over `resource.*`; client `*` serves
 * clients that have no entry of their own.
 *
 * @example
 * ```ts
 * import { resolveMapping } from '@buktor/his-webhook';
 *
 * const mapping = resolveMapping(mappings, '1001', 'appointment.created');
 * ```
 *
 * @returns The compiled mapping, `null` where the client declines the type on purpose, `undefined`
 *   where there is none.
 */
export function resolveMapping(
  mappings: MappingSet,
  clientId: string,
  eventType: string,
): CompiledMapping | null | undefined {
  const client = mappings.clients.get(clientId) ?? mappings.clients.get('*');
  const exact = client?.get(eventType);
  return exact === undefined ? client?.get(`${resourceOf(eventType)}.*`) : exact;
}

/** A mapping, and under which names it stands in the document. */
export interface FoundMapping {
  readonly client: string;
  readonly entry: string;
  readonly mapping: CompiledMapping | null;
}

/** {@link resolveMapping}, which also tells the entries that served. */
export function findMapping(
  mappings: MappingSet,
  clientId: string,
  eventType: string,
): FoundMapping | undefined {
  const mapping = resolveMapping(mappings, clientId, eventType);
  if (mapping === undefined) return undefined;
  const client = mappings.clients.has(clientId) ? clientId : '*';
  const isExact = mappings.clients.get(client)?.has(eventType) === true;
  return { client, entry: isExact ? eventType : `${resourceOf(eventType)}.*`, mapping };
}
