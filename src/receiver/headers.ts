/**
 * The headers of a request: a Web `Headers`, or an object by name, in any case. Where a name came on
 * several lines, a list of them tells more than a joined text; so does a list of all names and values in
 * turns, as Node's `rawHeaders`.
 */
export type RequestHeaders =
  | { get(name: string): string | null }
  | readonly string[]
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** All values of a header; none where it is missing. */
export function headerValues(headers: RequestHeaders, name: string): readonly string[] {
  if (isLines(headers)) return valuesOf(headers, name);
  if (isWebHeaders(headers)) return toList(headers.get(name));
  let values = NONE;
  // All of them, or else another spelling would hide a second line.
  for (const key of Object.keys(headers)) {
    if (isNamed(key, name)) values = join(values, toList(headers[key]));
  }
  return values;
}

function valuesOf(lines: readonly unknown[], name: string): readonly string[] {
  let values = NONE;
  for (let i = 0; i < lines.length; i += 2) {
    if (isNamed(lines[i], name)) values = join(values, toList(lines[i + 1]));
  }
  return values;
}

/** Few names have the length of the one that is looked for, so hardly one is put in lower case. */
function isNamed(key: unknown, name: string): boolean {
  if (typeof key !== 'string' || key.length !== name.length) return false;
  return key === name || key.toLowerCase() === name;
}

const NONE: readonly string[] = [];

function join(first: readonly string[], second: readonly string[]): readonly string[] {
  return first.length === 0 ? second : [...first, ...second];
}

/** What an adapter of the host's own puts there may be anything; only text is a header's value. */
function toList(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (value === undefined || value === null) return NONE;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((line) => (typeof line === 'string' ? line : ''));
}

/**
 * The token of an `Authorization: Bearer` header (RFC 6750, section 2.1), where there is exactly
 * one.
 */
export function bearerToken(headers: RequestHeaders): string | undefined {
  const values = headerValues(headers, 'authorization');
  return values.length === 1 ? BEARER.exec(values[0] as string)?.[1] : undefined;
}

/** Whether the body is said to be JSON in UTF-8, as it is. */
export function isPlainJson(headers: RequestHeaders): boolean {
  const types = headerValues(headers, 'content-type');
  const encodings = headerValues(headers, 'content-encoding');
  return (
    types.length === 1 &&
    isJsonType(types[0] as string) &&
    // Joined lines, as a Web Headers has them, are one with a comma; so two are not taken anywhere.
    encodings.length <= 1 &&
    encodings.every((encoding) => encoding.trim().toLowerCase() === 'identity')
  );
}

/** The declared length of the body, where there is a usable one. */
export function contentLength(headers: RequestHeaders): number | undefined {
  const value = headerValues(headers, 'content-length')[0];
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

const BEARER = /^bearer +([A-Za-z0-9\-._~+/]{1,4096}=*) *$/i;
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const PARAMETER = new RegExp(
  `;[ \\t]*(?:(${TOKEN})=(${TOKEN}|"(?:[^"\\\\]|\\\\[ -~])*"))?[ \\t]*`,
  'y',
);

/** `application/json` (RFC 9110, section 8.3.1), its charset, if it names one, UTF-8. */
function isJsonType(value: string): boolean {
  if (value === 'application/json') return true;
  const type = /^[ \t]*application\/json[ \t]*/i.exec(value);
  if (type === null) return false;
  let end = type[0].length;
  while (end < value.length) {
    PARAMETER.lastIndex = end;
    const parameter = PARAMETER.exec(value);
    if (parameter === null) return false;
    const [text, name, raw = ''] = parameter;
    if (name?.toLowerCase() === 'charset' && !/^"?utf-8"?$/i.test(raw)) return false;
    end += text.length;
  }
  return true;
}

function isLines(headers: RequestHeaders): headers is readonly string[] {
  return Array.isArray(headers);
}

function isWebHeaders(
  headers: Exclude<RequestHeaders, readonly string[]>,
): headers is { get(name: string): string | null } {
  return typeof headers['get'] === 'function';
}
