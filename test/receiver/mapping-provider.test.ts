import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import {
  type LoadMappings,
  mappingProvider,
  type ProviderOptions,
} from '../../src/receiver/mapping-provider.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { event, text, to } from '../support/mappings.ts';
import { scratchFolder } from '../support/process.ts';
import { fixture, post } from '../support/receiver.ts';

/** The ends of a look-up. */
interface Fetched {
  readonly resolve: (document: MappingDocument) => void;
  readonly reject: (error: Error) => void;
}

describe('mappingProvider', () => {
  function provide(load: LoadMappings, options: ProviderOptions = {}) {
    let time = 0;
    const errors: [string, Error][] = [];
    const loads: string[] = [];
    const provider = mappingProvider(
      (clientId, options) => {
        loads.push(clientId);
        return load(clientId, options);
      },
      { now: () => time, onError: (error, id) => errors.push([id, error]), ...options },
    );
    const pass = (milliseconds: number) => {
      time += milliseconds;
    };
    return { provider, errors, loads, pass };
  }

  it('fetches once for all that ask at the same time, and not again while it is fresh', async () => {
    const { provider, loads, pass } = provide((id) => Promise.resolve(to(id)));
    const found = await Promise.all(Array.from({ length: 100 }, async () => provider.find('c')));
    expect(loads).toEqual(['c']);
    expect(new Set(found).size).toBe(1);
    pass(59_999);
    expect(provider.find('c')).toBe(found[0]);
    pass(1);
    expect(await provider.find('c')).toBe(found[0]);
    expect(loads).toEqual(['c', 'c']);
  });

  it('takes a document in any form, and gives the same object as long as it is the same', async () => {
    const compiled = compileMappings(to('a'));
    const spaced = JSON.stringify(to('a'), null, 1);
    const forms: unknown[] = [to('a'), to('a'), spaced, spaced, compiled, compiled, null];
    const { provider, pass } = provide(() => Promise.resolve(forms.shift() as MappingDocument));
    const found: unknown[] = [];
    while (forms.length > 0) {
      found.push(await provider.find('c'));
      pass(60_000);
    }
    expect(found[0]).toBe(found[1]);
    expect(found[2]).toBe(found[3]);
    expect(found[2]).not.toBe(found[1]);
    expect(found[6]).toBeUndefined();
  });

  it('asks again soon for a client that has none', async () => {
    const { provider, loads, pass } = provide(() => Promise.resolve(null));
    await provider.find('c');
    pass(4_999);
    expect(provider.find('c')).toBeUndefined();
    pass(1);
    await provider.find('c');
    expect(loads).toHaveLength(2);
  });

  it('remembers nothing for longer than it is told to', async () => {
    let answer: (() => Promise<MappingDocument | null>) | undefined;
    const load = () => (answer === undefined ? Promise.resolve(null) : answer());
    const { provider, loads, pass } = provide(load, { maxAge: 1_000 });
    await provider.find('c');
    pass(1_000);
    answer = () => Promise.resolve(to('a'));
    expect(await provider.find('c')).toBeDefined();
    pass(1_000);
    answer = () => Promise.reject(new Error('away'));
    await provider.find('c');
    pass(1_000);
    await provider.find('c');
    expect(loads).toHaveLength(4);
  });

  it('keeps what is in force where newer mappings cannot be had, and says so', async () => {
    let next: () => Promise<MappingDocument | string> = () => Promise.resolve(to('a'));
    const { provider, errors, pass } = provide(() => next());
    const first = await provider.find('c');
    for (const failing of [
      () => Promise.reject(new Error('away')),
      () => Promise.resolve('{"clients":1}'),
      () => Promise.resolve(''),
      () => {
        throw new Error('at once');
      },
    ]) {
      next = failing;
      pass(60_000);
      expect(await provider.find('c')).toBe(first);
      expect(provider.find('c')).toBe(first);
    }
    expect(errors.map(([id, error]) => [id, error.message.split('\n')[0]])).toEqual([
      ['c', 'away'],
      ['c', 'The mapping document has faults:'],
      ['c', 'The mapping document has faults:'],
      ['c', 'at once'],
    ]);
    next = () => Promise.resolve(to('b'));
    pass(5_000);
    expect(await provider.find('c')).not.toBe(first);
  });

  it('has no answer where there is none in force, and asks again with the next event', async () => {
    let fails = true;
    const { provider, loads } = provide(() =>
      fails ? Promise.reject(new Error('away')) : Promise.resolve(to('a')),
    );
    await expect(provider.find('c')).rejects.toThrow('away');
    fails = false;
    expect(await provider.find('c')).toBeDefined();
    expect(loads).toHaveLength(2);
  });

  it('prepares the store before newer mappings are in force', async () => {
    let column = 'a';
    const { provider, errors, pass } = provide(() => Promise.resolve(to(column)));
    const prepared: (readonly string[])[] = [];
    let fails = false;
    const detach = provider.attach((mappings) => {
      prepared.push(mappings.tables.flatMap(({ columns }) => columns));
      return fails ? Promise.reject(new Error('no such column')) : Promise.resolve();
    });
    const first = await provider.find('c');
    // What was fetched again and is the same needs nothing.
    pass(60_000);
    expect(await provider.find('c')).toBe(first);
    expect(prepared).toEqual([['a']]);
    column = 'b';
    fails = true;
    pass(60_000);
    expect(await provider.find('c')).toBe(first);
    expect(errors).toMatchObject([['c', { message: 'no such column' }]]);
    fails = false;
    pass(5_000);
    expect(await provider.find('c')).not.toBe(first);
    expect(prepared).toEqual([['a'], ['b'], ['b']]);
    detach();
    column = 'd';
    pass(60_000);
    await provider.find('c');
    expect(prepared).toHaveLength(3);
  });

  it('prepares a store that joins twice until it has parted twice', async () => {
    const { provider } = provide(() => Promise.resolve(to('a')));
    const prepare = vi.fn(() => Promise.resolve());
    const detach = [provider.attach(prepare), provider.attach(prepare)];
    await provider.find('c');
    expect(prepare).toHaveBeenCalledTimes(2);
    detach[0]?.();
    detach[0]?.();
    await provider.find('d');
    expect(prepare).toHaveBeenCalledTimes(3);
    detach[1]?.();
    await provider.find('e');
    expect(prepare).toHaveBeenCalledTimes(3);
  });

  it('tells of what is no error, and is not held up by a listener that fails', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => {
      process.off('unhandledRejection', unhandled);
    });
    for (const fail of [
      () => Promise.reject(new Error('not heard')),
      () => {
        throw new Error('not heard');
      },
    ]) {
      const told: Error[] = [];
      let fails = false;
      const { provider, pass } = provide(
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what a host may do
        () => (fails ? Promise.reject('away') : Promise.resolve(to('a'))),
        { onError: (error) => (told.push(error), fail()) },
      );
      const first = await provider.find('c');
      fails = true;
      pass(60_000);
      expect(await provider.find('c')).toBe(first);
      expect(told).toEqual([new Error('away')]);
    }
    await new Promise(setImmediate);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('keeps no more clients than it may, and drops the one not used for longest', async () => {
    const { provider, loads } = provide((id) => Promise.resolve(to(id)), { maxClients: 2 });
    for (const id of ['a', 'b', 'a', 'c', 'a', 'b']) await provider.find(id);
    expect(loads).toEqual(['a', 'b', 'c', 'b']);
  });

  it('fetches for no more clients at a time than it may; the others wait their turn', async () => {
    let running = 0;
    let most = 0;
    const { provider, loads } = provide(
      async (id) => {
        most = Math.max(most, ++running);
        await new Promise(setImmediate);
        running--;
        if (id === '3') throw new Error('away');
        return to('a');
      },
      { maxLoads: 3 },
    );
    const ids = Array.from({ length: 20 }, (_, i) => String(i));
    const found = await Promise.allSettled(ids.map(async (id) => provider.find(id)));
    expect(most).toBe(3);
    expect(loads).toEqual(ids);
    expect(found.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  });

  it('forgets what it is told to', async () => {
    let column = 'a';
    const { provider, loads } = provide(() => Promise.resolve(to(column)));
    const first = await provider.find('c');
    await provider.find('d');
    column = 'b';
    provider.forget('c');
    expect(await provider.find('c')).not.toBe(first);
    expect(loads).toEqual(['c', 'd', 'c']);
    provider.forget();
    await provider.find('d');
    expect(loads).toEqual(['c', 'd', 'c', 'd']);
  });

  it('forgets what is still being fetched, too', async () => {
    const answers: ((document: MappingDocument) => void)[] = [];
    const { provider, loads } = provide(() => new Promise((resolve) => answers.push(resolve)));
    const early = provider.find('c');
    provider.forget('c');
    const overtaken = provider.find('c');
    answers[0]?.(to('early'));
    await early;
    expect(loads).toHaveLength(2);
    expect(provider.find('c')).toBe(overtaken);
    expect(loads).toHaveLength(2);
    provider.forget();
    const late = provider.find('c');
    answers[2]?.(to('late'));
    const inForce = await late;
    answers[1]?.(to('overtaken'));
    expect(await overtaken).not.toBe(inForce);
    expect(provider.find('c')).toBe(inForce);
  });

  it('goes back to nothing older when what was overtaken fails', async () => {
    const fetched: Fetched[] = [];
    const { provider, pass } = provide(
      () => new Promise((resolve, reject) => fetched.push({ resolve, reject })),
    );
    const first = provider.find('c');
    fetched[0]?.resolve(to('old'));
    await first;
    pass(60_000);
    const overtaken = provider.find('c');
    provider.forget('c');
    const newer = provider.find('c');
    fetched[2]?.resolve(to('new'));
    const inForce = await newer;
    fetched[1]?.reject(new Error('away'));
    await overtaken;
    expect(provider.find('c')).toBe(inForce);
  });

  describe('where look-ups hang', () => {
    const never = () => new Promise<never>(() => undefined);

    function hang(options: ProviderOptions = {}) {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      onTestFinished(() => {
        vi.useRealTimers();
      });
      const signals: AbortSignal[] = [];
      const state = { hangs: false };
      const load: LoadMappings = (_, { signal }) => {
        signals.push(signal);
        return state.hangs ? never() : Promise.resolve(to('a'));
      };
      return { ...provide(load, { loadTimeout: 100, maxLoads: 2, ...options }), signals, state };
    }

    it('keeps what is in force, for those as well whose turn never came', async () => {
      const { provider, errors, loads, pass, signals, state } = hang();
      const ids = ['a', 'b', 'c', 'd'];
      const before = await Promise.all(ids.map(async (id) => provider.find(id)));
      state.hangs = true;
      pass(60_000);
      const found = Promise.all(ids.map(async (id) => provider.find(id)));
      await vi.advanceTimersByTimeAsync(99);
      expect(errors).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(await found).toEqual(before);
      expect(errors.map(([id, { message }]) => `${id}: ${message}`)).toEqual(
        ids.map((id) => `${id}: The mapping look-up did not answer within 100 ms.`),
      );
      expect(loads).toEqual([...ids, 'a', 'b']);
      expect(signals.slice(4).map(({ aborted }) => aborted)).toEqual([true, true]);
    });

    it('has places again after a minute, even if they never end', async () => {
      const { provider, loads, state } = hang();
      state.hangs = true;
      const hung = Promise.allSettled(['a', 'b'].map(async (id) => provider.find(id)));
      await vi.advanceTimersByTimeAsync(100);
      expect((await hung).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      state.hangs = false;
      const early = Promise.allSettled(['c', 'd'].map(async (id) => provider.find(id)));
      await vi.advanceTimersByTimeAsync(100);
      expect((await early).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await Promise.all([provider.find('c'), provider.find('d')])).toHaveLength(2);
      expect(loads).toEqual(['a', 'b', 'c', 'd']);
    });
  });

  it('gives a place back once, when a look-up ends after it lost it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const fetched: Fetched[] = [];
    const load: LoadMappings = () =>
      new Promise((resolve, reject) => fetched.push({ resolve, reject }));
    const { provider, loads } = provide(load, { loadTimeout: 100_000, maxLoads: 1 });
    const found = ['a'].map(async (id) => provider.find(id));
    await vi.advanceTimersByTimeAsync(60_000);
    fetched[0]?.resolve(to('a'));
    await found[0];
    found.push(...['b', 'c'].map(async (id) => provider.find(id)));
    await new Promise(setImmediate);
    expect(loads).toEqual(['a', 'b']);
    fetched[1]?.resolve(to('a'));
    await found[1];
    await new Promise(setImmediate);
    expect(loads).toEqual(['a', 'b', 'c']);
    fetched[2]?.resolve(to('a'));
    await Promise.all(found);
  });

  it.each<[ProviderOptions]>([
    [{ maxAge: -1 }],
    [{ maxClients: 0 }],
    [{ maxLoads: 0.5 }],
    [{ loadTimeout: 0 }],
    [{ loadTimeout: 2 ** 31 }],
    [{ ttl: 1 } as ProviderOptions],
    [{ types: ['x'] }],
  ])('is not made with %j', (options) => {
    expect(() => mappingProvider(() => Promise.resolve(null), options)).toThrow(ConfigurationError);
    expect(() => mappingProvider('x' as never)).toThrow(ConfigurationError);
  });

  it('serves a receiver; an event whose mappings cannot be had is kept by its sender', async () => {
    let isAway = true;
    const { provider } = provide((id) =>
      isAway ? Promise.reject(new Error('away')) : Promise.resolve(id === '1001' ? to('a') : null),
    );
    const { receiver, store } = fixture({ mappings: provider });
    expect((await post(receiver, event('e1'))).status).toBe(500);
    isAway = false;
    expect((await post(receiver, event('e1'))).status).toBe(200);
    expect((await post(receiver, event('e2'), {}, 'token-1002')).status).toBe(422);
    expect(store.rows('appointment')).toMatchObject([{ a: 'v' }]);
  });

  it('follows what is edited in a database, and the tables with it', async () => {
    const folder = scratchFolder();
    const database = new DatabaseSync(join(folder, 'mappings.db'));
    onTestFinished(() => {
      database.close();
    });
    database.exec('CREATE TABLE client_mappings (client_id TEXT PRIMARY KEY, document TEXT)');
    const save = (document: string) =>
      database.prepare('REPLACE INTO client_mappings VALUES (?, ?)').run('1001', document);
    const select = database.prepare('SELECT document FROM client_mappings WHERE client_id = ?');
    const { provider, errors } = provide((id) =>
      Promise.resolve((select.get(id) as { document: string } | undefined)?.document),
    );
    const path = join(folder, 'rows.db');
    const { receiver } = fixture({ mappings: provider, store: sqliteStore({ path }) });
    const statuses: number[] = [];
    const edits: readonly [string, string][] = [
      ['one', text('a')],
      ['two', text('b')],
      ['three', 'broken'],
    ];
    for (const [id, document] of edits) {
      save(document);
      provider.forget('1001');
      statuses.push((await post(receiver, event(id))).status);
    }
    await receiver.close();
    expect(statuses).toEqual([200, 200, 200]);
    expect(errors).toMatchObject([['1001', { code: 'invalid_mapping' }]]);
    const rows = new DatabaseSync(path, { readOnly: true });
    onTestFinished(() => {
      rows.close();
    });
    expect(
      rows
        .prepare('SELECT id, a, b FROM appointment ORDER BY rowid')
        .all()
        .map((row) => ({ ...row })),
    ).toEqual([
      { id: 'one', a: 'v', b: null },
      { id: 'two', a: null, b: 'v' },
      { id: 'three', a: null, b: 'v' },
    ]);
  });
});
