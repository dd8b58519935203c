import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError, SchemaError, StorageError } from '../../src/errors.ts';
import { sqliteStore, type SqliteStoreOptions } from '../../src/stores/sqlite.ts';
import type { EventStore } from '../../src/stores/types.ts';
import { eventStoreSuite, type OpenEventStore } from '../../src/testing/event-store.ts';
import { APPOINTMENT, changeOf, refusalOf } from '../../src/testing/changes.ts';

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function scratchFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-'));
  cleanUps.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, 'test.db');
}

type Extra = Omit<Extract<SqliteStoreOptions, { path: string }>, 'path'>;

function openStore(path: string, options: Extra = {}): EventStore {
  const store = sqliteStore({ path, ...options });
  cleanUps.push(() => store.close());
  return store;
}

/** Looks into the file with a connection of its own. */
function query(path: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
}

function execute(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

const open: OpenEventStore = (options) => {
  const path = scratchFile();
  return Promise.resolve({
    store: openStore(path, options),
    rows: (table) =>
      Promise.resolve(
        query(path, `SELECT * FROM "${table}"`).map((row) => ({
          ...row,
          his_versions: JSON.parse(row['his_versions'] as string) as unknown,
        })),
      ),
  });
};

describe('sqliteStore', () => {
  for (const { name, run } of eventStoreSuite(open)) it(name, run);

  it('is durable: WAL and synchronous=FULL on the connection that commits', async () => {
    const database = new DatabaseSync(scratchFile());
    cleanUps.push(() => {
      database.close();
    });
    const store = sqliteStore({ database });
    await store.prepare([APPOINTMENT]);
    expect({ ...database.prepare('PRAGMA journal_mode').get() }).toEqual({ journal_mode: 'wal' });
    expect({ ...database.prepare('PRAGMA synchronous').get() }).toEqual({ synchronous: 2 });
    await store.close();
    expect(database.isOpen).toBe(true);
  });

  it('works on a database that reads whole numbers as BigInts', async () => {
    const database = new DatabaseSync(scratchFile(), { readBigInts: true });
    cleanUps.push(() => {
      database.close();
    });
    const store = sqliteStore({ database, quarantineQuota: 1 });
    await store.prepare([APPOINTMENT]);
    await store.prepare([APPOINTMENT]);
    const change = changeOf({ id: 'e1' });
    await store.quarantine(refusalOf(change));
    expect(await store.quarantine(refusalOf(changeOf({ id: 'e2' })))).toBe('over_quota');
    for await (const { attempts } of store.find({})) expect(attempts).toBe(1);
    const replayOf = { key: 'e1', attempts: 1 };
    expect(await store.commit([{ ...change, replayOf }])).toEqual(['applied']);
  });

  it('adds columns to a STRICT table', async () => {
    const path = scratchFile();
    execute(
      path,
      'CREATE TABLE appointment (client_id TEXT, id TEXT, UNIQUE (client_id, id)) STRICT',
    );
    const store = openStore(path);
    await store.prepare([APPOINTMENT]);
    await store.commit([changeOf({ id: 'e1', values: { status: '007', room: 5 } })]);
    expect(query(path, 'SELECT status, room FROM appointment')).toEqual([
      { status: '007', room: 5 },
    ]);
  });

  it('keeps what it has over a restart', async () => {
    const path = scratchFile();
    const first = openStore(path);
    await first.prepare([APPOINTMENT]);
    await first.commit([changeOf({ id: 'e1', values: { status: 'a' } })]);
    await first.close();
    await expect(first.commit([])).rejects.toThrow(StorageError);

    const second = openStore(path);
    await second.prepare([APPOINTMENT]);
    expect(await second.commit([changeOf({ id: 'e1', values: { status: 'a' } })])).toEqual([
      'duplicate',
    ]);
  });

  it('stores a boolean as 0 or 1, a whole number as an integer, lists and objects as JSON', async () => {
    const path = scratchFile();
    const store = openStore(path);
    await store.prepare([APPOINTMENT]);
    const values = { status: true, room: 5, note: { a: [1, 'x'] } };
    await store.commit([changeOf({ id: 'e1', values })]);
    expect(query(path, 'SELECT status, room, typeof(room) AS type, note FROM appointment')).toEqual(
      [{ status: 1, room: 5, type: 'integer', note: '{"a":[1,"x"]}' }],
    );
  });

  it.each([
    ['a lockTimeout below 0', { lockTimeout: -1 }],
    ['a lockTimeout that is no number', { lockTimeout: NaN }],
    ['a quota below 0', { quarantineQuota: -1 }],
  ])('refuses %s', (_, options) => {
    expect(() => sqliteStore({ path: ':memory:', ...options })).toThrow(ConfigurationError);
  });

  it.each([
    ['a string', 'x.db'],
    ['nothing', {}],
    ['a path that is unset', { path: undefined }],
    ['a path that is a number', { path: 42 }],
    ['a database that is none', { database: {} }],
    ['a schema mode nobody knows', { path: 'x.db', schema: 'Managed' }],
    ['both', { path: 'x.db', database: {} }],
    ['an option nobody knows', { path: 'x.db', scheme: 'auto' }],
  ])('refuses %s', (_, options) => {
    expect(() => sqliteStore(options as never)).toThrow(ConfigurationError);
  });

  it('works in memory, where there is no file to look at', async () => {
    const store = openStore(':memory:');
    await store.prepare([APPOINTMENT]);
    expect(await store.commit([changeOf({ id: 'e1' })])).toEqual(['applied']);
    expect(existsSync(':memory:')).toBe(false);
  });
});

describe('a table that refuses a row', () => {
  const managed = `CREATE TABLE appointment (
    client_id TEXT NOT NULL, id TEXT NOT NULL, status TEXT CHECK (length(status) < 6),
    room INTEGER NOT NULL DEFAULT 0, note TEXT UNIQUE,
    his_versions TEXT, his_deleted_at TEXT, UNIQUE (client_id, id))`;

  it('rejects that event alone, names the column, and commits its neighbours', async () => {
    const path = scratchFile();
    execute(path, managed);
    const store = openStore(path);
    await store.prepare([APPOINTMENT]);
    const verdicts = await store.commit([
      changeOf({ id: 'e1', key: 'A1', values: { status: 'ok', note: 'n' } }),
      changeOf({ id: 'e2', key: 'A2', values: { status: 'far too long' } }),
      changeOf({ id: 'e3', key: 'A3', values: { room: null } }),
      changeOf({ id: 'e4', key: 'A4', values: { note: 'n' } }),
      changeOf({ id: 'e5', key: 'A5', values: { status: 'fine' } }),
    ]);
    expect(verdicts).toEqual([
      'applied',
      { rejected: 'CHECK constraint failed', column: 'status' },
      { rejected: 'NOT NULL constraint failed', column: 'room' },
      { rejected: 'UNIQUE constraint failed', column: 'note' },
      'applied',
    ]);
    expect(query(path, 'SELECT id FROM appointment ORDER BY id')).toEqual([
      { id: 'A1' },
      { id: 'A5' },
    ]);
    expect(query(path, 'SELECT event_id FROM his_events ORDER BY event_id')).toEqual([
      { event_id: 'e1' },
      { event_id: 'e5' },
    ]);
  });

  it.each([
    ['ABORT', "RAISE(ABORT, 'bad: ' || NEW.status)", 'a trigger refused it'],
    ['ROLLBACK', "RAISE(ROLLBACK, 'bad: ' || NEW.status)", 'a trigger refused it'],
    ['IGNORE', 'RAISE(IGNORE)', 'a trigger dropped it'],
  ])(
    'repeats no value a trigger says, and believes none that drops the row: %s',
    async (_, raise, rejected) => {
      const path = scratchFile();
      execute(
        path,
        `${managed}; CREATE TRIGGER no BEFORE INSERT ON appointment BEGIN SELECT ${raise}; END`,
      );
      const store = openStore(path);
      await store.prepare([APPOINTMENT]);
      const refused = changeOf({ id: 'e1', values: { status: 'HIV' } });
      expect(await store.commit([refused])).toEqual([{ rejected }]);
      expect(query(path, 'SELECT * FROM his_events')).toEqual([]);
    },
  );

  it.each(['IGNORE', 'REPLACE', 'ROLLBACK', 'FAIL'])(
    'is not overruled by ON CONFLICT %s',
    async (resolution) => {
      const path = scratchFile();
      execute(
        path,
        managed.replace('note TEXT UNIQUE', `note TEXT UNIQUE ON CONFLICT ${resolution}`),
      );
      const store = openStore(path);
      await store.prepare([APPOINTMENT]);
      const two = [
        changeOf({ id: 'e1', key: 'A1', values: { note: 'n' } }),
        changeOf({ id: 'e2', key: 'A2', values: { note: 'n' } }),
      ];
      const rejected = { rejected: 'UNIQUE constraint failed', column: 'note' };
      expect(await store.commit(two)).toEqual(['applied', rejected]);
      expect(query(path, 'SELECT id FROM appointment')).toEqual([{ id: 'A1' }]);
    },
  );

  it('fails no neighbour where a function in a CHECK gives up, or its bookkeeping is broken', async () => {
    const path = scratchFile();
    execute(path, managed.replace('length(status) < 6', "json_extract(status, '$.a') IS NOT NULL"));
    const store = openStore(path);
    await store.prepare([APPOINTMENT]);
    const good = (id: string, key: string) => changeOf({ id, key, values: { status: '{"a":1}' } });
    const bad = changeOf({ id: 'e2', key: 'A2', values: { status: 'no json' } });
    expect(await store.commit([good('e1', 'A1'), bad, good('e3', 'A3')])).toEqual([
      'applied',
      { rejected: 'the database refused it' },
      'applied',
    ]);
    for (const [broken, id] of [
      ["''", 'e4'],
      ["x'7b7d'", 'e5'],
    ]) {
      execute(path, `UPDATE appointment SET his_versions = ${broken!} WHERE id = 'A1'`);
      expect(await store.commit([good(id!, 'A1'), good(`${id!} too`, 'A5')])).toEqual([
        { rejected: 'its his_versions is not JSON' },
        'applied',
      ]);
    }
  });

  it('tells rows apart by every byte, whatever the collation of a column', async () => {
    const path = scratchFile();
    execute(
      path,
      `CREATE TABLE appointment (client_id TEXT COLLATE NOCASE, id TEXT COLLATE NOCASE, status);
       CREATE UNIQUE INDEX u ON appointment (client_id COLLATE BINARY, id COLLATE BINARY)`,
    );
    const store = openStore(path);
    await store.prepare([APPOINTMENT]);
    await store.commit([
      changeOf({ id: 'e1', key: 'A1', values: { status: 1 } }),
      changeOf({ id: 'e2', key: 'a1', values: { status: 2 } }),
      changeOf({ id: 'e1', key: 'A1', client: 'north', values: { status: 3 } }),
      changeOf({ id: 'e1', key: 'A1', client: 'NORTH', values: { status: 4 } }),
    ]);
    expect(query(path, 'SELECT client_id, id, status FROM appointment ORDER BY status')).toEqual([
      { client_id: '1001', id: 'A1', status: 1 },
      { client_id: '1001', id: 'a1', status: 2 },
      { client_id: 'north', id: 'A1', status: 3 },
      { client_id: 'NORTH', id: 'A1', status: 4 },
    ]);
  });
});

describe('prepare', () => {
  const problemsOf = async (store: EventStore): Promise<SchemaError> => {
    const error: unknown = await store.prepare([APPOINTMENT]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SchemaError);
    return error as SchemaError;
  };

  it('managed: only checks, names everything that is missing, and says the SQL', async () => {
    const path = scratchFile();
    execute(
      path,
      `CREATE TABLE appointment (client_id TEXT, id TEXT, status, UNIQUE (client_id, id))`,
    );
    const store = openStore(path, { schema: 'managed' });
    const { problems, sql, message } = await problemsOf(store);
    expect(problems).toEqual([
      'table his_events is missing',
      'column appointment.room is missing',
      'column appointment.note is missing',
      'column appointment.his_versions is missing',
      'column appointment.his_deleted_at is missing',
    ]);
    expect(message).toContain('ALTER TABLE "appointment" ADD COLUMN "room";');
    expect(query(path, 'SELECT name FROM sqlite_master')).toHaveLength(2);

    // What it says mends it.
    execute(path, sql.join('\n'));
    await store.prepare([APPOINTMENT]);
    expect(await store.commit([changeOf({ id: 'e1', values: { room: 1 } })])).toEqual(['applied']);
  });

  it('auto: gives columns the types of the mappings, and holds every value as it is', async () => {
    const path = scratchFile();
    const store = openStore(path);
    const types = {
      a_string: 'string',
      a_integer: 'integer',
      a_number: 'number',
      a_decimal: 'decimal',
      a_boolean: 'boolean',
      a_date: 'date',
      a_datetime: 'datetime',
      a_json: 'json',
    } as const;
    const spec = {
      ...APPOINTMENT,
      columns: [...Object.keys(types), 'untyped', 'constructor'],
      types,
    };
    // First without them, so that columns are added as well as created.
    await store.prepare([{ ...APPOINTMENT, columns: [] }]);
    await store.prepare([spec, { ...spec, table: 'service' }]);
    for (const table of ['appointment', 'service']) {
      const declared = query(path, `SELECT name, type FROM pragma_table_info('${table}')`);
      expect(Object.fromEntries(declared.map(({ name, type }) => [name, type]))).toMatchObject({
        a_string: 'TEXT',
        a_integer: 'INTEGER',
        a_number: 'REAL',
        a_decimal: 'TEXT',
        a_boolean: 'INTEGER',
        a_date: 'TEXT',
        a_datetime: 'TEXT',
        a_json: '',
        untyped: '',
        constructor: '',
      });
    }
    const values = {
      a_string: '007',
      a_integer: 9007199254740991,
      a_number: 2,
      a_decimal: '1.10',
      a_boolean: true,
      a_date: '2025-03-02',
      a_datetime: '2025-03-02T05:00:45.123456789Z',
      a_json: '7',
      untyped: '007',
      constructor: 'c',
    };
    await store.commit([changeOf({ id: 'e1', values })]);
    const [row] = query(
      path,
      `SELECT *, typeof(a_string) || typeof(a_decimal) || typeof(a_json) || typeof(untyped) AS texts,
         typeof(a_number) AS real FROM appointment`,
    );
    expect(row).toMatchObject({ ...values, a_boolean: 1, texts: 'text'.repeat(4), real: 'real' });
  });

  it('remembers the types of earlier mappings, should the tables have to be made anew', async () => {
    const path = scratchFile();
    const store = openStore(path);
    await store.prepare([{ ...APPOINTMENT, columns: ['code'], types: { code: 'string' } }]);
    execute(path, 'DROP TABLE appointment');
    await store.prepare([{ ...APPOINTMENT, columns: ['more'] }]);
    const declared = query(
      path,
      `SELECT type FROM pragma_table_info('appointment') WHERE name = 'code'`,
    );
    expect(declared.map(({ type }) => type)).toEqual(['TEXT']);
  });

  it('refuses columns that would change what the mapping stores', async () => {
    const path = scratchFile();
    execute(
      path,
      `CREATE TABLE appointment (client_id TEXT, id TEXT, a INT, b DECIMAL(5, 2), c TEXT, d VARCHAR(9),
         e NUMERIC, f BLOB, g, h DATE, i REAL, UNIQUE (client_id, id))`,
    );
    const types = {
      a: 'string',
      b: 'decimal',
      c: 'decimal',
      d: 'string',
      e: 'integer',
      f: 'string',
      g: 'decimal',
      h: 'date',
      i: 'number',
    } as const;
    const error: unknown = await openStore(path)
      .prepare([{ ...APPOINTMENT, columns: Object.keys(types), types }])
      .catch((e: unknown) => e);
    expect((error as SchemaError).problems).toEqual([
      'appointment.a is of type INT, which changes the strings of the mapping: it must be TEXT',
      'appointment.b is of type DECIMAL(5, 2), which changes the decimals of the mapping: it must be TEXT',
    ]);
  });

  it('managed: says how to make a table that is not there', async () => {
    const path = scratchFile();
    const store = openStore(path, { schema: 'managed' });
    const { problems, sql } = await problemsOf(store);
    expect(problems).toEqual(['table his_events is missing', 'table appointment is missing']);
    execute(path, sql.join('\n'));
    await store.prepare([APPOINTMENT]);
  });

  it.each([
    [
      'a column a patch may leave out',
      'client_id TEXT, id TEXT, must TEXT NOT NULL, UNIQUE (client_id, id)',
      ['appointment.must is NOT NULL without a default, which a patch may leave out'],
    ],
    [
      'a foreign key',
      'client_id TEXT, id TEXT, status REFERENCES other(x), UNIQUE (client_id, id)',
      ['appointment has a foreign key, and events come in any order'],
    ],
    [
      'another unique key',
      'client_id TEXT, id TEXT PRIMARY KEY',
      ['appointment has no UNIQUE (client_id, id) that compares bytewise'],
    ],
    [
      'a key that is only indexed',
      'client_id TEXT, id TEXT); CREATE INDEX i ON appointment (client_id, id',
      ['appointment has no UNIQUE (client_id, id) that compares bytewise'],
    ],
    [
      'a key that is unique in part of the table',
      "client_id TEXT, id TEXT); CREATE UNIQUE INDEX i ON appointment (client_id, id) WHERE (id > ''",
      ['appointment has no UNIQUE (client_id, id) that compares bytewise'],
    ],
    [
      'a key that ignores letter case',
      'client_id TEXT, id TEXT COLLATE NOCASE, UNIQUE (client_id, id)',
      ['appointment has no UNIQUE (client_id, id) that compares bytewise'],
    ],
    [
      'a key that is a number',
      'client_id TEXT, id INTEGER, UNIQUE (client_id, id)',
      ['appointment.id is part of the key and must be of type TEXT'],
    ],
    [
      'no client_id',
      'id TEXT UNIQUE',
      [
        'appointment.client_id is missing, and is part of the key',
        'appointment has no UNIQUE (client_id, id) that compares bytewise',
      ],
    ],
    [
      'a column spelled in other letters',
      'client_id TEXT, id TEXT, Status TEXT, UNIQUE (client_id, id)',
      ['appointment.status is spelled Status in the table'],
    ],
    [
      'an inbox that is not ours',
      'client_id TEXT, id TEXT, UNIQUE (client_id, id)); CREATE TABLE his_events (client_id TEXT',
      ['his_events.event_id is missing', 'his_events.state is missing'],
    ],
    [
      'a generated column',
      'client_id TEXT, id TEXT, status TEXT AS (id), UNIQUE (client_id, id)',
      ['appointment.status is generated and cannot be written'],
    ],
  ])('refuses %s, in both modes, and touches nothing', async (_, columns, expected) => {
    for (const schema of ['auto', 'managed'] as const) {
      const path = scratchFile();
      execute(path, `CREATE TABLE appointment (${columns})`);
      const before = query(path, 'SELECT sql FROM sqlite_master');
      const { problems } = await problemsOf(openStore(path, { schema }));
      expect(problems).toEqual(expect.arrayContaining(expected));
      if (schema === 'auto' && expected.length === 1) expect(problems).toEqual(expected);
      expect(query(path, 'SELECT sql FROM sqlite_master')).toEqual(before);
    }
  });

  it('takes the columns that SQLite fills itself', async () => {
    const path = scratchFile();
    execute(
      path,
      `CREATE TABLE appointment (number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, client_id TEXT,
       id TEXT, label TEXT NOT NULL AS (id || '!'), UNIQUE (client_id, id))`,
    );
    const store = openStore(path);
    await store.prepare([APPOINTMENT]);
    expect(await store.commit([changeOf({ id: 'e1' })])).toEqual(['applied']);
    expect(query(path, 'SELECT number, label FROM appointment')).toEqual([
      { number: 1, label: 'A1!' },
    ]);
  });

  it('takes a unique index for a unique key, and a primary key too', async () => {
    for (const table of [
      `CREATE TABLE Appointment (ID TEXT, Client_Id VARCHAR(9)); CREATE UNIQUE INDEX u ON Appointment (ID, Client_Id)`,
      `CREATE TABLE appointment (client_id TEXT, id TEXT, PRIMARY KEY (client_id, id)) WITHOUT ROWID`,
    ]) {
      const path = scratchFile();
      execute(path, table);
      const store = openStore(path);
      await store.prepare([APPOINTMENT]);
      const change = changeOf({ id: 'e1', values: { status: 's' } });
      expect(await store.commit([change])).toEqual(['applied']);
    }
  });
});

describe('a database that fails', () => {
  const event = changeOf({ id: 'e1', values: { status: 'a' } });

  async function prepared(options: Extra = {}): Promise<{ path: string; store: EventStore }> {
    const path = scratchFile();
    const store = openStore(path, options);
    await store.prepare([APPOINTMENT]);
    return { path, store };
  }

  it('locked: waits without blocking, fails in time, and goes on once it is free', async () => {
    const { path, store } = await prepared({ lockTimeout: 60 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 1);
    await expect(store.commit([event])).rejects.toThrow(/locked/);
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(0);

    const waiting = store.commit([event]);
    other.exec('COMMIT');
    expect(await waiting).toEqual(['applied']);
    other.close();
  });

  it('locked: gives up when the caller does', async () => {
    const { path, store } = await prepared({ lockTimeout: 60_000 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const controller = new AbortController();
    const waiting = store.commit([event], { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toThrow(StorageError);
    other.exec('COMMIT');
    other.close();
    expect(query(path, 'SELECT count(*) AS n FROM his_events')).toEqual([{ n: 0 }]);
  });

  it('full: writes nothing half, and goes on once there is room', async () => {
    const database = new DatabaseSync(scratchFile());
    cleanUps.push(() => {
      database.close();
    });
    const store = sqliteStore({ database });
    await store.prepare([APPOINTMENT]);
    const { page_count: pages } = database.prepare('PRAGMA page_count').get() as {
      page_count: number;
    };
    database.exec(`PRAGMA max_page_count = ${String(pages)}`);
    const big = { ...event, body: Buffer.alloc(100_000) };
    const error: unknown = await store.commit([big]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StorageError);
    expect((error as StorageError).cause).toMatchObject({ errcode: 13 });
    expect(database.prepare('SELECT * FROM his_events').all()).toEqual([]);
    expect(database.prepare('SELECT * FROM appointment').all()).toEqual([]);

    database.exec('PRAGMA max_page_count = 4294967294');
    expect(await store.commit([big])).toEqual(['applied']);
  });

  it('removed: fails until the file is back, and makes no new one', async () => {
    const { path, store } = await prepared();
    await store.commit([changeOf({ id: 'e0', key: 'A0' })]);
    renameSync(path, `${path}.away`);
    await expect(store.commit([event])).rejects.toThrow(/removed or replaced/);
    await expect(store.commit([event])).rejects.toThrow(/missing/);
    await expect(store.quarantine(refusalOf(event))).rejects.toThrow(/missing/);
    expect(existsSync(path)).toBe(false);

    renameSync(`${path}.away`, path);
    expect(await store.commit([event])).toEqual(['applied']);
    expect(query(path, 'SELECT id FROM appointment ORDER BY id')).toEqual([
      { id: 'A0' },
      { id: 'A1' },
    ]);
  });

  it('replaced: fails once, then opens what is there now, tables and all', async () => {
    const { path, store } = await prepared();
    execute(`${path}.new`, 'PRAGMA user_version = 7');
    renameSync(`${path}.new`, path);
    await expect(store.commit([event])).rejects.toThrow(/removed or replaced/);
    expect(query(path, 'SELECT name FROM sqlite_master')).toEqual([]);
    expect(await store.commit([event])).toEqual(['applied']);
    expect(query(path, 'PRAGMA user_version')).toEqual([{ user_version: 7 }]);
    expect(query(path, 'SELECT status FROM appointment')).toEqual([{ status: 'a' }]);
  });

  it('replaced: has the tables of mappings that came into use at the same time', async () => {
    const { path, store } = await prepared();
    await Promise.all(
      ['one', 'two', 'three'].map((column) =>
        store.prepare([{ ...APPOINTMENT, columns: [column] }]),
      ),
    );
    execute(`${path}.new`, 'PRAGMA user_version = 7');
    renameSync(`${path}.new`, path);
    await expect(store.commit([event])).rejects.toThrow(/removed or replaced/);
    const values = { one: '1', two: '2', three: '3' };
    expect(await store.commit([changeOf({ id: 'e1', values })])).toEqual(['applied']);
  });

  it('replaced: what was committed before goes with the file that was moved away', async () => {
    const { path, store } = await prepared();
    await store.commit([event]);
    renameSync(path, `${path}.old`);
    execute(`${path}.new`, 'PRAGMA user_version = 7');
    renameSync(`${path}.new`, path);
    const next = changeOf({ id: 'e2', key: 'A2' });
    await expect(store.commit([next])).rejects.toThrow(/removed or replaced/);
    expect(await store.commit([next])).toEqual(['applied']);
    expect(query(path, 'SELECT id FROM appointment')).toEqual([{ id: 'A2' }]);
    expect(query(`${path}.old`, 'SELECT id FROM appointment')).toEqual([{ id: 'A1' }]);
  });

  it('replaced under a second reader: does not open the new file over the log of the old', async () => {
    const { path, store } = await prepared();
    await store.commit([event]);
    const reader = new DatabaseSync(path);
    reader.exec('BEGIN');
    reader.prepare('SELECT * FROM appointment').all();
    await store.commit([changeOf({ id: 'e2', key: 'A2' })]);
    execute(`${path}.new`, 'PRAGMA user_version = 7');
    renameSync(`${path}.new`, path);
    await expect(store.commit([event])).rejects.toThrow(/removed or replaced/);
    await expect(store.commit([event])).rejects.toThrow(/in the way/);
    reader.close();
    rmSync(`${path}-wal`);
    rmSync(`${path}-shm`);
    expect(await store.commit([event])).toEqual(['applied']);
    expect(query(path, 'PRAGMA user_version')).toEqual([{ user_version: 7 }]);
  });

  it.each([
    [
      'another database',
      (path: string) => {
        execute(path, 'CREATE TABLE x (y)');
      },
    ],
    [
      'garbage',
      (path: string) => {
        writeFileSync(path, 'x'.repeat(5_000));
      },
    ],
    [
      'nothing',
      (path: string) => {
        writeFileSync(path, '');
      },
    ],
  ])(
    'overwritten in place with %s: fails, and goes on once the good file is back',
    async (_, make) => {
      const { path, store } = await prepared();
      await store.commit([changeOf({ id: 'e0', key: 'A0' })]);
      execute(path, 'PRAGMA wal_checkpoint(TRUNCATE)');
      copyFileSync(path, `${path}.good`);
      make(`${path}.bad`);
      copyFileSync(`${path}.bad`, path);
      await expect(store.commit([event])).rejects.toThrow(StorageError);
      copyFileSync(`${path}.good`, path);
      await vi.waitUntil(
        () =>
          store.commit([event]).then(
            () => true,
            () => false,
          ),
        { timeout: 5_000 },
      );
      expect(query(path, 'SELECT id FROM appointment ORDER BY id')).toEqual([
        { id: 'A0' },
        { id: 'A1' },
      ]);
    },
  );

  it('its log removed: acknowledges nothing that is only there, and goes on', async () => {
    const { path, store } = await prepared();
    await store.commit([changeOf({ id: 'e0', key: 'A0' })]);
    rmSync(`${path}-wal`);
    await expect(store.commit([event])).rejects.toThrow(/removed or replaced/);
    expect(await store.commit([event])).toEqual(['applied']);
    expect(query(path, 'SELECT id FROM appointment ORDER BY id')).toEqual([
      { id: 'A0' },
      { id: 'A1' },
    ]);
  });

  it('truncated: acknowledges nothing', async () => {
    const { path, store } = await prepared();
    truncateSync(path, 0);
    await expect(store.commit([event])).rejects.toThrow(/removed or replaced/);
  });

  it('is not moved by a change of the working directory', async () => {
    const { path } = await prepared();
    const store = openStore(relative(process.cwd(), path));
    await store.prepare([APPOINTMENT]);
    const home = process.cwd();
    process.chdir(dirname(path));
    try {
      expect(await store.commit([event])).toEqual(['applied']);
    } finally {
      process.chdir(home);
    }
  });

  it('removed while it commits: nothing that went into the void is acknowledged', async () => {
    const { path, store } = await prepared();
    // A trigger cannot remove a file, so the change does, when its values are read.
    const { row, ...rest } = changeOf({ id: 'e1', values: { status: 'a' } });
    const removing = {
      ...rest,
      get row() {
        rmSync(path, { force: true });
        return row;
      },
    };
    await expect(store.commit([removing])).rejects.toThrow(/removed or replaced/);
  });

  it('no database at all: says so, and nothing else breaks', async () => {
    const path = scratchFile();
    writeFileSync(path, 'this is not a database, and long enough to be looked at'.repeat(100));
    const store = openStore(path);
    await expect(store.prepare([APPOINTMENT])).rejects.toThrow(StorageError);
    const nowhere = join(path, 'x', 'y.db');
    await expect(openStore(nowhere).prepare([])).rejects.toThrow(`${nowhere} cannot be opened`);
  });
});
