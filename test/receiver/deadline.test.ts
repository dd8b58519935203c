import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withDeadline } from '../../src/receiver/deadline.ts';
import { StorageError } from '../../src/errors.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
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
