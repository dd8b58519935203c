import { nextAttemptAt, type RetryPolicy } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { TimedAttempt } from './endpoint.ts';
import { type LifecycleListener, tell } from './lifecycle.ts';
import type { ClaimedEvent, Settlement } from './outbox.ts';

/** What a verdict is found by. */
export interface VerdictSettings {
  readonly retry: RetryPolicy;
  readonly onLifecycle: LifecycleListener;
  readonly clock: Clock;
  readonly random: () => number;
}

/** What becomes of a queued event after an attempt; tells the host. */
export function settlementOf(
  claimed: ClaimedEvent,
  attempt: TimedAttempt,
  { retry, onLifecycle, clock, random }: VerdictSettings,
): Settlement {
  const { judgement, status, reasonCode, startedAt, duration, retryAfter } = attempt;
  const { eventId, type } = claimed;
  const attempts = claimed.attempts + 1;
  const about = { eventId, type, attempts, status, duration };
  if (judgement === 'delivered') {
    tell(onLifecycle, { kind: 'delivered', isReplayed: attempt.isReplayed, ...about });
    return { claimed, outcome: 'delivered' };
  }
  const now = clock.now();
  const firstAttemptAt = claimed.firstAttemptAt ?? startedAt;
  const dueAt =
    judgement === 'pause'
      ? now
      : judgement === 'reject'
        ? undefined
        : nextAttemptAt({ attempts, firstAttemptAt, retryAfter }, retry, now, random);
  const retryAt = dueAt ?? null;
  tell(onLifecycle, { kind: 'attempt_failed', reasonCode, retryAt, ...about });
  if (dueAt !== undefined) {
    // The endpoint's fault is no attempt of the event's.
    return judgement === 'pause'
      ? handBack(claimed, dueAt)
      : { claimed, outcome: 'retry', dueAt, attempts, firstAttemptAt };
  }
  const kind = judgement === 'reject' ? 'rejected' : 'expired';
  tell(onLifecycle, {
    kind: 'dead_letter',
    reason: kind,
    eventId,
    type,
    attempts,
    status,
    reasonCode,
  });
  const reason = { kind, status, code: reasonCode, message: attempt.reason } as const;
  return { claimed, outcome: 'dead', attempts, reason };
}

/** Hands an event back, with the attempts that it had. */
export function handBack(claimed: ClaimedEvent, dueAt: number): Settlement {
  const { attempts, firstAttemptAt } = claimed;
  return { claimed, outcome: 'retry', dueAt, attempts, firstAttemptAt };
}
