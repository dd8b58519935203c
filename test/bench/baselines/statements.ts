import type { Pool } from 'pg';
import type { Change } from '../../../src/stores/types.ts';

/**
 * What a service writes by hand: begin, insert-or-ignore the key, upsert, commit. A stale event is
 * held off by one version a row, not one a column.
 */
export const BASELINE_TABLES = `
  CREATE TABLE baseline_events (client_id text, event_id text, type text, occurred_at text,
    received_at timestamptz, digest text, body bytea, PRIMARY KEY (client_id, event_id));
  CREATE TABLE baseline_rows (client_id text, id text, patient text, doctor text, day text,
    hour text, status text, note text, version text, UNIQUE (client_id, id))`;

/** Processes one event on a connection of the pool. */
export async function processByHand(pool: Pool, change: Change): Promise<void> {
  const { clientId, eventId, type, occurredAt, receivedAt, digest, body, row } = change;
  const { key, values, version } = row!;
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rowCount } = await client.query(
      `INSERT INTO baseline_events VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
      [clientId, eventId, type, occurredAt, receivedAt, digest, body],
    );
    if (rowCount === 1) {
      const { patient, doctor, day, hour, status, note } = values;
      await client.query(
        `INSERT INTO baseline_rows AS t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (client_id, id) DO UPDATE SET patient = EXCLUDED.patient,
             doctor = EXCLUDED.doctor, day = EXCLUDED.day, hour = EXCLUDED.hour,
             status = EXCLUDED.status, note = EXCLUDED.note, version = EXCLUDED.version
           WHERE t.version <= EXCLUDED.version`,
        [clientId, key['id'], patient, doctor, day, hour, status, note, version],
      );
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
