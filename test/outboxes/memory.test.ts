import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import { memoryOutbox } from '../../src/outboxes/memory.ts';
import { outboxSuite } from '../../src/testing/outbox.ts';
import { manualHarness } from '../support/outboxes.ts';
import { ROOT } from '../support/process.ts';

describe('memoryOutbox', () => {
  for (const { name, run } of outboxSuite(() => Promise.resolve(manualHarness(memoryOutbox())))) {
    it(name, run);
  }

  it('takes part in no transaction, and says so', async () => {
    const event = { eventId: 'e1', type: 'appointment.created', body: '{}' };
    const enqueued = memoryOutbox().enqueue(event, { now: 0, transaction: {} as never });
    await expect(enqueued).rejects.toThrow(ConfigurationError);
  });

  it('lists the dead letters that died first before those that died later', async () => {
    const outbox = memoryOutbox();
    for (const eventId of ['e1', 'e2', 'e3']) {
      await outbox.enqueue({ eventId, type: 'appointment.created', body: '{}' }, { now: 0 });
    }
    const claimed = await outbox.claim({ limit: 3, lease: 1_000, now: 1 });
    const reason = { kind: 'rejected', status: 422, code: null, message: null } as const;
    for (const [index, now] of [30, 20, 20].entries()) {
      const settlement = {
        claimed: claimed[index]!,
        outcome: 'dead',
        attempts: 1,
        reason,
      } as const;
      await outbox.settle([settlement], { now });
    }
    const ids: string[] = [];
    for await (const { eventId } of outbox.deadLetters()) ids.push(eventId);
    expect(ids).toEqual(['e2', 'e3', 'e1']);
  });

  it('lets go of what was delivered at once, though its claim would have lasted', () => {
    const argv = ['--expose-gc', '--input-type=module', '--eval', CHURN];
    const { stdout, stderr } = spawnSync(process.execPath, argv, { cwd: ROOT, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(Number(stdout)).toBeLessThan(1_000_000);
  });
});

/** Delivers 10 MB of events; prints by how many bytes the heap has grown, old garbage included. */
const CHURN = `
  import { memoryOutbox } from './src/outboxes/memory.ts';

  const outbox = memoryOutbox();
  let count = 0;
  const deliverAll = async (rounds) => {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 40; i++) {
        const body = JSON.stringify(Array(1024).fill(count % 10));
        const eventId = String(count++);
        await outbox.enqueue({ eventId, type: 'appointment.created', body }, { now: 0 });
      }
      const claimed = await outbox.claim({ limit: 40, lease: 90_000, now: 0 });
      const settlements = claimed.map((claimed) => ({ claimed, outcome: 'delivered' }));
      await outbox.settle(settlements, { now: 0 });
      if (round % 4 === 0) gc({ type: 'minor' });
    }
    gc({ type: 'minor' });
    return process.memoryUsage().heapUsed;
  };
  await deliverAll(50);
  gc();
  const before = await deliverAll(10);
  console.log((await deliverAll(125)) - before);
`;
