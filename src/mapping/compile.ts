import {
  EVENT_TYPES,
  IDENTIFIER_PATTERN,
  type JsonObject,
  type JsonValue,
  resourceOf,
} from '../events.ts';
import { type Fault, MappingDocumentError } from '../errors.ts';
import { canonicalDigest, parseJson } from '../json.ts';
import { type MappingDocument, RESERVED_MEMBERS } from './document.ts';
import { checkTypes } from '../configuration.ts';
import { isJson, isObject, keyText } from './values.ts';
import { compilePath, escapePointer, type Reader } from './path.ts';
import { columnFault, type Columns, tableFault, TableRegistry, type TableSpec } from './tables.ts';

/** One field of a compiled mapping. */
export interface CompiledField {
  readonly read: Reader;
  /** JSON Pointer of the source, within `data`. */
  readonly pointer: string;
  readonly to: string;
  readonly default: JsonValue | undefined;
  readonly required: boolean;
}

/** How one client's events of one type become rows. */
export interface CompiledMapping {
  readonly table: string;
  readonly key: readonly string[];
  readonly fields: readonly CompiledField[];
  readonly constants: JsonObject;
}

/** Event type or `resource.*` → mapping; `null` where the type is declined. */
export type ClientMappings = ReadonlyMap<string, CompiledMapping | null>;

/** All mappings of a document, compiled. */
export interface MappingSet {
  /** Changes whenever the document's content does; every stored event carries it. */
  readonly version: string;
  readonly tables: readonly TableSpec[];
  /** The event types of the host's own it was compiled for; the receiver takes them from here. */
  readonly types: readonly string[];
  /** By client id; `*` serves the clients that have no entry. */
  readonly clients: ReadonlyMap<string, ClientMappings>;
}

/** Options of {@link compileMappings}. */
export interface CompileOptions {
  /** Event types of the host's own, beside the 14 of the document. */
  readonly types?: readonly string[];
}

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
 * @param document - The document: its text, its bytes, or already parsed.
 * @throws MappingDocumentError with every fault of the document.
 */
export function compileMappings(
  document: string | Uint8Array | MappingDocument,
  options: CompileOptions = {},
): MappingSet {
  return new Compiler(options.types ?? []).compile(parse(document));
}

interface PlacedField extends CompiledField {
  readonly source: string;
  readonly place: string;
}

class Compiler {
  readonly #faults: Fault[] = [];
  readonly #tables = new TableRegistry((place, message) => {
    this.#fault(place, message);
  });
  readonly #registered: readonly string[];
  readonly #types: ReadonlySet<string>;
  readonly #wildcards: ReadonlySet<string>;

  constructor(registered: readonly string[]) {
    checkTypes(registered);
    this.#registered = registered;
    this.#types = new Set([...EVENT_TYPES, ...registered]);
    this.#wildcards = new Set([...this.#types].map((type) => `${resourceOf(type)}.*`));
  }

  compile(document: JsonValue): MappingSet {
    const clients = new Map<string, ClientMappings>();
    const root = this.#object(document, '', ['version', 'clients'], RESERVED_MEMBERS.document);
    if (root !== undefined) {
      if (root['version'] !== undefined && root['version'] !== 1) {
        this.#fault('/version', 'must be 1');
      }
      for (const [id, client, place] of this.#entries(root['clients'], '/clients')) {
        clients.set(id, this.#client(id, client, place));
      }
    }
    if (this.#faults.length > 0) throw new MappingDocumentError(this.#faults);
    return {
      version: canonicalDigest(document),
      tables: this.#tables.specs(),
      types: this.#registered,
      clients,
    };
  }

  #client(id: string, value: JsonValue, place: string): ClientMappings {
    const mappings = new Map<string, CompiledMapping | null>();
    if (!IDENTIFIER_PATTERN.test(id)) {
      this.#fault(place, 'a client id is 1 to 255 visible ASCII characters');
    }
    const client = this.#object(value, place, ['mappings'], RESERVED_MEMBERS.client);
    if (client === undefined) return mappings;
    for (const [type, mapping, at] of this.#entries(client['mappings'], `${place}/mappings`)) {
      if (!this.#types.has(type) && !this.#wildcards.has(type)) {
        this.#fault(at, 'is not a supported event type');
        continue;
      }
      const compiled = mapping === null ? null : this.#mapping(type, mapping, at);
      if (compiled !== undefined) mappings.set(type, compiled);
    }
    return mappings;
  }

  #mapping(type: string, value: JsonValue, place: string): CompiledMapping | undefined {
    const members = ['table', 'key', 'constants', 'fields'];
    const mapping = this.#object(value, place, members, RESERVED_MEMBERS.mapping);
    if (mapping === undefined) return undefined;

    const resource = resourceOf(type);
    const { table = resource } = mapping;
    const badTable = tableFault(table);
    if (badTable !== undefined) this.#fault(`${place}/table`, badTable);

    const fields = this.#fields(mapping['fields'], `${place}/fields`);
    const constants =
      mapping['constants'] === undefined
        ? []
        : this.#entries(mapping['constants'], `${place}/constants`);
    const columns: Columns = new Map();
    for (const field of fields) this.#column(columns, field.to, field.place);
    for (const [column, , at] of constants) this.#column(columns, column, at);

    const key = this.#key(mapping['key'], resource, fields, columns, place);
    for (const field of fields) {
      if (key?.includes(field.to) === true && field.default !== undefined) {
        this.#fault(field.place, 'a key has no default: it would be the key of many rows');
      }
    }
    if (key?.every((column) => constants.some(([constant]) => constant === column)) === true) {
      this.#fault(`${place}/key`, 'a key of constants only is the key of one row');
    }
    for (const [column, constant, at] of constants) {
      if (!isJson(constant)) this.#fault(at, 'must be a JSON value');
      if (key?.includes(column) === true && keyText(constant) === undefined) {
        this.#fault(at, 'a key is a string that is not empty, or an integer');
      }
    }
    if (badTable !== undefined || key === undefined) return undefined;
    this.#tables.add({ name: table as string, place }, key, columns);
    return {
      table: table as string,
      key,
      fields: fields.map(({ read, pointer, to, default: fallback, required }) => ({
        read,
        pointer,
        to,
        default: fallback,
        required: required || key.includes(to),
      })),
      constants: Object.fromEntries(constants.map(([column, constant]) => [column, constant])),
    };
  }

  #fields(value: JsonValue | undefined, place: string): readonly PlacedField[] {
    return this.#entries(value, place).flatMap(([source, rules, at]) => {
      if (source === '') this.#fault(at, 'a source field has a name');
      if (rules === null) return [];
      if (!Array.isArray(rules)) return this.#field(source, rules, at);
      return (rules as readonly JsonValue[]).flatMap((rule, index) =>
        this.#field(source, rule, `${at}/${String(index)}`),
      );
    });
  }

  #field(source: string, value: JsonValue, place: string): readonly PlacedField[] {
    const path = compilePath(source);
    if (typeof value === 'string') {
      return [{ ...path, source, place, to: value, default: undefined, required: false }];
    }
    const rule = this.#object(value, place, ['to', 'default', 'required'], RESERVED_MEMBERS.field);
    if (rule === undefined) return [];
    const { to, default: fallback, required = false } = rule;
    if (fallback !== undefined && !isJson(fallback)) {
      this.#fault(`${place}/default`, 'must be a JSON value');
    }
    if (typeof required !== 'boolean') this.#fault(`${place}/required`, 'must be true or false');
    if (typeof to !== 'string') {
      this.#fault(`${place}/to`, 'must name the column');
      return [];
    }
    return [{ ...path, source, place, to, default: fallback, required: required === true }];
  }

  #column(columns: Columns, name: string, place: string): void {
    const fault = columnFault(name);
    const other = columns.get(name.toLowerCase());
    if (fault !== undefined) this.#fault(place, fault);
    else if (other !== undefined) {
      this.#fault(place, `column ${name} is written twice, also by ${other.place}`);
    } else columns.set(name.toLowerCase(), { name, place });
  }

  #key(
    value: JsonValue | undefined,
    resource: string,
    fields: readonly PlacedField[],
    columns: Columns,
    place: string,
  ): readonly string[] | undefined {
    if (value === undefined) {
      const field = fields.find(({ source }) => source === `his_${resource}_id`);
      if (field !== undefined) return [field.to];
      this.#fault(place, `has no key: map his_${resource}_id, or name the columns in "key"`);
      return undefined;
    }
    const names: readonly unknown[] = Array.isArray(value) ? value : [];
    if (names.length === 0 || !names.every(isString) || new Set(names).size < names.length) {
      this.#fault(`${place}/key`, 'must be a list of different column names');
      return undefined;
    }
    const unknown = names.filter((name) => columns.get(name.toLowerCase())?.name !== name);
    for (const name of unknown) {
      this.#fault(`${place}/key`, `column ${name} is written by no field or constant`);
    }
    return unknown.length === 0 ? names : undefined;
  }

  /** The members of an object, none of them unknown; `undefined` and a fault where it is none. */
  #object(
    value: JsonValue | undefined,
    place: string,
    members: readonly string[],
    reserved: readonly string[],
  ): JsonObject | undefined {
    if (!isObject(value)) {
      this.#fault(place, 'must be an object');
      return undefined;
    }
    for (const member of Object.keys(value)) {
      const at = `${place}/${escapePointer(member)}`;
      if (reserved.includes(member)) this.#fault(at, 'is not supported by this version');
      else if (!members.includes(member)) this.#fault(at, 'is not a member of the format');
    }
    return value;
  }

  /** Name, value and place of each member. */
  #entries(value: JsonValue | undefined, place: string): [string, JsonValue, string][] {
    if (isObject(value)) {
      return Object.entries(value).map(([name, member]) => [
        name,
        member,
        `${place}/${escapePointer(name)}`,
      ]);
    }
    this.#fault(place, value === undefined ? 'is required' : 'must be an object');
    return [];
  }

  #fault(path: string, message: string): void {
    this.#faults.push({ path, message });
  }
}

function parse(document: string | Uint8Array | MappingDocument): JsonValue {
  if (typeof document !== 'string' && !(document instanceof Uint8Array)) {
    return document as unknown as JsonValue;
  }
  const parsed = parseJson(document, 'document');
  if (parsed.ok) return parsed.value;
  const isName = typeof document === 'string' && !document.includes('{');
  const hint = isName ? ' If this is the name of a file, pass what the file holds.' : '';
  throw new MappingDocumentError([{ path: '', message: parsed.reason + hint }]);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
