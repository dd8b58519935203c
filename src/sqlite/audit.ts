import type { AuditEntry } from '../audit.ts';
import { SchemaError } from '../errors.ts';
import type { Session } from './connection.ts';

/** The statements that make the audit trail, which refuses whatever changes or removes an entry. */
const AUDIT_SQL: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS his_audit (
  id TEXT NOT NULL,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  outcome TEXT
)`,
  ...['UPDATE', 'DELETE'].map(
    (
      verb,
    ) => `CREATE TRIGGER IF NOT EXISTS his_audit_no_${verb.toLowerCase()} BEFORE ${verb} ON his_audit
BEGIN SELECT RAISE(ABORT, 'his_audit is append-only'); END`,
  ),
  // INSERT OR REPLACE removes what stands under the same rowid, and no trigger hears of that.
  `CREATE TRIGGER IF NOT EXISTS his_audit_no_replace BEFORE INSERT ON his_audit
WHEN EXISTS (SELECT 1 FROM his_audit WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'his_audit is append-only'); END`,
];

const PARTS = `SELECT count(*) AS n FROM sqlite_master WHERE tbl_name = 'his_audit'
  AND name IN ('his_audit', 'his_audit_no_update', 'his_audit_no_delete', 'his_audit_no_replace')`;

/**
 * Adds an entry to the table `his_audit`.
 *
 * @param schema - Whether a table that is missing, or does not refuse changes, is made or is an error.
 */
export function appendAudit(session: Session, schema: 'auto' | 'managed', entry: AuditEntry): void {
  const { n } = session.prepare(PARTS).get() as { n: number | bigint };
  if (Number(n) < AUDIT_SQL.length) {
    if (schema === 'managed') {
      throw new SchemaError(
        ['table his_audit is missing, or has not the triggers that make it append-only'],
        AUDIT_SQL.map((sql) => `${sql};`),
      );
    }
    for (const sql of AUDIT_SQL) session.exec(sql);
  }
  const { id, at, actor, action, target, outcome } = entry;
  const ended = outcome === null ? null : JSON.stringify(outcome);
  session
    .prepare(
      'INSERT INTO his_audit (id, at, actor, action, target, outcome) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(id, at, actor, action, JSON.stringify(target), ended);
}
