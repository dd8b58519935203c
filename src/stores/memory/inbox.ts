import { quarantineKey } from '../inbox.ts';
import type {
  Change,
  EventFilter,
  QuarantineVerdict,
  RefusedEvent,
  StoredEvent,
} from '../types.ts';
import { Bodies, erase, keepAlone, type KeptBody, read } from './bodies.ts';
import { ByClient } from './by-client.ts';

/** An entry, with its body where it is kept. */
interface KeptEvent extends Omit<StoredEvent, 'body'> {
  body: KeptBody | null;
}

/** The record of events, in memory. */
export class MemoryInbox {
  readonly #quota: number;
  readonly #entries = new ByClient<KeptEvent>();
  readonly #bodies = new Bodies();
  readonly #quarantined = new Map<string, number>();

  constructor(quota: number) {
    this.#quota = quota;
  }

  get(clientId: string, key: string): Omit<StoredEvent, 'body'> | undefined {
    return this.#entries.get(clientId, key);
  }

  /** Whether what is being replayed was replaced or settled since it was read. */
  isOutdated({ clientId, replayOf }: Change | RefusedEvent): boolean {
    return (
      replayOf !== undefined && this.get(clientId, replayOf.key)?.attempts !== replayOf.attempts
    );
  }

  /** Writes down what was applied or declined, over whatever stands under its id. */
  record(change: Change): void {
    this.settle(change);
    const { clientId, eventId, body } = change;
    const before = this.#entries.get(clientId, eventId);
    this.#put(before, {
      clientId,
      eventId,
      type: change.type,
      occurredAt: change.occurredAt,
      receivedAt: change.receivedAt,
      digest: change.digest,
      body: body && this.#bodies.keep(body),
      form: change.form,
      mappingVersion: change.mappingVersion,
      state: change.row === null ? 'declined' : 'applied',
      code: null,
      reason: null,
      attempts: (before?.attempts ?? 0) + 1,
    });
  }

  /** Drops the quarantine entry a replay began with, if it is not under the event's own id. */
  settle({ clientId, eventId, replayOf }: Change): void {
    if (replayOf === undefined || replayOf.key === eventId) return;
    const entry = this.#entries.get(clientId, replayOf.key);
    if (entry?.state !== 'quarantined') return;
    this.#entries.delete(clientId, replayOf.key);
    dropBody(entry);
    this.#count(clientId, -1);
  }

  quarantine(refused: RefusedEvent): QuarantineVerdict {
    if (this.isOutdated(refused)) return 'duplicate';
    const { replayOf, ...event } = refused;
    const { clientId, eventId } = event;
    const place = quarantineKey(eventId === null ? undefined : this.get(clientId, eventId), event);
    if (place === 'duplicate') return 'duplicate';
    const entry = this.#entries.get(clientId, place.key);
    if (entry === undefined && (this.#quarantined.get(clientId) ?? 0) >= this.#quota) {
      return 'over_quota';
    }
    const attempts = (entry?.attempts ?? 0) + 1;
    // Not among those that are erased by age: it would hold their block.
    const body = keepAlone(event.body);
    this.#put(entry, { ...event, body, eventId: place.key, state: 'quarantined', attempts });
    return 'quarantined';
  }

  find(filter: EventFilter): readonly StoredEvent[] {
    return this.#entries
      .list()
      .filter((entry) => matches(entry, filter))
      .map((entry) => ({ ...entry, body: entry.body && read(entry.body) }));
  }

  prune(policy: { readonly bodiesBefore?: Date; readonly keysBefore?: Date }): {
    readonly bodies: number;
    readonly keys: number;
  } {
    let bodies = 0;
    let keys = 0;
    for (const entry of this.#entries.list()) {
      const { clientId, eventId } = entry;
      if (entry.state === 'quarantined') continue;
      if (isBefore(entry, policy.keysBefore)) {
        keys++;
        this.#entries.delete(clientId, eventId);
        dropBody(entry);
      } else if (entry.body !== null && isBefore(entry, policy.bodiesBefore)) {
        bodies++;
        dropBody(entry);
      }
    }
    return { bodies, keys };
  }

  #put(before: KeptEvent | undefined, entry: KeptEvent): void {
    const { clientId, eventId } = entry;
    if (before !== undefined) dropBody(before);
    this.#entries.set(clientId, eventId, entry);
    const change = quarantinedIn(entry) - quarantinedIn(before);
    if (change !== 0) this.#count(clientId, change);
  }

  #count(clientId: string, difference: number): void {
    this.#quarantined.set(clientId, (this.#quarantined.get(clientId) ?? 0) + difference);
  }
}

function dropBody(entry: KeptEvent): void {
  if (entry.body !== null) erase(entry.body);
  entry.body = null;
}

function quarantinedIn(entry: KeptEvent | undefined): 0 | 1 {
  return entry?.state === 'quarantined' ? 1 : 0;
}

function isBefore(entry: KeptEvent, moment: Date | undefined): boolean {
  return moment !== undefined && entry.receivedAt < moment.toISOString();
}

function matches(entry: KeptEvent, filter: EventFilter): boolean {
  const { receivedFrom, receivedBefore, ...exact } = filter;
  for (const [member, value] of Object.entries(exact) as [keyof typeof exact, unknown][]) {
    if (value !== undefined && entry[member] !== value) return false;
  }
  if (receivedFrom !== undefined && entry.receivedAt < receivedFrom.toISOString()) return false;
  return receivedBefore === undefined || isBefore(entry, receivedBefore);
}
