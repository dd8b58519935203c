/** How long a process takes to import the package, and until it answers its first request. */
import { spawnSync } from 'node:child_process';
import { ROOT } from '../support/spawn.ts';
import { CLIENT, hospitalEvent, SECRET, sign, TOKEN } from './events.ts';
import type { Plan } from './plan.ts';
import { sampleMapping } from '../../src/cli/sample.ts';

const ROUNDS = 31;

export function benchStart(plan: Plan): Promise<void> {
  const esm = ['--input-type=module', '-e'];
  const cjs = ['--input-type=commonjs', '-e'];
  const note = 'from its start to its end, less an empty process';
  compareProcesses(
    {
      name: "import '@buktor/his-webhook' / import 'stripe'",
      bar: 0.5,
      empty: [...esm, ''],
      ours: [...esm, "import '@buktor/his-webhook'"],
      baseline: [...esm, "import 'stripe'"],
      note,
    },
    plan,
  );
  compareProcesses(
    {
      name: "require('@buktor/his-webhook') / require('stripe')",
      bar: 0.5,
      empty: [...cjs, ''],
      ours: [...cjs, "require('@buktor/his-webhook')"],
      baseline: [...cjs, "require('stripe')"],
      note,
    },
    plan,
  );
  compareProcesses(
    {
      name: "process with createReceiver on Fastify, to its first answer / bare Fastify's",
      bar: 1.5,
      empty: [...esm, ''],
      ours: [...esm, OURS + FIRST_REQUEST],
      baseline: [...esm, BARE + FIRST_REQUEST],
      note: `${note}; imports included, memoryStore, the sample mapping`,
    },
    plan,
  );
  return Promise.resolve();
}

const { body, signature } = sign(hospitalEvent(0));

const OURS = `
import { bearerTokens, compileMappings, createReceiver } from '@buktor/his-webhook';
import { fastifyReceiver } from '@buktor/his-webhook/fastify';
import { memoryStore } from '@buktor/his-webhook/stores/memory';
import Fastify from 'fastify';
const receiver = createReceiver({
  clients: bearerTokens({ '${TOKEN}': { id: '${CLIENT}', secrets: '${SECRET}' } }),
  mappings: compileMappings(${JSON.stringify(sampleMapping(CLIENT))}),
  store: memoryStore(),
});
await receiver.ready();
const app = Fastify();
await app.register(fastifyReceiver, { receiver });
`;

const BARE = `
import Fastify from 'fastify';
const app = Fastify();
app.post('/his/receive', () => (
  { status: 'success', message: 'Data received and processed successfully.' }));
`;

/** Over a bare socket: an HTTP client would take as long as the server to load. */
const FIRST_REQUEST = `
import { connect } from 'node:net';
await app.listen({ port: 0, host: '127.0.0.1' });
const socket = connect(app.server.address().port, '127.0.0.1');
socket.write(${JSON.stringify(
  [
    'POST /his/receive HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Authorization: Bearer ${TOKEN}`,
    `Buktor-Signature: ${signature}`,
    `Content-Length: ${String(body.length)}`,
    '',
    body.toString(),
  ].join('\r\n'),
)});
socket.once('data', (answer) => process.exit(answer.toString().startsWith('HTTP/1.1 200') ? 0 : 1));
`;

interface Processes {
  readonly name: string;
  readonly bar: number;
  readonly empty: readonly string[];
  readonly ours: readonly string[];
  readonly baseline: readonly string[];
  readonly note: string;
}

function compareProcesses(processes: Processes, plan: Plan): void {
  const { name, bar, note } = processes;
  const rounds = plan.rounds(ROUNDS);
  const times: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
  const sides = ['empty', 'ours', 'baseline'] as const;
  // Brings the files into memory.
  for (const side of sides) run(processes[side]);
  for (let round = 0; round < rounds; round++) {
    const time = { empty: 0, ours: 0, baseline: 0 };
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      time[side] = run(processes[side]);
    }
    times.ours.push(time.ours - time.empty);
    times.baseline.push(time.baseline - time.empty);
    plan.progress(name, round + 1, rounds);
  }
  plan.tell({ group: 'start', name, unit: 'ms', ...times, direction: 'at most', bar, note });
}

/** Milliseconds that a process takes from its start to its end. */
function run(args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  const elapsed = performance.now() - start;
  if (status !== 0) throw new Error(`a process ended with ${String(status)}:\n${stderr}`);
  return elapsed;
}
