import { Ajv, type FuncKeywordDefinition, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import stringify from 'fast-json-stable-stringify';
import { checkMembers, checkTypes } from '../configuration.ts';
import { ConfigurationError, type Fault } from '../errors.ts';
import { EVENT_TYPES, type JsonObject, type JsonValue, resourceOf } from '../events.ts';
import type { DataSchemas } from '../receiver/data-schemas.ts';
import { toFaults } from './faults.ts';

/** A JSON Schema: draft 2020-12, or draft-07 where its `$schema` says so. */
export type DataSchema = object | boolean;

/** Options of {@link compileDataSchemas}. */
export interface DataSchemaOptions {
  /** Event types of the host's own, beside the 14 of the document: `resource.operation`. */
  readonly types?: readonly string[];
  /** Formats of the host's own, by name; those of ajv-formats are known without it. */
  readonly formats?: Readonly<Record<string, RegExp | ((text: string) => boolean)>>;
  /**
   * Further schemas that may be `$ref`ed by their `$id`, out of schemas of the same draft. Nothing
   * is ever loaded from elsewhere.
   */
  readonly references?: readonly object[];
}

/**
 * Compiles the host's JSON Schemas for the `data` of events, so that no fault of theirs waits for a
 * patient's event. The receiver checks an event against the schema of its type before it is mapped.
 *
 * A schema stands under an event type, or under `resource.*` for those that have none of their own.
 * Ajv's strict mode applies: a keyword or a format that nobody knows is a fault. The data is checked
 * as it was sent; `default` fills in nothing, and no type is converted.
 *
 * @example
 * ```ts
 * import { bearerTokens, createReceiver } from '@buktor/his-webhook';
 * import { compileDataSchemas } from '@buktor/his-webhook/schemas';
 * import { memoryStore } from '@buktor/his-webhook/stores/memory';
 *
 * const receiver = createReceiver({
 *   clients: bearerTokens({ 'demo-token': { id: '1001', secrets: 'your_shared_secret' } }),
 *   mappings,
 *   store: memoryStore(),
 *   dataSchemas: compileDataSchemas({
 *     'appointment.created': {
 *       type: 'object',
 *       properties: { his_status: { enum: ['confirmed', 'cancelled'] } },
 *       required: ['his_status'],
 *     },
 *   }),
 * });
 * ```
 *
 * @param schemas - By event type or `resource.*`.
 * @throws ConfigurationError that names every schema at fault, with the reason.
 */
export function compileDataSchemas(
  schemas: Readonly<Record<string, DataSchema>>,
  options: DataSchemaOptions = {},
): DataSchemas {
  checkMembers('compileDataSchemas', options, OPTIONS);
  const { types = [] } = options;
  checkTypes(types);
  const validators = new Compiler(types).compile(schemas, options);
  return {
    types: [...types],
    validate: (type, data) => {
      const validator = validators.get(type) ?? validators.get(`${resourceOf(type)}.*`);
      return validator === undefined ? [] : findFaults(validator, data);
    },
  };
}

const OPTIONS: readonly (keyof DataSchemaOptions)[] = ['types', 'formats', 'references'];

/** A schema, compiled twice: the first stops at the first fault, the second goes on. */
interface Validator {
  readonly judge: ValidateFunction;
  readonly list: ValidateFunction;
}

/**
 * How large data may be for all its faults to be listed: values, and characters of text and keys.
 * A list of faults takes many times the room of the data, and `maxLength` and `maxItems` do not
 * keep it from what they are there to cut short.
 */
const MAX_LISTED = 16_384;

function findFaults({ judge, list }: Validator, data: JsonObject): readonly Fault[] {
  if (judge(data)) return [];
  const found = weigh(data, MAX_LISTED) > 0 && !list(data) ? list.errors : judge.errors;
  const faults = toFaults(found ?? []);
  // Ajv would keep its report, which may be a hundred times the data, until the next event.
  judge.errors = list.errors = null;
  return faults;
}

/** What is left of a budget after a value; it stops where nothing is. */
function weigh(value: JsonValue, budget: number): number {
  let left = budget - 1;
  if (typeof value === 'string') return left - value.length;
  if (typeof value !== 'object' || value === null) return left;
  for (const [key, member] of Object.entries(value)) {
    if (left <= 0) break;
    left = weigh(member, left - (Array.isArray(value) ? 0 : key.length));
  }
  return left;
}

type Engine = Ajv | Ajv2020;

/** The engines of one draft, as {@link Validator} needs them. */
interface Draft {
  readonly judge: Engine;
  readonly list: Engine;
}

const DRAFT_2020_12 = 'https://json-schema.org/draft/2020-12/schema';
const DRAFT_07 = 'http://json-schema.org/draft-07/schema';

class Compiler {
  readonly #faults: string[] = [];
  readonly #types: ReadonlySet<string>;
  readonly #drafts: ReadonlyMap<unknown, Draft> = new Map<unknown, Draft>([
    [DRAFT_2020_12, { judge: makeEngine(Ajv2020, false), list: makeEngine(Ajv2020, true) }],
    [DRAFT_07, { judge: makeEngine(Ajv, false), list: makeEngine(Ajv, true) }],
  ]);

  constructor(types: readonly string[]) {
    const all = [...EVENT_TYPES, ...types];
    this.#types = new Set([...all, ...all.map((type) => `${resourceOf(type)}.*`)]);
  }

  compile(
    schemas: Readonly<Record<string, DataSchema>>,
    { formats = {}, references = [] }: DataSchemaOptions,
  ): ReadonlyMap<string, Validator> {
    for (const [name, format] of entries('formats', formats)) this.#addFormat(name, format);
    if (!Array.isArray(references)) throw new ConfigurationError('references must be a list.');
    // They may all refer to each other, so all are known before the first is compiled.
    const waiting: (() => void)[] = [];
    for (const [index, schema] of references.entries()) {
      const place = `references/${String(index)}`;
      this.#attempt(place, () => {
        const id = member(schema, '$id');
        if (typeof id !== 'string') throw new Error('has no $id');
        const draft = this.#add(schema, id);
        waiting.push(() => {
          this.#attempt(place, () => compileOne(draft, id));
        });
      });
    }
    const validators = new Map<string, Validator>();
    for (const [type, schema] of entries('schemas', schemas)) {
      this.#attempt(type, () => {
        if (!this.#types.has(type)) throw new Error('is not a supported event type');
        const draft = this.#add(schema, type);
        waiting.push(() => {
          this.#attempt(type, () => validators.set(type, compileOne(draft, type)));
        });
      });
    }
    for (const compile of waiting) compile();
    if (this.#faults.length > 0) {
      throw new ConfigurationError(['The data schemas have faults:', ...this.#faults].join('\n'));
    }
    return validators;
  }

  #addFormat(name: string, format: unknown): void {
    this.#attempt(`formats/${name}`, () => {
      const check = toCheck(format);
      for (const { judge, list } of this.#drafts.values()) {
        judge.addFormat(name, check);
        list.addFormat(name, check);
      }
    });
  }

  /** Makes a schema known by a name; the draft it is of. */
  #add(schema: unknown, name: string): Draft {
    if (typeof schema !== 'boolean' && (typeof schema !== 'object' || schema === null)) {
      throw new Error('must be a JSON Schema');
    }
    const uri = member(schema, '$schema');
    const draft = this.#drafts.get(
      uri === undefined ? DRAFT_2020_12 : typeof uri === 'string' ? uri.replace(/#$/, '') : uri,
    );
    if (draft === undefined) throw new Error('its $schema must be draft 2020-12 or draft-07');
    if (member(schema, '$async') !== undefined) throw new Error('must not be $async');
    // The one that lists goes first, because it says all that is wrong with the schema.
    draft.list.addSchema(schema, name);
    draft.judge.addSchema(schema, name);
    return draft;
  }

  /** Notes what is wrong and goes on, so that all faults are named at once. */
  #attempt(place: string, action: () => unknown): void {
    try {
      action();
    } catch (error) {
      const reason =
        error instanceof RangeError ? 'refers to itself without end' : (error as Error).message;
      this.#faults.push(`  - ${place}: ${reason}`);
    }
  }
}

function makeEngine(Engine: typeof Ajv | typeof Ajv2020, allErrors: boolean): Engine {
  const engine = new Engine({
    allErrors,
    strict: true,
    // Neither is a mistake: a value that may be a string or a number, and a member that is only
    // required in one branch of an `anyOf`.
    allowUnionTypes: true,
    strictRequired: false,
    ownProperties: true,
    logger: false,
  });
  for (const definition of EQUALITY) {
    engine.removeKeyword(definition.keyword);
    engine.addKeyword(definition);
  }
  ajvFormats.default(engine);
  return engine;
}

/**
 * The keywords that compare, by canonical text. Ajv's own call `toString` and `valueOf` of the data,
 * which fails where it has members of that name, and compare every two items of a list: half a
 * million empty lists would take minutes.
 */
const EQUALITY: readonly (FuncKeywordDefinition & { readonly keyword: string })[] = [
  {
    keyword: 'const',
    compile: (allowed: JsonValue) => isOneOf([allowed]),
    error: { message: 'must be the allowed value' },
  },
  {
    keyword: 'enum',
    schemaType: 'array',
    compile: isOneOf,
    error: { message: 'must be one of the allowed values' },
  },
  {
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    compile: (isAsked: boolean) => (items: readonly JsonValue[]) =>
      !isAsked || new Set(items.map((item) => stringify(item))).size === items.length,
    error: { message: 'must not have equal items' },
  },
];

function isOneOf(allowed: readonly JsonValue[]): (value: JsonValue) => boolean {
  const texts = new Set(allowed.map((value) => stringify(value)));
  return (value) => texts.has(stringify(value));
}

function compileOne({ judge, list }: Draft, name: string): Validator {
  const validator = { list: compiled(list, name), judge: compiled(judge, name) };
  // A reference that leads back to itself is found by the first value that takes it.
  validator.judge({});
  return validator;
}

function compiled(engine: Engine, name: string): ValidateFunction {
  const validate = engine.getSchema(name);
  if (validate === undefined) throw new Error('cannot be compiled');
  return validate;
}

/** A format of the host's own as ajv takes it; a promise is no `true`. */
function toCheck(format: unknown): (text: string) => boolean {
  if (format instanceof RegExp) {
    if (format.global || format.sticky) throw new Error('must not have the flag g or y');
    return (text) => format.test(text);
  }
  if (typeof format !== 'function') throw new Error('must be a RegExp or a function');
  const check = format as (text: string) => unknown;
  return (text) => check(text) === true;
}

function entries(name: string, value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigurationError(`${name} must be an object.`);
  }
  return Object.entries(value);
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
