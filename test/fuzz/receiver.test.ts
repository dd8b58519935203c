import { mkdtempSync, rmSync } from 'node:fs';
import { validateHeaderValue } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memoryStore } from '../../src/stores/memory.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { HOSTS } from '../adapters/hosts.ts';
import { check, RUNS_FACTOR } from '../stores/model.ts';
import { send } from '../support/raw.ts';
import { bodies, type FuzzedRequest, requests, sequences } from './arbitraries.ts';
import { BODIES } from './events.ts';
import { authentic, type Host, judge, judgeAnswer, openHost, TOKENS } from './host.ts';

interface OpenHost extends Host {
  readonly close: () => Promise<void>;
}

async function onMemory(): Promise<OpenHost> {
  const store = memoryStore();
  const host = await openHost(store, (table) => store.rows(table));
  return { ...host, close: () => host.receiver.close() };
}

async function onSqlite(): Promise<OpenHost> {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-'));
  const path = join(folder, 'fuzz.db');
  const host = await openHost(sqliteStore({ path }), (table) => {
    const reader = new DatabaseSync(path, { readOnly: true });
    const rows = reader.prepare(`SELECT * FROM "${table}"`).all();
    reader.close();
    return rows;
  });
  return {
    ...host,
    close: async () => {
      await host.receiver.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The client a request would be, were it authentic. */
function clientOf({ headers, token }: FuzzedRequest): string | undefined {
  const given = [headers['authorization']].flat().join();
  const named = Object.keys(TOKENS).find((name) =>
    new RegExp(`^bearer +${name} *$`, 'i').test(given),
  );
  return TOKENS[named ?? token];
}

const STORES: readonly [name: string, runs: number, open: () => Promise<OpenHost>][] = [
  ['memoryStore', 1_500, onMemory],
  ['sqliteStore', 60, onSqlite],
];

describe.each(STORES)('whatever is sent into a receiver on %s', (_, runs, open) => {
  it(
    'is answered as the contract says, and kept as the answer says',
    async () => {
      const seen = new Map<number, number>();
      const property = fc.asyncProperty(sequences, async (sequence) => {
        const host = await open();
        try {
          for (const request of sequence) {
            const { status } = await judge(host, request, clientOf(request));
            seen.set(status, (seen.get(status) ?? 0) + 1);
          }
        } finally {
          await host.close();
        }
      });
      await check(property, runs);
      // Not a test that sees nothing but 401.
      const expected = [200, 400, 401, 405, 415, 422, ...(runs > 1_000 ? [403, 409] : [])];
      expect([...seen.keys()]).toEqual(expect.arrayContaining(expected));
    },
    60_000 * Math.max(1, RUNS_FACTOR),
  );

  it(
    'is answered the same when it is sent again, and 200 as a replay',
    async () => {
      const property = fc.asyncProperty(bodies, async (body) => {
        const host = await open();
        try {
          const request = { method: 'POST', headers: authentic(body), body };
          const first = await judge(host, request, '1001');
          const again = await judge(host, request, '1001');
          expect(first.isReplayed).toBe(false);
          expect(again).toEqual({ status: first.status, isReplayed: first.status === 200 });
        } finally {
          await host.close();
        }
      });
      await check(property, Math.ceil(runs / 3));
    },
    60_000 * Math.max(1, RUNS_FACTOR),
  );

  it('is right to begin with: the events that are mutated are stored', async () => {
    const host = await open();
    onTestFinished(() => host.close());
    for (const body of BODIES) {
      const token = body.includes('event_type') ? 'token-sandbox' : 'token-1001';
      const request = { method: 'POST', headers: authentic(body, token), body };
      expect((await judge(host, request, TOKENS[token])).status).toBe(200);
    }
  });
});

/** Whether Node's own parser takes the headers, and leaves the answer to the receiver. */
function isSendable(headers: FuzzedRequest['headers']): boolean {
  try {
    for (const [name, value] of Object.entries(headers)) {
      for (const line of [value ?? ''].flat()) validateHeaderValue(name, line);
    }
    return true;
  } catch {
    return false;
  }
}

describe.each(HOSTS)('whatever is sent over HTTP to $name', ({ start }) => {
  it(
    'is answered as the contract says',
    async () => {
      const host = await onMemory();
      const server = await start(host.receiver);
      onTestFinished(async () => {
        await server.close();
        await host.close();
      });
      const property = fc.asyncProperty(
        // The length is the client's to say, and a HEAD or a stranger's method has no body.
        requests.filter(
          ({ method, headers }) =>
            /^(POST|GET|PUT|DELETE|PATCH|OPTIONS)$/.test(method) && isSendable(headers),
        ),
        async ({ method, headers: { 'content-length': _, ...headers }, body }) => {
          const answer = await send(server.origin, { method, headers, body });
          judgeAnswer(answer.status, answer.body);
          expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
        },
      );
      await check(property, 150);
    },
    60_000 * Math.max(1, RUNS_FACTOR),
  );
});
