import { quarantineKey } from '../inbox.ts';
import type {
  Change,
  EventFilter,
  QuarantineVerdict,
  RefusedEvent,
  StoredEvent,
} from '../types.ts';
import { identity } from './identity.ts';

/** The record of events, in memory. */
export class MemoryInbox {
  readonly #quota: number;
  readonly #entries = new Map<string, StoredEvent>();
  readonly #quarantined = new Map<string, number>();

  constructor(quota: number) {
    this.#quota = quota;
  }

  get(clientId: string, key: string): StoredEvent | undefined {
    return this.#entries.get(identity(clientId, key));
  }

  /** Whether what is being replayed was replaced or settled since it was read. */
  isOutdated({ clientId, replayOf }: Change | RefusedEvent): boolean {
    return (
      replayOf !== undefined && this.get(clientId, replayOf.key)?.attempts !== replayOf.attempts
    );
  }

  /** Writes down what was applied or declined, over whatever stands under its id. */
  record(change: Change): void {
    const { row, force, replayOf, ...event } = change;
    this.settle(change);
    const id = identity(event.clientId, event.eventId);
    this.#put(id, {
      ...event,
      state: row === null ? 'declined' : 'applied',
      code: null,
      reason: null,
      attempts: (this.#entries.get(id)?.attempts ?? 0) + 1,
    });
  }

  /** Drops the quarantine entry a replay began with, if it is not under the event's own id. */
  settle({ clientId, eventId, replayOf }: Change): void {
    if (replayOf === undefined || replayOf.key === eventId) return;
    if (this.get(clientId, replayOf.key)?.state === 'quarantined') {
      this.#remove(identity(clientId, replayOf.key));
    }
  }

  quarantine(refused: RefusedEvent): QuarantineVerdict {
    if (this.isOutdated(refused)) return 'duplicate';
    const { replayOf, ...event } = refused;
    const { clientId, eventId } = event;
    const place = quarantineKey(eventId === null ? undefined : this.get(clientId, eventId), event);
    if (place === 'duplicate') return 'duplicate';
    const entry = this.get(clientId, place.key);
    if (entry === undefined && (this.#quarantined.get(clientId) ?? 0) >= this.#quota) {
      return 'over_quota';
    }
    const attempts = (entry?.attempts ?? 0) + 1;
    const id = identity(clientId, place.key);
    this.#put(id, { ...event, eventId: place.key, state: 'quarantined', attempts });
    return 'quarantined';
  }

  find(filter: EventFilter): readonly StoredEvent[] {
    return [...this.#entries.values()]
      .filter((entry) => matches(entry, filter))
      .sort((a, b) => (identity(a.clientId, a.eventId) < identity(b.clientId, b.eventId) ? -1 : 1));
  }

  prune(policy: { readonly bodiesBefore?: Date; readonly keysBefore?: Date }): {
    readonly bodies: number;
    readonly keys: number;
  } {
    let bodies = 0;
    let keys = 0;
    for (const [id, entry] of this.#entries) {
      if (entry.state === 'quarantined') continue;
      if (isBefore(entry, policy.keysBefore)) {
        keys++;
        this.#entries.delete(id);
      } else if (entry.body !== null && isBefore(entry, policy.bodiesBefore)) {
        bodies++;
        this.#entries.set(id, { ...entry, body: null });
      }
    }
    return { bodies, keys };
  }

  #put(id: string, entry: StoredEvent): void {
    this.#remove(id);
    this.#entries.set(id, entry);
    if (entry.state === 'quarantined') this.#count(entry.clientId, 1);
  }

  #remove(id: string): void {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    if (entry?.state === 'quarantined') this.#count(entry.clientId, -1);
  }

  #count(clientId: string, difference: number): void {
    this.#quarantined.set(clientId, (this.#quarantined.get(clientId) ?? 0) + difference);
  }
}

function isBefore(entry: StoredEvent, moment: Date | undefined): boolean {
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
