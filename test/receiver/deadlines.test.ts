import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withDeadline } from '../../src/receiver/deadline.ts';
import { Deadlines } from '../../src/receiver/deadlines.ts';
import { StorageError } from '../../src/errors.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Deadlines', () => {
  it('pass in their order, each at its time, those that were ended never', () => {
    const passed: string[] = [];
    const deadlines = new Deadlines(100);
    const begin = (name: string) =>
      deadlines.begin(() => {
        passed.push(name);
      });
    const first = begin('first');
    begin('second');
    vi.advanceTimersByTime(60);
    begin('third');
    deadlines.end(first);
    vi.advanceTimersByTime(39);
    expect(passed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(passed).toEqual(['second']);
    vi.advanceTimersByTime(59);
    expect(passed).toEqual(['second']);
    vi.advanceTimersByTime(1);
    expect(passed).toEqual(['second', 'third']);
    begin('fourth');
    vi.advanceTimersByTime(100);
    expect(passed).toEqual(['second', 'third', 'fourth']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('have one timer, and none once all were ended', () => {
    const deadlines = new Deadlines(100);
    const open = Array.from({ length: 10 }, () => deadlines.begin(() => undefined));
    expect(vi.getTimerCount()).toBe(1);
    for (const deadline of open) deadlines.end(deadline);
    expect(vi.getTimerCount()).toBe(0);
    deadlines.end(open[0]!);
    deadlines.begin(() => undefined);
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('withDeadline', () => {
  it('gives what is there as it is', () => {
    expect(withDeadline('It', 100, undefined)).toBeUndefined();
    expect(withDeadline('It', 100, 'there')).toBe('there');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for the rest, and leaves no timer behind', async () => {
    expect(await withDeadline('It', 100, Promise.resolve('late'))).toBe('late');
    await expect(withDeadline('It', 100, Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('fails once the time is over, and tells the work', async () => {
    const controller = new AbortController();
    const waiting = withDeadline('It', 100, new Promise(() => undefined), controller);
    const failed = expect(waiting).rejects.toThrow(StorageError);
    await vi.advanceTimersByTimeAsync(99);
    expect(controller.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(controller.signal.aborted).toBe(true);
    await failed;
  });
});
