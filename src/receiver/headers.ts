/**
 * The headers of a request: a Web `Headers`, or an object by name, in any case. Where a name came on
 * several lines, a list of them tells more than a joined text.
 */
export type RequestHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** All values of a header; none where it is missing. */
export function headerValues(headers: RequestHeaders, name: string): readonly string[] {
  if (isWebHeaders(headers)) {
    const value = headers.get(name);
    return value === null ? [] : [value];
  }
  let values = NONE;
  // All of them, or else another spelling would hide a second line.
  for (const key of Object.keys(headers)) {
    if (key.length !== name.length || (key !== name && key.toLowerCase() !== name)) continue;
    const lines = toList(headers[key]);
    values = values.length === 0 ? lines : [...values, ...lines];
  }
  return values;
}

const NONE: readonly string[] = [];

function toList(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return NONE;
  return typeof value === 'string' ? [value] : value;
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
  `[ \\t]*;[ \\t]*(?:(${TOKEN})=(${TOKEN}|"(?:[^"\\\\]|\\\\[ -~])*"))?`,
  'y',
);

/** `application/json` (RFC 9110, section 8.3.1), its charset, if it names one, UTF-8. */
function isJsonType(value: string): boolean {
  const type = /^[ \t]*application\/json(?=[ \t]*(?:;|$))/i.exec(value);
  if (type === null) return false;
  let end = type[0].length;
  while (end < value.trimEnd().length) {
    PARAMETER.lastIndex = end;
    const parameter = PARAMETER.exec(value);
    if (parameter === null) return false;
    const [text, name, raw = ''] = parameter;
    if (name?.toLowerCase() === 'charset' && !/^"?utf-8"?$/i.test(raw)) return false;
    end += text.length;
  }
  return true;
}

function isWebHeaders(headers: RequestHeaders): headers is { get(name: string): string | null } {
  return typeof headers['get'] === 'function';
}
