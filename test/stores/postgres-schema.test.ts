import { EventEmitter } from 'node:events';
import type { Pool } from 'pg';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, SchemaError } from '../../src/errors.ts';
import type { FieldType } from '../../src/mapping/document.ts';
import type { TableSpec } from '../../src/mapping/tables.ts';
import { migrations, postgresStore, type PostgresPool } from '../../src/stores/postgres.ts';
import type { Change, EventStore, Verdict } from '../../src/stores/types.ts';
import { APPOINTMENT, changeOf, type ChangeSpec, refusalOf } from '../../src/testing/changes.ts';
import { missingPostgres, type TestDatabase } from '../support/databases.ts';
import { scratchPostgres } from '../support/postgres.ts';

/** The inbox, and a table of the host's own with these columns beside the bookkeeping. */
async function managed(columns: string, more = ''): Promise<[TestDatabase, EventStore]> {
  const database = await scratchPostgres();
  await database.sql(`${migrations([])}
    CREATE TABLE appointment (client_id text NOT NULL, id text NOT NULL, ${columns},
      his_versions jsonb, his_deleted_at timestamptz, UNIQUE (client_id, id)); ${more}`);
  const store = postgresStore({ pool: database.pool });
  return [database, store];
}

async function problems(store: EventStore, spec: TableSpec = APPOINTMENT): Promise<string[]> {
  const error: unknown = await store.prepare([spec]).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(SchemaError);
  return [...(error as SchemaError).problems];
}

const columnsOf = (...columns: string[]): TableSpec => ({
  table: 'appointment',
  key: ['id'],
  columns,
});

async function commit(store: EventStore, ...specs: ChangeSpec[]): Promise<readonly Verdict[]> {
  return store.commit(specs.map(changeOf));
}

/** A pool that does something before each statement of its clients. */
function beforeQueries(pool: Pool, work: (text: string) => Promise<void>): PostgresPool {
  return new Proxy(pool, {
    get: (target, name) =>
      name === 'connect'
        ? async () => {
            const client = await pool.connect();
            return new Proxy(client, {
              get: (target, name) => {
                const member: unknown = Reflect.get(target, name);
                if (typeof member !== 'function') return member;
                if (name !== 'query') return member.bind(target) as unknown;
                return async (query: { text: string } | string) => {
                  await work(typeof query === 'string' ? query : query.text);
                  return target.query(query);
                };
              },
            });
          }
        : (Reflect.get(target, name) as unknown),
  });
}

describe.skipIf(missingPostgres !== false)('the tables of postgresStore', () => {
  it('are named when they are missing, with the SQL that makes them', async () => {
    const { pool, sql } = await scratchPostgres();
    const store = postgresStore({ pool });
    const error = (await store.prepare([APPOINTMENT]).catch((e: unknown) => e)) as SchemaError;
    expect(error.problems).toEqual(['table his_events is missing', 'table appointment is missing']);
    await expect(store.commit([changeOf({ id: 'e1' })])).rejects.toBeInstanceOf(SchemaError);

    for (const statement of error.sql) await sql(statement);
    await store.prepare([APPOINTMENT]);
    expect(await commit(store, { id: 'e1', values: { status: 'a' } })).toEqual(['applied']);
  });

  it('come from migrations(), which can run again and again, and adds what is new', async () => {
    const { pool, sql } = await scratchPostgres();
    const first = migrations([{ ...APPOINTMENT, columns: ['status'] }]);
    await sql(first);
    await sql(first);
    const store = postgresStore({ pool });
    expect(await problems(store)).toEqual([
      'column appointment.room is missing',
      'column appointment.note is missing',
    ]);
    await sql(migrations([APPOINTMENT]));
    await store.prepare([APPOINTMENT]);
    expect(await commit(store, { id: 'e1', values: { note: 'a' } })).toEqual(['applied']);
  });

  it('are held against everything a patch needs, all faults at once', async () => {
    const [database, store] = await managed(
      `status text NOT NULL, "Room" text, note text GENERATED ALWAYS AS ('x') STORED`,
      `ALTER TABLE appointment DROP CONSTRAINT appointment_client_id_id_key;
       ALTER TABLE appointment ALTER his_versions TYPE json USING NULL;
       ALTER TABLE appointment ALTER id TYPE int USING 0;
       CREATE TABLE patient (id int PRIMARY KEY);
       ALTER TABLE appointment ADD patient int REFERENCES patient (id);
       ALTER TABLE his_events DROP COLUMN digest, ALTER attempts TYPE text;
       ALTER TABLE his_events DROP CONSTRAINT his_events_pkey;
       CREATE TABLE "Service" (x int); CREATE VIEW location AS SELECT 1 AS x`,
    );
    const service = { table: 'service', key: ['id'], columns: [] };
    const location = { table: 'location', key: ['id'], columns: [] };
    const error = (await store
      .prepare([APPOINTMENT, service, location])
      .catch((e: unknown) => e)) as SchemaError;
    expect(error.problems).toEqual([
      'his_events.digest is missing',
      'his_events.attempts must be of type integer',
      'his_events has no UNIQUE (client_id, event_id)',
      'appointment.id is part of the key and must be text that compares bytewise',
      'appointment.room is spelled Room in the table',
      'appointment.note is generated and cannot be written',
      'appointment.his_versions must be of type jsonb',
      'appointment.status is NOT NULL without a default, which a patch may leave out',
      'appointment has a foreign key, and events come in any order',
      'appointment has no UNIQUE (client_id, id)',
      'table service is spelled Service in the database',
      'location is not a table',
    ]);
    await database.sql('DROP TABLE appointment CASCADE');
  });

  it.each([
    ['an index with a condition', 'UNIQUE INDEX i ON appointment (client_id, id) WHERE id > $$$$'],
    ['an index of an expression', 'UNIQUE INDEX i ON appointment (client_id, lower(id))'],
    ['an index of more columns', 'UNIQUE INDEX i ON appointment (client_id, id, status)'],
    ['an index that is not unique', 'INDEX i ON appointment (client_id, id)'],
  ])('cannot rest on %s', async (_, index) => {
    const drop = 'ALTER TABLE appointment DROP CONSTRAINT appointment_client_id_id_key;';
    const [, store] = await managed('status text', `${drop} CREATE ${index}`);
    expect(await problems(store, columnsOf('status'))).toEqual([
      'appointment has no UNIQUE (client_id, id)',
    ]);
  });

  it('cannot rest on a constraint that is checked at the end', async () => {
    const [, store] = await managed(
      'status text',
      `ALTER TABLE appointment DROP CONSTRAINT appointment_client_id_id_key;
       ALTER TABLE appointment ADD UNIQUE (client_id, id) DEFERRABLE`,
    );
    expect(await problems(store, columnsOf('status'))).toHaveLength(1);
  });

  it('cannot have a key that ignores letter case', async () => {
    const [, store] = await managed(
      'status text',
      `CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
       ALTER TABLE appointment ALTER id TYPE text COLLATE any_case`,
    );
    expect(await problems(store, columnsOf('status'))).toEqual([
      'appointment.id is part of the key and must be text that compares bytewise',
    ]);
  });

  it('cannot be those the role may not write', async () => {
    const database = await scratchPostgres();
    const role = `his_reader_${String(process.pid)}`;
    const [{ schema }] = (await database.sql('SELECT current_schema() AS schema')) as [
      { schema: string },
    ];
    await database.sql(migrations([APPOINTMENT]));
    await database.sql(`CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${schema} TO ${role};
      GRANT SELECT, INSERT ON appointment TO ${role};
      GRANT SELECT, INSERT, UPDATE ON his_events TO ${role}`);
    const pool = database.pool as unknown as PostgresPool;
    const asReader: PostgresPool = {
      on: () => undefined,
      connect: async () => {
        const client = await pool.connect();
        await client.query({ text: `SET ROLE ${role}`, values: [] });
        return client;
      },
    };
    try {
      expect(await problems(postgresStore({ pool: asReader }))).toEqual([
        'his_events: the role may not DELETE',
        'appointment: the role may not UPDATE',
      ]);
    } finally {
      await database.sql(`RESET ROLE`);
      await database.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('may be created by several receivers at once', async () => {
    const { pool } = await scratchPostgres();
    const stores = Array.from({ length: 4 }, () => postgresStore({ pool, schema: 'auto' }));
    await Promise.all(stores.map((store) => store.prepare([APPOINTMENT])));
    await Promise.all(stores.map((store) => store.prepare([columnsOf('extra')])));
    const verdicts = await Promise.all(
      stores.map((store) => commit(store, { id: 'e1', values: { extra: 'x' } })),
    );
    expect(verdicts.flat().sort()).toEqual(['applied', 'duplicate', 'duplicate', 'duplicate']);
  });

  it('may be created by another receiver between two looks', async () => {
    const { pool, sql } = await scratchPostgres();
    let isLate = false;
    const store = postgresStore({
      pool: beforeQueries(pool as Pool, async (text) => {
        if (isLate || !text.includes('lower(c.relname)')) return;
        isLate = true;
        await sql(migrations([APPOINTMENT]));
      }),
      schema: 'auto',
    });
    await store.prepare([APPOINTMENT]);
    expect(isLate).toBe(true);
    expect(await commit(store, { id: 'e1', values: { status: 'a' } })).toEqual(['applied']);
  });

  it('may be partitioned', async () => {
    const database = await scratchPostgres();
    await database.sql(`${migrations([])}
      CREATE TABLE appointment (client_id text, id text, status text, his_versions jsonb,
        his_deleted_at timestamptz, UNIQUE (client_id, id)) PARTITION BY LIST (client_id);
      CREATE TABLE part1 PARTITION OF appointment FOR VALUES IN ('1001');
      CREATE TABLE part2 PARTITION OF appointment DEFAULT`);
    const store = postgresStore({ pool: database.pool });
    await store.prepare([columnsOf('status')]);
    const specs = [
      { id: 'e1', values: { status: 'a' } },
      { id: 'e2', client: '1002', values: { status: 'b' } },
      { id: 'e3', values: { status: 'c' } },
    ];
    expect(await commit(store, ...specs)).toEqual(['applied', 'applied', 'applied']);
    expect(await database.sql('SELECT client_id, status FROM appointment ORDER BY 1')).toEqual([
      { client_id: '1001', status: 'c' },
      { client_id: '1002', status: 'b' },
    ]);
  });

  it('may have partitions with triggers of their own, which drop no row behind a 200', async () => {
    const database = await scratchPostgres();
    await database.sql(`${migrations([])}
      CREATE TABLE appointment (client_id text, id text, status text, his_versions jsonb,
        his_deleted_at timestamptz, UNIQUE (client_id, id)) PARTITION BY LIST (client_id);
      CREATE TABLE part PARTITION OF appointment DEFAULT;
      CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER lose BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION lose()`);
    const store = postgresStore({ pool: database.pool });
    await store.prepare([columnsOf('status')]);
    expect(await commit(store, { id: 'e1', values: { status: 'a' } })).toEqual([
      { rejected: 'a trigger dropped it' },
    ]);
    expect(await database.sql('SELECT * FROM his_events')).toEqual([]);
  });

  it('are not those that a crash of the server empties, nor an inbox nothing can be dropped from', async () => {
    const [database, store] = await managed(
      'status text',
      'ALTER TABLE appointment SET UNLOGGED; ALTER TABLE his_events SET UNLOGGED',
    );
    expect(await problems(store, columnsOf('status'))).toEqual([
      'his_events is unlogged or temporary, and would not survive a crash',
      'appointment is unlogged or temporary, and would not survive a crash',
    ]);
    await database.sql('DROP TABLE appointment');
  });

  it('cannot have a unique index under which two keys are one', async () => {
    const [, store] = await managed(
      'status text',
      `CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
       CREATE UNIQUE INDEX i ON appointment (client_id, id COLLATE any_case)`,
    );
    expect(await problems(store, columnsOf('status'))).toEqual([
      'appointment.id is part of the key and must be text that compares bytewise',
    ]);
  });

  it('are looked at again when they were made anew with other types', async () => {
    const [database, store] = await managed('status text');
    await store.prepare([columnsOf('status')]);
    await commit(store, { id: 'e1', values: { status: '1' } });
    await database.sql(`ALTER TABLE appointment ALTER status TYPE int USING status::int`);
    await expect(commit(store, { id: 'e2', values: { status: '2' } })).rejects.toThrow();
    expect(await commit(store, { id: 'e2', values: { status: '2' } })).toEqual(['applied']);
    await database.sql(`DROP TABLE appointment`);
    await expect(commit(store, { id: 'e3', values: { status: '3' } })).rejects.toThrow();
    await expect(commit(store, { id: 'e3', values: { status: '3' } })).rejects.toBeInstanceOf(
      SchemaError,
    );
  });
});

describe.skipIf(missingPostgres !== false)('the columns of postgresStore', () => {
  const TYPED = `status varchar(5) CHECK (status <> 'BAD'), room int, fee numeric(5, 2), day date,
    at timestamptz, open boolean, extra jsonb, tags text[], kind mood, code short,
    label text UNIQUE, due text NOT NULL DEFAULT 'later', seen text DEFAULT now()::text`;
  const NAMES = 'status room fee day at open extra tags kind code label due seen'.split(' ');
  const typed = async (): Promise<[TestDatabase, EventStore]> => {
    const database = await scratchPostgres();
    await database.sql(
      `CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN short AS varchar(3)`,
    );
    await database.sql(`${migrations([])}
      CREATE TABLE appointment (client_id text NOT NULL, id text NOT NULL, ${TYPED},
        his_versions jsonb, his_deleted_at timestamptz, UNIQUE (client_id, id))`);
    const store = postgresStore({ pool: database.pool });
    await store.prepare([columnsOf(...NAMES)]);
    return [database, store];
  };

  it('have the types of the mappings where we make them, and hold every value as it is', async () => {
    const { pool, sql } = await scratchPostgres();
    const store = postgresStore({ pool, schema: 'auto' });
    const types = Object.fromEntries(
      ['string', 'integer', 'number', 'decimal', 'boolean', 'date', 'datetime', 'json'].map(
        (type) => [`a_${type}`, type as FieldType],
      ),
    );
    const spec = { ...columnsOf(...Object.keys(types), 'untyped', 'constructor'), types };
    // First without the types' columns, so that they are added as well as created.
    await store.prepare([columnsOf()]);
    await store.prepare([spec]);
    const declared = await sql(
      `SELECT column_name AS name, data_type AS type FROM information_schema.columns
       WHERE table_name = 'appointment' AND table_schema = current_schema() AND column_name !~ '^his_|_id$|^id$'`,
    );
    expect(Object.fromEntries(declared.map(({ name, type }) => [name, type]))).toEqual({
      a_string: 'text',
      a_integer: 'bigint',
      a_number: 'double precision',
      a_decimal: 'numeric',
      a_boolean: 'boolean',
      a_date: 'date',
      a_datetime: 'timestamp with time zone',
      a_json: 'jsonb',
      untyped: 'text',
      constructor: 'text',
    });
    const digits = `-${'9'.repeat(60)}.${'1'.repeat(60)}`;
    const values = {
      a_string: '007',
      a_integer: 9007199254740991,
      a_number: 0.1,
      a_decimal: digits,
      a_boolean: false,
      a_date: '0001-01-01',
      a_datetime: '2025-03-02T05:00:45.123456Z',
      a_json: 'text',
      untyped: '007',
      constructor: 'c',
    };
    expect(await commit(store, { id: 'e1', values })).toEqual(['applied']);
    const [row] = await sql(
      `SELECT a_string, a_integer::text, a_number::text, a_decimal::text, a_boolean::text, a_date::text,
         to_char(a_datetime AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS a_datetime,
         a_json::text, untyped, constructor FROM appointment`,
    );
    expect(row).toEqual({
      ...values,
      a_integer: '9007199254740991',
      a_number: '0.1',
      a_boolean: 'false',
      a_json: '"text"',
    });
    const nulls = Object.fromEntries(Object.keys(types).map((name) => [name, null]));
    expect(await commit(store, { id: 'e2', values: nulls })).toEqual(['applied']);
    const [blank] = await sql(
      `SELECT num_nulls(${Object.keys(types).join()}) AS n FROM appointment`,
    );
    expect(blank).toEqual({ n: 8 });
  });

  it('remember the types of earlier mappings, should they have to be made anew', async () => {
    const { pool, sql } = await scratchPostgres();
    const store = postgresStore({ pool, schema: 'auto' });
    await store.prepare([{ ...columnsOf('amount'), types: { amount: 'decimal' } }]);
    const declared = `SELECT data_type AS type FROM information_schema.columns
      WHERE table_schema = current_schema() AND column_name = 'amount'`;
    const before = await sql(declared);
    expect(before).toMatchObject([{ type: 'numeric' }]);
    await sql('DROP TABLE appointment');
    await store.prepare([columnsOf('more')]);
    expect(await sql(declared)).toEqual(before);
  });

  it('are refused where their types would change what the mapping stores', async () => {
    const [, store] = await managed(
      'a int, b numeric, c double precision, d real, e date, f text, g numeric, h timestamptz, i bigint',
    );
    const types: Record<string, FieldType> = {
      a: 'string',
      b: 'string',
      c: 'decimal',
      d: 'number',
      e: 'datetime',
      f: 'decimal',
      g: 'decimal',
      h: 'datetime',
      i: 'integer',
    };
    expect(await problems(store, { ...columnsOf(...Object.keys(types)), types })).toEqual([
      'appointment.a is of type integer, which changes the strings of the mapping: it must be text',
      'appointment.b is of type numeric, which changes the strings of the mapping: it must be text',
      'appointment.c is of type double precision, which changes the decimals of the mapping: it must be numeric',
      'appointment.d is of type real, which changes the numbers of the mapping: it must be double precision',
      'appointment.e is of type date, which changes the datetimes of the mapping: it must be timestamp with time zone',
    ]);
  });

  it('take values as their types read them', async () => {
    const [{ sql }, store] = await typed();
    const values = {
      status: 'ok',
      room: 7,
      fee: '12.50',
      day: '2025-03-02',
      at: '2025-03-02T10:30:00+05:30',
      open: true,
      extra: { a: [1, null, 'x'] },
      tags: ['a', 'say "b"', null],
      kind: 'good',
      code: 'abc',
      label: 'l',
    };
    expect(await commit(store, { id: 'e1', values })).toEqual(['applied']);
    const [row] = await sql(
      `SELECT status, room, fee, day::text, at AT TIME ZONE 'UTC' = '2025-03-02 05:00' AS at, open,
         extra, tags, kind, code, label, due, seen IS NOT NULL AS seen FROM appointment`,
    );
    expect(row).toEqual({ ...values, at: true, due: 'later', seen: true });

    const texts = { extra: 'open', room: null, open: 'no', fee: 3 };
    expect(await commit(store, { id: 'e2', values: { ...texts, due: 'now' } })).toEqual([
      'applied',
    ]);
    expect((await sql('SELECT extra, room, open, fee, due FROM appointment'))[0]).toEqual({
      extra: 'open',
      room: null,
      open: false,
      fee: '3.00',
      due: 'now',
    });
  });

  it.each([
    ['status', 'longer', 'the value is too long'],
    ['status', 'BAD', 'CHECK constraint failed'],
    ['room', 'seven', 'the value is of another type'],
    ['room', 1.5, 'the value is of another type'],
    ['room', 3e9, 'the number is out of range'],
    ['fee', 1000, 'the number is out of range'],
    ['day', '2025-02-30', 'the date or time is out of range'],
    ['at', 'soon', 'the value is no date or time'],
    ['open', 'perhaps', 'the value is of another type'],
    ['kind', 'odd', 'the value is of another type'],
    ['code', 'abcd', 'the value is too long'],
    ['label', 'taken', 'UNIQUE constraint failed'],
    ['due', null, 'NOT NULL constraint failed'],
  ])('refuse %s = %j without touching the neighbours', async (column, value, reason) => {
    const [{ sql }, store] = await typed();
    await commit(store, { id: 'e0', key: 'A0', values: { label: 'taken' } });
    const neighbours = Array.from({ length: 9 }, (_, i) => ({
      id: `n${String(i)}`,
      key: `N${String(i)}`,
      values: { room: i },
    }));
    const bad = { id: 'bad', key: 'B', values: { room: 1, [column]: value } };
    const batch = [...neighbours.slice(0, 4), bad, ...neighbours.slice(4), bad];
    const rejected = { rejected: reason, column };
    expect(await commit(store, ...batch)).toEqual([
      ...Array.from({ length: 4 }, () => 'applied'),
      rejected,
      ...Array.from({ length: 5 }, () => 'applied'),
      rejected,
    ]);
    expect(await sql('SELECT count(*)::int AS n FROM appointment')).toEqual([{ n: 10 }]);
    expect(await sql('SELECT count(*)::int AS n FROM his_events')).toEqual([{ n: 10 }]);
  });

  it('refuse a key that is too long for its index', async () => {
    const [, store] = await typed();
    const key = Array.from({ length: 3_000 }, () => Math.random().toString(36).slice(2)).join('');
    expect(await commit(store, { id: 'e1', key }, { id: 'e2' })).toEqual([
      { rejected: 'the key is too long' },
      'applied',
    ]);
  });

  it('are named where a constraint of several is violated', async () => {
    const [, store] = await managed('a int, b int, CHECK (a < b)');
    await store.prepare([columnsOf('a', 'b')]);
    expect(await commit(store, { id: 'e1', values: { b: 1, a: 2 } })).toEqual([
      { rejected: 'CHECK constraint failed', column: 'a' },
    ]);
  });

  it('refuse what a constraint that is checked at the end refuses', async () => {
    const [, store] = await managed(
      'label text',
      'ALTER TABLE appointment ADD UNIQUE (label) DEFERRABLE INITIALLY DEFERRED',
    );
    await store.prepare([columnsOf('label')]);
    const label = (id: string, key: string, values: ChangeSpec['values']) =>
      ({ id, key, values }) as ChangeSpec;
    expect(
      await commit(store, label('e1', 'A', { label: 'x' }), label('e2', 'B', { label: 'x' })),
    ).toEqual(['applied', { rejected: 'UNIQUE constraint failed', column: 'label' }]);
  });

  it('may have triggers: one that refuses, and one that drops, refuse their row only', async () => {
    const [{ sql }, store] = await managed(
      'status text',
      `CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.status = 'raise' THEN RAISE 'patient %', NEW.id; END IF;
         IF NEW.status = 'drop' THEN RETURN NULL; END IF; RETURN NEW; END $$;
       CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON appointment
         FOR EACH ROW EXECUTE FUNCTION guard()`,
    );
    await store.prepare([columnsOf('status')]);
    const of = (id: string, status: string, at = 1) => ({
      id,
      key: id.slice(0, 1),
      at: `2025-01-08T12:00:0${String(at)}Z`,
      values: { status },
    });
    const expected = [
      'applied',
      { rejected: 'a trigger refused it' },
      { rejected: 'a trigger dropped it' },
      'applied',
    ];
    const batch = (n: number) => [
      of(`a${String(n)}`, 'x', n),
      of(`b${String(n)}`, 'raise', n),
      of(`c${String(n)}`, 'drop', n),
      of(`d${String(n)}`, 'y', n),
    ];
    expect(await commit(store, ...batch(1))).toEqual(expected);
    expect(await commit(store, ...batch(2))).toEqual(expected);
    expect(await commit(store, of('d3', 'late', 0))).toHaveLength(1);
    expect(await sql('SELECT id, status FROM appointment ORDER BY id')).toEqual([
      { id: 'a', status: 'x' },
      { id: 'd', status: 'y' },
    ]);
    expect(await sql(`SELECT event_id FROM his_events ORDER BY 1`)).toEqual(
      ['a1', 'a2', 'd1', 'd2', 'd3'].map((event_id) => ({ event_id })),
    );
  });

  it('take a patch that makes no row by itself, where the row that is there takes it', async () => {
    const [{ sql }, store] = await managed(
      `status text, paid_at date, CHECK (status NOT LIKE 'PAID%' OR paid_at IS NOT NULL),
       CHECK (status IS NOT NULL)`,
    );
    await store.prepare([columnsOf('status', 'paid_at')]);
    const at = (second: number) => `2025-01-08T12:00:0${String(second)}Z`;
    const refused = { rejected: 'CHECK constraint failed', column: 'status' };
    expect(
      await commit(store, { id: 'e0', at: at(2), key: 'B', values: { status: 'PAID' } }),
    ).toEqual([refused]);
    await commit(store, { id: 'e1', at: at(1), values: { status: 'PAID', paid_at: '2025-03-02' } });
    expect(
      await commit(
        store,
        { id: 'e2', at: at(2), values: { status: 'PAID IN FULL' } },
        { id: 'e3', at: at(3), operation: 'deleted', values: {} },
        { id: 'e4', at: at(4), values: { paid_at: null } },
      ),
    ).toEqual(['applied', 'applied', { ...refused, column: 'paid_at' }]);
    expect(
      await sql('SELECT status, paid_at::text, his_deleted_at IS NULL AS open FROM appointment'),
    ).toEqual([{ status: 'PAID IN FULL', paid_at: '2025-03-02', open: false }]);
  });

  it('may have bookkeeping that is empty, which is as good as none', async () => {
    const [{ sql }, store] = await managed(
      'status text',
      `INSERT INTO appointment (client_id, id, his_versions) VALUES ('1001', 'A1', 'null')`,
    );
    await store.prepare([columnsOf('status')]);
    const e = (id: string, at: string) => ({ id, at: `2025-01-08T${at}Z`, values: { status: id } });
    expect(await commit(store, e('new', '12:00:00'))).toEqual(['applied']);
    expect(await commit(store, e('old', '11:00:00'))).toEqual(['stale']);
    expect(await sql('SELECT status FROM appointment')).toEqual([{ status: 'new' }]);
  });

  it('refuse a key that would lose its last spaces, and with it its row', async () => {
    const [, store] = await managed(
      'status text',
      `ALTER TABLE appointment ALTER id TYPE varchar(5)`,
    );
    await store.prepare([columnsOf('status')]);
    expect(
      await commit(
        store,
        { id: 'e1', key: '12345', values: { status: 'a' } },
        { id: 'e2', key: '12345 ', values: { status: 'b' } },
      ),
    ).toEqual(['applied', { rejected: 'the value is too long', column: 'id' }]);
  });

  it.each(['BK001', 'case_not_found', 'X9999'])(
    'refuse what a trigger of theirs refuses with %s, and no neighbour',
    async (state) => {
      const [, store] = await managed(
        'status text',
        `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.status = 'bad' THEN RAISE 'patient %', NEW.id USING ERRCODE = '${state}'; END IF;
           RETURN NEW; END $$;
         CREATE TRIGGER no BEFORE INSERT ON appointment FOR EACH ROW EXECUTE FUNCTION no()`,
      );
      await store.prepare([columnsOf('status')]);
      const of = (id: string, status: string) => ({ id, key: id, values: { status } });
      expect(await commit(store, of('e1', 'a'), of('e2', 'bad'), of('e3', 'c'))).toEqual([
        'applied',
        { rejected: 'the database refused it' },
        'applied',
      ]);
    },
  );

  it('get the default of their domain where the row is new and an event does not carry them', async () => {
    const [{ sql }, store] = await managed(
      'status text, kind text',
      `
      CREATE DOMAIN visit AS text DEFAULT 'visit'; ALTER TABLE appointment ALTER kind TYPE visit`,
    );
    await store.prepare([columnsOf('status', 'kind')]);
    await commit(store, { id: 'e1', key: 'A', values: { kind: 'x' } }, { id: 'e2', key: 'B' });
    expect(await sql('SELECT id, kind FROM appointment ORDER BY id')).toEqual([
      { id: 'A', kind: 'x' },
      { id: 'B', kind: 'visit' },
    ]);
  });

  it('are left alone by an event that is late', async () => {
    const [{ sql }, store] = await managed(
      'status text',
      `CREATE TABLE log (id text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END $$;
       CREATE TRIGGER note AFTER INSERT OR UPDATE ON appointment
         FOR EACH ROW EXECUTE FUNCTION note()`,
    );
    await store.prepare([columnsOf('status')]);
    const late = { id: 'e0', at: '2025-01-08T11:00:00Z', values: { status: 'late' } };
    expect(await commit(store, { id: 'e1', values: { status: 'x' } })).toEqual(['applied']);
    expect(await commit(store, late)).toEqual(['stale']);
    expect(await sql('SELECT * FROM log')).toHaveLength(1);
  });

  it('may be many, and named as this store names its own', async () => {
    const database = await scratchPostgres();
    const store = postgresStore({ pool: database.pool, schema: 'auto' });
    const columns = [
      ...Array.from({ length: 120 }, (_, i) => `c${String(i)}`),
      ...['v0', 'version', 'versions', 'mask', 'changes', 't', 'w'],
    ];
    await store.prepare([{ table: 'rows0', key: ['k0', 'place', 'version2'], columns }]);
    const values = Object.fromEntries(columns.map((name) => [name, `of ${name}`]));
    const key = { k0: 'a', place: 'b', version2: 'c' };
    const make = (id: string): Change => {
      const change = changeOf({ id });
      return { ...change, row: { ...change.row!, table: 'rows0', key, values } };
    };
    expect(await store.commit([make('e1')])).toEqual(['applied']);
    expect(await store.commit([make('e3'), make('e2')])).toEqual(['applied', 'stale']);
    expect((await database.sql('SELECT * FROM rows0'))[0]).toMatchObject({ ...key, ...values });
  });
});

describe.skipIf(missingPostgres !== false)('several writers on postgresStore', () => {
  it('wait for an event that is in work elsewhere, and find it a duplicate or a conflict', async () => {
    const database = await scratchPostgres();
    const one = postgresStore({ pool: database.pool, schema: 'auto' });
    const two = postgresStore({ pool: database.pool, schema: 'auto' });
    await one.prepare([APPOINTMENT]);
    await two.prepare([APPOINTMENT]);
    for (let round = 0; round < 30; round++) {
      const e = (n: number, status: string) => ({
        id: `e${String(round)}-${String(n)}`,
        key: `${String(round)}-${String(n)}`,
        values: { status },
      });
      // In opposite orders, which is how deadlocks are made.
      const verdicts = await Promise.all([
        commit(one, e(1, 'x'), e(2, 'x'), e(3, 'x')),
        commit(two, e(3, 'x'), e(2, 'y'), e(1, 'x')),
        commit(one, e(2, 'x'), e(1, 'x')),
      ]);
      const [a, b, c] = verdicts as [Verdict[], Verdict[], Verdict[]];
      expect([a[0], b[2], c[1]].sort()).toEqual(['applied', 'duplicate', 'duplicate']);
      expect([a[2], b[0]].sort()).toEqual(['applied', 'duplicate']);
      const second = [a[1], b[1], c[0]].sort();
      expect([
        ['applied', 'conflict', 'duplicate'],
        ['applied', 'conflict', 'conflict'],
      ]).toContainEqual(second);
    }
  });

  it('see a lock of somebody else end at the deadline, and leave no waiting connection', async () => {
    const database = await scratchPostgres();
    const store = postgresStore({ pool: database.pool, schema: 'auto', timeout: 300 });
    await store.prepare([APPOINTMENT]);
    await commit(store, { id: 'e1', values: { status: 'a' } });
    const locker = await (database.pool as unknown as { connect(): Promise<Locker> }).connect();
    await locker.query('BEGIN');
    await locker.query(`SELECT * FROM appointment FOR UPDATE`);
    await expect(commit(store, { id: 'e2', values: { status: 'b' } })).rejects.toThrow(
      /did not answer|failed/,
    );
    await expect.poll(() => waitingFor(database)).toBe(0);
    await locker.query('ROLLBACK');
    locker.release();
    expect(await commit(store, { id: 'e2', values: { status: 'b' } })).toEqual(['applied']);
  });

  it('pile up no connections while a migration holds the table', async () => {
    const database = await scratchPostgres();
    const store = postgresStore({ pool: database.pool, schema: 'auto', timeout: 200 });
    await store.prepare([APPOINTMENT]);
    const locker = await (database.pool as unknown as { connect(): Promise<Locker> }).connect();
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE appointment IN ACCESS EXCLUSIVE MODE');
    for (let attempt = 0; attempt < 6; attempt++) {
      await expect(commit(store, { id: 'e1', values: { status: 'a' } })).rejects.toThrow();
    }
    // The first is there until the migration ends: it waits while it is planned, before any deadline.
    await expect.poll(() => waitingFor(database)).toBeLessThanOrEqual(1);
    await locker.query('ROLLBACK');
    locker.release();
    expect(['applied', 'duplicate']).toContain(
      (await commit(store, { id: 'e1', values: { status: 'a' } }))[0],
    );
  });

  it('share a quota of quarantine', async () => {
    const database = await scratchPostgres();
    const stores = [1, 2, 3].map(() =>
      postgresStore({ pool: database.pool, schema: 'auto', quarantineQuota: 5 }),
    );
    await stores[0]!.prepare([APPOINTMENT]);
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        stores[i % 3]!.quarantine(refusalOf(changeOf({ id: `e${String(i)}` }))),
      ),
    );
    expect(verdicts.filter((verdict) => verdict === 'quarantined')).toHaveLength(5);
  });

  it('finds bodies whatever way the pool reads bytes', async () => {
    const { pool } = await scratchPostgres({ binary: true });
    const store = postgresStore({ pool, schema: 'auto' });
    await store.prepare([APPOINTMENT]);
    await store.quarantine(refusalOf(changeOf({ id: 'e1' })));
    for await (const { body } of store.find({})) {
      expect(Buffer.from(body!).toString()).toBe('body of e1');
    }
  });

  it('is durable whatever the session says', async () => {
    const database = await scratchPostgres();
    const pool = database.pool as unknown as PostgresPool;
    const careless: PostgresPool = {
      on: () => undefined,
      connect: async () => {
        const client = await pool.connect();
        await client.query({ text: 'SET synchronous_commit = off', values: [] });
        return client;
      },
    };
    const store = postgresStore({ pool: careless, schema: 'auto' });
    await store.prepare([APPOINTMENT]);
    await database.sql(
      `CREATE TABLE setting (value text); CREATE FUNCTION seen() RETURNS trigger
         LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO setting VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
       CREATE TRIGGER seen AFTER INSERT ON appointment FOR EACH ROW EXECUTE FUNCTION seen();
       CREATE TRIGGER seen AFTER INSERT ON his_events FOR EACH ROW EXECUTE FUNCTION seen()`,
    );
    await commit(store, { id: 'e1', values: { status: 'a' } });
    await store.quarantine(refusalOf(changeOf({ id: 'e2' })));
    await store.record(changeOf({ id: 'e3' }));
    expect(await database.sql('SELECT DISTINCT value FROM setting')).toEqual([{ value: 'on' }]);
    expect(await database.sql('SELECT * FROM setting')).toHaveLength(4);
    expect(await database.sql(`SELECT current_setting('fsync') AS fsync`)).toEqual([
      { fsync: 'on' },
    ]);
  });
});

/** How many connections wait for a lock on this database's table. */
async function waitingFor({ sql }: TestDatabase): Promise<unknown> {
  const [row] = await sql(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'
       AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'appointment'::regclass)`,
  );
  return row!['n'];
}

interface Locker {
  query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
  release(): void;
}

describe('the pool of postgresStore', () => {
  it('hears of whatever befalls it or its connections, which pg would throw otherwise', () => {
    const pool = new EventEmitter();
    const stores = [1, 2].map(() =>
      postgresStore({ pool: Object.assign(pool, { connect: () => Promise.reject(new Error()) }) }),
    );
    expect(stores).toHaveLength(2);
    const client = new EventEmitter();
    // Before anybody is handed the connection.
    pool.emit('connect', client);
    expect(() => client.emit('error', new Error('cut off'))).not.toThrow();
    expect(() => pool.emit('error', new Error('cut off'))).not.toThrow();
    expect([pool.listenerCount('error'), client.listenerCount('error')]).toEqual([1, 1]);
  });
});

describe('the options of postgresStore', () => {
  const pool = { connect: () => Promise.reject(new Error('unused')), on: () => undefined };
  it.each<[string, unknown]>([
    ['no pool', {}],
    ['a pool that is none', { pool: {} }],
    ['a misspelt option', { pool, schemas: 'auto' }],
    ['a schema nobody knows', { pool, schema: 'none' }],
    ['a timeout that is none', { pool, timeout: 0 }],
    ['a quota that is none', { pool, quarantineQuota: -1 }],
    ['a pool that waits for ever', { pool: { ...pool, options: {} } }],
  ])('refuse %s', (_, options) => {
    expect(() => postgresStore(options as never)).toThrow(ConfigurationError);
  });
});
