import type { JsonObject, JsonValue } from '../events.ts';
import { LazyMapping } from './lazy-mapping.ts';
import type { ClientMappings } from './types.ts';
import { isObject } from './values.ts';

/** What clients of one template and zone had that were read without a fault. */
interface Family {
  /** Of those that write nothing else. */
  plain: ClientMappings | undefined;
  /** The latest of those with mappings of its own. */
  latest: Twin | undefined;
}

/** `undefined` where none is written, which is not the empty one. */
type Name = string | undefined;

interface Twin {
  readonly value: JsonObject;
  readonly mappings: ClientMappings;
}

/**
 * Clients that write the same. A document of thousands was made by a program or by copying, so
 * most of them are like one that was read and checked before; what is checked of them does not depend
 * on where they stand.
 */
export class Twins {
  readonly #families = new Map<Name, Map<Name, Family>>();

  /**
   * The mappings of a client, from one that wrote the same.
   *
   * @param place - Where the client stands.
   */
  find(value: JsonValue, place: () => string): ClientMappings | undefined {
    if (!isObject(value)) return undefined;
    const family = this.#family(value);
    if (family === undefined) return undefined;
    if (isPlain(value)) return family.plain;
    const { latest } = family;
    return latest !== undefined && isSame(value, latest.value)
      ? move(latest.mappings, place())
      : undefined;
  }

  /**
   * Remembers a client that is without fault.
   *
   * @param hasWarnings - It has warnings, which tell where it stands.
   */
  add(value: JsonValue, mappings: ClientMappings, hasWarnings: boolean): void {
    if (!isObject(value)) return;
    const family = this.#family(value);
    if (family === undefined) return;
    if (isPlain(value)) family.plain = mappings;
    else if (!hasWarnings) family.latest = { value, mappings };
  }

  #family({ extends: template, timezone }: JsonObject): Family | undefined {
    if (!isName(template) || !isName(timezone)) return undefined;
    let zones = this.#families.get(template);
    if (zones === undefined) this.#families.set(template, (zones = new Map<Name, Family>()));
    let family = zones.get(timezone);
    if (family === undefined) {
      family = { plain: undefined, latest: undefined };
      zones.set(timezone, family);
    }
    return family;
  }
}

function isName(value: JsonValue | undefined): value is Name {
  return value === undefined || typeof value === 'string';
}

function isPlain(client: JsonObject): boolean {
  for (const member in client) if (member !== 'extends' && member !== 'timezone') return false;
  return true;
}

/** The same mappings for a client that stands elsewhere; what both inherited they share. */
function move(mappings: ClientMappings, client: string): ClientMappings {
  const moved = new Map(mappings);
  const parent = `${client}/mappings/`;
  for (const [type, mapping] of mappings) {
    if (mapping instanceof LazyMapping && !mapping.isInherited) {
      moved.set(type, mapping.at(parent + type));
    }
  }
  return moved;
}

/** Whether two values are written the same, the order of members included: columns follow it. */
function isSame(a: JsonValue, b: JsonValue): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return Object.is(a, b);
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const object = a as JsonObject;
  const other = b as JsonObject;
  const names = Object.keys(other);
  let count = 0;
  for (const name in object) {
    if (name !== names[count++]) return false;
    if (!isSame(object[name] as JsonValue, other[name] as JsonValue)) return false;
  }
  return count === names.length;
}
