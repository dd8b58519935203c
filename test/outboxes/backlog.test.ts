import { expect, it } from 'vitest';
import { openBacklogs } from '../bench/backlog.ts';

it('holds no more of a long queue in memory than of a short one', { timeout: 60_000 }, async () => {
  const backlogs = await openBacklogs();
  try {
    const [short, long] = [await backlogs.fill(2_000), await backlogs.fill(200_000)];
    const { memory } = await backlogs.drain(short, 2_000);
    const drained = await backlogs.drain(long, 8_000);
    // The whole of it is drained by `npm run bench -- backlog`.
    expect((drained.memory - memory) / 2 ** 20).toBeLessThan(30);
  } finally {
    await backlogs.close();
  }
});
