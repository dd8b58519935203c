import type { JsonObject } from '../events.ts';
import { compileField } from './field.ts';
import { type MappingDraft, placeOfConstant } from './inherit.ts';
import type { SourcePath } from './path.ts';
import type { CompiledField, CompiledMapping, ConstantOrigin } from './types.ts';
import type { ZoneSource } from './zone-source.ts';

interface Built {
  readonly fields: readonly CompiledField[];
  readonly constants: JsonObject;
  readonly constantOrigins: ReadonlyMap<string, ConstantOrigin>;
  readonly sources: readonly SourcePath[];
}

/**
 * A mapping whose fields are compiled when they are first asked for. It was checked before, so that
 * finds no fault; and of thousands of clients' mappings most are in no hurry.
 */
export class LazyMapping implements CompiledMapping {
  readonly table: string;
  readonly key: readonly string[];
  readonly place: string;
  readonly #draft: MappingDraft;
  readonly #zones: readonly ZoneSource[];
  #built: Built | undefined;

  constructor(
    table: string,
    key: readonly string[],
    draft: MappingDraft,
    zones: readonly ZoneSource[],
    place: string = draft.place,
  ) {
    this.table = table;
    this.key = key;
    this.place = place;
    this.#draft = draft;
    this.#zones = zones;
  }

  /** It is a template's, as it is. */
  get isInherited(): boolean {
    return this.#draft.template !== undefined;
  }

  /** The same mapping where it is written elsewhere. */
  at(place: string): LazyMapping {
    return new LazyMapping(this.table, this.key, this.#draft, this.#zones, place);
  }

  get unmapped(): 'ignore' | 'warn' | 'error' {
    return this.#draft.unmapped ?? 'ignore';
  }

  get fields(): readonly CompiledField[] {
    return this.#build().fields;
  }

  get constants(): JsonObject {
    return this.#build().constants;
  }

  get constantOrigins(): ReadonlyMap<string, ConstantOrigin> {
    return this.#build().constantOrigins;
  }

  get sources(): readonly SourcePath[] {
    return this.#build().sources;
  }

  #build(): Built {
    return (this.#built ??= build({ ...this.#draft, place: this.place }, this.key, this.#zones));
  }
}

function build(draft: MappingDraft, key: readonly string[], zones: readonly ZoneSource[]): Built {
  const rules = draft.fields.flatMap((field) => field.rules);
  return {
    fields: draft.fields.flatMap((field) =>
      field.rules.map((rule) =>
        compileField({ draft, field, rule, isKey: key.includes(rule.to), zones }),
      ),
    ),
    constants: Object.fromEntries(
      [...draft.constants].map(([column, { value }]) => [column, value]),
    ),
    constantOrigins: new Map(
      [...draft.constants].map(([column, { origin = draft }]) => [
        column,
        { place: placeOfConstant(origin, column), inheritedFrom: origin.template },
      ]),
    ),
    sources: [
      ...draft.fields.map(({ path }) => path),
      ...rules.flatMap(({ fallback }) => fallback),
      ...[...rules.map(({ zone }) => zone), ...zones].flatMap((zone) =>
        zone !== undefined && 'path' in zone ? zone.path : [],
      ),
    ],
  };
}
