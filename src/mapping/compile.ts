import { checkMembers, checkTypes } from '../configuration.ts';
import { MappingDocumentError } from '../errors.ts';
import { EVENT_TYPES, IDENTIFIER_PATTERN, type JsonObject, type JsonValue } from '../events.ts';
import { canonicalDigest, sha256 } from '../json.ts';
import { ClientCompiler } from './client.ts';
import type { MappingDocument } from './document.ts';
import { type Entries, entriesOf } from './entry.ts';
import { type DraftContext, type Drafts, type Layer, readDraft } from './inherit.ts';
import { escapePointer } from './path.ts';
import { Report } from './report.ts';
import { checkNames } from './template-names.ts';
import { locate, readDocumentText } from './text.ts';
import { checkTransforms, type Transform } from './transforms.ts';
import { Twins } from './twins.ts';
import type { ClientMappings, MappingSet } from './types.ts';
import { readValueMaps } from './value-map.ts';
import { isObject } from './values.ts';
import { readZone } from './zone-source.ts';

/** Options of {@link compileMappings}. */
export interface CompileOptions {
  /** Event types of the host's own, beside the 14 of the document. */
  readonly types?: readonly string[];
  /** Functions that mappings may name, by their names. */
  readonly transforms?: Readonly<Record<string, Transform>>;
}

/** The options, for those who check theirs. */
export const COMPILE_OPTIONS: readonly (keyof CompileOptions)[] = ['types', 'transforms'];

/**
 * Compiles a mapping document (`his-json-mapping.json`), so that no fault of it waits for a
 * patient's event. Section 4 of the HIS Webhook document; its sample is valid as it stands.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import { compileMappings } from '@buktor/his-webhook';
 *
 * const mappings = compileMappings(await readFile('his-json-mapping.json', 'utf8'));
 * ```
 *
 * @param document - The document: its text, its bytes, or already parsed. Faults have a line and a
 *   column where it was text or bytes.
 * @throws MappingDocumentError with every fault of the document.
 * @throws ConfigurationError for an option that could never work.
 */
export function compileMappings(
  document: string | Uint8Array | MappingDocument,
  options: CompileOptions = {},
): MappingSet {
  checkMembers('compileMappings', options, COMPILE_OPTIONS);
  const compiler = new Compiler(options);
  if (typeof document !== 'string' && !(document instanceof Uint8Array)) {
    const value = document as unknown as JsonValue;
    return compiler.compile(value, () => canonicalDigest(value));
  }
  const read = readDocumentText(document);
  if (!read.ok) throw new MappingDocumentError(read.faults);
  return compiler.compile(read.value, () => sha256(document), read.text);
}

/** A template, while it is being read and once it was. */
interface Template {
  readonly value: JsonValue;
  readonly place: string;
  layer: Layer | 'being read' | undefined;
  isUsed: boolean;
}

class Compiler {
  readonly #report = new Report();
  readonly #transforms: ReadonlyMap<string, Transform>;
  readonly #registered: readonly string[];
  readonly #entries: Entries;
  readonly #templates = new Map<string, Template>();
  readonly #twins = new Twins();
  #context: DraftContext | undefined;

  constructor({ types = [], transforms = {} }: CompileOptions) {
    checkTypes(types);
    this.#registered = types;
    this.#entries = entriesOf([...EVENT_TYPES, ...types]);
    this.#transforms = checkTransforms(transforms);
  }

  compile(document: JsonValue, digest: () => string, text?: string): MappingSet {
    const report = this.#report;
    const clients = new Map<string, ClientMappings>();
    const compiler = new ClientCompiler(report);
    const members = ['$schema', 'version', 'valueMaps', 'templates', 'clients'];
    const root = report.object(document, '', members);
    if (root !== undefined) {
      this.#readHead(root);
      const { clients: written } = root;
      if (report.isObject(written, '/clients')) {
        for (const id of Object.keys(written)) {
          const mappings = this.#client(id, written[id] as JsonValue, compiler);
          if (mappings !== undefined) clients.set(id, mappings);
        }
      }
      this.#warnOfUnused();
    }
    if (report.faults.length > 0) {
      throw new MappingDocumentError(
        text === undefined ? report.faults : locate(text, report.faults),
      );
    }
    return {
      version: digest(),
      tables: compiler.tables(),
      types: this.#registered,
      clients,
      warnings: text === undefined ? report.warnings : locate(text, report.warnings),
    };
  }

  #client(id: string, value: JsonValue, compiler: ClientCompiler): ClientMappings | undefined {
    if (!IDENTIFIER_PATTERN.test(id)) {
      this.#report.fault(
        `/clients/${escapePointer(id)}`,
        'a client id is 1 to 255 visible ASCII characters',
      );
    }
    const place = (): string => `/clients/${escapePointer(id)}`;
    const known = this.#twins.find(value, place);
    if (known !== undefined) return known;
    const { faults, warnings } = this.#report;
    const before = [faults.length, warnings.length];
    const layer = this.#layer(value, place(), undefined);
    if (layer === undefined) return undefined;
    const mappings = compiler.compile(layer, place());
    if (faults.length === before[0]) {
      this.#twins.add(value, mappings, warnings.length > (before[1] as number));
    }
    return mappings;
  }

  #readHead(root: JsonObject): void {
    const { $schema, version, templates } = root;
    const report = this.#report;
    if ($schema !== undefined && typeof $schema !== 'string') {
      report.fault('/$schema', 'must be the address of the JSON Schema, which is for editors');
    }
    if (version !== undefined && version !== 1) report.fault('/version', 'must be 1');
    this.#context = {
      report,
      valueMaps: readValueMaps(report, root['valueMaps']),
      transforms: this.#transforms,
      usedMaps: new Set(),
      sources: new Map(),
      template: undefined,
    };
    if (templates === undefined) return;
    for (const [name, value, place] of report.entries(templates, '/templates')) {
      this.#templates.set(name, { value, place, layer: undefined, isUsed: false });
    }
    // All of them, because one that nobody extends may have faults as well.
    for (const [name, template] of this.#templates) this.#template(name, template);
  }

  /** `undefined` where it is being read, because it extends itself. */
  #template(name: string, template: Template): Layer | undefined {
    for (const [heir, unread] of this.#lineage(name, template).reverse()) {
      unread.layer = this.#layer(unread.value, unread.place, heir) ?? NOTHING;
    }
    return template.layer === 'being read' ? undefined : template.layer;
  }

  /** A template, the one it extends, and so on: those to be read. Thousands of them may be in a row. */
  #lineage(name: string, template: Template): [string, Template][] {
    const unread: [string, Template][] = [];
    let next: Template | undefined = template;
    while (next !== undefined && next.layer === undefined) {
      next.layer = 'being read';
      unread.push([name, next]);
      const parent: JsonValue | undefined = isObject(next.value)
        ? next.value['extends']
        : undefined;
      name = typeof parent === 'string' ? parent : '';
      next = typeof parent === 'string' ? this.#templates.get(parent) : undefined;
    }
    return unread;
  }

  /** Reads a client, or the template of that name, over what it extends. */
  #layer(value: JsonValue, place: string, template: string | undefined): Layer | undefined {
    const report = this.#report;
    const client = report.object(value, place, ['extends', 'timezone', 'mappings']);
    if (client === undefined) return undefined;
    const { extends: parentName, timezone, mappings } = client;
    const parent = this.#parent(parentName, `${place}/extends`);
    const zone =
      timezone === undefined ? undefined : readZone(report, timezone, `${place}/timezone`);
    const inherited = parent?.drafts ?? NOTHING.drafts;
    return {
      zone: zone ?? parent?.zone,
      drafts:
        mappings === undefined && parentName !== undefined
          ? inherited
          : this.#drafts(mappings, `${place}/mappings`, template, inherited),
    };
  }

  #parent(name: JsonValue | undefined, place: string): Layer | undefined {
    if (name === undefined) return undefined;
    if (typeof name !== 'string') {
      this.#report.fault(place, 'must be the name of a template');
      return undefined;
    }
    const template = this.#templates.get(name);
    if (template === undefined) {
      const hint = this.#report.didYouMean(name, this.#templates);
      this.#report.fault(place, `there is no template ${JSON.stringify(name)}${hint}`);
      return undefined;
    }
    template.isUsed = true;
    const layer = this.#template(name, template);
    if (layer === undefined) this.#report.fault(place, 'extends a template that extends this one');
    return layer;
  }

  #drafts(
    value: JsonValue | undefined,
    parent: string,
    template: string | undefined,
    inherited: Drafts,
  ): Drafts {
    const report = this.#report;
    if (!report.isObject(value, parent)) return inherited;
    const context: DraftContext = { ...(this.#context as DraftContext), template };
    const drafts = new Map(inherited);
    for (const type of Object.keys(value)) {
      const mapping = value[type] as JsonValue;
      const place = `${parent}/${escapePointer(type)}`;
      const entry = this.#entries.get(type);
      if (entry === undefined) {
        const hint = report.didYouMean(type, this.#entries);
        report.fault(place, `is not a supported event type${hint}`);
        continue;
      }
      const draft =
        mapping === null ? null : readDraft(entry, mapping, place, context, inherited.get(type));
      if (template !== undefined && draft) checkNames(draft, report);
      if (draft !== undefined) drafts.set(type, draft);
    }
    return drafts;
  }

  #warnOfUnused(): void {
    const { valueMaps, usedMaps } = this.#context as DraftContext;
    for (const name of valueMaps.keys()) {
      if (!usedMaps.has(name))
        this.#report.warn(`/valueMaps/${escapePointer(name)}`, 'is never used');
    }
    for (const { place, isUsed } of this.#templates.values()) {
      if (!isUsed) this.#report.warn(place, 'is never extended');
    }
  }
}

const NOTHING: Layer = { zone: undefined, drafts: new Map() };
