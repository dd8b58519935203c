import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { expandShorthand, isShorthand } from '../envelope.ts';
import { type Fault, MappingDocumentError } from '../errors.ts';
import { type JsonObject, type JsonValue } from '../events.ts';
import { parseStrictJson } from '../json.ts';
import { compileMappings, type CompileOptions } from '../mapping/compile.ts';
import type { MappingSample } from '../mapping/samples.ts';
import type { Transform } from '../mapping/transforms.ts';
import type { MappingSet } from '../mapping/types.ts';
import { isObject } from '../mapping/values.ts';
import { type Io, readInput, UsageError } from './io.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** What a command about mappings was called with. */
export interface MappingArguments {
  readonly files: readonly string[];
  readonly samples: string | undefined;
  readonly event: string | undefined;
  /** The client of events that do not say whose they are. */
  readonly client: string | undefined;
  readonly reveal: boolean;
  readonly compile: CompileOptions;
}

/** @param names - What the files are called that the command takes; all of them are needed. */
export async function readArguments(
  args: readonly string[],
  { env }: Io,
  command: string,
  names: readonly string[],
  more: readonly ('samples' | 'event' | 'client' | 'reveal')[],
): Promise<MappingArguments> {
  const options: Options = { transforms: { type: 'string' }, types: { type: 'string' } };
  for (const name of more) options[name] = { type: name === 'reveal' ? 'boolean' : 'string' };
  const parsed = parseArgs({ args: [...args], allowPositionals: true, options });
  const values = parsed.values as Readonly<Record<string, string | undefined>>;
  if (parsed.positionals.length !== names.length) {
    throw new UsageError(`mapping ${command} takes ${names.join(' and ')}.`);
  }
  return {
    files: parsed.positionals,
    samples: values['samples'],
    event: values['event'],
    client: values['client'] ?? (env['HIS_CLIENT'] || undefined),
    reveal: parsed.values['reveal'] === true,
    compile: {
      types: values['types']?.split(',') ?? [],
      transforms: values['transforms'] === undefined ? {} : await load(values['transforms']),
    },
  };
}

async function load(file: string): Promise<Readonly<Record<string, Transform>>> {
  try {
    const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
    const named = isObject(module['transforms'] as JsonValue) ? module['transforms'] : module;
    return Object.fromEntries(
      Object.entries(named as Record<string, Transform>).filter(
        ([, transform]) => typeof transform === 'function',
      ),
    );
  } catch (error) {
    throw new UsageError(`Cannot load ${file}: ${(error as Error).message}`);
  }
}

/** Reads and compiles a document whose faults would be in the way. */
export async function compileFile(
  file: string,
  options: CompileOptions,
  io: Io,
): Promise<{ readonly mappings: MappingSet; readonly text: string }> {
  const bytes = await readInput(io, file);
  try {
    return { mappings: compileMappings(bytes, options), text: new TextDecoder().decode(bytes) };
  } catch (error) {
    if (!(error instanceof MappingDocumentError)) throw error;
    const lines = error.faults.map((fault) => describeFault(file, 'error', fault));
    throw new UsageError(lines.join('\n'));
  }
}

/** `file:line:column: error: message (pointer)`, which terminals and editors make a link of. */
export function describeFault(file: string, level: 'error' | 'warning', fault: Fault): string {
  const { path, message, line, column } = fault;
  const place = line === undefined ? '' : `:${String(line)}:${String(column)}`;
  return `${file}${place}: ${level}: ${message}${path === '' ? '' : ` (${path})`}`;
}

/** An event as it is sent, and whose it is if it says so. */
export async function readEvent(file: string, io: Io): Promise<MappingSample> {
  return toSample((await readInput(io, file)) as Buffer, file, undefined);
}

/** Samples, one a line; empty lines are left out. */
export async function readSamples(
  file: string,
  io: Io,
  client: string | undefined,
): Promise<readonly MappingSample[]> {
  const text = new TextDecoder().decode(await readInput(io, file));
  const samples = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    return [toSample(Buffer.from(line), `${file}:${String(index + 1)}`, client)];
  });
  if (samples.length === 0) throw new UsageError(`${file} has no event.`);
  return samples;
}

/** @throws UsageError, which quotes nothing of the event. */
function toSample(bytes: Buffer, place: string, client: string | undefined): MappingSample {
  const parsed = parseStrictJson(bytes);
  if (!parsed.ok) throw new UsageError(`${place}: ${parsed.reason}`);
  const sample = asSample(parsed.value, bytes);
  if (sample === undefined) {
    throw new UsageError(`${place}: an event has a type and data, or event_type in the flat form.`);
  }
  return client === undefined ? sample : { clientId: client, ...sample };
}

/** An event, in the form of the envelope or in the flat form of the document's cURL. */
export function asSample(value: JsonValue, bytes: Uint8Array): MappingSample | undefined {
  if (!isObject(value)) return undefined;
  const { client_id: clientId, ...event } = value;
  const { type, data } = isShorthand(event) ? expandShorthand(event, bytes, 0) : event;
  if (typeof type !== 'string' || !isObject(data)) return undefined;
  const sample = { type, data: data as JsonObject };
  return typeof clientId === 'string' ? { clientId, ...sample } : sample;
}

/** Lines whose first parts are filled up to the same width. */
export function inColumns(rows: readonly (readonly [string, string])[], indent: string): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${indent}${name.padEnd(width)}  ${text}\n`).join('');
}

/** Some clients by name, the others by number. */
export function nameClients(clients: readonly string[]): string {
  const shown = clients.slice(0, 5).join(', ');
  const others = clients.length - 5;
  return `client${clients.length === 1 ? '' : 's'} ${shown}${others > 0 ? ` and ${String(others)} more` : ''}`;
}

/** `1 event`, `2 events`. */
export function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}
