import type { JsonObject } from '../events.ts';
import { compileField } from './field.ts';
import type { MappingDraft } from './inherit.ts';
import type { SourcePath } from './path.ts';
import type { CompiledField, CompiledMapping } from './types.ts';
import type { ZoneSource } from './zone-source.ts';

/** Where a mapping finds zones, but for those of its fields. */
export function zonesOf(
  { zone }: MappingDraft,
  clientZone: ZoneSource | undefined,
): readonly ZoneSource[] {
  if (zone === undefined) return clientZone === undefined ? NO_ZONES : [clientZone];
  return clientZone === undefined ? [zone] : [zone, clientZone];
}

const NO_ZONES: readonly ZoneSource[] = [];

interface Built {
  readonly fields: readonly CompiledField[];
  readonly constants: JsonObject;
  readonly sources: readonly SourcePath[];
}

/**
 * A mapping whose fields are compiled when they are first asked for. It was checked before, so that
 * finds no fault; and of thousands of clients' mappings most are in no hurry.
 */
export class LazyMapping implements CompiledMapping {
  readonly table: string;
  readonly key: readonly string[];
  readonly unmapped: 'ignore' | 'warn' | 'error';
  readonly place: string;
  readonly #read: () => MappingDraft;
  readonly #clientZone: ZoneSource | undefined;
  #built: Built | undefined;

  constructor(
    table: string,
    key: readonly string[],
    { unmapped = 'ignore', place, again }: MappingDraft,
    clientZone: ZoneSource | undefined,
  ) {
    this.table = table;
    this.key = key;
    this.unmapped = unmapped;
    this.place = place;
    this.#read = again;
    this.#clientZone = clientZone;
  }

  get fields(): readonly CompiledField[] {
    return this.#build().fields;
  }

  get constants(): JsonObject {
    return this.#build().constants;
  }

  get sources(): readonly SourcePath[] {
    return this.#build().sources;
  }

  #build(): Built {
    return (this.#built ??= build(this.#read(), this.key, this.#clientZone));
  }
}

function build(
  draft: MappingDraft,
  key: readonly string[],
  clientZone: ZoneSource | undefined,
): Built {
  const zones = zonesOf(draft, clientZone);
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
    sources: [
      ...draft.fields.map(({ path }) => path),
      ...rules.flatMap(({ fallback }) => fallback),
      ...[...rules.map(({ zone }) => zone), ...zones].flatMap((zone) =>
        zone !== undefined && 'path' in zone ? zone.path : [],
      ),
    ],
  };
}
