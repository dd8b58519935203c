import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished } from 'vitest';
import { expressReceiver } from '../../src/adapters/express.ts';
import { run } from '../../src/cli/run.ts';
import { scratchFolder } from './process.ts';
import { fixture, type Fixture, SECRET } from './receiver.ts';

/** What is in every event, and in nothing that is printed. */
export const VALUE = 'Zoë Secret';

export const CREDENTIALS: Readonly<Record<string, string>> = {
  HIS_TOKEN: 'token-1001',
  HIS_SECRET: SECRET,
};

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `send` in this process. Whatever it prints holds no value of an event. */
export async function send(
  argv: readonly string[],
  {
    stdin = Readable.from([]),
    columns,
    stopped = new Promise<void>(() => undefined),
    more = {},
  }: {
    stdin?: Readable;
    columns?: number;
    stopped?: Promise<void>;
    more?: Record<string, string>;
  } = {},
): Promise<Result> {
  let out = '';
  let err = '';
  const code = await run(['send', ...argv], {
    env: { ...CREDENTIALS, ...more },
    out: (text) => (out += text),
    err: (text) => (err += text),
    stdin: () => stdin,
    columns: () => columns,
    untilStopped: () => stopped,
  });
  expect(out + err).not.toContain(VALUE);
  expect(out + err).not.toContain('Secret');
  return { code, out, err };
}

type Intercept = (id: string, request: number) => number | undefined | Promise<number | undefined>;

export interface Endpoint extends Fixture {
  readonly url: string;
  /** The events of all requests, in their order. */
  readonly seen: string[];
}

/** A receiver on a server. What `intercept` answers with a status does not get to it. */
export async function endpoint(intercept: Intercept = () => undefined): Promise<Endpoint> {
  const made = fixture();
  const handle = expressReceiver(made.receiver);
  const seen: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const id = (JSON.parse(body.toString()) as { event_id: string }).event_id;
    const status = await intercept(id, seen.push(id));
    if (status === undefined) {
      const again = Object.assign(Readable.from([body]), {
        method: 'POST',
        headers: request.headers,
        rawHeaders: request.rawHeaders,
        url: request.url,
      });
      handle(again as unknown as IncomingMessage, response);
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    const code = status === 401 ? 'unauthorized' : 'storage_unavailable';
    response.end(JSON.stringify({ status: 'error', message: 'No.', code, echo: VALUE }));
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { ...made, seen, url: `http://127.0.0.1:${String(port)}/his/receive` };
}

export function event(n: number, more: object = {}): string {
  return JSON.stringify({
    event_id: `evt_${String(n)}`,
    timestamp: '2025-01-08T12:00:00Z',
    type: 'appointment.created',
    data: { his_appointment_id: `A${String(n)}`, his_status: VALUE },
    ...more,
  });
}

export const events = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => event(n));

export function file(lines: readonly string[] | Uint8Array, name = 'events.ndjson'): string {
  const path = join(scratchFolder(), name);
  writeFileSync(path, lines instanceof Uint8Array ? lines : `${lines.join('\n')}\n`);
  return path;
}

/** The table as an object: outcome → events, and lines where there are any. */
export function tableOf(out: string): Record<string, string> {
  const [, ...rows] = out.trim().split('\n');
  return Object.fromEntries(
    rows.map((row) => {
      const [, name, count, lines] = /^(.+?) {2,}([\d,]+)(?: {2}(.+))?$/.exec(row)!;
      return [name!, lines === undefined ? count! : `${count!} (${lines})`];
    }),
  );
}

export const appliedOf = ({ results }: Fixture): number =>
  results.filter(({ status, replayed }) => status === 200 && !replayed).length;
