import { DatabaseSync } from 'node:sqlite';
import { listenFastify, type Served, type Stored } from '../served.ts';
import { claimOf, handWrittenRoute, rowOf, tables, UPSERT_TAIL } from './hand-written.ts';

/** A receiver as a good engineer writes it on SQLite: prepared statements, one transaction an event. */
export function handWrittenSqlite(path: string): Promise<Served> {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec(tables('blob'));
  const begin = database.prepare('BEGIN IMMEDIATE');
  const claim = database.prepare('INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)');
  const upsert = database.prepare(
    `INSERT INTO appointments VALUES (?, ?, ?, ?, ?, ?, ?) ${UPSERT_TAIL}`,
  );
  const commit = database.prepare('COMMIT');
  const rollback = database.prepare('ROLLBACK');
  const count = database.prepare(
    'SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM appointments) AS "rows"',
  );

  const app = handWrittenRoute((event, body) => {
    begin.run();
    try {
      if (claim.run(...claimOf(event, body)).changes === 1) upsert.run(...rowOf(event));
      commit.run();
    } catch (error) {
      rollback.run();
      throw error;
    }
  });
  return Promise.resolve({
    listen: () => listenFastify(app),
    stored: () => Promise.resolve({ ...(count.get() as unknown as Stored) }),
  });
}
