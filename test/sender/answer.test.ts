import { describe, expect, it } from 'vitest';
import { isRetryable, judgeStatus, parseRetryAfter } from '../../src/sender/answer.ts';

describe('judgeStatus', () => {
  it('does what section 7 of the design says, for every status there is', () => {
    const groups = new Map<string, number[]>();
    for (let status = 0; status < 600; status++) {
      const judgement = judgeStatus(status);
      groups.set(judgement, [...(groups.get(judgement) ?? []), status]);
      expect(isRetryable({ status })).toBe(judgement === 'retry');
    }
    const range = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => from + index);
    const retry = [408, 425, 429, ...range(500, 600)];
    const pause = [...range(0, 200), ...range(300, 400), 401, 403, 404, 405, 410, 415];
    expect(groups.get('delivered')).toEqual(range(200, 300));
    expect(groups.get('retry')).toEqual(retry);
    expect(groups.get('pause')).toEqual(pause);
    expect(groups.get('reject')).toEqual(
      range(400, 500).filter((status) => !retry.includes(status) && !pause.includes(status)),
    );
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('2025-03-02T10:30:45Z');

  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7_000],
    ['Sun, 02 Mar 2025 10:31:00 GMT', 15_000],
    ['Sunday, 02-Mar-25 10:31:00 GMT', 15_000],
    ['Sun, 02 Mar 2025 10:30:00 GMT', 0],
  ])('reads %j as %d ms', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });

  it.each([
    null,
    '',
    '-1',
    '1.5',
    '1e3',
    'soon',
    '2025-03-02',
    'Sun, 99 Xyz 2025 10:31:00 GMT',
    '99999999999',
  ])('makes nothing of %j', (value) => {
    expect(parseRetryAfter(value, now)).toBeUndefined();
  });
});
