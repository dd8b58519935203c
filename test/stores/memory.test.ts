import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import { eventStoreCases, type OpenHarness } from '../conformance/event-store.ts';

const open: OpenHarness = (options) => {
  const store = memoryStore(options);
  const columns: Record<string, null> = { status: null, room: null, note: null };
  return Promise.resolve({
    store,
    rows: (table) => Promise.resolve(store.rows(table).map((row) => ({ ...columns, ...row }))),
  });
};

describe('memoryStore', () => {
  for (const { name, run } of eventStoreCases) it(name, () => run(open));

  it.each([-1, 1.5, NaN, Infinity])('refuses the quota %d', (quarantineQuota) => {
    expect(() => memoryStore({ quarantineQuota })).toThrow(ConfigurationError);
  });
});
