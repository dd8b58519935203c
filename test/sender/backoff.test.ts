import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import {
  backoffDelay,
  checkRetryPolicy,
  DEFAULT_RETRY_POLICY,
  nextAttemptAt,
} from '../../src/sender/backoff.ts';

const DAY = 86_400_000;

describe('backoffDelay', () => {
  it('doubles from a second to a quarter of an hour', () => {
    const delays = Array.from({ length: 12 }, (_, n) => backoffDelay(n + 1, {}, () => 0) / 1_000);
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
  });

  it('stays within the bounds of its jitter, for any policy, and is never NaN', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.record({
          initialDelay: fc.integer({ min: 0, max: 1e6 }),
          factor: fc.double({ min: 1, max: 10, noNaN: true }),
          maxDelay: fc.integer({ min: 0, max: 1e9 }),
          jitter: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, policy, chance) => {
          const most = backoffDelay(attempt, policy, () => 0);
          const delay = backoffDelay(attempt, policy, () => chance);
          expect(most).toBeLessThanOrEqual(policy.maxDelay);
          expect(delay).toBeLessThanOrEqual(most);
          expect(delay).toBeGreaterThanOrEqual(Math.floor(most * (1 - policy.jitter)) - 1);
          expect(Number.isInteger(delay)).toBe(true);
        },
      ),
    );
  });

  it('spreads what failed together over half of the delay', () => {
    const delays = Array.from({ length: 1_000 }, () => backoffDelay(5));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(8_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(16_000);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(6_000);
  });
});

describe('nextAttemptAt', () => {
  const policy = DEFAULT_RETRY_POLICY;
  const next = (attempts: number, now: number, retryAfter?: number): number | undefined =>
    nextAttemptAt({ attempts, firstAttemptAt: 0, retryAfter }, policy, now, () => 0);

  it('waits for the backoff, or longer where the answer asks for it, within a bound', () => {
    expect(next(1, 0)).toBe(1_000);
    expect(next(1, 0, 500)).toBe(1_000);
    expect(next(1, 0, 60_000)).toBe(60_000);
    expect(next(1, 0, 10 * DAY)).toBe(3_600_000);
  });

  it('tries for seven days, and for 72 hours at the least', () => {
    expect(policy.horizon).toBe(7 * DAY);
    expect(Object.isFrozen(policy)).toBe(true);
    expect(next(700, 7 * DAY - 1)).toBe(7 * DAY - 1 + 900_000);
    expect(next(700, 7 * DAY)).toBeUndefined();
    const later = { attempts: 700, firstAttemptAt: 3 * DAY };
    expect(nextAttemptAt(later, policy, 8 * DAY, () => 0)).toBe(8 * DAY + 900_000);
    expect(nextAttemptAt(later, policy, 10 * DAY, () => 0)).toBeUndefined();
  });

  it('makes as many attempts within the horizon as the docs say', () => {
    const attemptsOf = (chance: number): [number, number] => {
      let attempts = 0;
      let eleventh = 0;
      for (let now: number | undefined = 0; now !== undefined;) {
        if (++attempts === 11) eleventh = now / 60_000;
        now = nextAttemptAt({ attempts, firstAttemptAt: 0 }, policy, now, () => chance);
      }
      return [attempts, eleventh];
    };
    const [fewest, latest] = attemptsOf(0);
    const [most, earliest] = attemptsOf(1);
    expect(fewest).toBeGreaterThan(650);
    expect(most).toBeLessThan(1_400);
    expect(earliest).toBeGreaterThan(8);
    expect(latest).toBeLessThan(17.1);
  });
});

describe('checkRetryPolicy', () => {
  it('fills in the defaults', () => {
    expect(checkRetryPolicy({ maxDelay: 5 })).toEqual({ ...DEFAULT_RETRY_POLICY, maxDelay: 5 });
  });

  it('takes what is at the edge', () => {
    const edge = {
      initialDelay: 0,
      factor: 1,
      maxDelay: 0,
      jitter: 1,
      horizon: 0,
      maxRetryAfter: 0,
    };
    expect(checkRetryPolicy(edge)).toEqual(edge);
    expect(checkRetryPolicy({ ...edge, jitter: 0 })).toEqual({ ...edge, jitter: 0 });
    expect(checkRetryPolicy({})).toEqual(DEFAULT_RETRY_POLICY);
  });

  it.each<[object, string]>([
    [{ factor: 0.5 }, 'retry.factor must be a number, 1 or more.'],
    [{ jitter: 1.1 }, 'retry.jitter must be a number, 0 to 1.'],
    [{ jitter: -0.1 }, 'retry.jitter must be a number, 0 to 1.'],
    [{ initialDelay: -1 }, 'retry.initialDelay must be a number, 0 or more.'],
    [{ horizon: Infinity }, 'retry.horizon must be a number, 0 or more.'],
    [{ maxDelay: NaN }, 'retry.maxDelay must be a number, 0 or more.'],
    [{ maxRetryAfter: '5' }, 'retry.maxRetryAfter must be a number, 0 or more.'],
    [
      { retries: 5 },
      'retry has no option retries; it has initialDelay, factor, maxDelay, jitter, horizon, maxRetryAfter.',
    ],
  ])('refuses %o', (policy, message) => {
    expect(() => checkRetryPolicy(policy as never)).toThrow(ConfigurationError);
    expect(() => checkRetryPolicy(policy as never)).toThrow(message);
  });
});
