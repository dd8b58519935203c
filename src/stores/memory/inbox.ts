import { quarantineKey } from '../inbox.ts';
import type {
  Change,
  EventFilter,
  QuarantineVerdict,
  RefusedEvent,
  StoredEvent,
} from '../types.ts';
import { ByClient } from '../by-client.ts';
import { EventBlocks, type KeptEvent, QuarantinedEvent } from './record.ts';

/** The record of events, in memory. */
export class MemoryInbox {
  readonly #quota: number;
  readonly #entries = new ByClient<KeptEvent>();
  readonly #blocks = new EventBlocks();
  readonly #quarantined = new Map<string, number>();

  constructor(quota: number) {
    this.#quota = quota;
  }

  get(clientId: string, key: string): KeptEvent | undefined {
    return this.#entries.get(clientId, key);
  }

  /** Whether what is being replayed was replaced or settled since it was read. */
  isOutdated({ clientId, replayOf }: Change | RefusedEvent): boolean {
    return (
      replayOf !== undefined && this.get(clientId, replayOf.key)?.attempts !== replayOf.attempts
    );
  }

  /**
   * Writes down what was applied or declined.
   *
   * @param before - What stands under its id.
   */
  record(change: Change, before: KeptEvent | undefined): void {
    this.#put(before, this.#blocks.record(change, (before?.attempts ?? 0) + 1));
  }

  /** Drops the quarantine entry a replay began with, if it is not under the event's own id. */
  settle({ clientId, eventId, replayOf }: Change): void {
    if (replayOf === undefined || replayOf.key === eventId) return;
    const entry = this.get(clientId, replayOf.key);
    if (entry?.state !== 'quarantined') return;
    this.#entries.delete(clientId, replayOf.key);
    entry.eraseBody();
    this.#count(clientId, -1);
  }

  quarantine(event: RefusedEvent): QuarantineVerdict {
    if (this.isOutdated(event)) return 'duplicate';
    const { clientId, eventId } = event;
    const place = quarantineKey(eventId === null ? undefined : this.get(clientId, eventId), event);
    if (place === 'duplicate') return 'duplicate';
    const entry = this.get(clientId, place.key);
    if (entry === undefined && (this.#quarantined.get(clientId) ?? 0) >= this.#quota) {
      return 'over_quota';
    }
    this.#put(entry, new QuarantinedEvent(event, place.key, (entry?.attempts ?? 0) + 1));
    return 'quarantined';
  }

  find(filter: EventFilter): readonly StoredEvent[] {
    return this.#entries
      .list()
      .map((entry) => entry.toStoredEvent())
      .filter((entry) => matches(entry, filter));
  }

  prune(policy: { readonly bodiesBefore?: Date; readonly keysBefore?: Date }): {
    readonly bodies: number;
    readonly keys: number;
  } {
    let bodies = 0;
    let keys = 0;
    for (const entry of this.#entries.list()) {
      if (entry.state === 'quarantined') continue;
      const isForgotten = isBefore(entry, policy.keysBefore);
      if (!isForgotten && !(entry.hasBody && isBefore(entry, policy.bodiesBefore))) continue;
      entry.eraseBody();
      if (isForgotten) {
        keys++;
        this.#entries.delete(entry.clientId, entry.eventId);
      } else bodies++;
    }
    return { bodies, keys };
  }

  #put(before: KeptEvent | undefined, entry: KeptEvent): void {
    const { clientId } = entry;
    before?.eraseBody();
    this.#entries.set(clientId, entry.eventId, entry);
    const change = quarantinedIn(entry) - quarantinedIn(before);
    if (change !== 0) this.#count(clientId, change);
  }

  #count(clientId: string, difference: number): void {
    this.#quarantined.set(clientId, (this.#quarantined.get(clientId) ?? 0) + difference);
  }
}

function quarantinedIn(entry: KeptEvent | undefined): 0 | 1 {
  return entry?.state === 'quarantined' ? 1 : 0;
}

function isBefore(entry: Pick<StoredEvent, 'receivedAt'>, moment: Date | undefined): boolean {
  return moment !== undefined && entry.receivedAt < moment.toISOString();
}

function matches(entry: StoredEvent, filter: EventFilter): boolean {
  const { receivedFrom, receivedBefore, ...exact } = filter;
  for (const [member, value] of Object.entries(exact) as [keyof typeof exact, unknown][]) {
    if (value !== undefined && entry[member] !== value) return false;
  }
  if (receivedFrom !== undefined && entry.receivedAt < receivedFrom.toISOString()) return false;
  return receivedBefore === undefined || isBefore(entry, receivedBefore);
}
