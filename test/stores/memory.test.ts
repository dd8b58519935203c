import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import { eventStoreSuite, type OpenEventStore } from '../../src/testing/event-store.ts';

const open: OpenEventStore = (options) => {
  const store = memoryStore(options);
  const columns: Record<string, null> = { status: null, room: null, note: null };
  return Promise.resolve({
    store,
    rows: (table) => Promise.resolve(store.rows(table).map((row) => ({ ...columns, ...row }))),
  });
};

describe('memoryStore', () => {
  for (const { name, run } of eventStoreSuite(open)) it(name, run);

  it.each([-1, 1.5, NaN, Infinity])('refuses the quota %d', (quarantineQuota) => {
    expect(() => memoryStore({ quarantineQuota })).toThrow(ConfigurationError);
  });
});
