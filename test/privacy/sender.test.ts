import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Pool } from 'pg';
import { PgBoss } from 'pg-boss';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { DeliveryError, EventError, StorageError } from '../../src/errors.ts';
import { memoryOutbox } from '../../src/outboxes/memory.ts';
import { pgBossOutbox } from '../../src/outboxes/pg-boss.ts';
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import type { SenderEvent } from '../../src/sender/lifecycle.ts';
import type { SenderOptions } from '../../src/sender/options.ts';
import type { Outbox } from '../../src/sender/outbox.ts';
import { createSender, type Sender } from '../../src/sender/sender.ts';
import { missingPostgres, POSTGRES_URL } from '../support/databases.ts';
import { scratchFolder } from '../support/process.ts';
import { expectNoMarker, findMarker, marker, markedNumber, printed, rejection } from './canary.ts';
import { ENDPOINTS } from './endpoints.ts';
import { markedEvent, SECRET, TOKEN } from './events.ts';

interface Observed<Transaction> {
  readonly sender: Sender<Transaction>;
  readonly told: SenderEvent[];
}

function senderWith<Transaction = never>(
  options: Partial<SenderOptions<Transaction>>,
): Observed<Transaction> {
  const told: SenderEvent[] = [];
  const sender = createSender<Transaction>({
    url: 'http://127.0.0.1:1/his/receive',
    token: TOKEN,
    secret: SECRET,
    retry: { horizon: 1, initialDelay: 1 },
    probe: { initialDelay: 1, maxDelay: 2 },
    pollInterval: 5,
    onLifecycle: (event) => told.push(event),
    ...options,
  });
  return { sender, told };
}

const event = (): never => markedEvent() as never;

describe('what becomes of an event that is sent shows nothing of it', () => {
  it.each(ENDPOINTS.map((endpoint) => [endpoint.name, endpoint] as const))(
    '%s',
    async (_, { kind, options }) => {
      const { sender, told } = senderWith(await options());
      const output = await printed(async () => {
        const error = await rejection(sender.send(event(), { retryFor: 0 }));
        expect(error).toBeInstanceOf(DeliveryError);
        expect(error).toMatchObject({ kind });
        expectNoMarker(error, 'the error');
      });
      expect(told.length).toBeGreaterThan(0);
      expectNoMarker(told, 'lifecycle events');
      expect(findMarker(output), 'what is printed').toBeUndefined();
      await sender.stop();
    },
  );

  const circular: Record<string, unknown> = { name: marker() };
  circular['self'] = circular;
  const toJSON = (): never => {
    throw new TypeError(`no ${marker()}`);
  };

  it.each<[string, () => unknown]>([
    ['an event_id with a space', () => markedEvent({}, { event_id: `a ${marker()}` })],
    ['a timestamp of words', () => markedEvent({}, { timestamp: marker() })],
    ['a timestamp ahead', () => markedEvent({}, { timestamp: '2199-01-01T00:00:00Z' })],
    ['an unknown type', () => markedEvent({}, { type: marker() })],
    ['an unknown operation', () => markedEvent({}, { operation: marker() })],
    ['data of text', () => markedEvent({}, { data: marker() })],
    ['no object', marker],
    ['a list', () => [marker()]],
    ['a circle', () => markedEvent(circular)],
    ['a toJSON that throws', () => markedEvent({ a: { toJSON, b: marker() } })],
    ['NaN', () => markedEvent({ a: NaN })],
    ['a BigInt', () => markedEvent({ a: BigInt(markedNumber()) })],
    ['a number that is too long', () => `{"a": ${String(markedNumber())}99999999999}`],
    ['NUL', () => markedEvent({ a: `${marker()}\0` })],
    ['half a surrogate pair', () => markedEvent({ a: `${marker()}\ud800` })],
    ['text that is no JSON', () => `{"a": ${marker()}`],
    ['a key twice', () => `{"a": "${marker()}", "a": "${marker()}"}`],
    ['a body too long', () => markedEvent({ a: marker().repeat(100_000) })],
  ])('no receiver would take %s', async (_, make) => {
    const { sender } = senderWith({ outbox: memoryOutbox() });
    for (const call of ['send', 'enqueue'] as const) {
      const error = await rejection(sender[call](make() as never));
      expect(error).toBeInstanceOf(EventError);
      expectNoMarker(error, call);
    }
  });

  it('options that could never work', () => {
    for (const options of [
      { url: `ftp://${marker()}` },
      { url: marker() },
      { url: `https://user:${marker()}@his.example` },
      { token: `${marker()} ${marker()}` },
      { token: '' },
      { secret: '' },
      { clientId: `${marker()}\n` },
    ]) {
      let thrown: unknown;
      try {
        senderWith(options);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(Error);
      expectNoMarker(thrown, JSON.stringify(Object.keys(options)));
    }
  });
});

interface Box {
  readonly outbox: Outbox;
  readonly sql?: (text: string) => unknown;
}

/** Queues, sends, lets die, fails; looks through everything that is heard of it. */
function expectSilentOutbox(open: () => Box | Promise<Box>, spoil: string | undefined): void {
  const dying = ENDPOINTS.filter(({ name }) => /^(422|409|503|301)|fetch that throws$/.test(name));

  it.each(dying.map((endpoint) => [endpoint.name, endpoint] as const))(
    'and a dead letter: %s',
    async (name, { options, kind }) => {
      const { outbox } = await open();
      const { sender, told } = senderWith({ outbox, ...(await options()) });
      const output = await printed(async () => {
        await sender.enqueue(event());
        sender.start();
        await expect
          .poll(() => told.map(({ kind }) => kind), { timeout: 10_000 })
          .toContain(kind === 'endpoint' ? 'paused' : 'dead_letter');
        await sender.stop();
      });
      expectNoMarker(told, 'lifecycle events');
      expect(findMarker(output), 'what is printed').toBeUndefined();
      for await (const { reason, ...letter } of sender.deadLetters()) {
        expectNoMarker(letter, 'the dead letter');
        const { message, ...rest } = reason;
        expectNoMarker(rest, 'its reason');
        // The receiver's own words, for those who look them up. Ours quotes nothing.
        if (!name.includes('that quotes')) expectNoMarker(message, 'its message');
      }
      expectNoMarker(await sender.count(), 'the counts');
    },
  );

  it('and an id that is queued with another body', async () => {
    const { outbox } = await open();
    const { sender } = senderWith({ outbox });
    const first = markedEvent();
    await sender.enqueue(first as never);
    const error = await rejection(sender.enqueue({ ...first, data: { a: marker() } } as never));
    expect(error).toBeInstanceOf(EventError);
    expectNoMarker(error, 'the error');
  });

  if (spoil === undefined) return;
  it('and an outbox that fails, and quotes', async () => {
    const { outbox, sql } = await open();
    const { sender, told } = senderWith({ outbox, fetch: () => new Promise(() => undefined) });
    await sender.enqueue(event());
    await sql!(spoil);
    const error = await rejection(sender.enqueue(event()));
    expect(error).toBeInstanceOf(StorageError);
    expectNoMarker(error, 'the error');
    sender.start();
    await expect.poll(() => told.map(({ kind }) => kind)).toContain('outbox_failed');
    await sender.stop();
    expectNoMarker(told, 'lifecycle events');
    expectNoMarker(await rejection(sender.redrive()), 'redrive');
  });
}

describe('memoryOutbox shows nothing of an event', () => {
  expectSilentOutbox(() => ({ outbox: memoryOutbox() }), undefined);

  it('and an outbox of the host’s that quotes', async () => {
    const outbox: Outbox = {
      ...memoryOutbox(),
      claim: () => Promise.reject(new Error(`no ${marker()}`, { cause: marker() })),
    };
    const { sender, told } = senderWith({ outbox });
    sender.start();
    await expect.poll(() => told.map(({ kind }) => kind)).toContain('outbox_failed');
    await sender.stop();
    expectNoMarker(told, 'lifecycle events');
  });
});

describe('sqliteOutbox shows nothing of an event', () => {
  expectSilentOutbox(
    () => {
      const database = new DatabaseSync(join(scratchFolder(), 'outbox.db'));
      onTestFinished(() => {
        database.close();
      });
      return {
        outbox: sqliteOutbox({ database }),
        sql: (text) => {
          database.exec(text);
        },
      };
    },
    `CREATE TRIGGER a BEFORE INSERT ON his_outbox BEGIN SELECT RAISE(ABORT, 'no: ' || NEW.body); END;
     CREATE TRIGGER b BEFORE UPDATE ON his_outbox BEGIN SELECT RAISE(ABORT, 'no: ' || NEW.body); END;`,
  );

  it('and a transaction of the caller’s that is refused', () => {
    const database = new DatabaseSync(join(scratchFolder(), 'outbox.db'));
    onTestFinished(() => {
      database.close();
    });
    const { sender } = senderWith({ outbox: sqliteOutbox({ database }) });
    database.function('host', (body) => {
      throw new Error(`no ${String(body)}`);
    });
    const queue = (): unknown => {
      try {
        void sender.enqueue(event(), { transaction: database });
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(queue()).toBeUndefined();
    for (const say of ["RAISE(ABORT, 'no: ' || NEW.body)", 'host(NEW.body)']) {
      database.exec(`DROP TRIGGER IF EXISTS a;
        CREATE TRIGGER a BEFORE INSERT ON his_outbox BEGIN SELECT ${say}; END`);
      const error = queue();
      expect(error).toBeInstanceOf(StorageError);
      expectNoMarker(error, say);
    }
  });
});

describe.skipIf(missingPostgres !== false)('pgBossOutbox shows nothing of an event', () => {
  const schema = `his_canary_${randomBytes(6).toString('hex')}`;
  const pool = new Pool({ connectionString: POSTGRES_URL, max: 2 });
  let boss: PgBoss;
  let queues = 0;
  const errors: unknown[] = [];

  beforeAll(async () => {
    boss = new PgBoss({
      connectionString: POSTGRES_URL,
      schema,
      supervise: false,
      schedule: false,
    });
    boss.on('error', (error) => errors.push(error));
    await boss.start();
  });
  afterAll(async () => {
    await boss.stop({ graceful: false });
    await pool.query(`DROP SCHEMA ${schema} CASCADE`);
    await pool.end();
    expectNoMarker(errors, 'the errors of the boss');
  });

  expectSilentOutbox(
    () => ({
      outbox: pgBossOutbox({ boss, schema, queue: `canary-${String(queues++)}` }),
      sql: async (text) => {
        await pool.query(text);
        onTestFinished(async () => {
          await pool.query(`DROP TRIGGER no ON ${schema}.job_common`);
        });
      },
    }),
    `CREATE OR REPLACE FUNCTION ${schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       RAISE EXCEPTION 'no: %', NEW.data USING ERRCODE = '55000', DETAIL = NEW.data; END $$;
     CREATE TRIGGER no BEFORE INSERT OR UPDATE ON ${schema}.job_common
       FOR EACH ROW EXECUTE FUNCTION ${schema}.refuse()`,
  );
});
