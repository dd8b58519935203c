import fs, {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
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
import {
  POLL_INTERVAL,
  watchMappings,
  type WatchedMappings,
  type WatchOptions,
} from '../../src/receiver/watch-mappings.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { event, text, to } from '../support/mappings.ts';
import { runCommand, scratchFolder } from '../support/process.ts';
import { fixture, post } from '../support/receiver.ts';

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
    // A look that came too early, two that agree, and the reading.
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

  it('takes nothing of a document that is being written, though it be valid at every moment', async () => {
    const { path, watched, versions } = watch();
    for (let step = 0; step < 12; step++) {
      writeFileSync(path, text(`step${String(step)}`));
      await sleep(POLL_INTERVAL / 2);
    }
    writeFileSync(path, text('done'));
    await isIn(watched, text('done'));
    expect(versions).toEqual([sha256(text('done'))]);
  });

  it('finds a second change that the times of the file do not show', async () => {
    // As where they are kept in whole seconds, which no file system here does.
    const { stat } = fs.promises;
    const coarse = async (...args: Parameters<typeof stat>) =>
      Object.assign(await stat(...args), { mtimeNs: 0n, ctimeNs: 0n });
    vi.spyOn(fs.promises, 'stat').mockImplementation(coarse);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const { path, watched } = watch();
    for (const column of ['b', 'c', 'd']) {
      writeFileSync(path, text(column));
      await isIn(watched, text(column));
    }
  });

  it('reads a file that does not change no more after a while', async () => {
    const stats = vi.spyOn(fs.promises, 'stat');
    const reads = vi.spyOn(fs.promises, 'readFile');
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const { path, watched } = watch();
    const noon = new Date('2025-03-02T12:00:00Z');
    utimesSync(path, noon, noon);
    await vi.waitFor(
      () => {
        expect(stats.mock.calls.length).toBeGreaterThan(20);
      },
      { timeout: 20_000 },
    );
    // Three seconds: longer than the tick of any file system.
    expect(reads.mock.calls.length).toBe(3_000 / POLL_INTERVAL);

    // Of the same size, and of the time of the one before.
    writeFileSync(path, text('b'));
    utimesSync(path, noon, noon);
    await isIn(watched, text('b'));
  });

  it('needs a Node that has process.getBuiltinModule, and says so', () => {
    const { path } = watch();
    const own = Object.getOwnPropertyDescriptor(process, 'getBuiltinModule')!;
    Reflect.deleteProperty(process, 'getBuiltinModule');
    try {
      expect(() => watchMappings(path)).toThrow(/Node 20\.16/);
    } finally {
      Object.defineProperty(process, 'getBuiltinModule', own);
    }
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
    mkdirSync(path);
    await vi.waitFor(
      () => {
        expect(errors).toHaveLength(4);
      },
      { timeout: 10_000 },
    );
    expect(errors[3]?.message).toMatch(/: EISDIR$/);
    rmdirSync(path);
    writeFileSync(path, text('mended'));
    await isIn(watched, text('mended'));
    expect(errors).toHaveLength(4);
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

  it('says nothing where the version in force is back', async () => {
    const { path, watched, errors, versions } = watch();
    writeFileSync(path, 'broken');
    await vi.waitFor(
      () => {
        expect(errors).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    writeFileSync(path, text('a'));
    await sleep(POLL_INTERVAL * 4);
    expect([watched.current.version, versions]).toEqual([sha256(text('a')), []]);
  });

  it('survives listeners that fail', async () => {
    const onReload = vi.fn(() => {
      throw new Error('listener');
    });
    const onError = vi.fn(() => Promise.reject(new Error('listener')));
    const { path, watched } = watch({ onReload, onError });
    writeFileSync(path, 'broken');
    await vi.waitFor(
      () => {
        expect(onError).toHaveBeenCalledOnce();
      },
      { timeout: 10_000 },
    );
    for (const column of ['b', 'c']) {
      writeFileSync(path, text(column));
      await isIn(watched, text(column));
    }
    expect(onReload).toHaveBeenCalledTimes(2);
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
    const witness = watchMappings(path);
    onTestFinished(() => {
      witness.close();
    });
    for (const content of [text('b'), text('c')]) {
      writeFileSync(path, content);
      await isIn(witness, content);
    }
    expect(watched.current.version).toBe(sha256(text('a')));
  });

  it('looks at the file no more once it was told to stop', async () => {
    const { watched } = watch();
    const stats = vi.spyOn(fs.promises, 'stat');
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    await vi.waitFor(() => {
      expect(stats.mock.calls.length).toBeGreaterThan(0);
    });
    watched.close();
    const looks = stats.mock.calls.length;
    await sleep(POLL_INTERVAL * 2);
    expect(stats.mock.calls.length).toBe(looks);
  });

  it('tells nothing once it was told to stop', async () => {
    const { path, watched, errors } = watch();
    let fail: ((error: Error) => void) | undefined;
    watched.attach(() => new Promise((_, reject) => (fail = reject)));
    writeFileSync(path, text('b'));
    await vi.waitFor(
      () => {
        expect(fail).toBeDefined();
      },
      { timeout: 10_000 },
    );
    watched.close();
    fail?.(new Error('closed'));
    await new Promise(setImmediate);
    expect(errors).toEqual([]);
  });

  it('stops in the middle of a change as well', async () => {
    const { path, watched, versions } = watch();
    let goOn: (() => void) | undefined;
    watched.attach(() => new Promise((resolve) => (goOn = resolve)));
    writeFileSync(path, text('b'));
    await vi.waitFor(
      () => {
        expect(goOn).toBeDefined();
      },
      { timeout: 10_000 },
    );
    watched.close();
    goOn?.();
    await new Promise(setImmediate);
    expect([watched.current.version, versions]).toEqual([sha256(text('a')), []]);
  });

  it('does not keep a process alive', () => {
    const { path } = watch();
    const url = (file: string) =>
      JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);
    const script = `
      import { createReceiver } from ${url('receiver/receiver.ts')};
      import { watchMappings } from ${url('receiver/watch-mappings.ts')};
      import { memoryStore } from ${url('stores/memory.ts')};
      const mappings = watchMappings(${JSON.stringify(path)});
      await createReceiver({ clients: () => null, mappings, store: memoryStore() }).ready();
      console.log(mappings.current.version);`;
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

  it('shares it with another: what does not fit the store of one is in force for neither', async () => {
    const database = join(scratchFolder(), 'y.db');
    const setUp = sqliteStore({ path: database });
    await setUp.prepare(compileMappings(to('a')).tables);
    await setUp.close();
    const { path, watched, errors } = watch();
    const easy = fixture({ mappings: watched });
    const strict = fixture({
      mappings: watched,
      store: sqliteStore({ path: database, schema: 'managed' }),
    });
    writeFileSync(path, text('b'));
    await vi.waitFor(
      () => {
        expect(errors).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    for (const { receiver } of [easy, strict]) {
      expect((await post(receiver, event('e1'))).status).toBe(200);
    }
    expect(easy.store.rows('appointment')).toMatchObject([{ a: 'v' }]);

    await strict.receiver.close();
    await isIn(watched, text('b'));
    expect((await post(easy.receiver, event('e2'))).status).toBe(200);
    expect(easy.store.rows('appointment')).toMatchObject([{ a: 'v' }, { b: 'v' }]);
  });

  it('is told again where the store has another reason, and not where it has the same', async () => {
    const { path, watched, errors } = watch();
    const reasons = ['away', 'away', 'column appointment.b is missing'];
    watched.attach(() => {
      const reason = reasons.shift();
      return reason === undefined ? Promise.resolve() : Promise.reject(new Error(reason));
    });
    writeFileSync(path, text('b'));
    await isIn(watched, text('b'));
    expect(errors.map(({ message }) => message)).toEqual([
      'away',
      'column appointment.b is missing',
    ]);
  });

  it('is tried again once a second, until it is in force', async () => {
    const { path, watched, versions } = watch();
    const tries: number[] = [];
    watched.attach(() => {
      tries.push(performance.now());
      return tries.length < 3 ? Promise.reject(new Error('away')) : Promise.resolve();
    });
    writeFileSync(path, text('b'));
    await isIn(watched, text('b'));
    const [first, second, third] = tries as [number, number, number];
    expect(Math.min(second - first, third - second)).toBeGreaterThan(4.5 * POLL_INTERVAL);
    await sleep(POLL_INTERVAL * 7);
    expect([tries.length, versions]).toEqual([3, [sha256(text('b'))]]);
  });

  it('forgets what waits for the store where the file is what is in force again', async () => {
    const { path, watched, errors, versions } = watch();
    let isAway = true;
    watched.attach(() => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()));
    writeFileSync(path, text('b'));
    await vi.waitFor(
      () => {
        expect(errors).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    writeFileSync(path, text('a'));
    await sleep(POLL_INTERVAL * 3);
    isAway = false;
    await sleep(POLL_INTERVAL * 7);
    expect([watched.current.version, versions]).toEqual([sha256(text('a')), []]);
  });

  it.each([0, 1])(
    'is never overtaken by a newer one while the store is being prepared (after %i failures)',
    async (failures) => {
      const { path, watched, versions } = watch();
      let goOn: (() => void) | undefined;
      let tries = 0;
      watched.attach(() => {
        if (goOn !== undefined) return Promise.resolve();
        if (tries++ < failures) return Promise.reject(new Error('away'));
        return new Promise((resolve) => (goOn = resolve));
      });
      writeFileSync(path, text('b'));
      await vi.waitFor(
        () => {
          expect(goOn).toBeDefined();
        },
        { timeout: 10_000 },
      );
      writeFileSync(path, text('c'));
      await sleep(POLL_INTERVAL * 4);
      expect(versions).toEqual([]);
      goOn?.();
      await isIn(watched, text('c'));
      expect(versions).toEqual([sha256(text('b')), sha256(text('c'))]);
    },
  );

  it('is taken where its folder was away for a moment, and it waited for the store', async () => {
    const { folder, path, watched, errors } = watch();
    const stats = vi.spyOn(fs.promises, 'stat');
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    let isAway = true;
    watched.attach(() => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()));
    writeFileSync(path, text('b'));
    // Until the file is read no more.
    await vi.waitFor(
      () => {
        expect(stats.mock.calls.length).toBeGreaterThan(20);
      },
      { timeout: 20_000 },
    );
    renameSync(folder, `${folder}-away`);
    await vi.waitFor(
      () => {
        expect(errors.at(-1)?.message).toMatch(/ENOENT$/);
      },
      { timeout: 10_000 },
    );
    renameSync(`${folder}-away`, folder);
    isAway = false;
    await isIn(watched, text('b'));
  });

  it('closes the store once what it prepares is done', async () => {
    const { path, watched } = watch();
    const store = memoryStore();
    const steps: string[] = [];
    let goOn: (() => void) | undefined;
    const { prepare, close } = {
      prepare: store.prepare.bind(store),
      close: store.close.bind(store),
    };
    store.prepare = async (tables) => {
      if (tables[0]?.columns.includes('b') === true) {
        await new Promise<void>((resolve) => (goOn = resolve));
        steps.push('prepared');
      }
      await prepare(tables);
    };
    store.close = () => {
      steps.push('closed');
      return close();
    };
    const { receiver } = fixture({ mappings: watched, store });
    writeFileSync(path, text('b'));
    await vi.waitFor(
      () => {
        expect(goOn).toBeDefined();
      },
      { timeout: 10_000 },
    );
    const closed = receiver.close();
    await new Promise(setImmediate);
    goOn?.();
    await closed;
    expect(steps).toEqual(['prepared', 'closed']);
  });

  it('knows the types the document was compiled for', async () => {
    const bed = to('a', { 'bed.moved': { fields: { his_bed_id: 'id' } } });
    const { watched } = watch({ types: ['bed.moved'] }, JSON.stringify(bed));
    const { receiver } = fixture({ mappings: watched });
    const moved = { ...event('b'), type: 'bed.moved', data: { his_bed_id: 'B1' } };
    expect((await post(receiver, moved)).status).toBe(200);
  });
});

describe('the file', () => {
  it('has the version that stands beside every event', () => {
    const { path, watched } = watch();
    expect(watched.current.version).toBe(sha256(readFileSync(path)));
    rmSync(path);
  });
});
