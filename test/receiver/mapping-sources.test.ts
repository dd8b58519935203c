import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ConfigurationError, MappingDocumentError } from '../../src/errors.ts';
import { sha256 } from '../../src/json.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import type { MappingSet } from '../../src/mapping/types.ts';
import { mappingProvider, type ProviderOptions } from '../../src/receiver/mapping-provider.ts';
import {
  POLL_INTERVAL,
  watchMappings,
  type WatchedMappings,
  type WatchOptions,
} from '../../src/receiver/watch-mappings.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { runCommand, scratchFolder } from '../support/process.ts';
import { fixture, post } from '../support/receiver.ts';

/** A document that stores `value` in a column. */
const to = (column: string, more: object = {}): MappingDocument => ({
  clients: {
    1001: {
      mappings: {
        'appointment.created': { fields: { his_appointment_id: 'id', value: column } },
        ...more,
      },
    },
  },
});
const text = (column: string): string => JSON.stringify(to(column));
const event = (id: string): object => ({
  event_id: id,
  timestamp: '2025-01-08T12:00:00Z',
  type: 'appointment.created',
  data: { his_appointment_id: id, value: 'v' },
});
const isIn = (watched: WatchedMappings, content: string): Promise<void> =>
  vi.waitFor(
    () => {
      expect(watched.current.version).toBe(sha256(content));
    },
    { timeout: 10_000 },
  );

function watch(options: WatchOptions = {}, content = text('a')) {
  const folder = scratchFolder();
  const path = join(folder, 'mapping.json');
  writeFileSync(path, content);
  const errors: Error[] = [];
  const versions: string[] = [];
  const watched = watchMappings(path, {
    onReload: ({ version }) => versions.push(version),
    onError: (error) => errors.push(error),
    ...options,
  });
  onTestFinished(() => {
    watched.close();
  });
  return { folder, path, watched, errors, versions };
}

describe('watchMappings', () => {
  it('reads the file at once', () => {
    const { watched } = watch();
    expect(watched.current.version).toBe(sha256(text('a')));
    expect(watched.current.tables).toEqual([{ table: 'appointment', key: ['id'], columns: ['a'] }]);
  });

  it('is not made of a file that is missing or broken, or with an option nobody knows', () => {
    const folder = scratchFolder();
    const path = join(folder, 'm.json');
    expect(() => watchMappings(path)).toThrow(ConfigurationError);
    writeFileSync(path, '{"clients":1}');
    expect(() => watchMappings(path)).toThrow(MappingDocumentError);
    expect(() => watchMappings(path, { onReloaded: () => undefined } as WatchOptions)).toThrow(
      ConfigurationError,
    );
  });

  it('looks so often that a change is in force within a second', () => {
    // Two looks and the reading lie between a write and its effect.
    expect(POLL_INTERVAL * 2).toBeLessThan(500);
  });

  it.each<[string, (path: string, content: string) => void]>([
    ['is written in place', writeFileSync],
    [
      'is renamed over',
      (path, content) => {
        writeFileSync(`${path}.new`, content);
        renameSync(`${path}.new`, path);
      },
    ],
    [
      'is removed and written anew',
      (path, content) => {
        unlinkSync(path);
        writeFileSync(path, content);
      },
    ],
    [
      'keeps its size and its time',
      (path, content) => {
        const { atime, mtime } = statSync(path);
        writeFileSync(path, content);
        utimesSync(path, atime, mtime);
      },
    ],
  ])('takes a document that %s', async (_, change) => {
    const { path, watched, errors, versions } = watch();
    change(path, text('b'));
    await isIn(watched, text('b'));
    change(path, text('c'));
    await isIn(watched, text('c'));
    expect(errors).toEqual([]);
    expect(versions).toEqual([sha256(text('b')), sha256(text('c'))]);
  });

  it('follows a link that is swapped, as Kubernetes does', async () => {
    const folder = scratchFolder();
    for (const name of ['a', 'b']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'm.json'), text(name));
    }
    symlinkSync('a', join(folder, 'data'));
    symlinkSync('data/m.json', join(folder, 'm.json'));
    const watched = watchMappings(join(folder, 'm.json'));
    onTestFinished(() => {
      watched.close();
    });
    symlinkSync('b', join(folder, 'swap'));
    renameSync(join(folder, 'swap'), join(folder, 'data'));
    await isIn(watched, text('b'));
  });

  it('waits for a writer that takes its time, and says nothing meanwhile', async () => {
    const { path, watched, errors } = watch();
    const content = text('slow');
    writeFileSync(path, '');
    for (let at = 0; at < content.length; at += 20) {
      appendFileSync(path, content.slice(at, at + 20));
      await sleep(POLL_INTERVAL / 2);
    }
    await isIn(watched, content);
    expect(errors).toEqual([]);
  });

  it('leaves the last good version in force while the file is broken, and says so once', async () => {
    const { path, watched, errors } = watch();
    writeFileSync(path, '{"clients":\n{"1":2}}');
    await vi.waitFor(
      () => {
        expect(errors).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    expect(errors[0]).toBeInstanceOf(MappingDocumentError);
    expect((errors[0] as MappingDocumentError).faults).toMatchObject([{ line: 2, column: 2 }]);
    expect(watched.current.version).toBe(sha256(text('a')));

    utimesSync(path, new Date(), new Date());
    writeFileSync(path, 'worse');
    await vi.waitFor(
      () => {
        expect(errors).toHaveLength(2);
      },
      { timeout: 10_000 },
    );
    unlinkSync(path);
    await vi.waitFor(
      () => {
        expect(errors).toHaveLength(3);
      },
      { timeout: 10_000 },
    );
    expect(errors[2]?.message).toMatch(/^Cannot read the mapping document .*: ENOENT$/);
    writeFileSync(path, text('mended'));
    await isIn(watched, text('mended'));
    expect(errors).toHaveLength(3);
  });

  it('tells of the same fault again once it was mended in between', async () => {
    const { path, watched, errors } = watch();
    for (const times of [1, 2]) {
      writeFileSync(path, 'broken');
      await vi.waitFor(
        () => {
          expect(errors).toHaveLength(times);
        },
        { timeout: 10_000 },
      );
      writeFileSync(path, text(`n${String(times)}`));
      await isIn(watched, text(`n${String(times)}`));
    }
  });

  it('survives listeners that fail', async () => {
    const fail = () => {
      throw new Error('listener');
    };
    const { path, watched } = watch({
      onReload: fail,
      onError: () => Promise.reject(new Error('x')),
    });
    writeFileSync(path, 'broken');
    await sleep(POLL_INTERVAL * 4);
    for (const column of ['b', 'c']) {
      writeFileSync(path, text(column));
      await isIn(watched, text(column));
    }
  });

  it('warns the process where nobody listens', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const { path } = watch({ onError: undefined as never });
    writeFileSync(path, '[]');
    expect((await warned).message).toContain('must be an object');
  });

  it('stops when it is told to', async () => {
    const { path, watched } = watch();
    watched.close();
    writeFileSync(path, text('b'));
    await sleep(POLL_INTERVAL * 3);
    expect(watched.current.version).toBe(sha256(text('a')));
  });

  it('does not keep a process alive', () => {
    const { path } = watch();
    const module = new URL('../../src/receiver/watch-mappings.ts', import.meta.url).href;
    const script = `import { watchMappings } from ${JSON.stringify(module)}; console.log(watchMappings(${JSON.stringify(path)}).current.version);`;
    const { stdout } = runCommand(process.execPath, ['--input-type=module', '--eval', script]);
    expect(stdout.trim()).toBe(sha256(text('a')));
  });
});

describe('a receiver on a watched document', () => {
  it('maps what comes after a change by it, an event in work as it began, and notes the version', async () => {
    const { path, watched } = watch();
    const inner = memoryStore();
    let release: (() => void) | undefined;
    const store = {
      ...inner,
      prepare: (tables: Parameters<typeof inner.prepare>[0]) => inner.prepare(tables),
      find: (filter: Parameters<typeof inner.find>[0]) => inner.find(filter),
      quarantine: inner.quarantine.bind(inner),
      prune: inner.prune.bind(inner),
      close: inner.close.bind(inner),
      async commit(batch: Parameters<typeof inner.commit>[0]) {
        if (batch[0]?.eventId === 'held') await new Promise<void>((go) => (release = go));
        return inner.commit(batch);
      },
    };
    const { receiver } = fixture({ mappings: watched, store });
    const held = post(receiver, event('held'));
    await vi.waitFor(() => {
      expect(release).toBeDefined();
    });
    writeFileSync(path, text('b'));
    await isIn(watched, text('b'));
    release?.();
    expect((await held).status).toBe(200);
    expect((await post(receiver, event('after'))).status).toBe(200);

    const rows = new Map(inner.rows('appointment').map((row) => [row['id'], row]));
    expect(rows.get('held')).toMatchObject({ a: 'v' });
    expect(rows.get('after')).toMatchObject({ b: 'v' });
    const versions: Record<string, string | null> = {};
    for await (const stored of inner.find({})) versions[stored.eventId] = stored.mappingVersion;
    expect(versions).toEqual({ held: sha256(text('a')), after: sha256(text('b')) });
    await receiver.close();
  });

  it('prepares the store before new mappings are in force; where that fails the old ones stay', async () => {
    const database = join(scratchFolder(), 'x.db');
    const setUp = sqliteStore({ path: database });
    await setUp.prepare(compileMappings(to('a')).tables);
    await setUp.close();

    const { path, watched, errors, versions } = watch();
    const { receiver } = fixture({
      mappings: watched,
      store: sqliteStore({ path: database, schema: 'managed' }),
    });
    await receiver.ready();
    writeFileSync(path, text('b'));
    await vi.waitFor(
      () => {
        expect(errors).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    expect(errors[0]?.message).toContain('column appointment.b is missing');
    expect((await post(receiver, event('e1'))).status).toBe(200);
    expect(versions).toEqual([]);

    const mend = sqliteStore({ path: database });
    await mend.prepare(compileMappings(to('b')).tables);
    await mend.close();
    await isIn(watched, text('b'));
    expect((await post(receiver, event('e2'))).status).toBe(200);
    expect(errors).toHaveLength(1);
    await receiver.close();
  });

  it('does not hinder others once it is closed', async () => {
    const { path, watched } = watch();
    const { receiver } = fixture({
      mappings: watched,
      store: sqliteStore({ path: join(scratchFolder(), 'y.db'), schema: 'managed' }),
    });
    await receiver.ready().catch(() => undefined);
    await receiver.close();
    writeFileSync(path, text('b'));
    await isIn(watched, text('b'));
  });

  it('knows the types the document was compiled for', async () => {
    const bed = to('a', { 'bed.moved': { fields: { his_bed_id: 'id' } } });
    const { watched } = watch({ types: ['bed.moved'] }, JSON.stringify(bed));
    const { receiver } = fixture({ mappings: watched });
    const moved = { ...event('b'), type: 'bed.moved', data: { his_bed_id: 'B1' } };
    expect((await post(receiver, moved)).status).toBe(200);
  });
});

describe('mappingProvider', () => {
  function provide(
    load: (clientId: string) => Promise<MappingDocument | string | MappingSet | null>,
    options: ProviderOptions = {},
  ) {
    let time = 0;
    const errors: [string, Error][] = [];
    const loads: string[] = [];
    const provider = mappingProvider(
      (clientId) => {
        loads.push(clientId);
        return load(clientId);
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

  it('keeps what is in force where newer mappings cannot be had, and says so', async () => {
    let next: () => Promise<MappingDocument | string> = () => Promise.resolve(to('a'));
    const { provider, errors, pass } = provide(() => next());
    const first = await provider.find('c');
    for (const failing of [
      () => Promise.reject(new Error('away')),
      () => Promise.resolve('{"clients":1}'),
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

  it('does not keep what was being fetched when it was told to forget', async () => {
    const answers: ((document: MappingDocument) => void)[] = [];
    const { provider } = provide(() => new Promise((resolve) => answers.push(resolve)));
    const before = provider.find('c');
    await vi.waitFor(() => {
      expect(answers).toHaveLength(1);
    });
    provider.forget('c');
    const after = provider.find('c');
    expect(answers).toHaveLength(2);
    answers[1]?.(to('new'));
    const found = await after;
    answers[0]?.(to('old'));
    expect((await before)?.tables[0]?.columns).toEqual(['old']);
    expect(provider.find('c')).toBe(found);
    expect(found?.tables[0]?.columns).toEqual(['new']);
  });

  it.each<[ProviderOptions]>([
    [{ maxAge: -1 }],
    [{ maxClients: 0 }],
    [{ maxLoads: 0.5 }],
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
});

describe('the file', () => {
  it('has the version that stands beside every event', () => {
    const { path, watched } = watch();
    expect(watched.current.version).toBe(sha256(readFileSync(path)));
    rmSync(path);
  });
});
