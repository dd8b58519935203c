import type { Fault } from '../errors.ts';
import type { JsonObject, JsonValue } from '../events.ts';
import { escapePointer } from './path.ts';
import { didYouMean } from './suggest.ts';
import { isObject } from './values.ts';

/** A member of the document: its name, its value, and the JSON Pointer of where it stands. */
export type Entry = readonly [name: string, value: JsonValue, place: string];

/** Names that are known, in a list or map that stays the same. */
export type Names = readonly string[] | ReadonlyMap<string, unknown>;

/**
 * How many names are compared for the sake of "did you mean", in all: about a second's work. A slip that a
 * program made stands in a document twenty thousand times.
 */
const MOST_COMPARED = 1_000_000;

/** Gathers what is wrong with a document, each thing once, and reads its objects on the way. */
export class Report {
  readonly faults: Fault[] = [];
  readonly warnings: Fault[] = [];
  readonly #seen = new Set<string>();
  readonly #hints = new Map<Names, Map<string, string>>();
  #compared = 0;

  fault(path: string, message: string): void {
    this.#add(this.faults, path, message);
  }

  warn(path: string, message: string): void {
    this.#add(this.warnings, path, message);
  }

  /** Whether a value is an object; a fault where it is none. */
  isObject(value: JsonValue | undefined, place: string): value is JsonObject {
    if (isObject(value)) return true;
    this.fault(place, value === undefined ? 'is required' : 'must be an object');
    return false;
  }

  /** An object all of whose members are known; `undefined` and a fault where it is no object. */
  object(
    value: JsonValue | undefined,
    place: string,
    members: readonly string[],
  ): JsonObject | undefined {
    if (!this.isObject(value, place)) return undefined;
    // Without a list of the names: a document has a hundred thousand objects.
    for (const member in value) {
      if (members.includes(member) || !Object.hasOwn(value, member)) continue;
      const hint = this.didYouMean(member, members);
      this.fault(
        `${place}/${escapePointer(member)}`,
        `is not a member of the format${hint === '' ? `; it has ${members.join(', ')}` : hint}`,
      );
    }
    return value;
  }

  /** The members of an object that may have any name; none and a fault where it is no object. */
  entries(value: JsonValue | undefined, place: string): readonly Entry[] {
    if (!this.isObject(value, place)) return [];
    return Object.keys(value).map((name) => [
      name,
      value[name] as JsonValue,
      `${place}/${escapePointer(name)}`,
    ]);
  }

  /** One of the words a member may be; `undefined`, and a fault where it is something else. */
  oneOf<Word extends string>(
    object: JsonObject,
    parent: string,
    member: string,
    words: readonly Word[],
  ): Word | undefined {
    const value = object[member];
    if (value === undefined) return undefined;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const hint = typeof value === 'string' ? this.didYouMean(value, words) : '';
    this.fault(`${parent}/${member}`, `must be one of ${words.join(', ')}${hint}`);
    return undefined;
  }

  /** What somebody may have meant who wrote a name that is not known, as the end of a message. */
  didYouMean(name: string, known: Names): string {
    let hints = this.#hints.get(known);
    if (hints === undefined) this.#hints.set(known, (hints = new Map<string, string>()));
    let hint = hints.get(name);
    if (hint === undefined) {
      this.#compared += isList(known) ? known.length : known.size;
      const names = isList(known) ? known : known.keys();
      hint = this.#compared > MOST_COMPARED ? '' : didYouMean(name, names);
      hints.set(name, hint);
    }
    return hint;
  }

  #add(list: Fault[], path: string, message: string): void {
    // A template's fault is met again at every client that extends it.
    const id = `${path}\n${message}`;
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    list.push({ path, message });
  }
}

function isList(names: Names): names is readonly string[] {
  return Array.isArray(names);
}
