import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import { memoryOutbox } from '../../src/outboxes/memory.ts';
import { outboxSuite } from '../../src/testing/outbox.ts';
import { manualHarness } from '../support/outboxes.ts';

describe('memoryOutbox', () => {
  for (const { name, run } of outboxSuite(() => Promise.resolve(manualHarness(memoryOutbox())))) {
    it(name, run);
  }

  it('takes part in no transaction, and says so', async () => {
    const event = { eventId: 'e1', type: 'appointment.created', body: '{}' };
    const enqueued = memoryOutbox().enqueue(event, { now: 0, transaction: {} as never });
    await expect(enqueued).rejects.toThrow(ConfigurationError);
  });
});
