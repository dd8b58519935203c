import { randomUUID } from 'node:crypto';
import { ConfigurationError, HisWebhookError, StorageError } from './errors.ts';
import { withoutValues } from './without-values.ts';

/** What is written down: what changes rows or deliveries by hand, and what shows a body. */
export type AuditAction = 'replay' | 'reveal' | 'redrive' | 'discard';

/** One line of an audit trail. It holds no value of an event. */
export interface AuditEntry {
  /** The same for the entry an action began with, and the one that tells how it ended. */
  readonly id: string;
  /** UTC with milliseconds. */
  readonly at: string;
  /** Who did it, as the host names them. */
  readonly actor: string;
  readonly action: AuditAction;
  /** What it was done to: the filter as it was given, moments in UTC. Empty where that was everything. */
  readonly target: Readonly<Record<string, string | boolean>>;
  /**
   * How many events, by what became of them; `null` in the entry an action begins with. Where no other
   * follows, it broke off.
   */
  readonly outcome: Readonly<Record<string, number>> | null;
}

/**
 * Where it is written down who replayed, revealed, redrove or discarded what. Entries are added, and never
 * changed or removed.
 */
export interface AuditTrail {
  /** Makes an entry durable. Where it rejects, what the entry is about is not done. */
  append(entry: AuditEntry): Promise<void>;
}

/** An audit trail in memory, for tests and trials. */
export class MemoryAudit implements AuditTrail {
  readonly #entries: AuditEntry[] = [];

  append(entry: AuditEntry): Promise<void> {
    this.#entries.push(Object.freeze({ ...entry }));
    return Promise.resolve();
  }

  /** What was written down, the oldest first. */
  get entries(): readonly AuditEntry[] {
    return [...this.#entries];
  }
}

/** Who acts where nobody is named: the host's own program. */
export const HOST = 'host';

/** What is about to be done. */
export interface AuditedAction<T> {
  readonly trail: AuditTrail | undefined;
  readonly action: AuditAction;
  readonly actor: string;
  readonly target: object;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly act: () => Promise<T>;
  readonly outcomeOf: (result: T) => NonNullable<AuditEntry['outcome']>;
}

/**
 * Does what is asked for once it is written down who does it.
 *
 * @throws ConfigurationError where there is no trail, or the actor has no name; nothing was done.
 * @throws StorageError where the trail takes no entry; nothing was done.
 */
export async function audited<T>(asked: AuditedAction<T>): Promise<T> {
  const { trail, action, actor, target, now, act, outcomeOf } = asked;
  if (trail === undefined) {
    throw new ConfigurationError(
      `${action} is written down before it is done, and there is no audit trail: hand one in as audit.`,
    );
  }
  const entry: AuditEntry = {
    id: randomUUID(),
    at: new Date(now()).toISOString(),
    actor: checkActor(actor),
    action,
    target: describeTarget(target),
    outcome: null,
  };
  try {
    await trail.append(entry);
  } catch (error) {
    if (error instanceof HisWebhookError && !(error instanceof StorageError)) throw error;
    throw new StorageError('The audit trail takes no entry, so nothing was done.', {
      cause: withoutValues(error, 'host'),
    });
  }
  const result = await act();
  const ended = { ...entry, at: new Date(now()).toISOString(), outcome: outcomeOf(result) };
  // It is done; that the entry of its end is missing must not look as if it were not.
  await Promise.resolve()
    .then(() => trail.append(ended))
    .catch(() => undefined);
  return result;
}

function checkActor(actor: unknown): string {
  if (typeof actor === 'string' && /^[^\p{Cc}]{1,200}$/u.test(actor) && actor.trim() !== '') {
    return actor;
  }
  throw new ConfigurationError('actor must be a name of 1 to 200 characters.');
}

function describeTarget(target: object): AuditEntry['target'] {
  const entries = Object.entries(target).flatMap(([name, value]: [string, unknown]) =>
    value === undefined ? [] : [[name, value instanceof Date ? value.toISOString() : value]],
  );
  return Object.fromEntries(entries) as AuditEntry['target'];
}

/** An option of the host's. @throws ConfigurationError for what is no audit trail. */
export function checkTrail(trail: AuditTrail | undefined): AuditTrail | undefined {
  if (trail === undefined || typeof (trail as Partial<AuditTrail> | null)?.append === 'function') {
    return trail;
  }
  throw new ConfigurationError('audit must be an audit trail: an object with append(entry).');
}
