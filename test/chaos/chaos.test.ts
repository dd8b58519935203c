import { describe, expect, it } from 'vitest';
import { missingPostgres } from '../support/databases.ts';
import type { ChaosEngine } from './engine.ts';
import { isSound } from './judge.ts';
import { type KillOptions, runKills } from './kill.ts';
import { postgres } from './postgres.ts';
import { runRaces } from './race.ts';
import { sqlite } from './sqlite.ts';

// A short version of `npm run chaos`, which kills many more.
const TIMEOUT = 120_000;
const seed = 20_250_108;

const ENGINES: readonly (readonly [ChaosEngine, string | false])[] = [
  [sqlite, false],
  [postgres, missingPostgres],
];

const SOUND = { lost: 0, doubled: 0, apart: 0, mismatched: 0, strange: 0, faults: [] };

async function expectSound(options: Omit<KillOptions, 'seed'>): Promise<void> {
  const report = await runKills({ ...options, seed });
  expect(report).toMatchObject(SOUND);
  expect(report.acknowledged).toBe(report.sent);
  expect(report.count).toBeGreaterThanOrEqual(options.count);
  expect(report.rows).toBeGreaterThan(0);
}

for (const [engine, missing] of ENGINES) {
  const title = missing === false ? engine.name : `${engine.name} (skipped: ${missing})`;
  describe.skipIf(missing !== false)(`a receiver on ${title}`, () => {
    it(
      'killed under load: everything acknowledged took effect once',
      () => expectSound({ engine, fault: 'kill', count: 5 }),
      TIMEOUT,
    );

    if (engine.canDisconnect) {
      it(
        'cut off from its database under load: everything acknowledged took effect once',
        () => expectSound({ engine, fault: 'disconnect', count: 20 }),
        TIMEOUT,
      );
    }

    it(
      'one of four that are handed the same event: one processes it, one content counts',
      async () => {
        expect(await runRaces({ engine, rounds: 5 })).toMatchObject({ ...SOUND, acknowledged: 10 });
      },
      TIMEOUT,
    );
  });
}

describe('the harness notices a store that', () => {
  it.each([
    ['row-first', 'commits a row before its claim', ['apart']],
    ['claim-first', 'commits a claim before its row', ['apart']],
    ['early-answer', 'answers before it commits', ['lost']],
  ] as const)(
    '%s: %s',
    async (mutant, _, signs) => {
      const report = await runKills({ engine: sqlite, fault: 'kill', count: 3, seed, mutant });
      expect(isSound(report)).toBe(false);
      for (const sign of signs) expect(report[sign]).toBeGreaterThan(0);
    },
    TIMEOUT,
  );
});
