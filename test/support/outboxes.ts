import type { Outbox } from '../../src/sender/outbox.ts';
import type { OutboxHarness } from '../../src/testing/outbox.ts';

/** A harness whose time passes when it is told to. */
export function manualHarness(outbox: Outbox, close?: () => void): OutboxHarness {
  let time = Date.parse('2025-03-02T10:30:45Z');
  const pass = (milliseconds: number): Promise<void> => {
    time += milliseconds;
    return Promise.resolve();
  };
  return {
    outbox,
    now: () => time,
    pass,
    lapse: () => pass(60_000),
    close: async () => {
      await outbox.close();
      close?.();
    },
  };
}
