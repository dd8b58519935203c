import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';

/** One request, down to bytes that no HTTP client would send. */
export interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  /** A list makes a line for each value. Every character is one byte (Latin-1). */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Sent with its Content-Length; a list of chunks is sent chunked. */
  readonly body?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Sent as Content-Length, whatever the body is; chunks go as they are then. */
  readonly declared?: number;
  /** Milliseconds between chunks. */
  readonly pause?: number;
}

/** An answer as it came. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Every byte of it but those of the date, as Latin-1. */
  readonly raw: string;
}

/** A connection that is written to by hand. */
export interface RawConnection {
  readonly write: (bytes: string | Uint8Array) => void;
  /** The next answer. */
  readonly answer: (method?: string) => Promise<RawResponse>;
  /** Resolves with what is left of the answers once the other end has closed. */
  readonly closed: () => Promise<string>;
  readonly destroy: () => void;
}

/** Opens a connection to a server. */
export function dial(origin: string): RawConnection {
  const socket: Socket = connect(Number(new URL(origin).port), '127.0.0.1');
  let received = Buffer.alloc(0);
  let isClosed = false;
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  // Once there is an answer, what becomes of the connection does not matter.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isClosed = true;
    wake();
  });
  const more = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return {
    write: (bytes) => void socket.write(bytes, 'latin1'),
    async answer(method = 'POST') {
      for (;;) {
        const taken = parse(received, method, isClosed);
        if (taken !== undefined) {
          received = received.subarray(taken.length);
          return taken.response;
        }
        if (isClosed) throw new Error(`The connection was closed after: ${String(received)}`);
        await more();
      }
    },
    async closed() {
      while (!isClosed) await more();
      return received.toString('latin1');
    },
    destroy: () => socket.destroy(),
  };
}

/** The head of a request. */
export function headOf(
  origin: string,
  { method = 'POST', path = '/his/receive', ...request }: RawRequest,
): string {
  const { headers = {}, body = '', declared } = request;
  const framing =
    declared === undefined && isChunked(body)
      ? 'transfer-encoding: chunked'
      : `content-length: ${String(declared ?? Buffer.byteLength(body as string))}`;
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((line) => `${name}: ${line}`),
  );
  return [
    `${method} ${path} HTTP/1.1`,
    `host: ${new URL(origin).host}`,
    ...lines,
    framing,
    '',
    '',
  ].join('\r\n');
}

/** Sends a request on a connection of its own. */
export async function send(origin: string, request: RawRequest): Promise<RawResponse> {
  const connection = dial(origin);
  const { body = '', declared, pause } = request;
  const bytesOf = (text: string | Uint8Array) => Buffer.from(text as string);
  const state = { isAnswered: false };
  const writing = (async () => {
    connection.write(headOf(origin, request));
    if (!isChunked(body)) {
      connection.write(bytesOf(body));
      return;
    }
    for (const chunk of body) {
      if (state.isAnswered) return;
      const bytes = bytesOf(chunk);
      connection.write(
        declared === undefined
          ? Buffer.concat([
              Buffer.from(`${bytes.length.toString(16)}\r\n`),
              bytes,
              Buffer.from('\r\n'),
            ])
          : bytes,
      );
      if (pause !== undefined) await new Promise((wait) => setTimeout(wait, pause));
    }
    if (declared === undefined) connection.write('0\r\n\r\n');
  })();
  try {
    return await connection.answer(request.method);
  } finally {
    state.isAnswered = true;
    connection.destroy();
    await writing;
  }
}

function isChunked(body: RawRequest['body']): body is readonly (string | Uint8Array)[] {
  return Array.isArray(body);
}

/** The first answer in what has arrived, and how many bytes it takes. */
function parse(
  bytes: Buffer,
  method: string,
  isClosed: boolean,
): { readonly response: RawResponse; readonly length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const start = end + 4;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  // What comes before the answer, such as 100 Continue.
  if (status < 200) {
    const rest = parse(bytes.subarray(start), method, isClosed);
    return rest && { ...rest, length: rest.length + start };
  }
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = bodyOf(
    bytes.subarray(start),
    method === 'HEAD' ? { 'content-length': '0' } : headers,
    isClosed,
  );
  if (body === undefined) return undefined;
  const length = start + body.length;
  return {
    response: {
      status,
      headers,
      body: body.text,
      raw: bytes.toString('latin1', 0, length).replace(/\r\ndate: [^\r]*/i, ''),
    },
    length,
  };
}

function bodyOf(
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
  isClosed: boolean,
): { readonly text: string; readonly length: number } | undefined {
  const declared = headers['content-length'];
  if (declared !== undefined) {
    const length = Number(declared);
    return bytes.length < length ? undefined : { text: bytes.toString('utf8', 0, length), length };
  }
  if (headers['transfer-encoding'] !== 'chunked') {
    return isClosed ? { text: bytes.toString(), length: bytes.length } : undefined;
  }
  let text = '';
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return undefined;
    const size = parseInt(bytes.toString('latin1', at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    text += bytes.toString('utf8', line + 2, line + 2 + size);
    if (size === 0) return { text, length: next };
    at = next;
  }
}
