import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fault, MappingDocumentError } from '../../src/errors.ts';
import { EVENT_TYPES, resourceOf } from '../../src/events.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { SAMPLE_MAPPING } from '../support/document.ts';
import { DOCUMENTS } from './documents.ts';
import { formatOfSchema, formatOfTypes, type Schema } from './format.ts';

const SOURCE = new URL('../../src/schemas/his-json-mapping.schema.json', import.meta.url);
const SCHEMA = JSON.parse(readFileSync(SOURCE, 'utf8')) as Schema;

// Conditions name members that are defined beside them, which strictRequired does not see.
const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true });
/** Words of editors: VS Code shows and inserts what they say. */
ajv.addVocabulary([
  'markdownDescription',
  'enumDescriptions',
  'defaultSnippets',
  'doNotSuggest',
  'errorMessage',
  'patternErrorMessage',
]);
const validate = ajv.compile(SCHEMA);

/** `undefined` where the document compiles. */
function faultsOf(document: unknown): readonly Fault[] | undefined {
  try {
    compileMappings(document as MappingDocument, {
      transforms: { upper: (value) => value },
      types: ['bed.moved'],
    });
    return undefined;
  } catch (error) {
    if (error instanceof MappingDocumentError) return error.faults;
    throw error;
  }
}

describe('the JSON Schema of the mapping document', () => {
  it('has enough to judge', () => {
    expect(DOCUMENTS.length).toBeGreaterThan(250);
    expect(new Set(DOCUMENTS.map(({ name, verdict }) => `${verdict} ${name}`)).size).toBe(
      DOCUMENTS.length,
    );
  });

  it.each(DOCUMENTS)('and the compiler find $name $verdict', ({ document, verdict, at }) => {
    expect(validate(document)).toBe(verdict !== 'bad');
    const faults = faultsOf(document);
    expect(faults === undefined).toBe(verdict === 'good');
    if (at !== undefined) expect(faults?.map(({ path }) => path)).toContain(at);
  });

  it("takes the document's sample", () => {
    expect(validate(JSON.parse(SAMPLE_MAPPING))).toBe(true);
  });

  it('refuses nothing that the compiler takes', () => {
    const good = DOCUMENTS.filter(({ verdict }) => verdict === 'good').map((one) => one.document);
    // What stands anywhere in some document may stand anywhere else, or under another name.
    const parts = DOCUMENTS.flatMap(({ document }) => objectsIn(document)).flatMap((object) =>
      Object.entries(object),
    );
    const change = fc.record({
      at: fc.nat(),
      how: fc.constantFrom('set', 'add', 'drop', 'rename'),
      member: fc.nat(),
      name: fc.constantFrom(...new Set(parts.map(([name]) => name))),
      value: fc.oneof(
        fc.constantFrom(...parts.map(([, value]) => value)),
        fc.jsonValue({ maxDepth: 1 }),
      ),
    });
    let refused = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (document, changes) => {
          const copy = structuredClone(document);
          for (const { at, how, member, name, value } of changes) {
            const objects = objectsIn(copy);
            const object = objects[at % objects.length]!;
            const names = Object.keys(object);
            const old = names[member % names.length] ?? name;
            if (how === 'add') put(object, name, structuredClone(value));
            if (how === 'set') put(object, old, structuredClone(value));
            if (how === 'rename') put(object, name, object[old] ?? null);
            if (how === 'drop' || how === 'rename') Reflect.deleteProperty(object, old);
          }
          if (validate(copy)) return;
          refused++;
          expect(faultsOf(copy), JSON.stringify(copy)).toBeDefined();
        },
      ),
      { numRuns: 5_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it('offers the 14 types and their wildcards', () => {
    const { mappings } = SCHEMA.definitions!['client']!.properties!;
    expect(Object.keys(mappings!.properties!)).toEqual([
      ...EVENT_TYPES,
      ...new Set(EVENT_TYPES.map((type) => `${resourceOf(type)}.*`)),
    ]);
  });

  it('has the members and the words of the types at every level', () => {
    expect(formatOfSchema(SCHEMA)).toEqual(formatOfTypes());
  });

  it('describes every member, and each word of a list', () => {
    const objects = objectsIn(SCHEMA) as Schema[];
    // Under conditions stand members that are described elsewhere.
    const members = objects
      .filter(({ additionalProperties }) => additionalProperties !== undefined)
      .flatMap(({ properties = {} }) => Object.entries(properties));
    expect(members.length).toBeGreaterThan(40);
    for (const [name, { description }] of members)
      expect(description, name).toMatch(/^\S.{10,}\.$/);
    for (const { enum: words, enumDescriptions, doNotSuggest, description } of objects) {
      if (words === undefined || doNotSuggest === true) continue;
      expect(enumDescriptions?.length ?? 1, description).toBe(words.length);
    }
  });
});

/** As JSON.parse does, which makes a member of `__proto__` too. */
function put(object: Record<string, unknown>, name: string, value: unknown): void {
  const rest = { enumerable: true, writable: true, configurable: true };
  Object.defineProperty(object, name, { value, ...rest });
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? inner : [value as Record<string, unknown>, ...inner];
}
