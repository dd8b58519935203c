import { resourceOf } from '../events.ts';

/** What mappings stand under: an event type, or `resource.*`. */
export interface Entry {
  readonly name: string;
  readonly resource: string;
  /** The source whose column is the key where a mapping names none. */
  readonly keySource: string;
  /** The type of the updates it may serve. */
  readonly updates: string | undefined;
}

/** By their names, because a document has a hundred thousand entries and few names. */
export type Entries = ReadonlyMap<string, Entry>;

/** The entries that a document may have for event types. */
export function entriesOf(types: readonly string[]): Entries {
  const names = [...types, ...types.map((type) => `${resourceOf(type)}.*`)];
  return new Map(
    names.map((name) => {
      const resource = resourceOf(name);
      const updated = `${resource}.updated`;
      const mayUpdate = name === updated || (name.endsWith('.*') && types.includes(updated));
      const updates = mayUpdate ? updated : undefined;
      return [name, { name, resource, keySource: `his_${resource}_id`, updates }];
    }),
  );
}
