import type { JsonObject } from '../events.ts';
import { resolveMapping } from './resolve.ts';
import type { CompiledMapping, MappingSet } from './types.ts';

/** An event to try a mapping on. */
export interface MappingSample {
  /** Whose event it is; without it, it is tried on every client. */
  readonly clientId?: string;
  readonly type: string;
  readonly data: JsonObject;
}

/** Samples that meet the same mappings, and the clients for which they do. */
export interface SampleGroup {
  readonly clients: readonly string[];
  readonly type: string;
  /** The mapping of each set. */
  readonly mappings: readonly (CompiledMapping | null | undefined)[];
  /** Each with its number, counted from 1. */
  readonly events: readonly (readonly [sample: number, data: JsonObject])[];
}

/**
 * Sorts samples by what they will meet. Clients that share a mapping are one group, so that a
 * template is not tried once for each of the thousands who extend it.
 */
export function bySubject(
  sets: readonly MappingSet[],
  samples: Iterable<MappingSample>,
): readonly SampleGroup[] {
  const everyone = [...new Set(sets.flatMap(({ clients }) => [...clients.keys()]))];
  const ids = new Identities();
  const groups = new Map<string, Draft>();
  // Which groups the samples of a type go to; a set of thousands of clients is walked once a type.
  const targets = new Map<string, ReadonlySet<string>>();
  let number = 0;
  for (const { clientId, type, data } of samples) {
    number++;
    const scope = clientId === undefined ? `all ${type}` : `one ${clientId} ${type}`;
    let keys = targets.get(scope);
    if (keys === undefined) {
      const found = new Set<string>();
      for (const client of clientId === undefined ? everyone : [clientId]) {
        const mappings = sets.map((set) => resolveMapping(set, client, type));
        const key = [
          clientId === undefined ? 'all' : 'one',
          type,
          ...mappings.map((mapping) => ids.of(mapping)),
        ].join(' ');
        const group = groups.get(key) ?? { clients: new Set(), type, mappings, events: [] };
        groups.set(key, group);
        group.clients.add(client);
        found.add(key);
      }
      keys = found;
      targets.set(scope, keys);
    }
    for (const key of keys) groups.get(key)?.events.push([number, data]);
  }
  return [...groups.values()].map((group) => ({ ...group, clients: [...group.clients] }));
}

interface Draft extends Omit<SampleGroup, 'clients'> {
  readonly clients: Set<string>;
  readonly events: [number, JsonObject][];
}

class Identities {
  readonly #numbers = new Map<unknown, number>();

  of(value: unknown): number {
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    this.#numbers.set(value, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}
