import { withoutValues } from '../without-values.ts';

/** The parts that are said of an event: never its payload. */
export interface EventSummary {
  readonly eventId: string;
  readonly type: string;
  /** How many attempts were made, this one included. */
  readonly attempts: number;
}

/** How one attempt ended. */
export interface AttemptSummary extends EventSummary {
  /** The status of the answer; `null` where there was none. */
  readonly status: number | null;
  /** From its begin to the last byte of the answer, in milliseconds. */
  readonly duration: number;
}

/**
 * What a sender tells its host, for logs and metrics. No payload, token or secret is in it.
 *
 * - `delivered`: the receiver has the event.
 * - `attempt_failed`: it has not; `retryAt` is when the next attempt is due, in milliseconds since
 *   1970, and `null` where there is none.
 * - `dead_letter`: the event is not sent any more, until it is redriven.
 * - `paused`: the endpoint refuses whatever it is sent (an expired token, a wrong address): told once,
 *   events wait, and a probe goes out now and then.
 * - `broken`: the endpoint cannot be reached, or fails; events wait, with probes as well.
 * - `opened`: the endpoint works again.
 * - `outbox_failed`: the outbox could not be reached; the sender goes on trying. `error` says why, without
 *   the message of an error that may hold values.
 */
export type SenderEvent =
  | ({ readonly kind: 'delivered'; readonly isReplayed: boolean } & AttemptSummary)
  | ({
      readonly kind: 'attempt_failed';
      readonly reasonCode: string | null;
      readonly retryAt: number | null;
    } & AttemptSummary)
  | ({
      readonly kind: 'dead_letter';
      readonly reason: 'rejected' | 'expired';
      readonly status: number | null;
      readonly reasonCode: string | null;
    } & EventSummary)
  | {
      readonly kind: 'paused' | 'broken';
      readonly status: number | null;
      readonly reasonCode: string | null;
    }
  | { readonly kind: 'opened' }
  | { readonly kind: 'outbox_failed'; readonly error: unknown };

/** Whoever is told. What it throws is its own affair. */
export type LifecycleListener = (event: SenderEvent) => unknown;

/** Tells a listener, whose faults are not to become the sender's. */
export function tell(listener: LifecycleListener, event: SenderEvent): void {
  try {
    const heard = listener(
      event.kind === 'outbox_failed'
        ? { ...event, error: withoutValues(event.error, 'host') }
        : event,
    );
    if (heard instanceof Promise) heard.catch(() => undefined);
  } catch {
    // See above.
  }
}
