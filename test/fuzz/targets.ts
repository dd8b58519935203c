import { memoryStore } from '../../src/stores/memory.ts';
import { SAMPLE_MAPPING } from '../support/document.ts';
import { BODIES } from './events.ts';
import { authentic, demand, judge, MAPPING, openHost, TOKENS } from './host.ts';
import type { Target } from './loop.ts';
import { checkHeaders, checkJson, checkMapping, checkTimestamp } from './oracles.ts';

const texts = (...list: readonly string[]): readonly Buffer[] =>
  list.map((text) => Buffer.from(text));

const NAMES = Object.keys(TOKENS);

/**
 * A signed body into a receiver of its own, twice: the first byte says from whom. The second answer
 * is the first one, or a replay of it.
 */
async function checkReceiver(input: Uint8Array): Promise<void> {
  const token = NAMES[(input[0] ?? 0) % NAMES.length]!;
  const body = input.subarray(1);
  const store = memoryStore();
  const host = await openHost(store, (table) => store.rows(table));
  try {
    const request = { method: 'POST', headers: authentic(body, token), body };
    const first = await judge(host, request, TOKENS[token]);
    const again = await judge(host, request, TOKENS[token]);
    demand(!first.isReplayed, 'what is new is no replay');
    demand(first.status === again.status, 'what is sent again is answered again');
    demand(again.isReplayed === (again.status === 200), 'what was processed is a replay');
  } finally {
    await host.receiver.close();
  }
}

/** What the fuzzer can be let loose on. */
export const TARGETS: readonly Target[] = [
  {
    name: 'json',
    seeds: [
      ...BODIES,
      ...texts('[0.1,-1e5,12345678901234567890]', '{"a":{"a":1},"\\u0062":"\\ud83d\\ude00"}'),
    ],
    check: checkJson,
  },
  {
    name: 'receiver',
    seeds: BODIES.flatMap((body) => NAMES.map((_, n) => Buffer.concat([Buffer.from([n]), body]))),
    check: checkReceiver,
  },
  {
    name: 'mapping',
    seeds: texts(SAMPLE_MAPPING, JSON.stringify(MAPPING), JSON.stringify(MAPPING, null, 2)),
    check: checkMapping,
  },
  {
    name: 'timestamp',
    seeds: texts(
      '2025-01-08T12:00:00Z',
      '2024-02-29t23:59:60.123456789123z',
      '0001-01-01T00:00:00.5+05:30',
      '9999-12-31T23:59:59-00:00',
    ),
    check: checkTimestamp,
  },
  {
    name: 'headers',
    seeds: texts(
      'content-type: application/json; charset=utf-8\nauthorization: Bearer token\nContent-Length: 10',
      'Content-Type:application/json ; a="\\"x" ;;\ncontent-encoding: identity\nAuthorization:bearer a==',
    ),
    check: checkHeaders,
  },
];
