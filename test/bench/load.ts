/**
 * The load generator: a process that keeps so many connections busy with prepared requests, one at a
 * time each, and checks every answer. It writes buffers and counts bytes, so that on a machine with few
 * cores the server has most of them.
 */
import { connect, type Socket } from 'node:net';
import { hospitalEvent, sign, TOKEN } from './events.ts';
import { answer } from './worker.ts';

/** `prepare` makes the events `first` to `first + count`; `run` sends them. */
export type LoadQuestion =
  | { readonly kind: 'prepare'; readonly first: number; readonly count: number }
  | {
      readonly kind: 'run';
      /** Each server gets its share of the events. */
      readonly ports: readonly number[];
      /** To each server. */
      readonly connections: number;
      /** Whether the receiver must call the events duplicates, or must not; unsaid for bare servers. */
      readonly replayed?: boolean;
    };

/** How a run went. */
export interface Load {
  /** Requests a second. */
  readonly speed: number;
  /** Milliseconds that requests took: the middle one, and the 99th of a hundred. */
  readonly p50: number;
  readonly p99: number;
  /** How much of one core this process needed, from 0 to 1. */
  readonly busy: number;
}

let requests: readonly Buffer[] = [];

function requestOf(n: number): Buffer {
  const { body, signature } = sign(hospitalEvent(n));
  const head = [
    'POST /his/receive HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Authorization: Bearer ${TOKEN}`,
    `Buktor-Signature: ${signature}`,
    `Content-Length: ${String(body.length)}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

const SUCCESS = '"message":"Data received and processed successfully."';
const REPLAYED = /^idempotent-replayed: true\r?$/im;

/** The length of a complete answer, once it is one. */
function checkAnswer(text: string, replayed: boolean | undefined): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)\r?$/im.exec(text.slice(0, end));
  if (length === null) throw new Error(`an answer without a length:\n${text}`);
  const missing = end + 4 + Number(length[1]) - text.length;
  if (missing > 0) return false;
  if (missing < 0) throw new Error('more than one answer to a request');
  if (!text.startsWith('HTTP/1.1 200 ') || !text.includes(SUCCESS, end)) {
    throw new Error(`refused:\n${text}`);
  }
  if (replayed !== undefined && REPLAYED.test(text.slice(0, end)) !== replayed) {
    throw new Error(`${replayed ? 'no' : 'a'} duplicate:\n${text}`);
  }
  return true;
}

async function run({
  ports,
  connections,
  replayed,
}: LoadQuestion & { kind: 'run' }): Promise<Load> {
  const sockets = await Promise.all(
    ports.flatMap((port) => Array.from({ length: connections }, () => open(port))),
  );
  const latencies = new Float64Array(requests.length);
  let next = 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          let mine = 0;
          let sent = 0;
          let text = '';
          const send = (): void => {
            mine = next++;
            if (mine >= requests.length) {
              resolve();
              return;
            }
            sent = performance.now();
            socket.write(requests[mine]!);
          };
          socket.on('data', (chunk: Buffer) => {
            text += chunk.toString('latin1');
            try {
              if (!checkAnswer(text, replayed)) return;
            } catch (error) {
              reject(new Error('a wrong answer', { cause: error }));
              return;
            }
            text = '';
            latencies[mine] = performance.now() - sent;
            send();
          });
          socket.once('error', reject);
          socket.once('close', () => {
            reject(new Error('a server closed a connection'));
          });
          send();
        }),
    ),
  );
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  for (const socket of sockets) socket.removeAllListeners('close').destroy();
  latencies.sort();
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)]!;
  return {
    speed: requests.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    busy: (user + system) / 1e6 / seconds,
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => {
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

answer(async (question: LoadQuestion) => {
  if (question.kind === 'run') return run(question);
  const { first, count } = question;
  requests = Array.from({ length: count }, (_, i) => requestOf(first + i));
  return null;
});
