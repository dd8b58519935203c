import { audited, HOST } from '../audit.ts';
import type { EventFilter, StoredEvent } from '../stores/types.ts';
import { processDelivery, type Processing } from './process.ts';

/** Which stored events {@link Receiver.replay} processes again. */
export interface ReplayOptions extends Omit<EventFilter, 'state'> {
  /**
   * Also the events that were applied or declined before, as long as their body is kept. Without
   * it only quarantine is replayed.
   * @default false
   */
  readonly force?: boolean;
  /**
   * Who replays, for the audit trail: 1 to 200 characters.
   * @default 'host'
   */
  readonly actor?: string;
}

/** What {@link ReplayOptions} has: a misspelt filter would replay everything. */
export const REPLAY_OPTIONS: readonly (keyof ReplayOptions)[] = [
  'clientId',
  'eventId',
  'type',
  'code',
  'receivedFrom',
  'receivedBefore',
  'force',
  'actor',
];

/** How many events a replay looked at, by what became of them. */
export interface ReplayReport {
  readonly applied: number;
  readonly stale: number;
  readonly declined: number;
  readonly duplicate: number;
  /** Refused again; they are (still) in quarantine. */
  readonly refused: number;
  /** Their body was erased, or somebody else has them in work (composed stores only). */
  readonly skipped: number;
}

/**
 * Processes stored events as if they arrived now, under the mappings of now, once it is written down who
 * does.
 */
export function replayEvents(
  { actor = HOST, ...options }: ReplayOptions,
  processing: Processing,
): Promise<ReplayReport> {
  const { audit: trail, now } = processing.settings;
  return audited({
    trail,
    action: 'replay',
    actor,
    target: options,
    now,
    act: () => replayAll(options, processing),
    outcomeOf: (report) => ({ ...report }),
  });
}

async function replayAll(
  { force = false, ...filter }: Omit<ReplayOptions, 'actor'>,
  processing: Processing,
): Promise<ReplayReport> {
  const report = { applied: 0, stale: 0, declined: 0, duplicate: 0, refused: 0, skipped: 0 };
  const wanted: EventFilter = force ? filter : { ...filter, state: 'quarantined' };
  for await (const entry of processing.settings.store.find(wanted)) {
    if (entry.body === null) report.skipped++;
    else report[await replayOne({ ...entry, body: entry.body }, force, processing)]++;
  }
  return report;
}

async function replayOne(
  entry: StoredEvent & { readonly body: Uint8Array },
  force: boolean,
  processing: Processing,
): Promise<keyof ReplayReport> {
  const isQuarantined = entry.state === 'quarantined';
  const outcome = await processDelivery(
    {
      clientId: entry.clientId,
      body: entry.body,
      receivedAt: Date.parse(entry.receivedAt),
      allowShorthand: entry.form === 'shorthand',
      // Out of quarantine an event is news: whichever commits first wins.
      force: force && !isQuarantined,
      replayOf: { key: entry.eventId, attempts: entry.attempts },
    },
    processing,
  );
  // One event at a time always finds room.
  if (outcome.verdict === 'overloaded') throw new Error('unreachable');
  return outcome.verdict === 'in_progress' ? 'skipped' : outcome.verdict;
}
