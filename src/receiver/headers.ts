/**
 * The headers of a request: a Web `Headers`, or an object by name, in any case. Where a name came on
 * several lines, a list of them tells more than a joined text; so does a list of all names and values in
 * turns, as Node's `rawHeaders`.
 */
export type RequestHeaders =
  | { get(name: string): string | null }
  | readonly string[]
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What a header has on its lines: nothing where it is missing, a text where there is one, else a list of them. */
export type Lines = string | readonly string[] | undefined;

const NAMES = [
  'authorization',
  'buktor-signature',
  'client-id',
  'content-encoding',
  'content-length',
  'content-type',
] as const;

/** The headers that a receiver looks at. */
export type ReceiverHeaders = Record<(typeof NAMES)[number], Lines>;

const NONE = Object.fromEntries(NAMES.map((name) => [name, undefined])) as ReceiverHeaders;

/** Finds all lines of the headers that a receiver looks at, in one go. */
export function readHeaders(headers: RequestHeaders): ReceiverHeaders {
  const found = { ...NONE };
  if (isLines(headers)) {
    for (let i = 0; i < headers.length; i += 2) add(found, headers[i], headers[i + 1]);
  } else if (isWebHeaders(headers)) {
    for (const name of NAMES) add(found, name, headers.get(name));
  } else {
    for (const key of Object.keys(headers)) add(found, key, headers[key]);
  }
  return found;
}

/** What an adapter of the host's own puts there may be anything. */
function add(found: ReceiverHeaders, key: unknown, value: unknown): void {
  for (const name of NAMES) {
    if (isNamed(key, name)) found[name] = join(found[name], value);
  }
}

/** Whether a text is a name, whatever the case of its letters. Few others have the length of one. */
function isNamed(key: unknown, name: string): boolean {
  if (typeof key !== 'string' || key.length !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const code = key.charCodeAt(i);
    const wanted = name.charCodeAt(i);
    // The bit that tells a letter from its capital. A text in lower case would be made for every header.
    if (code !== wanted && (wanted < 0x61 || (code | 0x20) !== wanted)) return false;
  }
  return true;
}

function join(first: Lines, value: unknown): Lines {
  const second = toLines(value);
  if (first === undefined) return second;
  return second === undefined ? first : [first, second].flat();
}

/** Only text is a header's value. */
function toLines(value: unknown): Lines {
  if (typeof value === 'string') return value;
  const list: readonly unknown[] = [value ?? []].flat();
  const lines = list.map((line) => (typeof line === 'string' ? line : ''));
  return lines.length > 1 ? lines : lines[0];
}

/**
 * The token of an `Authorization: Bearer` header (RFC 6750, section 2.1), where there is exactly
 * one.
 */
export function bearerToken({ authorization }: ReceiverHeaders): string | undefined {
  return typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined;
}

/** Whether the body is said to be JSON in UTF-8, as it is. */
export function isPlainJson(headers: ReceiverHeaders): boolean {
  const type = headers['content-type'];
  const encoding = headers['content-encoding'];
  // Joined lines, as a Web Headers has them, are one with a comma; so two are not taken anywhere.
  if (typeof type !== 'string' || !isJsonType(type)) return false;
  if (encoding === undefined) return true;
  return typeof encoding === 'string' && encoding.trim().toLowerCase() === 'identity';
}

/** The declared length of the body, where there is a usable one. */
export function contentLength(headers: ReceiverHeaders): number | undefined {
  const lines = headers['content-length'];
  const value = typeof lines === 'object' ? lines[0] : lines;
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
