import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from './support/process.ts';

interface Example {
  readonly place: string;
  readonly code: string;
}

/** Every example in a docblock of `src/`. */
const examples: readonly Example[] = readdirSync(join(ROOT, 'src'), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => {
    const source = readFileSync(join(ROOT, 'src', file), 'utf8');
    return [...source.matchAll(/^ \* @example\n \* ```ts\n([^]*?)^ \* ```/gm)].map(
      ([, code], index) => ({
        place: `${file.replaceAll('/', '-')}.${String(index)}`,
        code: code!.replace(/^ \* ?/gm, ''),
      }),
    );
  });

/** Those of the guides that hold TypeScript. */
const guides: readonly Example[] = ['README.md', 'docs/sending.md', 'docs/privacy.md'].flatMap(
  (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    return [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code], index) => ({
      place: `${page.replaceAll(/[/.]/g, '-')}.${String(index)}`,
      code: code!,
    }));
  },
);

/** What an example may take for granted. */
const GIVEN = `
import type { HisEvent, MappingDocument, MappingSet, Receiver } from '@buktor/his-webhook';
declare global {
  const event: HisEvent;
  const token: string;
  const secret: string;
  const body: string;
  const rawBody: Uint8Array;
  const request: { headers: Record<string, string> };
  const headers: Record<string, string>;
  const document: MappingDocument;
  const mappings: MappingSet;
  const receiver: Receiver;
}`;

describe('the examples in docblocks and guides', () => {
  it('are many, and each compiles as it stands', () => {
    expect(examples.length).toBeGreaterThanOrEqual(15);
    expect(guides.length).toBeGreaterThanOrEqual(6);
    const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file));
    const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
    const files = new Map(
      [...examples, ...guides].map(({ place, code }) => {
        // An example may answer a request, as the body of a handler does.
        const [imports, rest] = split(code);
        const text = `${imports}\nexport async function example() {\n${rest}\n}\n`;
        return [join(ROOT, 'test', `${place}.example.ts`), text];
      }),
    );
    files.set(join(ROOT, 'test', 'given.example.ts'), GIVEN);

    const host = ts.createCompilerHost(options);
    const real = { ...host };
    host.fileExists = (file) => files.has(file) || real.fileExists(file);
    host.readFile = (file) => files.get(file) ?? real.readFile(file);
    host.getSourceFile = (file, version) => {
      const text = files.get(file);
      return text === undefined
        ? real.getSourceFile(file, version)
        : ts.createSourceFile(file, text, version);
    };
    const program = ts.createProgram(
      [...files.keys()],
      {
        ...options,
        isolatedDeclarations: false,
        declaration: false,
        noImplicitReturns: false,
        noUnusedLocals: false,
      },
      host,
    );
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(
        ({ file, messageText }) =>
          `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      );
    expect(problems).toEqual([]);
  });
});

function split(code: string): [string, string] {
  const lines = code.split('\n');
  const isImport = (line: string) => line.startsWith('import ');
  return [lines.filter(isImport).join('\n'), lines.filter((line) => !isImport(line)).join('\n')];
}
