import { setTimeout as sleep } from 'node:timers/promises';
import { EventError } from '../errors.ts';
import { sqliteOutbox } from '../outboxes/sqlite.ts';
import type { SenderOptions } from '../sender/options.ts';
import type { OutboxCounts } from '../sender/outbox.ts';
import { createSender, type Sender } from '../sender/sender.ts';
import type { FileEvent, FileRun } from './file-run.ts';
import { nameAnswer } from './tally.ts';

/** How long a delivered event is known, in milliseconds: 7 days. */
const KEPT = 7 * 24 * 3_600_000;

/** So many events wait in the outbox before more of the file is read. */
const MOST_QUEUED = 10_000;

/** How often the outbox is asked how much is left, in milliseconds. */
const LOOK = 100;

/** Sends a file by way of an outbox, so that it can go on where it was stopped. */
export async function sendThroughOutbox(
  run: FileRun,
  options: SenderOptions,
  path: string,
): Promise<readonly string[]> {
  // A queue for each address: what one endpoint was sent is not to be kept from another, nor sent there.
  const queue = new URL(options.url).href;
  const outbox = sqliteOutbox({ path, queue, keepDelivered: KEPT });
  let died = 0;
  const sender = createSender({
    ...options,
    outbox,
    onLifecycle: (event) => {
      run.hear(event);
      if (event.kind === 'dead_letter') died++;
      if (event.kind === 'delivered') run.tally.add(event.isReplayed ? 'replayed' : 'delivered');
    },
  });
  try {
    let counts = await sender.count();
    const drain = async (): Promise<void> => {
      try {
        sender.start();
        const look = async (most: number): Promise<void> => {
          for (;;) {
            counts = await sender.count();
            if (counts.queued <= most || run.stopped !== undefined) return;
            await sleep(LOOK);
          }
        };
        for await (const batch of run.batches()) {
          await Promise.all(batch.map((event) => enqueue(event, run, sender)));
          await look(MOST_QUEUED);
        }
        await look(0);
      } finally {
        await sender.stop();
      }
      counts = await sender.count();
    };
    await run.watch(drain(), () => ({
      finished: run.finished * Math.max(0, 1 - counts.queued / Math.max(1, run.read)),
      done: run.tally.count() + died,
      failed: run.tally.failed + died,
      waiting: counts.queued,
    }));
    await run.countRest();
    await close(run, sender, counts);
    return advise(run, path, counts);
  } finally {
    await outbox.close();
  }
}

async function enqueue(event: FileEvent, run: FileRun, sender: Sender): Promise<void> {
  try {
    await sender.enqueue(event.body);
    run.finished += event.size;
  } catch (error) {
    if (!(error instanceof EventError)) throw error;
    run.read--;
    run.invalid(event, error.faults);
  }
}

/** Adds to the table what the outbox knows. */
async function close({ tally, read }: FileRun, sender: Sender, counts: OutboxCounts) {
  const now = tally.count('delivered', 'replayed');
  tally.add('earlier', '', undefined, Math.max(0, read - now - counts.queued - counts.dead));
  tally.add('queued', '', undefined, counts.queued);
  for await (const { reason } of sender.deadLetters()) {
    const { kind, status, code } = reason;
    tally.add(kind, nameAnswer(status, code));
  }
}

function advise(run: FileRun, path: string, { dead }: OutboxCounts): readonly string[] {
  const { stopped, tally } = run;
  const lines: string[] = [];
  if (dead > 0) {
    lines.push(
      'What was refused or given up, and why: ' +
        `sqlite3 ${path} "SELECT event_id, reason_status, reason_code, reason_message FROM his_outbox WHERE state = 'dead'"`,
    );
  }
  if (stopped === 'asked') lines.push('Stopped; the same command goes on.');
  else if (stopped !== undefined) lines.push('Once that is mended, the same command goes on.');
  else if (dead > 0) lines.push('The same command tries these again.');
  else if (tally.failed === 0) {
    lines.push(
      `The receiver has everything. ${path} keeps the ids of the events for 7 days, and no payload; it may be removed.`,
    );
  }
  return lines;
}
