/**
 * What the parsers must do, said a second time and in another way. Each throws an error that says which
 * rule was broken.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual, MIMEType } from 'node:util';
import { Ajv } from 'ajv';
import { visit } from 'jsonc-parser';
import { Temporal } from 'temporal-polyfill';
import { MappingDocumentError } from '../../src/errors.ts';
import { EVENT_TYPES } from '../../src/events.ts';
import { parseStrictJson } from '../../src/json.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingSet } from '../../src/mapping/types.ts';
import { resolveMapping } from '../../src/mapping/resolve.ts';
import { transformFields } from '../../src/mapping/transform.ts';
import {
  bearerToken,
  contentLength,
  isPlainJson,
  readHeaders,
  type RequestHeaders,
} from '../../src/receiver/headers.ts';
import { parseTimestamp } from '../../src/timestamp.ts';
import { EVENTS } from './events.ts';
import { demand } from './host.ts';

/** Words of the reason for each thing that `JSON.parse` takes and the gate does not. */
type Fault =
  | 'UTF-8'
  | 'byte order mark'
  | 'deeper'
  | 'twice'
  | 'not allowed'
  | 'U+0000'
  | 'surrogate'
  | 'digits';

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The gate takes what `JSON.parse` takes, as the same value, but for the faults that it names. */
export function checkJson(bytes: Uint8Array): void {
  const result = parseStrictJson(bytes);
  const reason = result.ok ? '' : result.reason;
  let text: string;
  try {
    text = UTF_8.decode(bytes);
  } catch {
    demand(reason.includes('UTF-8'), 'invalid UTF-8 is refused as such');
    return;
  }
  if (text.startsWith('\ufeff')) {
    demand(reason.includes('byte order mark'), 'a byte order mark is refused as such');
    return;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Depth and digits may be seen before the rest is read.
    demand(/not valid JSON|deeper|digits/.test(reason), 'what is no JSON is refused');
    return;
  }
  const faults = faultsOf(text);
  if (result.ok) {
    demand(faults.size === 0, `what is accepted has no fault: ${[...faults].join()}`);
    demand(isDeepStrictEqual(result.value, value), 'what is accepted has the value of JSON.parse');
  } else {
    const isNamed = [...faults].some((fault) => reason.includes(fault));
    demand(isNamed, `what is refused has the fault that is named: ${reason}`);
  }
}

/** The faults of a JSON text, found by another parser. */
function faultsOf(text: string): Set<Fault> {
  const faults = new Set<Fault>();
  const keys: Set<string>[] = [];
  /** The key under which the object that comes next stands. */
  let key: string | undefined;
  const parents: (string | undefined)[] = [];
  const open = () => {
    parents.push(key);
    key = undefined;
    if (parents.length > 64) faults.add('deeper');
  };
  const close = () => {
    key = parents.pop();
  };
  const look = (string: string) => {
    if (string.includes('\0')) faults.add('U+0000');
    if (/\p{Surrogate}/u.test(string)) faults.add('surrogate');
  };
  visit(text, {
    onObjectBegin: () => {
      open();
      keys.push(new Set());
    },
    onObjectEnd: () => {
      keys.pop();
      close();
    },
    onArrayBegin: open,
    onArrayEnd: close,
    onObjectProperty: (name) => {
      look(name);
      if (keys.at(-1)!.has(name)) faults.add('twice');
      keys.at(-1)!.add(name);
      if (name === '__proto__') faults.add('not allowed');
      if (name === 'prototype' && parents.at(-1) === 'constructor') faults.add('not allowed');
      key = name;
    },
    onLiteralValue: (literal, offset, length) => {
      if (typeof literal === 'string') look(literal);
      if (typeof literal !== 'number') return;
      if (!isExact(text.slice(offset, offset + length))) faults.add('digits');
    },
    onSeparator: (character) => {
      if (character === ',') key = undefined;
    },
  });
  return faults;
}

/** Whether a double shows the digits that were written: a decimal fraction, compared as whole numbers. */
function isExact(literal: string): boolean {
  const [, whole = '', fraction = '', exponent] = /^-?(\d+)(?:\.(\d+))?(?:[eE](.+))?$/.exec(
    literal,
  )!;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return true;
  const double = Math.abs(Number(literal));
  if (double === 0 || double === Infinity) return false;
  if (fraction === '' && exponent === undefined) return BigInt(double) === digits;
  const written = String(digits).replace(/0+$/, '');
  if (written.length > 101) return false;
  const printed = double.toPrecision(Math.min(100, written.length));
  const shown = printed.replace(/e.*$/, '').replace('.', '').replace(/^0+/, '').replace(/0+$/, '');
  return written.length === 101 || shown === written;
}

/** A timestamp is the moment that Temporal reads, and nothing that RFC 3339 allows is refused. */
export function checkTimestamp(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString();
  const read = parseTimestamp(text);
  const isLeap = /^.{16}:60/.test(text);
  // Temporal knows nine digits, and no second 60.
  const clean = text.replace(/(\.\d{9})\d+/, '$1').replace(/^(.{16}):60/, '$1:59');
  let instant: Temporal.Instant | undefined;
  try {
    instant = Temporal.Instant.from(clean);
  } catch {
    // No moment.
  }
  if (read === undefined) {
    const isWritten = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text);
    if (!isWritten || instant === undefined || isLeap) return;
    const year = instant.toZonedDateTimeISO('UTC').year;
    demand(year < 0 || year > 9999, 'what RFC 3339 allows is read');
    return;
  }
  demand(instant !== undefined, 'what is read is a moment');
  demand(
    Math.floor(instant.epochMilliseconds) + (isLeap ? 1_000 : 0) === read.epochMillis,
    'a timestamp is the moment that Temporal reads',
  );
  demand(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/.test(read.utc), 'a version compares as text');
  demand(isDeepStrictEqual(parseTimestamp(read.utc), read), 'a version is a timestamp itself');
}

/** Lines `name: value`; what Node and a Web `Headers` make of them counts the same. */
export function checkHeaders(bytes: Uint8Array): void {
  const lines = Object.create(null) as Record<string, string[]>;
  for (const line of Buffer.from(bytes).toString('latin1').split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim();
    (lines[name] ??= []).push(line.slice(colon + 1));
  }
  const headers = readHeaders(lines);
  const token = bearerToken(headers);
  demand(token === undefined || /^[\w\-.~+/]+=*$/.test(token), 'a token is one of RFC 6750');
  const length = contentLength(headers);
  demand(length === undefined || Number.isSafeInteger(length), 'a length is a whole number');
  const isJson = isPlainJson(headers);
  if (isJson) {
    const values = Object.entries(lines).flatMap(([name, list]) =>
      name.toLowerCase() === 'content-type' ? list : [],
    );
    demand(values.length === 1, 'there is one type');
    // Node's own parser refuses characters of a comment within a quoted string.
    const type = new MIMEType(values[0]!);
    demand(type.essence === 'application/json', 'the type is JSON');
    const charset = type.params.get('charset')?.toLowerCase() ?? 'utf-8';
    demand(charset === 'utf-8', 'the charset is UTF-8');
  }
  const web = toWeb(lines);
  if (web === undefined) return;
  demand(bearerToken(readHeaders(web)) === token, 'a Web Headers has the same token');
  demand(isPlainJson(readHeaders(web)) === isJson, 'a Web Headers has the same type');
}

/** The same headers as a browser has them, where it can: one line a name, no white space around values. */
function toWeb(lines: Readonly<Record<string, readonly string[]>>): RequestHeaders | undefined {
  const web = new Headers();
  for (const [name, values] of Object.entries(lines)) {
    if (values.length !== 1 || values[0] !== values[0]!.trim()) return undefined;
    try {
      if (web.has(name)) return undefined;
      web.append(name, values[0]);
    } catch {
      return undefined;
    }
  }
  return web;
}

const SCHEMA = new URL('../../src/schemas/his-json-mapping.schema.json', import.meta.url);
const fitsSchema = new Ajv({ strict: false }).compile(
  JSON.parse(readFileSync(SCHEMA, 'utf8')) as object,
);

/**
 * A mapping document is compiled, or every fault of it has its place. What is compiled fits the
 * published schema, and maps any event without an exception.
 */
export function checkMapping(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString();
  let mappings: MappingSet;
  try {
    mappings = compileMappings(text, { transforms: { upper: (value) => value } });
  } catch (error) {
    if (!(error instanceof MappingDocumentError)) throw error;
    demand(error.faults.length > 0, 'a refused document has faults');
    const lines = text.split(/\r\n?|\n/).length;
    for (const { line, column, message } of error.faults) {
      demand(message !== '', 'a fault has words');
      // What looks like the name of a file has no lines.
      if (!/[{[\n]/.test(text)) continue;
      demand(line !== undefined && line >= 1 && line <= lines, 'a fault has its line');
      demand(column !== undefined && column >= 1, 'a fault has its column');
    }
    return;
  }
  demand(fitsSchema(JSON.parse(text)), 'what is compiled fits the schema');
  for (const clientId of [...mappings.clients.keys(), 'x']) {
    for (const type of EVENT_TYPES) {
      const mapping = resolveMapping(mappings, clientId, type);
      if (mapping === undefined || mapping === null) continue;
      for (const { data } of EVENTS) {
        const result = transformFields(mapping, data as never);
        demand(result.ok || result.errors.length > 0, 'what is not mapped has faults');
      }
    }
  }
}
