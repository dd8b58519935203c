/**
 * Compiles the envelope's JSON Schema into a module of plain code, so that the published package
 * needs neither ajv nor `new Function` to validate an envelope. Run by `npm run generate`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';

const schemaFile = new URL('envelope.schema.json', import.meta.url);
const moduleFile = new URL('envelope-validator.ts', import.meta.url);

interface EnvelopeSchema {
  properties: { type: { enum?: unknown } };
}

/** The source text of `envelope-validator.ts`. */
export async function generateValidator(): Promise<string> {
  const schema = JSON.parse(await readFile(schemaFile, 'utf8')) as EnvelopeSchema;
  // Hosts register types at run time, so envelope.ts judges the type; it also reads the timestamp.
  delete schema.properties.type.enum;
  const ajv = new Ajv({
    allErrors: true,
    strict: true,
    ownProperties: true,
    formats: { 'date-time': true },
    code: { source: true, esm: true, lines: true },
  });
  const code = standaloneCode.default(ajv, ajv.compile(schema));
  const name = /^export const validate = (\w+);$/m.exec(code)?.[1];
  if (name === undefined) throw new Error('ajv has changed the form of its standalone code');
  const body = code
    .split('\n')
    // The schema itself is carried along by ajv, and no code reads it.
    .filter((line) => !/^("use strict"|export |const schema\d+ = )/.test(line))
    .join('\n')
    .trim();
  return `// @ts-nocheck
// Generated from envelope.schema.json by \`npm run generate\`. Do not edit.
export interface EnvelopeShapeError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: { readonly missingProperty?: string };
  readonly message: string;
}
export interface EnvelopeShapeValidator {
  (value: unknown): boolean;
  errors: readonly EnvelopeShapeError[] | null;
}
${body}
export const validateEnvelopeShape: EnvelopeShapeValidator = ${name};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(moduleFile, await generateValidator());
}
