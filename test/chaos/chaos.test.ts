import { describe, expect, it } from 'vitest';
import { missingPostgres } from '../support/databases.ts';
import type { ChaosEngine } from './engine.ts';
import { isSound } from './judge.ts';
import { type KillOptions, runKills } from './kill.ts';
import { postgres } from './postgres.ts';
import { type DeliveryOptions, type DeliveryReport, runDelivery } from './delivery.ts';
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

/** On the way there is the store that a hospital's events end in: Postgres, where there is one. */
const [engine] = missingPostgres === false ? [postgres] : [sqlite];
const deliver = (options: Partial<DeliveryOptions>): Promise<DeliveryReport> =>
  runDelivery({
    engine,
    events: 400,
    rows: 100,
    senders: 4,
    receivers: 2,
    killEvery: 600,
    seed,
    ...options,
  });

describe('senders and receivers that are killed, over a network that fails', () => {
  it(
    'all that was enqueued is applied once, and nothing that was rolled back',
    async () => {
      const report = await deliver({});
      expect(report).toMatchObject({ ...SOUND, sent: 400, acknowledged: 400 });
      expect(report.rows).toBeGreaterThan(50);
      expect(report.ghosts).toBeGreaterThan(0);
      expect(report.senderKills).toBeGreaterThan(0);
      expect(Math.min(...Object.values(report.mischief))).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  it.skipIf(missingPostgres !== false)(
    'the same with pgBossOutbox and three workers, one of them killed',
    async () => {
      const options = { isShared: true, senders: 3, mostSenderKills: 1, killEvery: 1_500 };
      const report = await deliver(options);
      expect(report).toMatchObject({ ...SOUND, sent: 400, acknowledged: 400, senderKills: 1 });
      expect(report.ghosts).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  it.each([
    ['early-settle', 'takes an event for delivered when it is claimed', 'lost'],
    ['apart', 'enqueues outside of the transaction of the row', 'strange'],
  ] as const)(
    'the harness notices a sender that %s: %s',
    async (mutant, _, sign) => {
      const report = await deliver({ mutant, events: 200 });
      expect(report[sign]).toBeGreaterThan(0);
    },
    TIMEOUT,
  );
});
