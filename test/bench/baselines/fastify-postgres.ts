import { Pool } from 'pg';
import { listenFastify, type Served } from '../served.ts';
import { claimOf, handWrittenRoute, rowOf, tables, UPSERT_TAIL } from './hand-written.ts';

const POOL_SIZE = 20;

/** A receiver as a good engineer writes it on PostgreSQL: named statements, four round trips an event. */
export async function handWrittenPostgres(connectionString: string): Promise<Served> {
  const pool = new Pool({ connectionString, max: POOL_SIZE });
  await pool.query(tables('bytea'));

  const app = handWrittenRoute(async (event, body) => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const { rowCount } = await client.query({
        name: 'claim',
        text: 'INSERT INTO events VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING',
        values: claimOf(event, body),
      });
      if (rowCount === 1) {
        await client.query({
          name: 'upsert',
          text: `INSERT INTO appointments VALUES ($1, $2, $3, $4, $5, $6, $7) ${UPSERT_TAIL}`,
          values: rowOf(event),
        });
      }
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  });
  return {
    listen: () => listenFastify(app),
    async stored() {
      const { rows } = await pool.query<Record<'events' | 'rows', string>>(
        `SELECT (SELECT count(*) FROM events) AS events,
           (SELECT count(*) FROM appointments) AS "rows"`,
      );
      return { events: Number(rows[0]!.events), rows: Number(rows[0]!.rows) };
    },
  };
}
