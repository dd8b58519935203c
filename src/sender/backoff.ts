import { ConfigurationError } from '../errors.ts';

/** When the attempts of a delivery are made. */
export interface RetryPolicy {
  /** The delay after the first attempt that failed, in milliseconds. @default 1_000 */
  readonly initialDelay: number;
  /** How many times as long as the last each delay is. @default 2 */
  readonly factor: number;
  /** The longest delay, in milliseconds. @default 900_000 (15 minutes) */
  readonly maxDelay: number;
  /**
   * The share of a delay that is left to chance, from 0 to 1, so that senders that failed together do
   * not come back together: 0.5 makes a delay of 8 s one of 4 to 8 s.
   * @default 0.5
   */
  readonly jitter: number;
  /**
   * For how long an event is tried, from its first attempt on, in milliseconds. An event whose attempt
   * fails after that is a dead letter.
   * @default 604_800_000 (7 days)
   */
  readonly horizon: number;
  /** The longest `Retry-After` that is honoured, in milliseconds. @default 3_600_000 (an hour) */
  readonly maxRetryAfter: number;
}

/** The policy where none is given. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = Object.freeze({
  initialDelay: 1_000,
  factor: 2,
  maxDelay: 900_000,
  jitter: 0.5,
  horizon: 7 * 24 * 3_600_000,
  maxRetryAfter: 3_600_000,
});

/**
 * The delay before the next attempt: exponential backoff with jitter (section 5 of the HIS Webhook
 * document).
 *
 * After attempt *n* it is `min(maxDelay, initialDelay × factor^(n − 1))`, less a random share of up to
 * `jitter`. So it lies in `[(1 − jitter) × d, d]`, and with the default policy *d* is:
 *
 * | after attempt | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 and on |
 * | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
 * | d | 1 s | 2 s | 4 s | 8 s | 16 s | 32 s | 64 s | 128 s | 256 s | 512 s | 900 s |
 *
 * The first eleven attempts are made within 9 to 17 minutes, and some 700 to 1,350 within the default
 * horizon of seven days.
 *
 * @example
 * ```ts
 * import { backoffDelay } from '@buktor/his-webhook';
 *
 * backoffDelay(1); // 500 to 1000
 * backoffDelay(4, { initialDelay: 250, jitter: 0 }); // 2000
 * ```
 *
 * @param attempt - How many attempts were made, 1 or more.
 * @param policy - What differs from the default.
 * @param random - A number from 0 up to 1. `Math.random` by default.
 * @returns Milliseconds, whole.
 */
export function backoffDelay(
  attempt: number,
  policy: Partial<RetryPolicy> = {},
  random: () => number = Math.random,
): number {
  const { initialDelay, factor, maxDelay, jitter } = { ...DEFAULT_RETRY_POLICY, ...policy };
  // Bounded before it is multiplied: 0 × Infinity is no delay.
  const growth = Math.min(Number.MAX_VALUE, factor ** (Math.max(1, attempt) - 1));
  const delay = Math.min(maxDelay, initialDelay * growth);
  return Math.round(delay * (1 - jitter * random()));
}

/**
 * When a delivery that may be retried is tried again: after its backoff, and not before what
 * `Retry-After` asks for, within the policy's bound.
 *
 * @returns Milliseconds since 1970; `undefined` where the horizon is passed.
 */
export function nextAttemptAt(
  delivery: {
    /** How many attempts were made, 1 or more. */
    readonly attempts: number;
    /** When the first one began, in milliseconds since 1970. */
    readonly firstAttemptAt: number;
    /** What the answer asked for, in milliseconds. */
    readonly retryAfter?: number | undefined;
  },
  policy: RetryPolicy,
  now: number,
  random: () => number = Math.random,
): number | undefined {
  const { attempts, firstAttemptAt, retryAfter = 0 } = delivery;
  if (now - firstAttemptAt >= policy.horizon) return undefined;
  const backoff = backoffDelay(attempts, policy, random);
  return now + Math.max(backoff, Math.min(retryAfter, policy.maxRetryAfter));
}

const MEMBERS = Object.keys(DEFAULT_RETRY_POLICY) as (keyof RetryPolicy)[];

/**
 * Fills in the defaults.
 *
 * @throws ConfigurationError for a member that could never work.
 */
export function checkRetryPolicy(policy: Partial<RetryPolicy>): RetryPolicy {
  for (const name of Object.keys(policy)) {
    if (!(MEMBERS as string[]).includes(name)) {
      throw new ConfigurationError(`retry has no option ${name}; it has ${MEMBERS.join(', ')}.`);
    }
  }
  const checked = { ...DEFAULT_RETRY_POLICY };
  for (const name of MEMBERS) {
    const value: unknown = policy[name] ?? DEFAULT_RETRY_POLICY[name];
    const isFit =
      typeof value === 'number' &&
      Number.isFinite(value) &&
      value >= (name === 'factor' ? 1 : 0) &&
      (name !== 'jitter' || value <= 1);
    if (!isFit) {
      const range = name === 'factor' ? '1 or more' : name === 'jitter' ? '0 to 1' : '0 or more';
      throw new ConfigurationError(`retry.${name} must be a number, ${range}.`);
    }
    checked[name] = value;
  }
  return checked;
}
