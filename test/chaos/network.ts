/** A network that fails as networks do, between senders and receivers. */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pick } from './load.ts';

/** What is done to one request. */
export type Mischief =
  /** 503, without a receiver having seen it. */
  | 'unavailable'
  /** The request is lost on its way. */
  | 'drop'
  /** The receiver has it, and the answer is lost. */
  | 'reset'
  /** The answer breaks off. */
  | 'truncate'
  /** The receivers have it twice. */
  | 'duplicate'
  /** It arrives late, after others that were sent after it. */
  | 'delay'
  | 'none';

/** In hundredths. */
const SHARES: readonly [Mischief, number][] = [
  ['unavailable', 30],
  ['drop', 4],
  ['reset', 4],
  ['truncate', 4],
  ['duplicate', 5],
  ['delay', 10],
];

/** A proxy that does harm. */
export interface HostileNetwork {
  readonly port: number;
  /** How often it did what. */
  readonly counts: Readonly<Record<Mischief, number>>;
  /** How many answers of 2xx came through whole. */
  readonly passed: () => number;
  close(): void;
}

/** Starts it; `ports` are those of the receivers that are up, which it takes turns with. */
export async function startNetwork(
  ports: () => readonly number[],
  random: () => number,
): Promise<HostileNetwork> {
  const counts = Object.fromEntries([...SHARES, ['none', 0] as const].map(([name]) => [name, 0]));
  let passed = 0;
  const choose = (): Mischief => {
    let dice = random() * 100;
    for (const [mischief, share] of SHARES) if ((dice -= share) < 0) return mischief;
    return 'none';
  };

  const forward = (incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const up = ports();
      if (up.length === 0) {
        reject(new Error('no receiver is up'));
        return;
      }
      const headers = { ...incoming.headers };
      const outgoing = request(
        { host: '127.0.0.1', port: pick(random, up), path: incoming.url, method: 'POST', headers },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const mischief = choose();
    counts[mischief]!++;
    if (mischief === 'unavailable') {
      response.writeHead(503, random() < 0.5 ? { 'retry-after': '0' } : {}).end('busy');
      return;
    }
    if (mischief === 'drop') {
      incoming.socket.destroy();
      return;
    }
    if (mischief === 'delay') await sleep(random() * 200);
    const twin = mischief === 'duplicate' ? forward(incoming, body) : undefined;
    const answers = await Promise.allSettled([forward(incoming, body), twin]);
    const [first, second] = answers;
    if (second.status === 'fulfilled') second.value?.resume();
    if (first.status === 'rejected') {
      incoming.socket.destroy();
      return;
    }
    const answer = first.value;
    const text: Buffer[] = [];
    for await (const chunk of answer) text.push(chunk as Buffer);
    const whole = Buffer.concat(text);
    if (mischief === 'reset') {
      incoming.socket.destroy();
      return;
    }
    const { 'transfer-encoding': _, ...headers } = answer.headers;
    response.writeHead(answer.statusCode ?? 500, { ...headers, 'content-length': whole.length });
    if (mischief === 'truncate') {
      response.write(whole.subarray(0, whole.length / 2));
      await sleep(5);
      incoming.socket.destroy();
      return;
    }
    response.end(whole);
    if (answer.statusCode === 200) passed++;
  };

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    counts: counts as Record<Mischief, number>,
    passed: () => passed,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
