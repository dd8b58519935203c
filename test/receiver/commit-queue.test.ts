import { spawnSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { StorageError } from '../../src/errors.ts';
import { CommitQueue } from '../../src/receiver/commit-queue.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import type { Change, EventStore, Verdict } from '../../src/stores/types.ts';
import { changeOf } from '../../src/testing/changes.ts';
import { ROOT } from '../support/process.ts';

const LIMITS = { batchSize: 4, queueSize: 10, storeTimeout: 5_000 };

/** A store whose commits wait until they are let through. */
function gatedStore() {
  const batches: { ids: string[]; signal: AbortSignal; finish: (result?: unknown) => void }[] = [];
  const commit: EventStore['commit'] = (batch, options) =>
    new Promise((resolve, reject) => {
      batches.push({
        ids: batch.map(({ eventId }) => eventId),
        signal: options!.signal!,
        finish: (result = batch.map((): Verdict => 'applied')) => {
          if (result instanceof Error) reject(result);
          else resolve(result as Verdict[]);
        },
      });
    });
  return { batches, store: Object.assign(memoryStore(), { commit }) };
}

const changes = (...ids: string[]): Change[] => ids.map((id) => changeOf({ id }));
const count = (batches: readonly unknown[], n: number) =>
  vi.waitUntil(() => batches.length === n, { interval: 1 });

describe('CommitQueue', () => {
  it('commits together what arrives together, in order, and in batches of a bounded size', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue(store, LIMITS);
    const verdicts = changes('a', 'b', 'c', 'd', 'e').map((change) => queue.commit(change));
    await count(batches, 1);
    const late = queue.commit(changes('f')[0]!);
    batches[0]!.finish(['applied', 'stale', 'duplicate', 'conflict']);
    await count(batches, 2);
    batches[1]!.finish();
    expect(batches.map(({ ids }) => ids)).toEqual([
      ['a', 'b', 'c', 'd'],
      ['e', 'f'],
    ]);
    expect(await Promise.all([...verdicts, late])).toEqual([
      'applied',
      'stale',
      'duplicate',
      'conflict',
      'applied',
      'applied',
    ]);
    const next = queue.commit(changes('g')[0]!);
    await count(batches, 3);
    batches[2]!.finish();
    expect(await next).toBe('applied');
  });

  it('shares out what is queued among the commits a store takes at once', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue({ ...store, concurrency: 2 }, { ...LIMITS, batchSize: 30 });
    const ids = Array.from({ length: 100 }, (_, i) => String(i));
    const verdicts = changes(...ids).map((change) => queue.commit(change));
    await count(batches, 2);
    batches[1]!.finish();
    await count(batches, 3);
    batches[0]!.finish();
    await count(batches, 4);
    // What is left is too little to be shared.
    const sizes = batches.map((batch) => batch.ids.length);
    expect(sizes).toEqual([30, 30, 30, 10]);
    verdicts.push(...changes('x', 'y').map((change) => queue.commit(change)));
    batches[2]!.finish();
    await count(batches, 5);
    for (const { finish } of batches) finish();
    expect(new Set(await Promise.all(verdicts))).toEqual(new Set(['applied']));
    expect(batches.flatMap((batch) => batch.ids)).toEqual([...ids, 'x', 'y']);

    const few = changes('p', 'q').map((change) => queue.commit(change));
    await count(batches, 6);
    batches[5]!.finish();
    await Promise.all(few);
    expect(batches[5]!.ids).toEqual(['p', 'q']);
    const many = changes(...ids.slice(0, 40)).map((change) => queue.commit(change));
    await count(batches, 8);
    expect(batches.slice(6).map((batch) => batch.ids.length)).toEqual([20, 20]);
    for (const { finish } of batches) finish();
    await Promise.all(many);
  });

  it.each([
    [15, 48, [15, 32, 16]],
    [15, 47, [15, 47]],
    [2, 40, [2, 40]],
  ])(
    'beside %i in work takes of %i what makes commits about even',
    async (inWork, queued, sizes) => {
      const { batches, store } = gatedStore();
      const limits = { ...LIMITS, batchSize: 100, queueSize: 100 };
      const queue = new CommitQueue({ ...store, concurrency: 2 }, limits);
      const ids = Array.from({ length: inWork + queued }, (_, i) => String(i));
      const verdicts = changes(...ids.slice(0, inWork)).map((change) => queue.commit(change));
      await count(batches, 1);
      verdicts.push(...changes(...ids.slice(inWork)).map((change) => queue.commit(change)));
      await count(batches, 2);
      batches[1]!.finish();
      await count(batches, sizes.length);
      for (const { finish } of batches) finish();
      await Promise.all(verdicts);
      expect(batches.map((batch) => batch.ids.length)).toEqual(sizes);
      expect(batches.flatMap((batch) => batch.ids)).toEqual(ids);
    },
  );

  it.each([
    [2, 63, [63]],
    [4, 100, [34, 34, 32]],
  ])(
    'leaves nothing of a burst, %i commits at once, %i events',
    async (concurrency, size, sizes) => {
      const { batches, store } = gatedStore();
      const limits = { ...LIMITS, batchSize: 100, queueSize: 100 };
      const queue = new CommitQueue({ ...store, concurrency }, limits);
      const ids = Array.from({ length: size }, (_, i) => String(i));
      const verdicts = changes(...ids).map((change) => queue.commit(change));
      await count(batches, sizes.length);
      expect(batches.map((batch) => batch.ids.length)).toEqual(sizes);
      for (const { finish } of batches) finish();
      await Promise.all(verdicts);
    },
  );

  it('begins one commit where one has ended, and does not break up what comes with its end', async () => {
    const { batches, store } = gatedStore();
    const limits = { ...LIMITS, batchSize: 100, queueSize: 200 };
    const queue = new CommitQueue({ ...store, concurrency: 2 }, limits);
    const sendTwice = async (change: Change) => {
      await queue.commit(change);
      await queue.commit(change);
    };
    const ids = Array.from({ length: 140 }, (_, i) => String(i));
    const sent = Promise.all(changes(...ids).map(sendTwice));
    await count(batches, 2);
    batches[0]!.finish();
    // Until those are queued again, but not so long that the event loop turns.
    for (let i = 0; i < 30; i++) await Promise.resolve();
    batches[1]!.finish();
    await count(batches, 4);
    expect(batches.map((batch) => batch.ids.length)).toEqual([70, 70, 70, 70]);
    for (const { finish } of batches) finish();
    await sent;
  });

  it('begins no commit beside a larger one, unless that one takes long', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue({ ...store, concurrency: 2 }, { ...LIMITS, queueSize: 100 });
    const all = changes('a', 'b', 'c').map((change) => queue.commit(change));
    await count(batches, 1);
    all.push(...changes('d', 'e').map((change) => queue.commit(change)));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(batches).toHaveLength(1);
    all.push(...changes('f').map((change) => queue.commit(change)));
    await count(batches, 2);
    batches[0]!.finish();
    all.push(...changes('g').map((change) => queue.commit(change)));
    // The second hangs, and nothing else arrives.
    await count(batches, 3);
    batches[2]!.finish();
    expect(await all.at(-1)).toBe('applied');
    batches[1]!.finish();
    await Promise.all(all);
    expect(batches.map(({ ids }) => ids)).toEqual([['a', 'b', 'c'], ['d', 'e', 'f'], ['g']]);
  });

  it.each([
    [2, ['commit ab', 'commit c', 'answer a', 'answer b', 'answer c']],
    [1, ['commit ab', 'answer a', 'answer b', 'commit c', 'answer c']],
  ])(
    'has a store that takes %i at once begin before or after it answers',
    async (concurrency, expected) => {
      const steps: string[] = [];
      const { batches, store } = gatedStore();
      const commit: EventStore['commit'] = (batch, options) => {
        steps.push(`commit ${batch.map(({ eventId }) => eventId).join('')}`);
        return store.commit(batch, options);
      };
      const queue = new CommitQueue({ ...store, commit, concurrency }, LIMITS);
      const answer = (id: string) =>
        queue.commit(changes(id)[0]!).then(() => steps.push(`answer ${id}`));
      const answers = [answer('a'), answer('b')];
      await count(batches, 1);
      answers.push(answer('c'));
      // It is held back, because more are in work.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      batches[0]!.finish();
      await count(batches, 2);
      batches[1]!.finish();
      await Promise.all(answers);
      expect(steps).toEqual(expected);
    },
  );

  it('bounds a batch in bytes too, and commits a body beyond that alone', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue(store, LIMITS);
    const sizes = [10, 5, 3, 20, 1].map((megabytes) => megabytes * 2 ** 20);
    const verdicts = sizes.map((size, i) =>
      queue.commit({ ...changeOf({ id: String(i) }), body: new Uint8Array(size) }),
    );
    for (let n = 1; n <= 4; n++) {
      await count(batches, n);
      batches[n - 1]!.finish();
    }
    await Promise.all(verdicts);
    expect(batches.map(({ ids }) => ids)).toEqual([['0', '1'], ['2'], ['3'], ['4']]);
  });

  it('acknowledges nothing before the store does', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue(store, LIMITS);
    const settled = vi.fn();
    const verdict = queue.commit(changes('a')[0]!).then(settled);
    await count(batches, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(settled).not.toHaveBeenCalled();
    batches[0]!.finish();
    await verdict;
    expect(settled).toHaveBeenCalledWith('applied');
  });

  it('fails the whole batch when its commit fails, and goes on with the next', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue(store, LIMITS);
    const failing = changes('a', 'b').map((change) => queue.commit(change));
    await count(batches, 1);
    const next = queue.commit(changes('c')[0]!);
    batches[0]!.finish(new Error('away'));
    for (const verdict of failing) await expect(verdict).rejects.toThrow('away');
    await count(batches, 2);
    batches[1]!.finish();
    expect(await next).toBe('applied');
  });

  it.each([[['applied']], [[]], [['applied', 'applied', 'applied']], [['applied', undefined]]])(
    'believes no store that gives %j for two changes',
    async (result) => {
      const { batches, store } = gatedStore();
      const queue = new CommitQueue(store, LIMITS);
      const verdicts = changes('a', 'b').map((change) => queue.commit(change));
      await count(batches, 1);
      batches[0]!.finish(result);
      for (const verdict of verdicts) await expect(verdict).rejects.toThrow(StorageError);
    },
  );

  it('is full with what waits and what is in work', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue(store, { ...LIMITS, queueSize: 6 });
    const verdicts = changes('a', 'b', 'c', 'd', 'e').map((change) => queue.commit(change));
    expect(queue.isFull).toBe(false);
    verdicts.push(queue.commit(changes('f')[0]!));
    expect(queue.isFull).toBe(true);
    await count(batches, 1);
    expect(queue.isFull).toBe(true);
    batches[0]!.finish();
    await verdicts[0];
    expect(queue.isFull).toBe(false);
    await count(batches, 2);
    batches[1]!.finish();
    await Promise.all(verdicts);
  });

  it('gives up what waits too long, tells a store that hangs, and goes on without it', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue(store, { ...LIMITS, storeTimeout: 150 });
    const failed = Promise.allSettled(changes('a', 'b').map((change) => queue.commit(change)));
    await count(batches, 1);
    expect(batches[0]!.signal.aborted).toBe(false);
    const late = { status: 'rejected', reason: expect.any(StorageError) as Error };
    expect(await failed).toEqual([late, late]);
    expect(batches[0]!.signal.aborted).toBe(true);
    const next = queue.commit(changes('c')[0]!);
    await count(batches, 2);
    expect(batches[1]!.ids).toEqual(['c']);
    batches[1]!.finish();
    expect(await next).toBe('applied');
  });

  it('gives each event its own time, whatever commit it is in', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const { batches, store } = gatedStore();
      const queue = new CommitQueue(store, { ...LIMITS, storeTimeout: 100 });
      const steps: string[] = [];
      const commit = (id: string) =>
        queue.commit(changes(id)[0]!).then(
          () => steps.push(`${id} applied`),
          () => steps.push(`${id} given up`),
        );
      const work = [commit('a')];
      await count(batches, 1);
      work.push(commit('b'));
      vi.advanceTimersByTime(60);
      work.push(commit('c'));
      batches[0]!.finish();
      await count(batches, 2);
      vi.advanceTimersByTime(50);
      work.push(commit('d'), commit('e'));
      await work[1];
      batches[1]!.finish();
      await count(batches, 3);
      // Less than the rest of its time: waiting for a commit lets some of it pass, too.
      vi.advanceTimersByTime(80);
      await work[2];
      expect(steps).toEqual(['a applied', 'b given up', 'c applied']);
      vi.advanceTimersByTime(20);
      await Promise.all(work);
      expect(steps.slice(3).sort()).toEqual(['d given up', 'e given up']);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('commits nothing of what was given up while it was queued', async () => {
    const { batches, store } = gatedStore();
    const queue = new CommitQueue(store, { ...LIMITS, storeTimeout: 40, batchSize: 1 });
    const [first, second] = changes('a', 'b').map((change) => queue.commit(change));
    await Promise.allSettled([first, second]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(batches.map(({ ids }) => ids)).toEqual([['a']]);
  });

  it('leaves no timer behind once nothing is waited for', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { batches, store } = gatedStore();
      const queue = new CommitQueue(store, { ...LIMITS, batchSize: 1 });
      const verdicts = changes('a', 'b').map((change) => queue.commit(change));
      await count(batches, 1);
      batches[0]!.finish();
      await count(batches, 2);
      expect(vi.getTimerCount()).toBeGreaterThan(0);
      batches[1]!.finish(new Error('away'));
      await Promise.allSettled(verdicts);
      await new Promise(setImmediate);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

/** Commits 10 MB of changes; prints by how many of them the heap has grown, old garbage included. */
const CHURN = `
  import { CommitQueue } from './src/receiver/commit-queue.ts';

  const store = { commit: (batch) => Promise.resolve(batch.map(() => 'applied')) };
  const queue = new CommitQueue(store, { batchSize: 128, queueSize: 1_000, storeTimeout: 60_000 });
  const changes = () => Array.from({ length: 40 }, () => ({ body: null, row: Array(256).fill(0.5) }));
  const commitAll = async (rounds) => {
    for (let round = 0; round < rounds; round++) {
      await Promise.all(changes().map((change) => queue.commit(change)));
      if (round % 4 === 0) gc({ type: 'minor' });
    }
    gc({ type: 'minor' });
    return process.memoryUsage().heapUsed;
  };
  await commitAll(50);
  gc();
  const before = await commitAll(10);
  console.log((await commitAll(125)) - before);
`;

describe('what was committed', () => {
  it('is let go of by collections of the young generation', () => {
    const argv = ['--expose-gc', '--input-type=module', '--eval', CHURN];
    const { stdout, stderr } = spawnSync(process.execPath, argv, { cwd: ROOT, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(Number(stdout)).toBeLessThan(1_000_000);
  });
});
