import type { JsonValue } from '../../src/events.ts';

const BYTE_KINDS = ['flip', 'insert', 'overwrite', 'remove', 'repeat', 'cut'] as const;
const TOKEN_KINDS = ['remove', 'repeat', 'replace', 'insert', 'swap'] as const;
const JSON_KINDS = ['replace', 'remove', 'rename', 'add', 'wrap', 'copy'] as const;

/** A change of some bytes, as data, so that it can be repeated and shrunk. Places are from 0 up to 1. */
export type Mutation = {
  readonly at: number;
  readonly to: number;
  /** What is put in. */
  readonly word: string;
} & (
  | { readonly level: 'byte'; readonly kind: (typeof BYTE_KINDS)[number] }
  | { readonly level: 'token'; readonly kind: (typeof TOKEN_KINDS)[number] }
  | { readonly level: 'json'; readonly kind: (typeof JSON_KINDS)[number] }
);

/** Every level with every kind. */
export const MUTATION_KINDS: readonly Pick<Mutation, 'level' | 'kind'>[] = [
  ...BYTE_KINDS.map((kind) => ({ level: 'byte' as const, kind })),
  ...TOKEN_KINDS.map((kind) => ({ level: 'token' as const, kind })),
  ...JSON_KINDS.map((kind) => ({ level: 'json' as const, kind })),
];

/** What breaks readers of JSON, of dates and of text; as bytes in Latin-1. */
export const WORDS: readonly string[] = [
  ...['', ' ', '\0', '\n', '"', '\\', ',', ':', '{', '}', '[', ']', '\x7f', '\xff'],
  ...['\xc0\xaf', '\xed\xa0\x80', '\xef\xbb\xbf', '\xf4\x90\x80\x80', '\xc3\xa9', '\xe2\x80\xae'],
  ...['null', 'true', 'false', 'NaN', '-', '-0', '0', '00', '1', '-1', '0.1', '1e1', '1E400'],
  ...['1e-400', '5e-324', '9007199254740992', '9007199254740993', '0.10000000000000001'],
  ...['12345678901234567890', '""', '"a"', '{}', '[]', '{"a":1,"a":2}', '\\u0000', '\\ud800'],
  ...['\\u0061', '\\"', '__proto__', 'constructor', 'prototype', '\\u005f_proto__', 'toString'],
  ...['{"constructor":{"prototype":1}}', 'event_id', 'timestamp', 'type', 'operation', 'data'],
  ...['source', 'event_type', 'appointment.created', 'payment.failed', 'location.deleted'],
  ...['2025-01-08T12:00:00Z', '2025-02-29T00:00:00Z', '2024-02-29t23:59:60z', '9999-12-31'],
  ...['+05:30', '-00:00', '0000-01-01T00:00:00+23:59', '9999-12-31T23:59:59.999999999Z'],
  ...['2025-03-02T10:30:45', '/*', '//', "'", '\\x41', '\u00a0', '<script>', '$where', '%00'],
];

/** A JSON value of each kind, and of those that fields refuse. */
const VALUES: readonly JsonValue[] = [
  ...[null, true, false, 0, -1, 1.5, 1e21, Number.MAX_SAFE_INTEGER, '', ' ', 'x', '007', '1e3'],
  ...['2025-03-02T10:30:45', '2025-02-30', '2025-01-08T12:00:00.123456789+05:30', '😀', 'é'],
  ...['x'.repeat(300), [], {}, [[]], [null], { value: {} }, { length: 1 }, ['a', { b: 'c' }]],
];

/** Applies one change. Where it does not fit, the bytes stay as they are. */
export function mutate(bytes: Uint8Array, mutation: Mutation): Uint8Array {
  switch (mutation.level) {
    case 'byte':
      return mutateBytes(Buffer.from(bytes), mutation);
    case 'token':
      return mutateTokens(Buffer.from(bytes).toString('latin1'), mutation);
    case 'json':
      return mutateJson(bytes, mutation);
  }
}

type Level<Name extends Mutation['level']> = Mutation & { readonly level: Name };

function mutateBytes(bytes: Buffer, { kind, at, to, word }: Level<'byte'>): Buffer {
  const start = Math.floor(at * (bytes.length + 1));
  const end = Math.min(bytes.length, start + Math.floor(to ** 3 * 32) + 1);
  const piece = Buffer.from(word, 'latin1');
  const join = (...parts: readonly Uint8Array[]) => Buffer.concat(parts);
  switch (kind) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      if (start < copy.length) copy[start] = copy[start]! ^ (1 << Math.floor(to * 8));
      return copy;
    }
    case 'insert':
      return join(bytes.subarray(0, start), piece, bytes.subarray(start));
    case 'overwrite':
      return join(bytes.subarray(0, start), piece, bytes.subarray(start + piece.length));
    case 'remove':
      return join(bytes.subarray(0, start), bytes.subarray(end));
    case 'repeat':
      return join(bytes.subarray(0, end), bytes.subarray(start, end), bytes.subarray(end));
    case 'cut':
      return bytes.subarray(0, start);
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|\w+|\s+|[^]/g;

function mutateTokens(text: string, { kind, at, to, word }: Level<'token'>): Buffer {
  const tokens = text.match(TOKEN) ?? [''];
  const index = Math.floor(at * tokens.length);
  const other = Math.floor(to * tokens.length);
  const token = tokens[index]!;
  const put = (...words: readonly string[]) => tokens.splice(index, 1, ...words);
  // A word in the place of a string is a string, or else few mutants would be JSON.
  const inPlace = token.startsWith('"') && to < 0.7 ? `"${word}"` : word;
  if (kind === 'remove') put();
  else if (kind === 'repeat') put(token, token);
  else if (kind === 'replace') put(inPlace);
  else if (kind === 'insert') put(token, word);
  else {
    put(tokens[other]!);
    tokens[other] = token;
  }
  return Buffer.from(tokens.join(''), 'latin1');
}

type Node = JsonValue[] | Record<string, JsonValue>;

function mutateJson(bytes: Uint8Array, { kind, at, to, word }: Level<'json'>): Uint8Array {
  let root: JsonValue;
  try {
    root = JSON.parse(Buffer.from(bytes).toString()) as JsonValue;
  } catch {
    return bytes;
  }
  const places: { node: Node; key: string }[] = [];
  const holder = { root };
  visit(holder, (node, key) => places.push({ node, key }));
  // Places that are deeper come later, and oftener.
  const index = Math.floor(Math.cbrt(at) * places.length);
  const { node, key } = places[Math.min(index, places.length - 1)]!;
  const fields = node as Record<string, JsonValue>;
  const old = fields[key]!;
  const value = structuredClone(VALUES[Math.floor(to * VALUES.length)]!);
  if (kind === 'replace') fields[key] = to < 0.3 ? word : value;
  else if (kind === 'remove') Reflect.deleteProperty(fields, key);
  else if (kind === 'rename') {
    Reflect.deleteProperty(fields, key);
    put(node, word, old);
  } else if (kind === 'add') {
    if (isNode(old)) put(old, word, value);
  } else if (kind === 'wrap') {
    const depth = to < 0.9 ? 1 : 70;
    for (let level = 0; level < depth; level++) {
      fields[key] = level % 2 === 0 ? [fields[key]!] : { [word]: fields[key]! };
    }
  } else {
    const source = places[Math.floor(to * places.length)]!;
    fields[key] = structuredClone((source.node as Record<string, JsonValue>)[source.key]!);
  }
  return Buffer.from('root' in holder ? JSON.stringify(holder.root) : '');
}

/** A list with a member at a large index would be as long as that. */
function put(node: Node, word: string, value: JsonValue): void {
  if (Array.isArray(node)) node.push(value);
  else node[word] = value;
}

function isNode(value: JsonValue): value is Node {
  return typeof value === 'object' && value !== null;
}

function visit(node: Node, place: (node: Node, key: string) => void): void {
  for (const key of Object.keys(node)) {
    place(node, key);
    const member = (node as Record<string, JsonValue>)[key]!;
    if (isNode(member)) visit(member, place);
  }
}
