import { audited, type AuditTrail } from '../audit.ts';
import type { EventStore, StoredEvent } from '../stores/types.ts';

/** An entry of the inbox without what belongs to a patient. */
export type EventSummary = Omit<StoredEvent, 'body'>;

/** Which event {@link Receiver.reveal} shows; as in {@link EventSummary}. */
export interface RevealTarget {
  readonly clientId: string;
  readonly eventId: string;
}

/** Who asks. */
export interface RevealOptions {
  /** The person who looks at it, as the host knows them: 1 to 200 characters. */
  readonly actor: string;
}

/** Shows a stored event with its body, once it is written down who looks at it. */
export function revealEvent(
  { clientId, eventId }: RevealTarget,
  { actor }: RevealOptions,
  {
    store,
    audit,
    now,
  }: {
    readonly store: EventStore;
    readonly audit: AuditTrail | undefined;
    readonly now: () => number;
  },
): Promise<StoredEvent | undefined> {
  return audited({
    trail: audit,
    action: 'reveal',
    actor,
    target: { clientId, eventId },
    now,
    act: async () => {
      for await (const entry of store.find({ clientId, eventId })) return entry;
      return undefined;
    },
    outcomeOf: (entry) => ({ found: entry === undefined ? 0 : 1 }),
  });
}
