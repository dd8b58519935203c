import { checkMembers } from '../configuration.ts';
import { ConfigurationError, DeliveryError } from '../errors.ts';
import { nextAttemptAt, type RetryPolicy } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Endpoint, TimedAttempt } from './endpoint.ts';
import type { PreparedEvent } from './event.ts';
import type { Envelope } from '../events.ts';
import { type LifecycleListener, tell } from './lifecycle.ts';
import { ended, type Placed, Underway } from '../underway.ts';

/** That an event is with the receiver. */
export interface Receipt {
  readonly eventId: string;
  readonly status: number;
  /** The receiver had it before. */
  readonly isReplayed: boolean;
  /** How many attempts were made. */
  readonly attempts: number;
}

/** Options of `Sender.send`. */
export interface SendOptions {
  /**
   * For how long it is tried again where the receiver cannot take it yet, in milliseconds; 0 makes one
   * attempt.
   * @default 30_000
   */
  readonly retryFor?: number;
  /** Gives up. What was sent already may have arrived. */
  readonly signal?: AbortSignal;
}

/** What a direct delivery works with. */
export interface DirectSettings {
  /** Throws where no receiver would take the event. */
  readonly prepare: (event: Envelope<object> | string) => PreparedEvent;
  readonly endpoint: Endpoint;
  readonly retry: RetryPolicy;
  readonly onLifecycle: LifecycleListener;
  readonly clock: Clock;
  readonly random: () => number;
}

/** A call of `send` that is not answered yet. */
interface Send extends Placed {
  readonly event: PreparedEvent;
  readonly signal: AbortSignal | undefined;
  readonly retryFor: number;
  readonly firstAttemptAt: number;
  /** How many were made, the one under way included. */
  attempts: number;
  /** The sender is stopping. */
  isLast: boolean;
  /** There is none while an attempt is made. */
  endWait: (() => void) | undefined;
}

/** Delivers events that somebody waits for, without an outbox. */
export class DirectDelivery {
  readonly #settings: DirectSettings;
  readonly #sends = new Underway<Send>();

  constructor(settings: DirectSettings) {
    this.#settings = settings;
  }

  /**
   * What is done with every event is kept apart from what is done with those that fail: an async function
   * costs the more, the more it has to remember.
   *
   * @throws EventError at once, where no receiver would take it.
   * @throws DeliveryError where it was not delivered.
   */
  async deliver(given: Envelope<object> | string, options?: SendOptions): Promise<Receipt> {
    if (options !== undefined) checkSendOptions(options);
    const { retryFor = 30_000, signal } = options ?? {};
    const event = this.#settings.prepare(given);
    const send: Send = {
      event,
      signal,
      retryFor,
      firstAttemptAt: this.#settings.clock.now(),
      attempts: 0,
      isLast: false,
      endWait: undefined,
      place: 0,
    };
    this.#sends.add(send);
    try {
      for (;;) {
        send.attempts++;
        const attempt = await this.#settings.endpoint.attempt(event, signal);
        if (attempt.judgement === 'delivered') return this.#receive(send, attempt);
        const delay = this.#fail(send, attempt);
        if (delay !== undefined) await this.#wait(delay, send);
        if (delay === undefined || isOver(send)) throw failureOf(attempt, send.attempts);
      }
    } finally {
      this.#sends.delete(send);
    }
  }

  /** Makes the attempts that are under way the last ones, and waits for them. */
  async stop(): Promise<void> {
    for (const send of this.#sends) {
      send.isLast = true;
      send.endWait?.();
    }
    await ended(this.#sends);
  }

  #receive({ event, attempts }: Send, { status, isReplayed, duration }: TimedAttempt): Receipt {
    const { eventId, type } = event;
    const { onLifecycle } = this.#settings;
    tell(onLifecycle, { kind: 'delivered', eventId, type, attempts, status, duration, isReplayed });
    return { eventId, status: status ?? 0, isReplayed, attempts };
  }

  /** @returns How long to wait for the next attempt, in milliseconds; `undefined` where there is none. */
  #fail(send: Send, attempt: TimedAttempt): number | undefined {
    const { clock, retry, random, onLifecycle } = this.#settings;
    const { attempts, firstAttemptAt, retryFor } = send;
    const { judgement, status, reasonCode, duration, retryAfter } = attempt;
    const now = clock.now();
    const dueAt =
      judgement !== 'retry' || isOver(send)
        ? undefined
        : nextAttemptAt({ attempts, firstAttemptAt, retryAfter }, retry, now, random);
    const isLast = dueAt === undefined || dueAt - firstAttemptAt > retryFor;
    const { eventId, type } = send.event;
    const retryAt = isLast ? null : dueAt;
    const about = { eventId, type, attempts, status, duration };
    tell(onLifecycle, { kind: 'attempt_failed', reasonCode, retryAt, ...about });
    return isLast ? undefined : dueAt - now;
  }

  /** Waits for the next attempt, or until there is to be none. */
  async #wait(milliseconds: number, send: Send): Promise<void> {
    // One for each: on a signal that all of them share, Node 20 warns of too many listeners.
    const wait = new AbortController();
    const endWait = (): void => {
      wait.abort();
    };
    send.endWait = endWait;
    // The host may have said so when it was told of the attempt.
    if (isOver(send)) return;
    send.signal?.addEventListener('abort', endWait);
    await this.#settings.clock.sleep(milliseconds, wait.signal);
    send.signal?.removeEventListener('abort', endWait);
  }
}

/** @throws ConfigurationError for an option that could never work. */
function checkSendOptions(options: SendOptions): void {
  checkMembers('send', options, ['retryFor', 'signal']);
  const { retryFor = 0, signal } = options;
  if (!(retryFor >= 0)) throw new ConfigurationError('retryFor must be 0 or more.');
  if (
    signal !== undefined &&
    typeof (signal as unknown as EventTarget | null)?.addEventListener !== 'function'
  ) {
    throw new ConfigurationError('signal must be an AbortSignal.');
  }
}

function isOver({ isLast, signal }: Send): boolean {
  return isLast || signal?.aborted === true;
}

const KINDS = { reject: 'rejected', pause: 'endpoint', retry: 'unavailable' } as const;

function failureOf(attempt: TimedAttempt, attempts: number): DeliveryError {
  const { judgement, status, reasonCode, reason, faults } = attempt;
  const kind = judgement === 'delivered' ? 'unavailable' : KINDS[judgement];
  return new DeliveryError({ kind, status, reasonCode, reason, faults, attempts });
}
