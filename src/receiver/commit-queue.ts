import { Deadlines, type Timed } from '../deadlines.ts';
import { StorageError } from '../errors.ts';
import type { Change, EventStore, Verdict } from '../stores/types.ts';
import { afterTurn } from './turn.ts';

/** Bounds of a {@link CommitQueue}. */
export interface CommitQueueLimits {
  /** The most events in one commit. */
  readonly batchSize: number;
  /** The most events that wait for a commit, or for its end. */
  readonly queueSize: number;
  /** How long an event may wait and be committed, in milliseconds. */
  readonly storeTimeout: number;
}

/** The most bytes of bodies in one commit; a body that is larger goes alone. */
const BATCH_BYTES = 16 * 2 ** 20;

/** The least that is worth a commit of its own when several could begin at once. */
const SHARE = 32;

/** How long a small commit is held back while a larger one is in work, in milliseconds. */
const HELD_BACK = 20;

/** An event that waits for its commit, or for its end. */
interface Waiting extends Timed {
  readonly change: Change;
  readonly settle: (verdict: Verdict) => void;
  readonly fail: (error: Error) => void;
  /** The commit that has it in work. */
  commit: Commit | undefined;
}

interface Commit {
  readonly controller: AbortController;
  waiting: number;
}

/**
 * Commits the events of concurrent requests together, because a durable commit costs about the
 * same for one event as for a hundred.
 *
 * An event is **queued** until a commit takes it, then **in work** until the store answers. An idle
 * queue commits once the requests that arrived together have all been read; while the store has as
 * many commits in work as it takes, or more events in work than are queued, events gather for the
 * next: commits wait for one disk, one after another, so a small one delays the large one behind it.
 * Beside another, none takes more than its share of all: or else one end has nothing to do while the other is
 * at work.
 * An event whose deadline passes is **given up**: its request
 * fails; if it was queued it is dropped, if it was in work the commit goes on unheard, because the
 * sender will send the event again and find it a duplicate if it was committed after all.
 */
export class CommitQueue {
  readonly #store: EventStore;
  readonly #limits: CommitQueueLimits;
  /** How many commits the store takes at the same time. */
  readonly #atOnce: number;
  readonly #deadlines = new Deadlines();
  readonly #queued: Waiting[] = [];
  /** Commits in work, and their events. */
  #commits = 0;
  #inWork = 0;
  #isAwake = false;
  #holding: NodeJS.Timeout | undefined;

  constructor(store: EventStore, limits: CommitQueueLimits) {
    this.#store = store;
    this.#limits = limits;
    this.#atOnce = store.concurrency ?? 1;
  }

  /** Whether another event would be one too many. */
  get isFull(): boolean {
    return this.#queued.length + this.#inWork >= this.#limits.queueSize;
  }

  /**
   * Resolves once the event is committed with others.
   *
   * @throws StorageError if the deadline passes; otherwise whatever the store throws.
   */
  commit(change: Change): Promise<Verdict> {
    return new Promise((settle, fail) => {
      const waiting: Waiting = {
        place: 0,
        deadline: 0,
        onPassed: this.#giveUp,
        change,
        settle,
        fail,
        commit: undefined,
      };
      this.#deadlines.begin(waiting, this.#limits.storeTimeout);
      this.#queued.push(waiting);
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#isAwake || this.#queued.length === 0) return;
    this.#isAwake = true;
    // By then, every request that the event loop has at hand is read.
    afterTurn(() => {
      this.#isAwake = false;
      this.#begin();
    });
  }

  /**
   * Starts as many commits as the store takes and are worth it, and shares out what is queued.
   *
   * @param most - How many it may be.
   */
  #begin(most: number = this.#atOnce): void {
    const free = Math.min(most, this.#atOnce - this.#commits);
    if (free <= 0 || this.#queued.length === 0) return;
    if (this.#queued.length < this.#inWork) {
      // One that hangs must not hold up the events behind.
      this.#holding ??= setTimeout(() => {
        this.#start(1);
      }, HELD_BACK);
      return;
    }
    const full = Math.ceil(this.#queued.length / this.#limits.batchSize);
    this.#start(Math.min(free, Math.max(Math.floor(this.#queued.length / SHARE), full)));
  }

  #start(commits: number): void {
    clearTimeout(this.#holding);
    this.#holding = undefined;
    let share = Math.ceil(this.#queued.length / commits);
    // Beside others, about as large as they are: so one is read and answered while the next is written.
    const even = Math.max(SHARE, Math.ceil((this.#queued.length + this.#inWork) / this.#atOnce));
    if (this.#inWork > 0 && share - even >= SHARE / 2) share = even;
    for (let i = 0; i < commits && this.#queued.length > 0; i++) {
      void this.#commitNext(Math.min(share, this.#limits.batchSize));
    }
    // Bodies that were too many bytes for one are left.
    this.#wake();
  }

  readonly #giveUp = (waiting: Waiting): void => {
    const { storeTimeout } = this.#limits;
    this.#deadlines.end(waiting);
    waiting.fail(new StorageError(`The store did not answer within ${String(storeTimeout)} ms.`));
    if (waiting.commit === undefined) this.#queued.splice(this.#queued.indexOf(waiting), 1);
    else if (--waiting.commit.waiting === 0) waiting.commit.controller.abort();
  };

  async #commitNext(size: number): Promise<void> {
    const batch = this.#queued.splice(0, countNext(this.#queued, size));
    const commit = { controller: new AbortController(), waiting: batch.length };
    for (const waiting of batch) waiting.commit = commit;
    this.#commits++;
    this.#inWork += batch.length;
    const result = await this.#ask(batch, commit.controller.signal);
    this.#commits--;
    this.#inWork -= batch.length;
    // A store that takes several works elsewhere, and would be idle while the answers are written.
    if (this.#atOnce > 1) this.#begin(1);
    batch.forEach((waiting, index) => {
      this.#deadlines.end(waiting);
      if (result instanceof Error) waiting.fail(result);
      else waiting.settle(result[index] as Verdict);
    });
    this.#wake();
  }

  /** The verdicts on a batch, or why there are none. */
  async #ask(batch: readonly Waiting[], signal: AbortSignal): Promise<readonly Verdict[] | Error> {
    try {
      // A store that hangs must not hold up the events behind.
      const verdicts: readonly unknown[] = await Promise.race([
        this.#store.commit(
          batch.map(({ change }) => change),
          { signal },
        ),
        givenUp(signal),
      ]);
      return verdicts.length === batch.length && !verdicts.includes(undefined)
        ? (verdicts as readonly Verdict[])
        : new StorageError('The store did not give a verdict for each change.');
    } catch (error) {
      return error instanceof Error
        ? error
        : new StorageError('The store failed.', { cause: error });
    }
  }
}

function givenUp(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new StorageError('Every request that waited for the commit was given up.'));
    });
  });
}

/** How many come next: so many at most, and so many bytes. */
function countNext(queued: readonly Waiting[], most: number): number {
  let bytes = 0;
  let count = 0;
  for (const { change } of queued) {
    bytes += change.body?.byteLength ?? 0;
    if (count > 0 && (count >= most || bytes > BATCH_BYTES)) break;
    count++;
  }
  return count;
}
