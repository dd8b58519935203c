import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inspect } from 'node:util';
import { Pool } from 'pg';
import { PgBoss } from 'pg-boss';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AuditEntry, AuditTrail } from '../src/audit.ts';
import { ConfigurationError, SchemaError, StorageError } from '../src/errors.ts';
import { memoryOutbox } from '../src/outboxes/memory.ts';
import { pgBossOutbox } from '../src/outboxes/pg-boss.ts';
import { sqliteOutbox } from '../src/outboxes/sqlite.ts';
import type { Outbox } from '../src/sender/outbox.ts';
import { createSender } from '../src/sender/sender.ts';
import { composeStores } from '../src/stores/compose.ts';
import { memoryIdempotency, memoryPersistence, memoryStore } from '../src/stores/memory.ts';
import { postgresStore } from '../src/stores/postgres.ts';
import { sqliteStore } from '../src/stores/sqlite.ts';
import type { EventStore } from '../src/stores/types.ts';
import { expectNoMarker } from './privacy/canary.ts';
import { markedEvent, SECRET, TOKEN } from './privacy/events.ts';
import { receiverOn, sign } from './privacy/observe.ts';
import { BetterDatabase } from './support/better-sqlite3.ts';
import { missingPostgres, POSTGRES_URL } from './support/databases.ts';
import { scratchPostgres } from './support/postgres.ts';
import { scratchFolder } from './support/process.ts';

type Row = Readonly<Record<string, unknown>>;

/** Where a trail is kept, and a look into it that does not go through us. */
interface Kept<T> {
  readonly subject: T;
  readonly read: () => Promise<readonly Row[]>;
  /** Statements of somebody who would rather not have been seen. */
  readonly sql?: (text: string) => Promise<unknown>;
  readonly tampering?: readonly string[];
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const parsed = (row: Row): Row => ({
  ...row,
  target: JSON.parse(row['target'] as string) as unknown,
  outcome: JSON.parse((row['outcome'] as string | null) ?? 'null') as unknown,
});

const CHANGES = ["UPDATE his_audit SET actor = 'x'", 'DELETE FROM his_audit'];

function inSqlite<T>(make: (path: string) => T): () => Promise<Kept<T>> {
  return () => {
    const path = join(scratchFolder(), 'audit.db');
    const subject = make(path);
    const other = new DatabaseSync(path);
    onTestFinished(() => {
      other.close();
    });
    return Promise.resolve({
      subject,
      read: () =>
        Promise.resolve(
          other
            .prepare('SELECT * FROM his_audit')
            .all()
            .map((row) => parsed(row as Row)),
        ),
      sql: (text) =>
        Promise.resolve().then(() => {
          other.exec(text);
        }),
      tampering: [
        ...CHANGES,
        "INSERT OR REPLACE INTO his_audit (rowid, id, at, actor, action, target) VALUES (1, '', '', '', '', '')",
      ],
    });
  };
}

const readPostgres = (table: string): string =>
  `SELECT id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, actor, action,
    target::text, outcome::text FROM ${table} ORDER BY at, outcome NULLS FIRST`;

const STORES: Readonly<Record<string, () => Promise<Kept<EventStore>>>> = {
  memory: () => {
    const subject = memoryStore();
    return Promise.resolve({
      subject,
      read: () => Promise.resolve(subject.audit.entries as never),
    });
  },
  'three parts': () => {
    const inbox = memoryStore();
    const parts = { idempotency: memoryIdempotency(), persistence: memoryPersistence() };
    return Promise.resolve({
      subject: composeStores({ ...parts, inbox }),
      read: () => Promise.resolve(inbox.audit.entries as never),
    });
  },
  'node:sqlite': inSqlite((path) => sqliteStore({ path })),
  'better-sqlite3': inSqlite((path) => sqliteStore({ database: new BetterDatabase(path) })),
  ...(missingPostgres === false && {
    PostgreSQL: async () => {
      const { pool, sql } = await scratchPostgres();
      return {
        subject: postgresStore({ pool, schema: 'auto' }),
        read: async () => (await sql(readPostgres('his_audit'))).map(parsed),
        sql,
        tampering: [...CHANGES, 'TRUNCATE his_audit'],
      };
    },
  }),
};

const OUTBOXES: Readonly<Record<string, () => Promise<Kept<Outbox>>>> = {
  memory: () => {
    const subject = memoryOutbox();
    return Promise.resolve({
      subject,
      read: () => Promise.resolve(subject.audit.entries as never),
    });
  },
  SQLite: inSqlite((path) => sqliteOutbox({ path }) as Outbox),
  ...(missingPostgres === false && {
    'pg-boss': async () => {
      const schema = `his_audit_${randomBytes(6).toString('hex')}`;
      const boss = new PgBoss({
        connectionString: POSTGRES_URL,
        schema,
        supervise: false,
        schedule: false,
      });
      const pool = new Pool({ connectionString: POSTGRES_URL, max: 1 });
      boss.on('error', () => undefined);
      await boss.start();
      onTestFinished(async () => {
        await boss.stop({ graceful: false });
        await pool.query(`DROP SCHEMA ${schema} CASCADE`);
        await pool.end();
      });
      const table = `${schema}.his_audit`;
      return {
        subject: pgBossOutbox({ boss, schema }),
        read: async () => (await pool.query<Row>(readPostgres(table))).rows.map(parsed),
        sql: (text) => pool.query(text.replace('his_audit', table)),
        tampering: [...CHANGES, 'TRUNCATE his_audit'],
      };
    },
  }),
};

async function expectAppendOnly({ sql, read, tampering = [] }: Kept<unknown>): Promise<void> {
  const before = await read();
  expect(before.length).toBeGreaterThan(0);
  for (const text of tampering) {
    await expect(sql!(text), text).rejects.toThrow('his_audit is append-only');
  }
  expect(await read()).toEqual(before);
}

const FILTER = { clientId: '1001', receivedFrom: new Date('2025-01-01') };
const mapped = (): object => markedEvent({}, { type: 'location.created' });

describe.each(Object.keys(STORES))('the audit trail of a store: %s', (name) => {
  it('has who replayed and revealed what, and how it ended', async () => {
    const kept = await STORES[name]!();
    const { receiver } = receiverOn(kept.subject);
    onTestFinished(() => receiver.close());
    await receiver.receive(sign(mapped()));
    const [entry] = await all(receiver.find());
    expect(entry).toMatchObject({ state: 'quarantined', code: 'mapping_not_found' });
    expect(entry).not.toHaveProperty('body');

    await receiver.replay();
    await receiver.replay({ ...FILTER, force: true, actor: 'Dr Strange' });
    const { clientId, eventId } = entry!;
    const shown = await receiver.reveal({ clientId, eventId }, { actor: 'Zoë' });
    expect(Buffer.from(shown!.body!).toString()).toContain(eventId);
    expect(await receiver.reveal({ clientId, eventId: 'none' }, { actor: 'Zoë' })).toBeUndefined();

    const entries = await kept.read();
    const counts = { applied: 0, stale: 0, declined: 0, duplicate: 0, refused: 1, skipped: 0 };
    const target = { clientId: '1001', receivedFrom: '2025-01-01T00:00:00.000Z', force: true };
    const expected = [
      { actor: 'host', action: 'replay', target: {}, outcome: counts },
      { actor: 'Dr Strange', action: 'replay', target, outcome: counts },
      { actor: 'Zoë', action: 'reveal', target: { clientId, eventId }, outcome: { found: 1 } },
      {
        actor: 'Zoë',
        action: 'reveal',
        target: { clientId, eventId: 'none' },
        outcome: { found: 0 },
      },
    ];
    const pairs = [...new Set(entries.map(({ id }) => id))].map((id) =>
      entries.filter((entry) => entry['id'] === id),
    );
    for (const pair of pairs) expect(pair).toMatchObject([{ outcome: null }, {}]);
    const at = '2025-06-01T00:00:00.000Z';
    for (const end of expected)
      expect(entries).toContainEqual({ id: expect.any(String) as string, at, ...end });
    expect(entries).toHaveLength(2 * expected.length);
    expectNoMarker(entries, 'the trail');
    await expectAppendOnly(kept);
  });

  it('nothing is done that could not be written down', async () => {
    const { subject } = await STORES[name]!();
    let looks = 0;
    const store = Object.assign(Object.create(subject) as EventStore, {
      prepare: (...tables: Parameters<EventStore['prepare']>) => subject.prepare(...tables),
      quarantine: (...event: Parameters<EventStore['quarantine']>) => subject.quarantine(...event),
      prune: () => Promise.resolve({ bodies: 0, keys: 0 }),
      close: () => subject.close(),
      find: (filter: object) => (looks++, subject.find(filter)),
    });
    const audit: AuditTrail = { append: () => Promise.reject(new Error('no room')) };
    const { receiver } = receiverOn(store, { audit });
    onTestFinished(() => receiver.close());
    await receiver.receive(sign(mapped()));
    for (const call of [
      () => receiver.replay({ force: true }),
      () => receiver.reveal({ clientId: '1001', eventId: 'x' }, { actor: 'Zoë' }),
    ]) {
      await expect(call()).rejects.toThrow('The audit trail takes no entry, so nothing was done.');
    }
    expect(looks).toBe(0);
  });
});

describe.each(Object.keys(OUTBOXES))('the audit trail of an outbox: %s', (name) => {
  const NOW = Date.parse('2025-06-01T00:00:00Z');

  async function withDeadLetters(outbox: Outbox, audit?: AuditTrail) {
    const sender = createSender({
      url: 'http://127.0.0.1:1/',
      token: TOKEN,
      secret: SECRET,
      outbox,
      ...(audit && { audit }),
    });
    for (let n = 0; n < 3; n++) await sender.enqueue(markedEvent() as never);
    const reason = { kind: 'rejected', status: 422, code: 'x', message: null } as const;
    const now = Date.now() + 1_000;
    const claimed = await outbox.claim({ limit: 9, lease: 60_000, now });
    await outbox.settle(
      claimed.map((event) => ({ claimed: event, outcome: 'dead', attempts: 1, reason })),
      { now },
    );
    expect(await sender.count()).toEqual({ queued: 0, dead: 3 });
    return { sender, ids: claimed.map(({ eventId }) => eventId) };
  }

  it('has who redrove and discarded what, and how it ended', async () => {
    const kept = await OUTBOXES[name]!();
    const { sender, ids } = await withDeadLetters(kept.subject);
    expect(await sender.redrive({ eventId: ids[0]! }, { actor: 'Zoë' })).toBe(1);
    expect(await sender.discard({ code: 'x', type: 'appointment.created' }, { actor: 'Max' })).toBe(
      2,
    );
    expect(await sender.redrive()).toBe(0);
    const entries = await kept.read();
    const target = { code: 'x', type: 'appointment.created' };
    for (const expected of [
      { actor: 'Zoë', action: 'redrive', target: { eventId: ids[0]! }, outcome: { events: 1 } },
      { actor: 'Max', action: 'discard', target, outcome: { events: 2 } },
      { actor: 'host', action: 'redrive', target: {}, outcome: { events: 0 } },
    ]) {
      expect(entries).toContainEqual(expect.objectContaining(expected));
      expect(entries).toContainEqual(expect.objectContaining({ ...expected, outcome: null }));
    }
    expect(entries).toHaveLength(6);
    for (const { at } of entries) expect(Date.parse(at as string)).toBeGreaterThan(NOW);
    expectNoMarker(entries, 'the trail');
    await expectAppendOnly(kept);
    await kept.subject.close();
  });

  it('nothing is done that could not be written down', async () => {
    const { subject } = await OUTBOXES[name]!();
    const audit: AuditTrail = { append: () => Promise.reject(new Error('no room')) };
    const { sender } = await withDeadLetters(subject, audit);
    const error: unknown = await sender.redrive().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(StorageError);
    // What a trail of the host's says may quote what it was given.
    expect((error as Error).cause).toBeInstanceOf(Error);
    expect(inspect(error)).not.toContain('no room');
    await expect(sender.discard({})).rejects.toThrow(StorageError);
    expect(await sender.count()).toEqual({ queued: 0, dead: 3 });
    for (const options of [{ actor: '' }, { actor: 'a\nb' }, { actor: 5 }, { who: 'x' }]) {
      await expect(async () => sender.redrive({}, options as never)).rejects.toThrow(
        ConfigurationError,
      );
    }
    await expect(async () => sender.discard({ evntId: 'x' } as never)).rejects.toThrow(
      ConfigurationError,
    );
    await subject.close();
  });
});

describe('an audit trail', () => {
  it('has its entry before anything is done, and hears how it ended', async () => {
    const store = memoryStore();
    const seen: [AuditEntry, number][] = [];
    const attempts = async () => (await all(store.find({})))[0]!.attempts;
    const audit = {
      append: async (entry: AuditEntry) => void seen.push([entry, await attempts()]),
    };
    const { receiver } = receiverOn(store, { audit });
    await receiver.receive(sign(mapped()));
    await receiver.replay();
    expect(seen.map(([{ outcome }, attempts]) => [outcome?.['refused'], attempts])).toEqual([
      [undefined, 1],
      [1, 2],
    ]);
    expect(store.audit.entries).toEqual([]);
  });

  it.each<[string, () => Promise<void>]>([
    ['rejects', () => Promise.reject(new Error())],
    [
      'throws',
      () => {
        throw new Error();
      },
    ],
  ])('that %s when it is told how it ended leaves what was done as it is', async (_, fail) => {
    let calls = 0;
    const audit = { append: () => (++calls === 1 ? Promise.resolve() : fail()) };
    const { receiver } = receiverOn(memoryStore(), { audit });
    expect(await receiver.replay()).toMatchObject({ refused: 0 });
    expect(calls).toBe(2);
  });

  it('tells when an action began and when it ended, and of no filter that was not given', async () => {
    const store = memoryStore();
    let now = Date.parse('2025-06-01T00:00:00Z');
    const { receiver } = receiverOn(store, { now: () => now++ });
    await receiver.replay({ clientId: undefined, type: 'a.b' } as never);
    const [begun, ended] = store.audit.entries;
    expect(begun).toStrictEqual({
      id: expect.any(String) as string,
      at: expect.stringMatching(/^2025-06-01T00:00:00\.\d{3}Z$/) as string,
      actor: 'host',
      action: 'replay',
      target: { type: 'a.b' },
      outcome: null,
    });
    expect(ended!.at > begun!.at).toBe(true);
  });

  it('in memory cannot be changed by who reads it', async () => {
    const store = memoryStore();
    const { receiver } = receiverOn(store);
    await receiver.replay();
    const { entries } = store.audit;
    const before = JSON.stringify(entries);
    (entries as AuditEntry[]).pop();
    expect(() => ((entries[0] as { actor: string }).actor = 'x')).toThrow(TypeError);
    expect(JSON.stringify(store.audit.entries)).toBe(before);
  });

  it('takes names of 1 to 200 characters', async () => {
    const { receiver } = receiverOn(memoryStore());
    for (const actor of ['x', 'Zoë 😀', 'x'.repeat(200)]) await receiver.replay({ actor });
    for (const actor of ['', ' ', '\u00a0', 'x'.repeat(201), 'a\0', 'a\u0085b', null, {}]) {
      await expect(receiver.replay({ actor } as never)).rejects.toThrow(
        'actor must be a name of 1 to 200 characters.',
      );
    }
  });

  it('says what is missing where it can be mended, and quotes nothing else', async () => {
    const failing = (error: Error) =>
      receiverOn(memoryStore(), { audit: { append: () => Promise.reject(error) } }).receiver;
    const missing = new SchemaError(['table his_audit is missing'], ['CREATE TABLE his_audit']);
    await expect(failing(missing).replay()).rejects.toBe(missing);
    await expect(failing(new StorageError('x')).replay()).rejects.toThrow('so nothing was done');
    const error = await failing(new Error('no Zoë'))
      .replay()
      .catch((error: unknown) => error);
    expect((error as Error).cause).toBeInstanceOf(Error);
    expect(inspect(error)).not.toContain('Zoë');
  });

  it('is needed: without one nothing is replayed or shown', async () => {
    const { audit, ...store } = memoryStore();
    const { receiver } = receiverOn(store);
    expect(audit.entries).toEqual([]);
    await expect(receiver.replay()).rejects.toThrow(ConfigurationError);
    const reveal = receiver.reveal({ clientId: '1001', eventId: 'x' }, { actor: 'Zoë' });
    await expect(reveal).rejects.toThrow('hand one in as audit');
  });

  it.each([{}, null, 'x', { append: 1 }])('is no %j', (audit) => {
    expect(() => receiverOn(memoryStore(), { audit: audit as never })).toThrow(ConfigurationError);
  });

  it('is named, with the statements that make it, where the schema is managed', async () => {
    const path = join(scratchFolder(), 'audit.db');
    const database = new DatabaseSync(path);
    onTestFinished(() => {
      database.close();
    });
    await sqliteStore({ database }).prepare([]);
    const entry = {
      id: '1',
      at: '2025-06-01T00:00:00.000Z',
      actor: 'Zoë',
      action: 'replay',
      target: {},
      outcome: null,
    } as const;
    const managed: [EventStore, (text: string) => unknown][] = [
      [
        sqliteStore({ database, schema: 'managed' }),
        (text) => {
          database.exec(text);
        },
      ],
    ];
    if (missingPostgres === false) {
      const { pool, sql } = await scratchPostgres();
      managed.push([postgresStore({ pool }), sql]);
    }
    for (const [store, sql] of managed) {
      const error: unknown = await store.audit!.append(entry).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(SchemaError);
      for (const statement of (error as SchemaError).sql) await sql(statement);
      await store.audit!.append(entry);
      const removal = Promise.resolve().then(() => sql('DELETE FROM his_audit'));
      await expect(removal).rejects.toThrow('append-only');
    }
  });

  const ENTRY = {
    id: '1',
    at: '2025-06-01T00:00:00.000Z',
    actor: 'Zoë',
    action: 'replay',
    target: {},
    outcome: null,
  } as const;

  it('takes no entry in SQLite while a trigger is missing', async () => {
    const database = new DatabaseSync(':memory:');
    onTestFinished(() => {
      database.close();
    });
    const auto = sqliteStore({ database }).audit!;
    const managed = sqliteStore({ database, schema: 'managed' }).audit!;
    await auto.append(ENTRY);
    expect(database.prepare('SELECT outcome FROM his_audit').get()).toEqual({ outcome: null });
    const triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'";
    const names = database.prepare(triggers).all() as { name: string }[];
    expect(names).toHaveLength(3);
    for (const { name } of names) {
      database.exec(`DROP TRIGGER ${name}`);
      await expect(managed.append(ENTRY), name).rejects.toThrow(SchemaError);
      await auto.append(ENTRY);
      await managed.append(ENTRY);
      expect(database.prepare(triggers).all()).toHaveLength(3);
    }
  });

  it.skipIf(missingPostgres)('takes no entry in PostgreSQL while its trigger is off', async () => {
    const { pool, sql } = await scratchPostgres();
    const auto = postgresStore({ pool, schema: 'auto' }).audit!;
    const managed = postgresStore({ pool }).audit!;
    await auto.append(ENTRY);
    expect(await sql('SELECT outcome FROM his_audit')).toEqual([{ outcome: null }]);
    for (const change of [
      'ALTER TABLE his_audit DISABLE TRIGGER his_audit_append_only',
      'ALTER TABLE his_audit ENABLE REPLICA TRIGGER his_audit_append_only',
      'DROP TRIGGER his_audit_append_only ON his_audit',
    ]) {
      await sql(change);
      await expect(managed.append(ENTRY), change).rejects.toThrow(SchemaError);
      await auto.append(ENTRY);
      await managed.append(ENTRY);
      await expect(sql('DELETE FROM his_audit')).rejects.toThrow('append-only');
    }
    await sql('ALTER TABLE his_audit ENABLE ALWAYS TRIGGER his_audit_append_only');
    await managed.append(ENTRY);
  });

  it.skipIf(missingPostgres)(
    'in PostgreSQL needs INSERT and SELECT only, of a table that belongs to somebody else',
    async () => {
      const { pool, sql } = await scratchPostgres();
      await postgresStore({ pool, schema: 'auto' }).audit!.append(ENTRY);
      const [found] = await sql('SELECT current_schema() AS schema');
      const schema = found!['schema'] as string;
      const role = `${schema}_receiver`;
      await sql(`CREATE ROLE ${role};
        GRANT USAGE ON SCHEMA ${schema} TO ${role};
        GRANT INSERT, SELECT ON his_audit TO ${role}`);
      const url = new URL(POSTGRES_URL);
      url.searchParams.set('options', `-c search_path=${schema} -c role=${role}`);
      const receivers = new Pool({ connectionString: url.href, connectionTimeoutMillis: 5_000 });
      onTestFinished(async () => {
        await receivers.end();
        await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      });
      for (const options of [{}, { schema: 'auto' } as const]) {
        await postgresStore({ pool: receivers, ...options }).audit!.append(ENTRY);
      }
      expect((await receivers.query('SELECT * FROM his_audit')).rowCount).toBe(3);
      for (const text of [
        ...CHANGES,
        'TRUNCATE his_audit',
        'DROP TABLE his_audit',
        'DROP TRIGGER his_audit_append_only ON his_audit',
        'ALTER TABLE his_audit DISABLE TRIGGER ALL',
        'CREATE OR REPLACE FUNCTION his_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
        "SET session_replication_role = 'replica'",
      ]) {
        await expect(receivers.query(text), text).rejects.toThrow(
          /permission denied|must be owner/,
        );
      }
    },
  );
});
