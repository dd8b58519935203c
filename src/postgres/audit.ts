import type { AuditEntry } from '../audit.ts';
import { SchemaError } from '../errors.ts';

/** Runs a statement, and gives its rows. */
export type Query = (text: string, values: string[]) => Promise<readonly unknown[]>;

/**
 * The statements that make the audit trail, which refuses whatever changes or removes an entry. Each can be
 * run again.
 *
 * @param prefix - What stands before its names, `pgboss.` for instance.
 */
export function auditSql(prefix = ''): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${prefix}his_audit (
  id text NOT NULL,
  at timestamp with time zone NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  target jsonb NOT NULL,
  outcome jsonb
)`,
    `CREATE OR REPLACE FUNCTION ${prefix}his_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'his_audit is append-only'; END $$`,
    // There is no CREATE OR REPLACE TRIGGER before PostgreSQL 14.
    `DROP TRIGGER IF EXISTS his_audit_append_only ON ${prefix}his_audit`,
    `CREATE TRIGGER his_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${prefix}his_audit
  FOR EACH STATEMENT EXECUTE FUNCTION ${prefix}his_audit_refuse()`,
  ];
}

/**
 * Adds an entry to the table `his_audit`; inside a transaction.
 *
 * @param schema - Whether a table that is missing, or does not refuse changes, is made or is an error.
 */
export async function appendAudit(
  query: Query,
  schema: 'auto' | 'managed',
  entry: AuditEntry,
  prefix = '',
): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const rows = await query(
      `SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass($1)
         AND tgname = 'his_audit_append_only' AND tgenabled IN ('O', 'A')`,
      [`${prefix}his_audit`],
    );
    return rows.length === 1;
  };
  if (!(await isThere())) {
    if (schema === 'managed') {
      throw new SchemaError(
        ['table his_audit is missing, or has not the trigger that makes it append-only'],
        auditSql(prefix).map((sql) => `${sql};`),
      );
    }
    await query(`SELECT pg_advisory_xact_lock(hashtext('his_audit'))`, []);
    // Somebody else may have made it in between.
    if (!(await isThere())) for (const sql of auditSql(prefix)) await query(sql, []);
  }
  const { id, at, actor, action, target, outcome } = entry;
  await query(
    `INSERT INTO ${prefix}his_audit (id, at, actor, action, target, outcome)
       VALUES ($1, $2, $3, $4, $5, NULLIF($6, 'null')::jsonb)`,
    [id, at, actor, action, JSON.stringify(target), JSON.stringify(outcome)],
  );
}
