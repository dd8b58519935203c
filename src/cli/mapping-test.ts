import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '../events.ts';
import { canonicalDigest, parseStrictJson } from '../json.ts';
import { resolveMapping } from '../mapping/resolve.ts';
import { transformFields } from '../mapping/transform.ts';
import type { MappingSet } from '../mapping/types.ts';
import { isObject } from '../mapping/values.ts';
import { type Io, readInput, UsageError } from './io.ts';
import { asSample, compileFile, readArguments } from './mapping-files.ts';

/** Runs the cases of a folder. Their values are made up, so they are shown. */
export async function mappingTest(args: readonly string[], io: Io): Promise<number> {
  const options = await readArguments(args, io, 'test', ['FILE', 'FOLDER'], []);
  const [file = '', folder = ''] = options.files;
  const names = await listCases(folder);
  const { mappings } = await compileFile(file, options.compile, io);
  let failed = 0;
  for (const name of names) {
    const differences = runCase(mappings, readCase(await readInput(io, join(folder, name)), name));
    if (differences.length > 0) failed++;
    io.out(`${differences.length === 0 ? 'ok    ' : 'FAILED'} ${name}\n`);
    for (const difference of differences) io.out(`         ${difference}\n`);
  }
  io.out(`\n${String(names.length - failed)} passed, ${String(failed)} failed\n`);
  return failed === 0 ? 0 : 1;
}

async function listCases(folder: string): Promise<readonly string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    throw new UsageError(`Cannot read ${folder}: ${(error as NodeJS.ErrnoException).code ?? ''}`);
  }
  const cases = names.filter((name) => name.endsWith('.json')).sort();
  if (cases.length === 0) throw new UsageError(`${folder} has no case: no file ends with .json.`);
  return cases;
}

/** An event, and what is to come of it. */
interface Case {
  readonly client: string;
  readonly type: string;
  readonly data: JsonObject;
  /** `null` where the event is to be declined. */
  readonly expected: JsonObject | null;
}

function readCase(bytes: Uint8Array, name: string): Case {
  const parsed = parseStrictJson(bytes);
  if (!parsed.ok) throw new UsageError(`${name}: ${parsed.reason}`);
  const { client, event, expected } = isObject(parsed.value) ? parsed.value : {};
  const sample = event === undefined ? undefined : asSample(event, bytes);
  const isExpected = expected === null || isObject(expected);
  if (typeof client !== 'string' || sample === undefined || !isExpected) {
    throw new UsageError(
      `${name}: a case is { "client": ID, "event": …, "expected": { "table", "key", "values" } | { "errors" } | null }.`,
    );
  }
  return { client, type: sample.type, data: sample.data, expected };
}

/** What comes of an event otherwise than it should. */
function runCase(mappings: MappingSet, { client, type, data, expected }: Case): readonly string[] {
  const mapping = resolveMapping(mappings, client, type);
  if (mapping === undefined) return [`there is no mapping for ${type} of client ${client}`];
  if (mapping === null || expected === null) {
    if (mapping === expected) return [];
    return [`expected it to be ${expected === null ? 'declined' : 'mapped'}`];
  }
  const result = transformFields(mapping, data);
  const actual: JsonObject = result.ok
    ? { table: mapping.table, key: result.key, values: result.values }
    : { errors: result.errors.map(({ path, message }) => ({ path, message })) };
  return Object.keys({ ...actual, ...expected }).flatMap((member) => {
    // The table and the messages may be left to the mapping.
    if (member === 'table' && expected[member] === undefined && result.ok) return [];
    return compare(member, expected[member], actual[member]);
  });
}

function compare(
  path: string,
  expected: JsonValue | undefined,
  actual: JsonValue | undefined,
): readonly string[] {
  if (expected !== undefined && actual !== undefined) {
    if (canonicalDigest(expected) === canonicalDigest(actual)) return [];
    if (isObject(expected) && isObject(actual)) {
      return Object.keys({ ...expected, ...actual }).flatMap((name) =>
        compare(`${path}.${name}`, expected[name], actual[name]),
      );
    }
  }
  return [`${path}: expected ${show(expected)}, got ${show(actual)}`];
}

function show(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
