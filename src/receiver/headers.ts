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

/** The headers that a receiver looks at. */
export interface ReceiverHeaders {
  authorization: Lines;
  clientId: Lines;
  contentEncoding: Lines;
  contentLength: Lines;
  contentType: Lines;
  signature: Lines;
}

/** Finds all lines of the headers that a receiver looks at, in one go. */
export function readHeaders(headers: RequestHeaders): ReceiverHeaders {
  if (!isLines(headers) && isWebHeaders(headers)) {
    return {
      authorization: toLines(headers.get('authorization')),
      clientId: toLines(headers.get('client-id')),
      contentEncoding: toLines(headers.get('content-encoding')),
      contentLength: toLines(headers.get('content-length')),
      contentType: toLines(headers.get('content-type')),
      signature: toLines(headers.get('buktor-signature')),
    };
  }
  const found: ReceiverHeaders = {
    authorization: undefined,
    clientId: undefined,
    contentEncoding: undefined,
    contentLength: undefined,
    contentType: undefined,
    signature: undefined,
  };
  if (isLines(headers)) {
    for (let i = 0; i < headers.length; i += 2) add(found, headers[i], headers[i + 1]);
  } else {
    for (const key of Object.keys(headers)) add(found, key, headers[key]);
  }
  return found;
}

/** What an adapter of the host's own puts there may be anything. */
function add(found: ReceiverHeaders, key: unknown, value: unknown): void {
  if (typeof key !== 'string') return;
  // Few other names have the length of one of these.
  switch (key.length) {
    case 9:
      if (isNamed(key, 'client-id')) found.clientId = join(found.clientId, value);
      break;
    case 12:
      if (isNamed(key, 'content-type')) found.contentType = join(found.contentType, value);
      break;
    case 13:
      if (isNamed(key, 'authorization')) found.authorization = join(found.authorization, value);
      break;
    case 14:
      if (isNamed(key, 'content-length')) found.contentLength = join(found.contentLength, value);
      break;
    case 16:
      if (isNamed(key, 'buktor-signature')) found.signature = join(found.signature, value);
      else if (isNamed(key, 'content-encoding')) {
        found.contentEncoding = join(found.contentEncoding, value);
      }
  }
}

/** Whether a text of the same length is a name, whatever the case of its letters. */
function isNamed(key: string, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = key.charCodeAt(i);
    const wanted = name.charCodeAt(i);
    const isLetter = wanted >= 0x61;
    // The bit that tells a from A. A text in lower case would be made for every header.
    if (code !== wanted && !(isLetter && (code | 0x20) === wanted)) return false;
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
  if (value === undefined || value === null) return undefined;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = list.map((line) => (typeof line === 'string' ? line : ''));
  return texts.length > 1 ? texts : texts[0];
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
  const { contentType: type, contentEncoding: encoding } = headers;
  // Joined lines, as a Web Headers has them, are one with a comma; so two are not taken anywhere.
  if (typeof type !== 'string' || !isJsonType(type)) return false;
  if (encoding === undefined) return true;
  return typeof encoding === 'string' && encoding.trim().toLowerCase() === 'identity';
}

/** The declared length of the body, where there is a usable one. */
export function contentLength({ contentLength: lines }: ReceiverHeaders): number | undefined {
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
