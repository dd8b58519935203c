import { randomBytes } from 'node:crypto';
import type { EventStore, Inbox, InboxStore } from '../../src/stores/types.ts';
import { changeOf, refusalOf, rowChangeOf } from '../../src/testing/changes.ts';
import { expectNoMarker, marker, rejection } from './canary.ts';

/** A way in which a store refuses an event, or fails. */
export interface Failure {
  readonly name: string;
  /** Statements that make tables and triggers, before the store looks at them. */
  readonly sql?: string;
  /** Statements once the store is in use. */
  readonly then?: string;
  /** The column that the event's `his_…` field is mapped to, with the value it carries. */
  readonly data?: () => object;
  /** The event is sent after another with the same data, but for its key. */
  readonly twice?: boolean;
  readonly code: 'constraint_failed' | 'storage_unavailable' | null;
  /** Every call fails, and not the commit alone. */
  readonly everywhere?: boolean;
}

/** Calls a store directly, and looks through what it rejects with. @returns How many calls did. */
export async function expectSilentCalls(store: EventStore & InboxStore): Promise<number> {
  const change = { ...changeOf({ id: `direct ${marker()}` }), body: Buffer.from(marker()) };
  const refused = { ...refusalOf(change), eventId: 'evt_direct', body: Buffer.from(marker()) };
  const { row } = rowChangeOf({ id: 'evt_direct', key: marker(), values: { status: marker() } });
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    commit: () => store.commit([{ ...change, eventId: 'evt_direct_3', row }]),
    record: () => store.record({ ...change, eventId: 'evt_direct', row: null }),
    quarantine: () => store.quarantine({ ...refused, eventId: 'evt_direct_2' }),
    find: () => readAll(store),
    'find what cannot be': () => readAll(store, `${marker()}\0`),
    prune: () => store.prune({ bodiesBefore: new Date('2100-01-01') }),
    prepare: () => store.prepare([]),
  };
  let failed = 0;
  for (const [name, call] of Object.entries(calls)) {
    const error = await rejection(call());
    if (error !== undefined) failed++;
    expectNoMarker(error, name);
  }
  return failed;
}

async function readAll(store: Inbox, type?: string): Promise<void> {
  const filter = type === undefined ? {} : { type };
  for await (const { clientId } of store.find(filter)) if (clientId === '') return;
}

/** A table of the host's, of which the mapping's other columns are added to. */
const table = (status: string, more = ''): string =>
  `CREATE TABLE appointment (client_id text NOT NULL, id text NOT NULL, status ${status},
    UNIQUE (client_id, id)${more});`;

const plain = table('text');
const refused = 'constraint_failed' as const;
const failed = 'storage_unavailable' as const;

const trigger = (raise: string, on = 'appointment'): string =>
  `CREATE TRIGGER no BEFORE INSERT ON ${on} BEGIN SELECT ${raise}; END;`;

/** Ways of SQLite, and of a host's triggers in it. */
export const SQLITE_FAILURES: readonly Failure[] = [
  { name: 'CHECK', sql: table("text CHECK (status = 'ok')"), code: refused },
  { name: 'CHECK by length', sql: table('text CHECK (length(status) < 3)'), code: refused },
  { name: 'UNIQUE', sql: table('text UNIQUE'), twice: true, code: refused },
  {
    name: 'NOT NULL',
    sql: table("text NOT NULL DEFAULT 'x'"),
    data: () => ({ his_status: null }),
    code: refused,
  },
  {
    name: 'type',
    sql: `CREATE TABLE appointment (client_id text NOT NULL, id text NOT NULL, status INTEGER,
      UNIQUE (client_id, id)) STRICT;`,
    code: refused,
  },
  {
    name: 'JSON in a CHECK',
    sql: table("text CHECK (json_extract(status, '$.a') = 1)"),
    code: refused,
  },
  {
    name: 'a path out of the row',
    sql: plain + trigger("json_extract('{}', NEW.status)"),
    code: refused,
  },
  ...['ABORT', 'FAIL', 'ROLLBACK'].map((how) => ({
    name: `a trigger: ${how}`,
    sql:
      plain + trigger(`RAISE(${how}, 'no: ' || NEW.status || NEW.name)`).replace('NEW.name', "''"),
    code: refused,
  })),
  { name: 'a trigger that drops the row', sql: plain + trigger('RAISE(IGNORE)'), code: refused },
  { name: 'a function that throws', sql: plain + trigger('host(NEW.status)'), code: failed },
  { name: 'the table is gone', then: 'DROP TABLE appointment', code: failed },
  // It is made anew when the database is opened again.
  { name: 'the inbox is gone', then: 'DROP TABLE his_events', code: failed },
  {
    name: 'a trigger of the inbox',
    then: trigger("RAISE(ABORT, 'no: ' || NEW.body || NEW.reason || NEW.body)", 'his_events'),
    // Whatever it says, the row is not to blame for more than that.
    code: refused,
    everywhere: true,
  },
];

const raise = (how: string, on = 'appointment'): string =>
  `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${how}; RETURN NEW; END $$;
   CREATE TRIGGER no BEFORE INSERT OR UPDATE ON ${on} FOR EACH ROW EXECUTE FUNCTION refuse();`;

/** Ways of PostgreSQL, and of a host's triggers in it. */
export const POSTGRES_FAILURES: readonly Failure[] = [
  { name: 'CHECK', sql: table("text CHECK (status = 'ok')"), code: refused },
  { name: 'UNIQUE', sql: table('text UNIQUE'), twice: true, code: refused },
  { name: 'EXCLUDE', sql: table('text', ', EXCLUDE (status WITH =)'), twice: true, code: refused },
  {
    name: 'NOT NULL',
    sql: table("text NOT NULL DEFAULT 'x'"),
    data: () => ({ his_status: null }),
    code: refused,
  },
  { name: 'length', sql: table('varchar(5)'), code: refused },
  ...['bigint', 'numeric(3)', 'date', 'timestamptz', 'boolean', 'uuid', 'inet'].map((type) => ({
    name: `type ${type}`,
    sql: table(type),
    code: refused,
  })),
  {
    name: 'an enum',
    sql: `CREATE TYPE kind AS ENUM ('ok'); ${table('kind')}`,
    code: refused,
  },
  {
    name: 'a domain',
    sql: `CREATE DOMAIN kind AS text CHECK (VALUE = 'ok'); ${table('kind')}`,
    code: refused,
  },
  {
    name: 'a key too long for its index',
    sql: plain,
    data: () => ({ his_appointment_id: marker() + randomBytes(6_000).toString('hex') }),
    code: refused,
  },
  ...['P0001', 'ZZ001', 'E0001', '22023', '23505'].map((state) => ({
    name: `a trigger raises ${state}`,
    sql:
      plain +
      raise(
        `RAISE EXCEPTION 'no: %', NEW.status USING ERRCODE = '${state}', DETAIL = NEW.status,
         HINT = NEW.status, COLUMN = NEW.status, CONSTRAINT = NEW.status, TABLE = NEW.status`,
      ),
    code: refused,
  })),
  ...['42501', '55000', '08006', '57014', 'XX000', '53300', '42601'].map((state) => ({
    name: `a trigger raises ${state}`,
    sql:
      plain +
      raise(
        `RAISE EXCEPTION 'no: %', NEW.status USING ERRCODE = '${state}', DETAIL = NEW.status,
         HINT = NEW.status, COLUMN = NEW.status, CONSTRAINT = NEW.status, TABLE = NEW.status`,
      ),
    code: failed,
  })),
  {
    name: 'a trigger that makes a statement of a value',
    sql: plain + raise("EXECUTE 'SELECT ' || NEW.status"),
    code: failed,
  },
  {
    name: 'a trigger that casts',
    sql: plain + raise('PERFORM NEW.status::int'),
    code: refused,
  },
  {
    name: 'a trigger that drops the row',
    sql: plain + raise('RETURN NULL'),
    code: refused,
  },
  {
    name: 'a notice of a trigger',
    sql: plain + raise("RAISE WARNING 'saw %', NEW.status"),
    code: null,
  },
  { name: 'the table is gone', then: 'DROP TABLE appointment', code: failed },
  { name: 'the inbox is gone', then: 'DROP TABLE his_events', code: failed, everywhere: true },
  {
    name: 'a trigger of the inbox',
    then: raise("RAISE EXCEPTION 'no: %', encode(NEW.body, 'escape')", 'his_events'),
    code: refused,
    everywhere: true,
  },
  {
    name: 'a trigger of the inbox, by another code',
    then: raise(
      "RAISE EXCEPTION 'no: %', encode(NEW.body, 'escape') USING ERRCODE = '55000'",
      'his_events',
    ),
    code: failed,
    everywhere: true,
  },
];
