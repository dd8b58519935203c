import { request } from 'node:http';

/** One request, down to the bytes on the wire. */
export interface WireRequest {
  readonly url: string;
  readonly method?: string;
  /** A list makes a header line for each value. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Sent with a Content-Length; a list of chunks is sent chunked. */
  readonly body?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Milliseconds between chunks. */
  readonly pause?: number;
}

/** An answer as it came. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends a request on a connection of its own. */
export function wire({
  url,
  method = 'POST',
  headers = {},
  body = '',
  pause,
}: WireRequest): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [value].flat().map((line): [string, string] => [name, line]),
    );
    const isChunked = Array.isArray(body);
    const outgoing = request(url, {
      method,
      agent: false,
      // A list of lines, so that a name can stand on several of them.
      headers: [
        ['host', new URL(url).host],
        ...lines,
        isChunked
          ? ['transfer-encoding', 'chunked']
          : ['content-length', String(Buffer.byteLength(body as string))],
      ].flat(),
    });
    outgoing.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        });
        outgoing.destroy();
      });
      response.once('error', reject);
    });
    // Once there is an answer, what becomes of the rest of the body does not matter.
    outgoing.on('error', reject);
    if (!isChunked) outgoing.end(body);
    else {
      void (async () => {
        for (const chunk of body as readonly (string | Uint8Array)[]) {
          if (outgoing.destroyed) return;
          outgoing.write(chunk);
          if (pause !== undefined) await new Promise((wait) => setTimeout(wait, pause));
        }
        outgoing.end();
      })();
    }
  });
}
