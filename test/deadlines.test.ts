import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines, type Timed } from '../src/deadlines.ts';

describe('Deadlines', () => {
  let passed: string[];
  let deadlines: Deadlines;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    passed = [];
    deadlines = new Deadlines();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  function begin(name: string, timeout: number, onPassed?: () => void): Timed {
    const timed: Timed = {
      place: 0,
      deadline: 0,
      onPassed: () => {
        passed.push(name);
        deadlines.end(timed);
        onPassed?.();
      },
    };
    deadlines.begin(timed, timeout);
    return timed;
  }

  it('pass once each, whatever their order', () => {
    begin('a', 30);
    begin('b', 10);
    begin('c', 20);
    vi.advanceTimersByTime(9);
    expect(passed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(passed).toEqual(['b']);
    begin('d', 5);
    vi.advanceTimersByTime(9);
    expect(passed).toEqual(['b', 'd']);
    vi.advanceTimersByTime(100);
    expect(passed).toEqual(['b', 'd', 'c', 'a']);
  });

  it('do not pass for what has ended before', () => {
    const first = begin('a', 10);
    begin('b', 20);
    deadlines.end(first);
    vi.advanceTimersByTime(100);
    expect(passed).toEqual(['b']);
  });

  it('may be ended twice, and take no other along', () => {
    const first = begin('a', 10);
    begin('b', 20);
    begin('c', 30);
    deadlines.end(first);
    deadlines.end(first);
    vi.advanceTimersByTime(100);
    expect(passed).toEqual(['b', 'c']);
  });

  it('keep no timer once all have ended or passed', () => {
    const ended = begin('a', 10);
    expect(vi.getTimerCount()).toBe(1);
    deadlines.end(ended);
    expect(vi.getTimerCount()).toBe(0);
    begin('b', 10);
    vi.advanceTimersByTime(10);
    expect(passed).toEqual(['b']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('have one timer between them', () => {
    for (let n = 1; n <= 20; n++) begin(String(n), 1_000 - n);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('begin while others pass', () => {
    begin('a', 10, () => begin('c', 5));
    begin('b', 40);
    vi.advanceTimersByTime(15);
    expect(passed).toEqual(['a', 'c']);
    vi.advanceTimersByTime(25);
    expect(passed).toEqual(['a', 'c', 'b']);
  });
});
