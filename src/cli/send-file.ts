import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError, EventError } from '../errors.ts';
import type { SenderOptions } from '../sender/options.ts';
import { createSender, type Sender } from '../sender/sender.ts';
import { type FileEvent, FileRun } from './file-run.ts';
import type { Io } from './io.ts';
import { openSource } from './lines.ts';
import { sendThroughOutbox } from './send-outbox.ts';
import { nameAnswer } from './tally.ts';

/** What `send --file` was called with. */
export interface FileOptions {
  readonly file: string;
  readonly outbox: string | undefined;
  readonly options: SenderOptions;
  readonly retryFor: number | undefined;
}

/** Sends the events of a file. */
export async function sendFile(settings: FileOptions, io: Io): Promise<number> {
  const { file, outbox, options, retryFor } = settings;
  const run = new FileRun(await openSource(io, file), io);
  let advice: readonly string[];
  try {
    advice =
      outbox === undefined
        ? await sendDirectly(run, options, retryFor)
        : await sendThroughOutbox(run, options, outbox);
  } finally {
    run.close();
  }
  io.out(run.tally.table());
  for (const line of advice) io.err(`${line}\n`);
  if (run.stopped === 'asked') return 130;
  return run.tally.failed === 0 ? 0 : 1;
}

const AGAIN = 'send the file again for the rest: the receiver knows what it has.';

/** Sends so many events at the same time. @returns What there is to say in the end. */
async function sendDirectly(
  run: FileRun,
  options: SenderOptions,
  retryFor: number | undefined,
): Promise<readonly string[]> {
  const { concurrency = 16 } = options;
  const sender = createSender({
    ...options,
    onLifecycle: (event) => {
      run.hear(event);
    },
  });
  // What waits for its next attempt is not to be waited for.
  run.onStop = () => void sender.stop();
  const events = flatten(run.batches());
  let sending = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      // While the endpoint fails, those under way are its probes. Where none is left, it failed for as
      // long as an event is tried.
      while (sender.state === 'broken' && run.stopped === undefined) {
        if (sending === 0) run.stop('unavailable');
        else await sleep(20);
      }
      const { value: event, done } = await events.next();
      if (done === true) return;
      if (run.stopped !== undefined) {
        run.tally.add('unsent');
        continue;
      }
      sending++;
      await deliver(event, run, sender, retryFor).finally(() => sending--);
    }
  };
  const workers = Array.from({ length: concurrency }, () =>
    work().catch((error: unknown) => {
      run.stop('fault');
      throw error;
    }),
  );
  const all = Promise.allSettled(workers).then((results) => {
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  });
  const { tally } = run;
  await run.watch(all, () => ({
    finished: run.finished,
    done: tally.count() - tally.count('unsent'),
    failed: tally.failed - tally.count('unsent'),
    waiting: 0,
  }));
  await run.countRest();
  if (run.stopped === 'asked') return [`Stopped; ${AGAIN}`];
  if (run.stopped === 'refused') return [`Mend that, and ${AGAIN}`];
  if (run.stopped === 'unavailable') return [`The endpoint went on failing; later, ${AGAIN}`];
  return [];
}

async function deliver(
  event: FileEvent,
  run: FileRun,
  sender: Sender,
  retryFor: number | undefined,
): Promise<void> {
  const { number, body, size } = event;
  try {
    const { isReplayed } = await sender.send(body, retryFor === undefined ? {} : { retryFor });
    run.tally.add(isReplayed ? 'replayed' : 'delivered');
  } catch (error) {
    if (error instanceof EventError) {
      run.invalid(event, error.faults);
      return;
    }
    if (!(error instanceof DeliveryError)) throw error;
    const answer = nameAnswer(error.status, error.reasonCode);
    if (error.kind === 'rejected') run.tally.add('rejected', answer, number);
    else if (error.kind === 'unavailable') run.tally.add('expired', answer, number);
    else {
      run.tally.add('refused', answer);
      run.refused(answer);
    }
  }
  run.finished += size;
}

async function* flatten(
  batches: AsyncIterable<readonly FileEvent[]>,
): AsyncGenerator<FileEvent, undefined> {
  for await (const batch of batches) yield* batch;
}
