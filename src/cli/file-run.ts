import type { EventError } from '../errors.ts';
import type { SenderEvent } from '../sender/lifecycle.ts';
import { type Io, UsageError } from './io.ts';
import { type Line, readLines, type Source } from './lines.ts';
import { ProgressBar, StatusLine, whole } from './progress.ts';
import { nameAnswer, Tally } from './tally.ts';
import { toText } from './text.ts';

/** The longest body a sender takes by default, in bytes. */
const LONGEST = 1_048_576;

/** So many invalid events are shown with their faults; the table counts all of them. */
const MOST_SHOWN = 20;

/** How often progress is shown, in milliseconds: in a terminal, and in a log. */
const LIVE_INTERVAL = 100;
const LOG_INTERVAL = 10_000;

/** An event of a file. */
export interface FileEvent {
  readonly number: number;
  readonly body: string;
  readonly size: number;
}

/** Why no more events are begun. */
export type StopReason = 'asked' | 'refused' | 'unavailable' | 'fault';

/** How far a file is. */
export interface FileProgress {
  /** Bytes of the events whose outcome is known. */
  readonly finished: number;
  readonly done: number;
  readonly failed: number;
  readonly waiting: number;
}

/** What is common to all ways of sending a file: it is read, watched, stopped, and reported on. */
export class FileRun {
  readonly tally: Tally = new Tally();
  readonly status: StatusLine;
  /** How many events could be sent, as far as the file was read. */
  read = 0;
  /** Bytes of the events whose outcome is known. */
  finished = 0;
  /** Why the endpoint takes nothing at the moment. */
  trouble: string | undefined;
  stopped: StopReason | undefined;
  /** What ends beside, where this stops. */
  onStop: () => void = () => undefined;
  readonly #source: Source;
  readonly #lines: AsyncGenerator<readonly Line[]>;
  #shown = 0;
  #isRead = false;

  constructor(source: Source, io: Io) {
    this.#source = source;
    this.#lines = readLines(source.stream, LONGEST);
    this.status = new StatusLine(io);
    void io.untilStopped().then(() => {
      this.status.say('Stopping; what is under way finishes.');
      this.stop('asked');
    });
  }

  /** Begins no more events. */
  stop(reason: StopReason): void {
    this.stopped ??= reason;
    // The rest of a file is counted; that of standard input may never end.
    if (this.#source.size === undefined) this.close();
    this.onStop();
  }

  close(): void {
    this.#source.stream.destroy();
  }

  /** The events of the file, as they were read together. */
  async *batches(): AsyncGenerator<readonly FileEvent[]> {
    while (this.stopped === undefined) {
      const lines = await this.#next();
      if (lines === undefined) return;
      const events = lines.flatMap((line) => this.#decode(line) ?? []);
      this.read += events.length;
      yield events;
    }
  }

  /** Counts the events that were not begun, as far as that can be known. */
  async countRest(): Promise<void> {
    if (this.stopped !== undefined && this.#source.size === undefined) {
      this.status.say(`The rest of ${this.#source.name} was not read.`);
    }
    for (let lines = await this.#next(); lines !== undefined; lines = await this.#next()) {
      this.tally.add('unsent', '', undefined, lines.length);
    }
  }

  async #next(): Promise<readonly Line[] | undefined> {
    if (this.#isRead) return undefined;
    try {
      const next = await this.#lines.next();
      if (next.done !== true) return next.value;
    } catch (error) {
      // A stream that was destroyed has one as well.
      if (this.stopped === undefined) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === undefined) throw error;
        throw new UsageError(`Cannot read ${this.#source.name}: ${code}`);
      }
    }
    this.#isRead = true;
    return undefined;
  }

  #decode({ number, bytes, size }: Line): FileEvent | undefined {
    if (bytes === undefined) {
      const message = `is longer than ${whole(LONGEST)} bytes`;
      this.invalid({ number, size }, [{ path: '', message }]);
      return undefined;
    }
    try {
      return { number, body: toText(bytes), size };
    } catch (error) {
      this.invalid({ number, size }, (error as EventError).faults);
      return undefined;
    }
  }

  /** Notes an event that no receiver would take. */
  invalid({ number, size }: Omit<FileEvent, 'body'>, faults: EventError['faults']): void {
    this.tally.add('invalid', '', number);
    this.finished += size;
    if (++this.#shown > MOST_SHOWN) return;
    for (const { path, message } of faults) {
      const place = path === '' ? '' : ` (${path})`;
      this.status.say(`${this.#source.name}:${String(number)}: error: ${message}${place}`);
    }
    if (this.#shown === MOST_SHOWN) this.status.say('Further invalid events are only counted.');
  }

  /** Says what the endpoint does, and stops where it refuses everything. */
  hear(event: SenderEvent): void {
    if (event.kind === 'broken') {
      this.trouble = nameAnswer(event.status, event.reasonCode);
      this.status.say(`The endpoint fails: ${this.trouble}. Events wait.`);
    } else if (event.kind === 'opened') {
      this.trouble = undefined;
      this.status.say('The endpoint works again.');
    } else if (event.kind === 'paused') {
      this.refused(nameAnswer(event.status, event.reasonCode));
    } else if (event.kind === 'outbox_failed') {
      this.status.say(`The outbox fails: ${(event.error as Error).message}`);
    }
  }

  /** Stops, because the endpoint refuses whatever it is sent. */
  refused(answer: string): void {
    if (this.stopped === undefined) {
      this.status.say(`The endpoint refuses whatever it is sent: ${answer}. No more is sent.`);
    }
    this.stop('refused');
  }

  /** Shows progress until the work is done. */
  async watch(work: Promise<void>, progress: () => FileProgress): Promise<void> {
    const bar = new ProgressBar();
    const began = performance.now();
    const draw = (): string => {
      const { size } = this.#source;
      const { finished, done, failed, waiting } = progress();
      return bar.draw(
        {
          share: size === undefined ? undefined : size === 0 ? 1 : finished / size,
          done,
          trouble: this.trouble,
          notes: [
            ...(waiting === 0 ? [] : [`${whole(waiting)} waiting`]),
            ...(failed === 0 ? [] : [`${whole(failed)} failed`]),
          ],
        },
        performance.now(),
      );
    };
    const { isLive } = this.status;
    const show = (): void => {
      if (isLive) this.status.show(draw());
      else this.status.say(draw());
    };
    const timer = setInterval(show, isLive ? LIVE_INTERVAL : LOG_INTERVAL);
    if (isLive) show();
    try {
      await work;
    } finally {
      clearInterval(timer);
      if (isLive) show();
      this.status.keep();
    }
    const seconds = (performance.now() - began) / 1_000;
    const { done } = progress();
    const rate = whole(done / Math.max(seconds, 0.001));
    this.status.say(`${whole(done)} events in ${seconds.toFixed(1)} s, ${rate}/s`);
  }
}
