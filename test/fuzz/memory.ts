/**
 * Whether a receiver holds on to anything of what it has answered: `node --expose-gc test/fuzz/memory.ts`
 * sends it 100,000 requests, hardly two of them alike, and prints what is in use after each fifth of them.
 */
import { memoryStore } from '../../src/stores/memory.ts';
import { BODIES } from './events.ts';
import { authentic, judgeAnswer, openHost } from './host.ts';
import { mutate, type Mutation, MUTATION_KINDS, WORDS } from './mutate.ts';
import { Random } from './random.ts';

const REQUESTS = 100_000;
const STEP = 20_000;
/** Bodies that are authentic come again and again, so that it is not the store that grows. */
const AUTHENTIC = 2_000;

const random = new Random(1);

function mutant(): Uint8Array {
  const mutation = { at: random.next(), to: random.next(), word: random.pick(WORDS) };
  const how = random.pick(MUTATION_KINDS);
  return mutate(random.pick(BODIES), { ...how, ...mutation } as Mutation);
}

async function* chunks(body: Uint8Array, fails: boolean): AsyncGenerator<Uint8Array> {
  const half = body.length >> 1;
  yield body.subarray(0, half);
  await Promise.resolve();
  if (fails) throw new Error('aborted');
  yield body.subarray(half);
}

const signed = Array.from({ length: AUTHENTIC }, () => {
  const body = mutant();
  return { body, headers: authentic(body) };
});

const store = memoryStore();
const { receiver } = await openHost(store, (table) => store.rows(table));

/** The n-th request: authentic, or odd in one of several ways that no other request is. */
async function send(n: number): Promise<void> {
  const { body, headers } = random.pick(signed);
  const id = `${String(n)}-${String(random.below(1e9))}`;
  const odd: readonly Readonly<Record<string, string | string[]>>[] = [
    {},
    {},
    {},
    { authorization: `Bearer ${id}` },
    { 'buktor-signature': id },
    { 'client-id': id },
    { 'content-type': `application/json; x=${id}` },
    { 'content-encoding': id },
    { 'content-length': String(2 ** 21 + n) },
    { [`x-${id}`]: id, authorization: [id, id] },
  ];
  const way = n % 16;
  const { status, body: answer } = await receiver.receive({
    method: way === 15 ? id : 'POST',
    headers: { ...headers, ...odd[way % odd.length] },
    body: way < 8 ? body : chunks(body, way === 14),
  });
  judgeAnswer(status, answer);
}

function used(): number {
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return Math.round((heapUsed + external) / 1024);
}

for (let n = 0; n < REQUESTS; n += 20) {
  await Promise.all(Array.from({ length: 20 }, (_, i) => send(n + i)));
  if ((n + 20) % STEP === 0) console.log(`${String(n + 20)} requests: ${String(used())} KiB`);
}
await receiver.close();
