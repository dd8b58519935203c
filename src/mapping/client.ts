import { compileField, hasStaticValues, lacksZone, staticFaults } from './field.ts';
import {
  type Drafts,
  type FieldDraft,
  type Layer,
  type MappingDraft,
  placeOf,
  placeOfField,
} from './inherit.ts';
import { LazyMapping } from './lazy-mapping.ts';
import type { Report } from './report.ts';
import type { Rule } from './rule.ts';
import { TableRegistry } from './table-registry.ts';
import { keyNames, NO_KEY, tableFault, type TableSpec } from './tables.ts';
import type { ClientMappings, CompiledMapping } from './types.ts';
import { keyText } from './values.ts';
import { zoneId, type ZoneSource } from './zone-source.ts';

type Compiled = CompiledMapping | undefined;

const NO_ZONES: readonly ZoneSource[] = [];

/**
 * Checks what clients wrote and inherited, and makes mappings of it. Clients that extend one template
 * and change nothing share what it compiles to, so that thousands of them cost little more than
 * their names; the others' fields are compiled when an event first needs them.
 */
export class ClientCompiler {
  readonly #report: Report;
  readonly #tables: TableRegistry;
  /** What templates have, by the zone of the client that extends them. */
  readonly #inherited = new Map<string, Map<MappingDraft, Compiled>>();

  constructor(report: Report) {
    this.#report = report;
    this.#tables = new TableRegistry(report);
  }

  /** The tables of everything that was compiled. */
  tables(): readonly TableSpec[] {
    return this.#tables.specs();
  }

  /** @param place - Where the client stands. */
  compile({ drafts, zone }: Layer, place: string): ClientMappings {
    const mappings = new Map<string, CompiledMapping | null>();
    const zones = zone === undefined ? NO_ZONES : [zone];
    const inherited = this.#inheritedIn(zoneId(zone));
    for (const [type, draft] of drafts) {
      if (draft === null) {
        mappings.set(type, null);
        continue;
      }
      let compiled = inherited.get(draft);
      if (compiled === undefined) {
        compiled = this.#mapping(draft, zones, place);
        if (draft.template !== undefined) inherited.set(draft, compiled);
      }
      if (compiled !== undefined) mappings.set(type, compiled);
      this.#warnOfDefaults(draft, drafts);
    }
    return mappings;
  }

  #inheritedIn(zone: string): Map<MappingDraft, Compiled> {
    let mappings = this.#inherited.get(zone);
    if (mappings === undefined)
      this.#inherited.set(zone, (mappings = new Map<MappingDraft, Compiled>()));
    return mappings;
  }

  #mapping(draft: MappingDraft, clientZones: readonly ZoneSource[], clientPlace: string): Compiled {
    const { resource } = draft.entry;
    const table = draft.table === undefined ? resource : draft.table.value;
    const tablePlace = draft.table === undefined ? draft.place : draft.table.place;
    const badTable = tableFault(table);
    if (badTable !== undefined) this.#report.fault(tablePlace, badTable);
    const key = this.#key(draft);

    // Without a table or a key its columns are looked at all the same, as those of no table.
    const isWhole = badTable === undefined && key !== undefined;
    const tables = isWhole ? this.#tables : new TableRegistry(this.#report);
    tables.open(isWhole ? (table as string) : resource, key ?? [], tablePlace, draft);
    const zones = draft.zone === undefined ? clientZones : [draft.zone, ...clientZones];
    let hasPaths = false;
    for (const field of draft.fields) {
      hasPaths ||= field.path.segments.length > 1;
      for (const rule of field.rules) {
        tables.write(field, rule);
        if (rule.isRename) continue;
        hasPaths ||= rule.fallback.length > 0;
        this.#checkRule(draft, field, rule, key, zones, clientPlace);
      }
    }
    if (draft.constants.size > 0) {
      for (const [column, constant] of draft.constants) tables.writeConstant(column, constant);
    }
    if (key !== undefined) this.#checkKey(key, draft, tables);
    if (hasPaths) this.#warnOfShadows(draft);
    return isWhole ? new LazyMapping(table as string, key, draft, zones) : undefined;
  }

  #checkRule(
    draft: MappingDraft,
    field: FieldDraft,
    rule: Rule,
    key: readonly string[] | undefined,
    zones: readonly ZoneSource[],
    clientPlace: string,
  ): void {
    const report = this.#report;
    if (lacksZone(rule, zones)) {
      report.fault(
        (field.origin ?? draft).template === undefined ? placeOf(draft, field, rule) : clientPlace,
        `${field.path.source} is a datetime without a zone: set "timezone" on the field, the mapping or the client`,
      );
    } else if (hasStaticValues(rule)) {
      const compiled = compileField({ draft, field, rule, isKey: false, zones });
      for (const [at, fault] of staticFaults(compiled, rule)) {
        report.fault(compiled.place + at, fault);
      }
    }
    if (rule.default !== undefined && key?.includes(rule.to) === true) {
      report.fault(
        placeOf(draft, field, rule),
        'a key has no default: it would be the key of many rows',
      );
    }
  }

  #key({ entry, key, place, fields }: MappingDraft): readonly string[] | undefined {
    if (key === undefined) {
      const { keySource } = entry;
      for (const { path, rules } of fields) {
        if (path.source === keySource && rules[0] !== undefined) return [rules[0].to];
      }
      this.#report.fault(place, `has no key: map ${keySource}, or name the columns in "key"`);
      return undefined;
    }
    const names = keyNames(key.value);
    if (names === undefined) this.#report.fault(key.place, NO_KEY);
    return names;
  }

  #checkKey(
    key: readonly string[],
    { key: written, constants }: MappingDraft,
    tables: TableRegistry,
  ): void {
    const report = this.#report;
    for (const column of key) {
      if (written !== undefined && !tables.isWritten(column)) {
        const hint = report.didYouMean(column, tables.written());
        report.fault(written.place, `column ${column} is written by no field or constant${hint}`);
      }
      const constant = constants.get(column);
      if (constant !== undefined && keyText(constant.value) === undefined) {
        report.fault(constant.place, 'a key is a string that is not empty, or an integer');
      }
    }
    if (written !== undefined && key.every((column) => constants.has(column))) {
      report.fault(written.place, 'a key of constants only is the key of one row');
    }
  }

  /** An update carries what changed; a default would overwrite the rest. */
  #warnOfDefaults(draft: MappingDraft, drafts: Drafts): void {
    const { name, updates } = draft.entry;
    if (updates === undefined || (name !== updates && drafts.has(updates))) return;
    for (const field of draft.fields) {
      for (const rule of field.rules) {
        if (rule.default === undefined) continue;
        this.#report.warn(
          placeOf(draft, field, rule),
          `the default also goes into ${updates}: an update that leaves this field out would overwrite what is stored`,
        );
      }
    }
  }

  /** Where `a` holds text, `a.b` can be found only under a key that is spelled `a.b`. */
  #warnOfShadows(draft: MappingDraft): void {
    const { fields } = draft;
    const bySource = new Map(fields.map((field) => [field.path.source, field]));
    for (const field of fields) {
      const paths = [field.path, ...field.rules.flatMap(({ fallback }) => fallback)];
      for (const { source, segments } of paths.filter((path) => path.segments.length > 1)) {
        const other = bySource.get(segments[0] as string);
        const scalar = other?.rules.find(({ type }) => type !== undefined && type !== 'json');
        if (other === undefined || scalar === undefined) continue;
        this.#report.warn(
          placeOfField((field.origin ?? draft).place, field.path.source),
          `the flat key ${other.path.source} is a ${scalar.type as string} in ${placeOf(draft, other, scalar)}, so nothing can stand at the path ${source}`,
        );
      }
    }
  }
}
