import type { JsonObject, JsonValue } from '../events.ts';
import { escapePointer, showable } from './path.ts';
import type { CompiledMapping } from './types.ts';
import { isObject } from './values.ts';

/** How many fields are named; a body may hold a hundred thousand. */
const MOST = 20;

/** The names that lead to sources; `isSource` where everything below is read as well. */
interface Names {
  isSource: boolean;
  readonly below: Map<string, Names>;
}

/** Every name of a source, and those that are spelled with dots. */
interface Known {
  readonly flat: ReadonlySet<string>;
  readonly paths: Names;
}

const known = new WeakMap<CompiledMapping, Known>();

/**
 * The source fields of an event that no rule of a mapping names, as JSON Pointers into `data`; the
 * first 20 of them. A field is known by its names: where `phones[0].value` is read, the `value` of
 * every item of the list is known.
 */
export function unmappedFields(mapping: CompiledMapping, data: JsonObject): readonly string[] {
  const { flat, paths } = knownOf(mapping);
  const found: string[] = [];
  if (!isObject(data)) return found;
  for (const name of Object.keys(data)) {
    if (!flat.has(name))
      search(data[name], paths.below.get(name), `/${escapePointer(name)}`, found);
    if (found.length === MOST) break;
  }
  return [...new Set(found.map(showable))];
}

function search(
  value: JsonValue | undefined,
  names: Names | undefined,
  pointer: string,
  found: string[],
): void {
  if (names?.isSource === true || found.length === MOST) return;
  // Null in the place of an object holds nothing that could be left behind.
  if (names !== undefined && value === null) return;
  if (names === undefined || typeof value !== 'object') {
    found.push(pointer);
  } else if (Array.isArray(value)) {
    const before = found.length;
    for (const [index, item] of (value as readonly JsonValue[]).entries()) {
      search(item, names, `${pointer}/${String(index)}`, found);
      // The next items would only say the same.
      if (found.length > before) break;
    }
  } else {
    const object = value as JsonObject;
    for (const name of Object.keys(object)) {
      search(object[name], names.below.get(name), `${pointer}/${escapePointer(name)}`, found);
    }
  }
}

function knownOf(mapping: CompiledMapping): Known {
  let names = known.get(mapping);
  if (names === undefined) {
    names = gather(mapping);
    known.set(mapping, names);
  }
  return names;
}

function gather({ sources }: CompiledMapping): Known {
  const paths: Names = { isSource: false, below: new Map() };
  for (const { segments } of sources) {
    let names = paths;
    for (const segment of segments) {
      if (typeof segment === 'number') continue;
      let next = names.below.get(segment);
      if (next === undefined) {
        next = { isSource: false, below: new Map() };
        names.below.set(segment, next);
      }
      names = next;
    }
    names.isSource = true;
  }
  return { flat: new Set(sources.map(({ source }) => source)), paths };
}
