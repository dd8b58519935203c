import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/events.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { FieldType, MappingDocument } from '../../src/mapping/document.ts';
import { resolveMapping } from '../../src/mapping/resolve.ts';
import { transformFields } from '../../src/mapping/transform.ts';
import { ROOT } from '../support/process.ts';
import { TYPE_INPUTS, type TypeRule } from './type-inputs.ts';

const FILE = join(ROOT, 'docs/mapping.md');
const page = readFileSync(FILE, 'utf8');
const TYPE = 'appointment.created';

/** The blocks of the page whose fence says what they are. */
const blocks = [...page.matchAll(/^```json (\w+)\n([^]*?)^```$/gm)].map(([, kind, code]) => ({
  kind: kind!,
  value: JSON.parse(code!) as JsonObject,
}));

const transforms = {
  upper: (value: JsonValue) => (value as string).toUpperCase(),
  afterSlash: (value: JsonValue, { parameters }: { parameters: JsonValue | undefined }) =>
    (value as string).split('/')[(parameters as { part: number }).part]!,
};

const compile = (document: object) => compileMappings(document as MappingDocument, { transforms });

/** The document that a mapping, or only its fields, stand for. */
function documentOf(kind: string, value: JsonObject, valueMaps: JsonObject): object {
  if (kind === 'document') return value;
  const key = { key: ['row'] };
  const mapping = kind === 'mapping' ? value : { ...key, fields: { ...value, row_id: 'row' } };
  return {
    valueMaps,
    clients: { 1001: { timezone: 'Asia/Kolkata', mappings: { [TYPE]: mapping } } },
  };
}

function judge(document: object, kind: string, data: JsonObject): unknown {
  const mapping = resolveMapping(compile(document), '1001', TYPE)!;
  const isPart = !('his_appointment_id' in data) && mapping.key[0] === 'row';
  const result = transformFields(mapping, isPart ? { ...data, row_id: 'r' } : data);
  if (kind === 'errors') return result.ok ? 'stored' : result.errors;
  if (!result.ok) return result.errors;
  const { key, values } = result;
  return kind === 'row' ? { table: mapping.table, key, values } : values;
}

describe('docs/mapping.md', () => {
  it('has an example of every rule', () => {
    expect(blocks.filter(({ kind }) => kind === 'data').length).toBeGreaterThanOrEqual(19);
    for (const word of [
      'fallback',
      'default',
      'required',
      'valueMap',
      'onUnmapped',
      'type',
      'format',
      'timezone',
      'offset',
      'disambiguation',
      'transform',
      'table',
      'key',
      'constants',
      'unmapped',
      'extends',
      'templates',
      'valueMaps',
      '$schema',
    ]) {
      expect(JSON.stringify(blocks), word).toContain(`"${word}"`);
    }
  });

  it('says what happens', () => {
    let document: object = {};
    let valueMaps: JsonObject = {};
    let data: JsonObject | undefined;
    for (const { kind, value } of blocks) {
      if (kind === 'valueMaps') valueMaps = value;
      else if (kind === 'document' || kind === 'mapping' || kind === 'fields') {
        document = documentOf(kind, value, valueMaps);
        expect(compile(document).clients.has('1001')).toBe(true);
      } else if (kind === 'data') data = value;
      else {
        expect(judge(document, kind, data!), JSON.stringify(data)).toEqual(value);
        data = undefined;
      }
    }
    expect(data).toBeUndefined();
  });

  it('ends with what each type takes, as the tests have it', () => {
    const marker = '<!-- types -->\n';
    const start = page.indexOf(marker) + marker.length;
    const generated = `\n${describeTypes()}`;
    if (process.env['UPDATE_DOCS'] !== undefined) {
      writeFileSync(FILE, page.slice(0, start) + generated);
      return;
    }
    expect(bare(page.slice(start)), 'run UPDATE_DOCS=1 vitest on this test').toBe(bare(generated));
  });
});

/** Without what a formatter does to tables. */
const bare = (text: string): string => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---');

/** Both lists of every type, as tables. */
function describeTypes(): string {
  return (Object.keys(TYPE_INPUTS) as FieldType[])
    .map((type) => {
      const { accepted, refused } = TYPE_INPUTS[type];
      const rows = [
        ...accepted.map(([input, rule, result]) => [code(input), ruleCode(rule), code(result)]),
        ...refused.map(([input, rule, reason]) => [
          code(input),
          ruleCode(rule),
          `refused${reason === undefined ? '' : `: ${reason}`}`,
        ]),
      ];
      const header = ['Value', 'Rule', 'Stored'];
      const lines = [header, header.map(() => '---'), ...rows];
      return `### \`${type}\`\n\n${lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('')}`;
    })
    .join('\n');
}

function ruleCode(rule: TypeRule): string {
  return Object.keys(rule).length === 0 ? '' : code(rule);
}

function code(value: JsonValue): string {
  const text = JSON.stringify(value);
  const short = text.length <= 60 ? text : `${text.slice(0, 40)}…${text.slice(-8)}`;
  return `\`${short.replaceAll('|', '\\|')}\``;
}
