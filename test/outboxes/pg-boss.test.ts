import { randomBytes } from 'node:crypto';
import { Client, Pool } from 'pg';
import { PgBoss } from 'pg-boss';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, EventError, StorageError } from '../../src/errors.ts';
import { pgBossOutbox, type PgBossLike } from '../../src/outboxes/pg-boss.ts';
import type { ClaimedEvent, DeadLetter, Outbox, Settlement } from '../../src/sender/outbox.ts';
import { outboxSuite } from '../../src/testing/outbox.ts';
import { missingPostgres, POSTGRES_URL } from '../support/databases.ts';
import { startProxy } from '../support/proxy.ts';

const schema = `his_boss_${randomBytes(6).toString('hex')}`;
const EVENT = { eventId: 'e1', type: 'appointment.created', body: '{"patient":"P456"}' };
const REASON = {
  kind: 'rejected',
  status: 422,
  code: 'mapping_not_found',
  message: 'No mapping\0 \ud800found.',
} as const;

type PgBossOutbox = ReturnType<typeof pgBossOutbox>;

async function startBoss(
  options: { max?: number; connectionString?: string; connectionTimeoutMillis?: number } = {},
): Promise<PgBoss> {
  const boss = new PgBoss({
    connectionString: POSTGRES_URL,
    schema,
    supervise: false,
    schedule: false,
    monitorIntervalSeconds: 1,
    maintenanceIntervalSeconds: 1,
    ...options,
  });
  boss.on('error', () => undefined);
  return boss.start();
}

const run = missingPostgres ? describe.skip : describe;

run('pgBossOutbox', () => {
  const pool = new Pool({ connectionString: POSTGRES_URL, max: 4 });
  let boss: PgBoss;
  let queues = 0;

  beforeAll(async () => {
    boss = await startBoss();
  });
  afterAll(async () => {
    await boss.stop({ graceful: false });
    await pool.query(`DROP SCHEMA ${schema} CASCADE`);
    await pool.end();
  });

  const sql = async (text: string, values?: unknown[]): Promise<Record<string, unknown>[]> =>
    (await pool.query<Record<string, unknown>>(text, values)).rows;

  /** An outbox on a queue of its own. */
  function open(options: { keepDelivered?: number; queue?: string } = {}): {
    outbox: PgBossOutbox;
    queue: string;
  } {
    const { queue = `his-${String(queues++)}` } = options;
    return { outbox: pgBossOutbox({ boss, schema, ...options, queue }), queue };
  }

  /** Time is the server's: what passes is what happened longer ago. */
  const pass = async (queue: string, milliseconds: number): Promise<void> => {
    await sql(
      `UPDATE ${schema}.job SET ${[
        'start_after',
        'created_on',
        'started_on',
        'heartbeat_on',
        'completed_on',
        'keep_until',
      ]
        .map((column) => `${column} = ${column} - $2 * interval '1ms'`)
        .join()} WHERE name IN ($1, $1 || '-dead')`,
      [queue, milliseconds],
    );
  };

  /** Lets pg-boss look after a queue, however short ago it did. */
  const supervise = async (queue: string): Promise<void> => {
    await sql(
      `UPDATE ${schema}.queue SET monitor_claim_on = NULL, monitor_on = NULL, maintain_on = NULL
        WHERE name IN ($1, $1 || '-dead')`,
      [queue],
    );
    await boss.supervise(queue);
    await boss.supervise(`${queue}-dead`);
  };

  const claim = (outbox: Outbox, lease = 30_000): Promise<readonly ClaimedEvent[]> =>
    outbox.claim({ limit: 100, lease, now: Date.now() });
  const settle = (outbox: Outbox, ...settlements: Settlement[]): Promise<void> =>
    outbox.settle(settlements, { now: Date.now() });
  const enqueue = (outbox: Outbox, event = EVENT): Promise<void> =>
    outbox.enqueue(event, { now: Date.now() });
  const jobs = (queue: string): Promise<Record<string, unknown>[]> =>
    sql(`SELECT * FROM ${schema}.job WHERE name = $1`, [queue]);
  const letters = async (outbox: Outbox): Promise<DeadLetter[]> => {
    const found: DeadLetter[] = [];
    for await (const letter of outbox.deadLetters()) found.push(letter);
    return found;
  };

  for (const lapsesBy of ['itself', 'supervise']) {
    for (const { name, run } of outboxSuite(() => {
      const { outbox, queue } = open();
      let now = Date.now();
      const passBoth = async (milliseconds: number): Promise<void> => {
        now += milliseconds;
        await pass(queue, milliseconds);
      };
      return Promise.resolve({
        outbox,
        now: () => now,
        pass: passBoth,
        lapse: async () => {
          await passBoth(60_000);
          if (lapsesBy === 'supervise') await supervise(queue);
        },
        close: () => outbox.close(),
      });
    })) {
      it(`${name} (claims end by ${lapsesBy})`, run);
    }
  }

  it('takes a PgBoss for its boss, and loads none by itself', () => {
    const like: PgBossLike = boss;
    expect(like).toBe(boss);
  });

  it('has queues that pg-boss neither empties nor gives up on, and mends them', async () => {
    const { outbox, queue } = open();
    // As somebody made them by pg-boss's own defaults.
    await boss.createQueue(`${queue}-dead`);
    await boss.createQueue(queue, {
      retentionSeconds: 60,
      heartbeatSeconds: 600,
      deadLetter: `${queue}-dead`,
    });
    await enqueue(outbox);
    const forever = 2 ** 31 - 1;
    const settings = {
      policy: 'standard',
      retentionSeconds: forever,
      retryLimit: forever,
      retryBackoff: true,
      retryDelayMax: 0,
      deleteAfterSeconds: 0,
      expireInSeconds: 86_400,
    };
    expect(await boss.getQueue(queue)).toMatchObject({
      ...settings,
      deadLetter: null,
      heartbeatSeconds: 600,
    });
    expect(await boss.getQueue(`${queue}-dead`)).toMatchObject({
      ...settings,
      heartbeatSeconds: 30,
    });
  });

  it('keeps queued events and dead letters over 50 years of maintenance', async () => {
    const { outbox, queue } = open();
    for (const eventId of ['e1', 'e2', 'e3']) await enqueue(outbox, { ...EVENT, eventId });
    const [e1, e2] = await claim(outbox);
    await settle(
      outbox,
      { claimed: e1!, outcome: 'dead', attempts: 1, reason: REASON },
      { claimed: e2!, outcome: 'retry', dueAt: Date.now(), attempts: 1, firstAttemptAt: 1 },
    );
    await pass(queue, 50 * 365 * 86_400_000);
    for (let round = 0; round < 3; round++) await supervise(queue);
    expect(await outbox.count()).toEqual({ queued: 2, dead: 1 });
    expect((await claim(outbox)).map(({ eventId }) => eventId).sort()).toEqual(['e2', 'e3']);
  });

  it('gives the events of a worker that died to another, without counting an attempt', async () => {
    const { outbox, queue } = open();
    await enqueue(outbox);
    for (let death = 0; death < 20; death++) {
      const [claimed] = await claim(outbox);
      expect(claimed).toMatchObject({ ...EVENT, attempts: 0, firstAttemptAt: null });
      await pass(queue, 40_000);
      if (death % 2 === 0) await supervise(queue);
    }
    expect(await outbox.count()).toEqual({ queued: 1, dead: 0 });
  });

  it('lets a claim last for as long as it was asked to', async () => {
    const { outbox, queue } = open();
    await enqueue(outbox);
    expect(await claim(outbox, 300_000)).toHaveLength(1);
    await pass(queue, 290_000);
    await supervise(queue);
    expect(await claim(outbox)).toEqual([]);
    await enqueue(outbox, { ...EVENT, eventId: 'e2' });
    expect(await jobs(queue)).toMatchObject([
      { heartbeat_seconds: 300 },
      { heartbeat_seconds: 300 },
    ]);
    await pass(queue, 20_000);
    expect((await claim(outbox)).map(({ eventId }) => eventId)).toEqual(['e1', 'e2']);
  });

  it('settles nothing under a claim that was lost, nor of a later event of the same id', async () => {
    const { outbox, queue } = open();
    await enqueue(outbox);
    const [lost] = await claim(outbox);
    await pass(queue, 40_000);
    await supervise(queue);
    const settleLost = async (): Promise<void> => {
      await outbox.extend([lost!], { lease: 30_000, now: Date.now() });
      await settle(outbox, { claimed: lost!, outcome: 'delivered' });
      await settle(outbox, { claimed: lost!, outcome: 'dead', attempts: 1, reason: REASON });
    };
    await settleLost();
    expect(await outbox.count()).toEqual({ queued: 1, dead: 0 });
    const [claimed] = await claim(outbox);
    await settleLost();
    await settle(outbox, { claimed: claimed!, outcome: 'delivered' });
    await enqueue(outbox);
    await claim(outbox);
    await settleLost();
    expect(await outbox.count()).toEqual({ queued: 1, dead: 0 });
  });

  it('loses no event, and delivers none twice, whatever is done at the same time', async () => {
    const keepDelivered = 60_000;
    const { outbox, queue } = open({ keepDelivered });
    const second = await startBoss();
    const outboxes = [outbox, pgBossOutbox({ boss: second, schema, queue, keepDelivered })];
    const ids = Array.from({ length: 60 }, (_, index) => `e${String(index)}`);
    const delivered: string[] = [];
    const pick = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)]!;
    await Promise.all(ids.map((eventId) => enqueue(outbox, { ...EVENT, eventId })));
    await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        const outbox = outboxes[worker % 2]!;
        for (let round = 0; round < 40; round++) {
          const now = Date.now();
          await enqueue(outbox, { ...EVENT, eventId: pick(ids) });
          const claimed = await outbox.claim({ limit: 4, lease: 30_000, now });
          await outbox.extend(claimed, { lease: 30_000, now });
          const settlements = claimed.map((claimed): Settlement => {
            const outcome = pick(['delivered', 'retry', 'dead'] as const);
            if (outcome === 'delivered') delivered.push(claimed.eventId);
            if (outcome === 'delivered') return { claimed, outcome };
            return outcome === 'dead'
              ? { claimed, outcome, attempts: 1, reason: REASON }
              : { claimed, outcome, dueAt: now, attempts: 1, firstAttemptAt: now };
          });
          await outbox.settle(settlements, { now });
          if (round % 5 === 0) await outbox.redrive({}, { now });
          if (round % 5 === 3) await boss.redrive(`${queue}-dead`);
        }
      }),
    );
    await second.stop({ graceful: false });
    expect(new Set(delivered).size).toBe(delivered.length);
    await outbox.redrive({}, { now: Date.now() });
    const rest = (await claim(outbox)).map(({ eventId }) => eventId);
    expect([...delivered, ...rest].sort()).toEqual([...ids].sort());
  });

  it('hands no event to two bosses', async () => {
    const { outbox, queue } = open();
    const second = await startBoss();
    const outboxes = [outbox, pgBossOutbox({ boss: second, schema, queue })];
    const ids = Array.from({ length: 200 }, (_, index) => `e${String(index)}`);
    await Promise.all(
      ids.map((eventId, index) => enqueue(outboxes[index % 2]!, { ...EVENT, eventId })),
    );
    const claims = await Promise.all(
      ids.map((_, index) =>
        outboxes[index % 2]!.claim({ limit: 3, lease: 30_000, now: Date.now() }),
      ),
    );
    expect(claims.flatMap((claims) => claims.map(({ eventId }) => eventId)).sort()).toEqual(
      [...ids].sort(),
    );
    await second.stop({ graceful: false });
  });

  it('makes its queues once, however many begin at once, on one connection each', async () => {
    const queue = `his-${String(queues++)}`;
    const bosses = await Promise.all([1, 2, 3].map(() => startBoss({ max: 1 })));
    const outboxes = bosses.map((boss) => pgBossOutbox({ boss, schema, queue }));
    await Promise.all(outboxes.map((outbox) => enqueue(outbox)));
    expect(await claim(outboxes[0]!)).toHaveLength(1);
    await Promise.all(bosses.map((boss) => boss.stop({ graceful: false })));
  });

  it('keeps what was enqueued over a restart', async () => {
    const first = await startBoss();
    const queue = `his-${String(queues++)}`;
    await enqueue(pgBossOutbox({ boss: first, schema, queue }));
    await first.stop();
    const second = await startBoss();
    expect(await claim(pgBossOutbox({ boss: second, schema, queue }))).toMatchObject([EVENT]);
    await second.stop({ graceful: false });
  });

  it('erases what was delivered, and keeps its id if it is to', async () => {
    const plain = open();
    await enqueue(plain.outbox);
    const [claimed] = await claim(plain.outbox);
    await settle(plain.outbox, { claimed: claimed!, outcome: 'delivered' });
    expect(await jobs(plain.queue)).toEqual([]);

    const { outbox, queue } = open({ keepDelivered: 60_000 });
    await enqueue(outbox);
    const [kept] = await claim(outbox);
    await settle(outbox, { claimed: kept!, outcome: 'delivered' });
    expect(JSON.stringify(await jobs(queue))).not.toContain('P456');
    expect(await outbox.count()).toEqual({ queued: 0, dead: 0 });
    await enqueue(outbox);
    await expect(enqueue(outbox, { ...EVENT, body: '{}' })).rejects.toThrow(EventError);
    await pass(queue, 59_000);
    await supervise(queue);
    expect(await claim(outbox)).toEqual([]);
    await pass(queue, 2_000);
    await enqueue(outbox, { ...EVENT, body: '{}' });
    const [again] = await claim(outbox);
    expect(again?.body).toBe('{}');
    await settle(outbox, { claimed: again!, outcome: 'delivered' });
    await pass(queue, 61_000);
    await supervise(queue);
    expect(await jobs(queue)).toEqual([]);
  });

  it('leaves alone what somebody else has put into its queues', async () => {
    const { outbox, queue } = open();
    await enqueue(outbox);
    for (const name of [queue, `${queue}-dead`]) {
      await boss.send(name, { no: 'event' });
      await boss.send(name);
    }
    expect(await claim(outbox)).toMatchObject([EVENT]);
    expect(await letters(outbox)).toEqual([]);
    expect(await outbox.redrive({}, { now: Date.now() })).toBe(0);
    expect(await outbox.discard({})).toBe(0);
  });

  it('queues an event anew that somebody cancelled', async () => {
    const { outbox, queue } = open();
    await enqueue(outbox);
    const [job] = await jobs(queue);
    await boss.cancel(queue, job!['id'] as string);
    expect(await claim(outbox)).toEqual([]);
    await enqueue(outbox);
    expect(await claim(outbox)).toMatchObject([EVENT]);
  });

  it('lists any number of dead letters, what they died of, and when', async () => {
    const { outbox } = open();
    const ids = Array.from({ length: 450 }, (_, index) => `e${String(index)}`);
    await Promise.all(ids.map((eventId) => enqueue(outbox, { ...EVENT, eventId })));
    const claimed = await outbox.claim({ limit: 1_000, lease: 1_000, now: Date.now() });
    expect(claimed.map(({ eventId }) => eventId)).toEqual(ids);
    const diedAt = Date.now();
    await outbox.settle(
      claimed.map((claimed) => ({ claimed, outcome: 'dead', attempts: 1, reason: REASON })),
      { now: diedAt },
    );
    const found = await letters(outbox);
    expect(found.map(({ eventId }) => eventId)).toEqual(ids);
    const message = 'No mapping\ufffd \ufffdfound.';
    expect(found[0]).toMatchObject({ diedAt, attempts: 1, reason: { ...REASON, message } });
    expect(await outbox.redrive({}, { now: Date.now() })).toBe(450);
    expect(await outbox.count()).toEqual({ queued: 450, dead: 0 });
  });

  it('keeps pg-boss from giving an event up, or losing it, whatever becomes of the queue’s settings', async () => {
    const { outbox, queue } = open();
    await enqueue(outbox, { ...EVENT, eventId: 'e0' });
    const [e0] = await claim(outbox);
    await settle(outbox, { claimed: e0!, outcome: 'delivered' });
    // As somebody makes it by pg-boss's own defaults, while outboxes are at work.
    await boss.updateQueue(queue, {
      retryLimit: 0,
      retryDelay: 600,
      retryBackoff: false,
      retryDelayMax: null,
      retentionSeconds: 60,
      deleteAfterSeconds: 60,
      expireInSeconds: 10,
      heartbeatSeconds: null,
    });
    await enqueue(outbox);
    await pass(queue, 50 * 365 * 86_400_000);
    await supervise(queue);
    for (let death = 0; death < 4; death++) {
      expect(await claim(outbox)).toMatchObject([EVENT]);
      await pass(queue, 40_000);
      if (death % 2 === 0) await supervise(queue);
    }
    expect(await outbox.count()).toEqual({ queued: 1, dead: 0 });
  });

  describe('an event that pg-boss itself gave up', () => {
    /** By what pg-boss lets anybody do to a job, and a sender that dies. */
    const giveUp = async (outbox: Outbox, queue: string): Promise<void> => {
      const [job] = await jobs(queue);
      await boss.update(queue, undefined, {
        id: job!['id'] as string,
        retryLimit: job!['retry_count'] as number,
      });
      await claim(outbox);
      await pass(queue, 40_000);
      await supervise(queue);
    };
    const openGivenUp = async (): Promise<{ outbox: PgBossOutbox; queue: string }> => {
      const opened = open();
      await enqueue(opened.outbox);
      await giveUp(opened.outbox, opened.queue);
      return opened;
    };
    const all = async (queue: string): Promise<Record<string, unknown>[]> => [
      ...(await jobs(queue)),
      ...(await jobs(`${queue}-dead`)),
    ];

    it('is a dead letter, and sent once when it is redriven', async () => {
      const { outbox, queue } = await openGivenUp();
      expect(await outbox.count()).toEqual({ queued: 0, dead: 1 });
      const reason = { kind: 'expired', status: null, code: null, message: null };
      const [letter, ...others] = await letters(outbox);
      expect(letter).toMatchObject({ eventId: 'e1', attempts: 0, reason });
      expect(Math.abs(letter!.diedAt - Date.now())).toBeLessThan(30_000);
      expect(others).toEqual([]);
      expect(await outbox.redrive({ eventId: 'e1' }, { now: Date.now() })).toBe(1);
      expect(await outbox.redrive({}, { now: Date.now() })).toBe(0);
      await enqueue(outbox);
      const claimed = await claim(outbox);
      expect(claimed).toMatchObject([EVENT]);
      await settle(outbox, { claimed: claimed[0]!, outcome: 'delivered' });
      expect(await all(queue)).toEqual([]);
    });

    it.each([true, false])(
      'has no copy where somebody gave the queue ours for its dead letters (listed: %s)',
      async (listed) => {
        const { outbox, queue } = open();
        await outbox.count();
        await boss.updateQueue(queue, { deadLetter: `${queue}-dead` });
        await enqueue(outbox);
        await giveUp(outbox, queue);
        expect(await jobs(`${queue}-dead`)).toHaveLength(1);
        if (listed) expect(await outbox.count()).toEqual({ queued: 0, dead: 1 });
        await enqueue(outbox, { ...EVENT, body: '{}' });
        expect(await outbox.redrive({}, { now: Date.now() })).toBe(0);
        expect(JSON.stringify(await all(queue))).not.toContain('P456');
      },
    );

    it('is given up as often as it is redriven', async () => {
      const { outbox, queue } = await openGivenUp();
      for (let round = 0; round < 2; round++) {
        expect(await outbox.redrive({}, { now: Date.now() })).toBe(1);
        await giveUp(outbox, queue);
        expect(await letters(outbox)).toMatchObject([{ eventId: 'e1' }]);
      }
      expect(await outbox.count()).toEqual({ queued: 0, dead: 1 });
    });

    it('is due at once where the sender of the redriven one dies', async () => {
      const { outbox, queue } = await openGivenUp();
      await outbox.redrive({}, { now: Date.now() });
      for (let death = 0; death < 8; death++) {
        expect(await claim(outbox)).toHaveLength(1);
        await pass(queue, 40_000);
        await supervise(queue);
      }
    });

    it.each([true, false])(
      'is tried again when it is enqueued again (listed: %s)',
      async (listed) => {
        const { outbox, queue } = await openGivenUp();
        if (listed) expect(await letters(outbox)).toHaveLength(1);
        await enqueue(outbox, { ...EVENT, body: '{}' });
        expect(await outbox.count()).toEqual({ queued: 1, dead: 0 });
        expect(await outbox.redrive({}, { now: Date.now() })).toBe(0);
        const claimed = await claim(outbox);
        expect(claimed).toMatchObject([{ ...EVENT, body: '{}' }]);
        await settle(outbox, { claimed: claimed[0]!, outcome: 'delivered' });
        expect(await all(queue)).toEqual([]);
      },
    );

    it('leaves nothing when it is discarded', async () => {
      const { outbox, queue } = await openGivenUp();
      expect(await outbox.discard({ type: EVENT.type })).toBe(1);
      expect(await all(queue)).toEqual([]);
    });
  });

  describe('redriven by the means of pg-boss', () => {
    const openRedriven = async (): Promise<{ outbox: PgBossOutbox; queue: string }> => {
      const opened = open({ keepDelivered: 60_000 });
      const { outbox, queue } = opened;
      await enqueue(outbox);
      const [claimed] = await claim(outbox);
      await settle(outbox, { claimed: claimed!, outcome: 'dead', attempts: 1, reason: REASON });
      await boss.redrive(`${queue}-dead`);
      return opened;
    };

    it('an event is sent, as if it had never been tried', async () => {
      const { outbox } = await openRedriven();
      const [claimed] = await claim(outbox);
      expect(claimed).toMatchObject({ ...EVENT, attempts: 0, firstAttemptAt: null });
      await settle(outbox, { claimed: claimed!, outcome: 'delivered' });
      expect(await outbox.count()).toEqual({ queued: 0, dead: 0 });
    });

    it('an event that is enqueued too is sent once', async () => {
      const { outbox, queue } = await openRedriven();
      await enqueue(outbox, { ...EVENT, body: '{}' });
      const [claimed, ...others] = await claim(outbox);
      expect(claimed).toMatchObject({ ...EVENT, body: '{}' });
      expect(others).toEqual([]);
      await settle(outbox, { claimed: claimed!, outcome: 'delivered' });
      expect(await claim(outbox)).toEqual([]);
      expect(JSON.stringify(await jobs(queue))).not.toContain('P456');
    });

    it('an event that is claimed after its successor died is not a dead letter too', async () => {
      const { outbox, queue } = await openRedriven();
      await pass(queue, -60_000);
      await enqueue(outbox);
      const [successor] = await claim(outbox);
      await settle(outbox, { claimed: successor!, outcome: 'dead', attempts: 1, reason: REASON });
      await pass(queue, 60_000);
      const [claimed] = await claim(outbox);
      expect(await outbox.count()).toEqual({ queued: 1, dead: 0 });
      await settle(outbox, { claimed: claimed!, outcome: 'dead', attempts: 1, reason: REASON });
      expect(await outbox.count()).toEqual({ queued: 0, dead: 1 });
    });

    it('an event is known once it was claimed, be it under way, dead or delivered', async () => {
      const { outbox } = await openRedriven();
      const [first] = await claim(outbox);
      await enqueue(outbox);
      expect(await outbox.count()).toEqual({ queued: 1, dead: 0 });
      await settle(outbox, { claimed: first!, outcome: 'dead', attempts: 1, reason: REASON });
      await enqueue(outbox);
      expect(await outbox.count()).toEqual({ queued: 1, dead: 0 });
      const [second] = await claim(outbox);
      await settle(outbox, { claimed: second!, outcome: 'delivered' });
      await enqueue(outbox);
      expect(await claim(outbox)).toEqual([]);
    });
  });

  describe("in the caller's own transaction", () => {
    const clientOf = async (): Promise<Client> => {
      const client = new Client({ connectionString: POSTGRES_URL });
      await client.connect();
      return client;
    };

    it.each(['a client of pg', 'a db of pg-boss'])(
      'queues an event if it commits, and never did if it is rolled back, by %s',
      async (by) => {
        const { outbox } = open();
        const client = await clientOf();
        const transaction =
          by === 'a client of pg'
            ? client
            : { executeSql: (text: string, values?: unknown[]) => client.query(text, values) };
        for (const end of ['ROLLBACK', 'COMMIT']) {
          await client.query('BEGIN');
          await outbox.enqueue({ ...EVENT, eventId: end }, { now: Date.now(), transaction });
          expect(await claim(outbox)).toEqual([]);
          await client.query(end);
        }
        await client.end();
        expect((await claim(outbox)).map(({ eventId }) => eventId)).toEqual(['COMMIT']);
      },
    );

    it('leaves the transaction usable where the id has another body', async () => {
      const { outbox } = open();
      await enqueue(outbox);
      const client = await clientOf();
      await client.query('BEGIN');
      const options = { now: Date.now(), transaction: client };
      await outbox.enqueue(EVENT, options);
      await expect(outbox.enqueue({ ...EVENT, body: '{}' }, options)).rejects.toThrow(EventError);
      await outbox.enqueue({ ...EVENT, eventId: 'e2' }, options);
      await client.query('COMMIT');
      await client.end();
      expect((await claim(outbox)).map(({ eventId }) => eventId)).toEqual(['e1', 'e2']);
    });

    it('takes no pool, and nothing else that has no transaction open', async () => {
      const { outbox } = open();
      for (const transaction of [pool, boss.getDb(), {}, null]) {
        await expect(
          outbox.enqueue(EVENT, { now: Date.now(), transaction: transaction as never }),
        ).rejects.toThrow(ConfigurationError);
      }
    });

    it('says nothing of the event where the server refuses it', async () => {
      const { outbox } = open();
      const client = await clientOf();
      await client.query('BEGIN');
      const event = { ...EVENT, body: 'P456\0' };
      for (const options of [{ now: 1 }, { now: 1, transaction: client }]) {
        const error: unknown = await outbox
          .enqueue(event, options)
          .catch((error: unknown) => error);
        expect(error).toBeInstanceOf(StorageError);
        const { message, stack, cause } = error as StorageError;
        const { message: inner, stack: innerStack, ...rest } = cause as Error;
        expect(rest).toMatchObject({ code: '22P05' });
        expect([message, stack, inner, innerStack, JSON.stringify(rest)].join()).not.toContain(
          'P456',
        );
      }
      await client.end();
      await enqueue(outbox);
    });
  });

  it('fails with a StorageError while the database is away, and goes on after it', async () => {
    const own = await startBoss();
    const queue = `his-${String(queues++)}`;
    const outbox = pgBossOutbox({ boss: own, schema, queue });
    await enqueue(outbox);
    await own.stop({ graceful: false });
    await expect(claim(outbox)).rejects.toThrow(StorageError);
    await expect(enqueue(outbox)).rejects.toThrow(StorageError);
    await own.start();
    expect(await claim(outbox)).toHaveLength(1);
    await own.stop({ graceful: false });
  });

  it('gives up on a network that went silent, and on locks, and goes on when they are gone', async () => {
    const url = new URL(POSTGRES_URL);
    const proxy = await startProxy({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${String(proxy.port)}`;
    url.searchParams.set('query_timeout', '3000');
    const timeouts = { connectionTimeoutMillis: 3_000 };
    const own = await startBoss({ connectionString: url.href, ...timeouts });
    const outbox = pgBossOutbox({ boss: own, schema, queue: `his-${String(queues++)}` });
    const other = open();
    await enqueue(outbox);
    await enqueue(other.outbox);

    proxy.mode = 'blackhole';
    const locker = new Client({ connectionString: POSTGRES_URL });
    await locker.connect();
    await locker.query('BEGIN');
    await locker.query(`SELECT 1 FROM ${schema}.job WHERE name = $1 FOR UPDATE`, [other.queue]);
    const began = performance.now();
    await Promise.all([
      expect(claim(outbox)).rejects.toThrow(StorageError),
      // It waits to know what becomes of the other one.
      locker
        .query(`DELETE FROM ${schema}.job WHERE name = $1`, [other.queue])
        .then(() => expect(enqueue(other.outbox)).rejects.toThrow(StorageError)),
    ]);
    expect(performance.now() - began).toBeLessThan(14_000);
    await locker.query('ROLLBACK');
    await locker.end();
    proxy.mode = 'forward';
    await enqueue(other.outbox);
    await expect.poll(() => claim(outbox), { timeout: 15_000 }).toHaveLength(1);
    await own.stop({ graceful: false });
  }, 40_000);

  it('makes queues anew that were deleted', async () => {
    const { outbox, queue } = open();
    await enqueue(outbox);
    await boss.deleteQueue(queue);
    await expect(enqueue(outbox)).rejects.toThrow(StorageError);
    await enqueue(outbox);
    const [claimed] = await claim(outbox);
    await boss.deleteQueue(`${queue}-dead`);
    const settlement = { claimed: claimed!, outcome: 'dead', attempts: 1, reason: REASON } as const;
    await expect(settle(outbox, settlement)).rejects.toThrow(StorageError);
    await settle(outbox, settlement);
    expect(await outbox.count()).toEqual({ queued: 0, dead: 1 });
  });

  it('refuses everything once it is closed, and leaves the boss alone', async () => {
    const { outbox } = open();
    await enqueue(outbox);
    await outbox.close();
    await expect(enqueue(outbox)).rejects.toThrow(StorageError);
    expect(await boss.getQueues()).not.toEqual([]);
  });

  it.each([
    [{ boss: undefined }],
    [{ boss: {} }],
    [{ queue: '' }],
    [{ queue: 'with space' }],
    [{ queue: "it's" }],
    [{ schema: 'a b' }],
    [{ schema: '"a"b"' }],
    [{ keepDelivered: -1 }],
    [{ keepDelivered: Infinity }],
    [{ keepdelivered: 1 }],
  ])('refuses the options %o', (options) => {
    expect(() => pgBossOutbox({ boss, ...options } as never)).toThrow(ConfigurationError);
  });

  it('refuses a boss whose db begins no transactions', () => {
    const like = Object.assign(Object.create(boss) as PgBossLike, {
      getDb: () => ({ executeSql: () => Promise.resolve({ rows: [] }) }),
    });
    expect(() => pgBossOutbox({ boss: like })).toThrow('must have beginTransaction');
  });

  it.each([
    ['a column', (other: string) => `ALTER TABLE ${other}.job RENAME heartbeat_on TO beaten_on`],
    ['a function', (other: string) => `ALTER FUNCTION ${other}.job_now() RENAME TO now_of_jobs`],
  ])('queues nothing in tables of another pg-boss, that lack %s', async (_, change) => {
    const other = `${schema}_other`;
    const apart = new PgBoss({
      connectionString: POSTGRES_URL,
      schema: other,
      supervise: false,
      schedule: false,
    });
    apart.on('error', () => undefined);
    await apart.start();
    try {
      await sql(change(other));
      const outbox = pgBossOutbox({ boss: apart, schema: other });
      const error = await enqueue(outbox).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(String(error)).toContain('12.33');
      expect(await sql(`SELECT 1 FROM ${other}.job`)).toEqual([]);
    } finally {
      await apart.stop({ graceful: false });
      await sql(`DROP SCHEMA ${other} CASCADE`);
    }
  });

  it('refuses a schema that is not the boss’s, and a queue of another policy', async () => {
    for (const other of ['nowhere', 'public']) {
      const outbox = pgBossOutbox({ boss, schema: other, queue: 'of-another-schema' });
      await expect(enqueue(outbox)).rejects.toThrow('schema is not the schema of the boss.');
    }
    const { outbox, queue } = open();
    await boss.createQueue(queue, { policy: 'short' });
    await expect(enqueue(outbox)).rejects.toThrow(ConfigurationError);
  });
});
