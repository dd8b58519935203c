/** Postgres for the chaos harness: a schema of its own. */
import pg from 'pg';
import type { TableSpec } from '../../src/mapping/tables.ts';
import type { StoredRow } from '../../src/testing/suite.ts';
import { postgresStore } from '../../src/stores/postgres.ts';
import { createSchema, READ_DELETED_AT } from '../support/databases.ts';
import { type ChaosEngine, type Entry, type JournalRow, readJournal } from './engine.ts';

/** The lines of transactions that run at once mix; a row's own are in order, as its lock is held. */
const JOURNAL = `
CREATE TABLE chaos_claims (line bigserial, tx text, client_id text, event_id text);
CREATE TABLE chaos_writes (line bigserial, tx text, written text, client_id text, key text,
  before jsonb, after jsonb);
CREATE FUNCTION chaos_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chaos_claims (tx, client_id, event_id)
  VALUES (txid_current()::text, NEW.client_id, NEW.event_id);
  RETURN NULL;
END $$;
CREATE FUNCTION chaos_write() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  one jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
BEGIN
  INSERT INTO chaos_writes (tx, written, client_id, key, before, after)
  VALUES (txid_current()::text, TG_TABLE_NAME, one->>'client_id',
    (SELECT jsonb_agg(one->name ORDER BY place)::text
       FROM unnest(TG_ARGV) WITH ORDINALITY AS k(name, place)),
    CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD.his_versions) END,
    CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW.his_versions) END);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_claim AFTER INSERT ON his_events
  FOR EACH ROW WHEN (NEW.state <> 'quarantined') EXECUTE FUNCTION chaos_claim();
CREATE TRIGGER chaos_claim_again AFTER UPDATE ON his_events
  FOR EACH ROW WHEN (NEW.state <> 'quarantined'
    AND (NEW.state <> OLD.state OR NEW.attempts <> OLD.attempts)) EXECUTE FUNCTION chaos_claim();`;

const rowTrigger = ({ table, key }: TableSpec): string =>
  `CREATE TRIGGER chaos_write AFTER INSERT OR UPDATE OR DELETE ON "${table}"
     FOR EACH ROW EXECUTE FUNCTION chaos_write(${key.map((name) => `'${name}'`).join(', ')});`;

export const postgres: ChaosEngine = {
  name: 'postgres',
  durable: { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' },
  moments: ['before', 'during', 'after'],
  canDisconnect: true,
  async create(tables) {
    const schema = await createSchema('his_chaos');
    const { connectionString, name } = schema;
    const pool = new pg.Pool({ connectionString, max: 2, connectionTimeoutMillis: 5_000 });
    pool.on('error', () => undefined);
    const all = async <Row>(sql: string, values: unknown[] = []): Promise<Row[]> =>
      (await pool.query(sql, values)).rows as Row[];
    try {
      const store = postgresStore({ pool, schema: 'auto' });
      await store.prepare(tables);
      await store.close();
      await pool.query([JOURNAL, ...tables.map(rowTrigger)].join('\n'));
    } catch (error) {
      await pool.end();
      await schema.drop();
      throw error;
    }
    return {
      // The server tells the receivers' connections from others by that name.
      env: {
        CHAOS_ENGINE: 'postgres',
        CHAOS_TARGET: `${connectionString}&application_name=${name}`,
      },
      entries: () =>
        all<Entry>(
          'SELECT client_id AS "clientId", event_id AS "eventId", state, attempts FROM his_events',
        ),
      rows: (table) => all<StoredRow>(`SELECT *, ${READ_DELETED_AT} FROM "${table}"`),
      journal: async () =>
        readJournal(
          await all<JournalRow>('SELECT * FROM chaos_claims ORDER BY line'),
          await all<JournalRow>('SELECT * FROM chaos_writes ORDER BY line'),
        ),
      disconnect: async () => {
        const ended = await all<{ done: boolean }>(
          `SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
            WHERE application_name = $1 AND datname = current_database()`,
          [name],
        );
        return ended.filter(({ done }) => done).length;
      },
      close: async () => {
        await pool.end();
        await schema.drop();
      },
    };
  },
};
