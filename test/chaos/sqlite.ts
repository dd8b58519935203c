/** SQLite for the chaos harness: a file in a folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TableSpec } from '../../src/mapping/tables.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { type ChaosEngine, type Entry, type JournalRow, readJournal } from './engine.ts';

/** SQLite knows no transaction ids, so the receiver's connection has a function that makes them. */
const JOURNAL = `
CREATE TABLE chaos_claims (tx TEXT, client_id TEXT, event_id TEXT);
CREATE TABLE chaos_writes (tx TEXT, written TEXT, client_id TEXT, key TEXT, before TEXT, after TEXT);
CREATE TRIGGER chaos_claim AFTER INSERT ON his_events WHEN NEW.state <> 'quarantined' BEGIN
  INSERT INTO chaos_claims VALUES (chaos_transaction(), NEW.client_id, NEW.event_id);
END;
CREATE TRIGGER chaos_claim_again AFTER UPDATE ON his_events
WHEN NEW.state <> 'quarantined' AND (NEW.state <> OLD.state OR NEW.attempts <> OLD.attempts) BEGIN
  INSERT INTO chaos_claims VALUES (chaos_transaction(), NEW.client_id, NEW.event_id);
END;`;

function rowTriggers({ table, key }: TableSpec): string {
  const trigger = (event: string, row: string, before: string, after: string): string => {
    const keys = key.map((column) => `${row}."${column}"`).join(', ');
    return `CREATE TRIGGER chaos_${table}_${event} AFTER ${event} ON "${table}" BEGIN
      INSERT INTO chaos_writes VALUES (chaos_transaction(), '${table}', ${row}.client_id,
        json_array(${keys}), ${before}, ${after});
    END;`;
  };
  return [
    trigger('INSERT', 'NEW', 'NULL', 'NEW.his_versions'),
    trigger('UPDATE', 'NEW', 'OLD.his_versions', 'NEW.his_versions'),
    trigger('DELETE', 'OLD', 'OLD.his_versions', 'NULL'),
  ].join('\n');
}

export const sqlite: ChaosEngine = {
  name: 'sqlite',
  durable: { journal_mode: 'wal', synchronous: 2 },
  moments: ['before', 'after'],
  canDisconnect: false,
  async create(tables) {
    const folder = mkdtempSync(join(tmpdir(), 'his-webhook-chaos-'));
    const path = join(folder, 'chaos.db');
    const store = sqliteStore({ path });
    await store.prepare(tables);
    await store.close();
    const database = new DatabaseSync(path);
    database.exec([JOURNAL, ...tables.map(rowTriggers)].join('\n'));
    const all = <Row>(sql: string) =>
      Promise.resolve(
        database
          .prepare(sql)
          .all()
          .map((row) => ({ ...row })) as Row[],
      );
    return {
      env: { CHAOS_ENGINE: 'sqlite', CHAOS_TARGET: path },
      entries: () =>
        all<Entry>(
          'SELECT client_id AS clientId, event_id AS eventId, state, attempts FROM his_events',
        ),
      rows: (table) => all(`SELECT * FROM "${table}"`),
      journal: async () =>
        readJournal(
          await all<JournalRow>('SELECT * FROM chaos_claims ORDER BY rowid'),
          await all<JournalRow>('SELECT * FROM chaos_writes ORDER BY rowid'),
        ),
      close: () => {
        database.close();
        rmSync(folder, { recursive: true, force: true });
        return Promise.resolve();
      },
    };
  },
};
