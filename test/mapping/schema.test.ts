import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { MappingDocumentError } from '../../src/errors.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { SAMPLE_MAPPING } from '../support/document.ts';
import { DOCUMENTS } from './documents.ts';

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
}

const SOURCE = new URL('../../src/schemas/his-json-mapping.schema.json', import.meta.url);
const SCHEMA = JSON.parse(readFileSync(SOURCE, 'utf8')) as Schema;

// defaultSnippets is a word of editors.
const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
ajv.addKeyword('defaultSnippets');
const validate = ajv.compile(SCHEMA);

function compiles(document: unknown): boolean {
  try {
    compileMappings(document as MappingDocument, {
      transforms: { upper: (value) => value },
      types: ['bed.moved'],
    });
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(MappingDocumentError);
    return false;
  }
}

describe('the JSON Schema of the mapping document', () => {
  it('has enough to judge', () => {
    expect(DOCUMENTS.length).toBeGreaterThan(150);
    expect(new Set(DOCUMENTS.map(({ name, verdict }) => `${verdict} ${name}`)).size).toBe(
      DOCUMENTS.length,
    );
  });

  it.each(DOCUMENTS)('and the compiler find $name $verdict', ({ document, verdict }) => {
    expect(validate(document)).toBe(verdict !== 'bad');
    expect(compiles(document)).toBe(verdict === 'good');
  });

  it("takes the document's sample", () => {
    expect(validate(JSON.parse(SAMPLE_MAPPING))).toBe(true);
  });

  it('refuses nothing that the compiler takes', () => {
    const good = DOCUMENTS.filter(({ verdict }) => verdict === 'good').map((one) => one.document);
    const value = fc.oneof(
      fc.constantFrom(null, true, 7, '', 'x', 'his_x', 'UTC', 'm', 't', 'iso', 'date', 'datetime'),
      fc.constantFrom([], {}, ['a'], { to: 'x' }, { path: 'a' }, { use: 1 }, { name: 'upper' }),
    );
    const name = fc.constantFrom(
      'to',
      'type',
      'format',
      'timezone',
      'offset',
      'valueMap',
      'fields',
      'key',
      'extends',
      'x',
      '',
      'onUnmapped',
      'fallback',
      'transform',
      'mappings',
      'required',
    );
    const change = fc.record({
      at: fc.nat(),
      how: fc.constantFrom('set', 'add', 'drop'),
      name,
      value,
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (document, changes) => {
          const copy = structuredClone(document);
          for (const { at, how, name, value } of changes) {
            const objects = objectsIn(copy);
            const object = objects[at % objects.length]!;
            const names = Object.keys(object);
            const member = names[at % names.length] ?? name;
            if (how === 'drop') Reflect.deleteProperty(object, member);
            else object[how === 'add' ? name : member] = structuredClone(value);
          }
          if (!validate(copy)) expect(compiles(copy), JSON.stringify(copy)).toBe(false);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('has the members of the types, and describes each', () => {
    const definitions = SCHEMA.definitions!;
    const schemas: Record<string, Schema> = {
      MappingDocument: SCHEMA,
      ClientDocument: definitions['client']!,
      EventMappingDocument: definitions['eventMapping']!,
      FieldRuleDocument: definitions['rule']!,
    };
    const members = membersOfTypes();
    for (const [name, { properties }] of Object.entries(schemas)) {
      expect(Object.keys(properties!).sort(), name).toEqual(members.get(name)?.sort());
      for (const [member, schema] of Object.entries(properties!)) {
        const target = schema.$ref?.split('/').at(-1);
        const { description } = target === undefined ? schema : definitions[target]!;
        expect(description, `${name}.${member}`).toMatch(/^\S.{10,}/);
      }
    }
  });
});

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(objectsIn)];
}

/** The names of the members of every interface in document.ts. */
function membersOfTypes(): Map<string, string[]> {
  const file = new URL('../../src/mapping/document.ts', import.meta.url);
  const source = ts.createSourceFile('x.ts', readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  return new Map(
    source.statements
      .filter(ts.isInterfaceDeclaration)
      .map(({ name, members }) => [
        name.text,
        members.map((member) => (member.name as ts.Identifier).text),
      ]),
  );
}
