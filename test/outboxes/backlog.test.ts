import { expect, it } from 'vitest';
import { openBacklogs } from '../bench/backlog.ts';
import { quantile } from '../bench/workload.ts';

it(
  'holds no more of a long queue in memory than of a short one',
  { timeout: 120_000 },
  async () => {
    const backlogs = await openBacklogs();
    try {
      const long = await backlogs.fill(200_000);
      const differences: number[] = [];
      // When V8 collects is chance, and worth some 20 MiB by itself.
      for (let round = 0; round < 3; round++) {
        const short = await backlogs.drain(await backlogs.fill(2_000), 2_000);
        // The whole of it is drained by `npm run bench -- backlog`.
        const { memory } = await backlogs.drain(long, 8_000);
        differences.push((memory - short.memory) / 2 ** 20);
      }
      expect(quantile(differences)).toBeLessThan(30);
    } finally {
      await backlogs.close();
    }
  },
);
