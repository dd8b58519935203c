import type { ApplyVerdict, Change, RowChange } from '../types.ts';
import type { TableInfo } from './catalog.ts';
import { isRefusal, type PostgresError, quote, refusalReason, type Session } from './driver.ts';
import { cell } from './batch.ts';

/** Says why the table refuses an event's row, and which column of the event's it is about. */
export async function describeRefusal(
  session: Session,
  change: Change,
  error: PostgresError,
  tables: ReadonlyMap<string, TableInfo>,
): Promise<ApplyVerdict> {
  const { row } = change;
  const info = row === null ? undefined : tables.get(row.table);
  const rejected = refusalReason(error);
  if (row === null || info === undefined) return { rejected };
  const cells = { ...row.key, ...row.values };
  const named = [error.column, ...(await columnsOfConstraint(session, info.name, error))];
  const column =
    named.find((name) => name !== undefined && Object.hasOwn(cells, name)) ??
    (/^2[23]/.test(error.code) ? await findColumn(session, row, info) : undefined);
  return { rejected, ...(column === undefined ? {} : { column }) };
}

async function columnsOfConstraint(
  session: Session,
  table: string,
  { constraint }: PostgresError,
): Promise<readonly (string | undefined)[]> {
  if (constraint === undefined) return [];
  const rows = await session.query(
    `SELECT a.attname AS name FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum = ANY (
       SELECT unnest(conkey) FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2
       UNION SELECT unnest(i.indkey::int2[]) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indrelid = $1::regclass AND c.relname = $2)
     ORDER BY a.attname = 'client_id', a.attnum`,
    [quote(table), constraint],
  );
  return rows.map(({ name }) => name ?? undefined);
}

/** The first column whose type does not take its value: the server does not say which it was. */
async function findColumn(
  session: Session,
  { key, values }: RowChange,
  { columns }: TableInfo,
): Promise<string | undefined> {
  const cells = { ...key, ...values };
  for (const name of Object.keys(cells)) {
    const column = columns.get(name);
    if (column === undefined) continue;
    const text = cell(cells, column);
    if (text === null) continue;
    // A cast to a length cuts silently.
    const shown = Object.hasOwn(key, name) ? text : text.trimEnd();
    if (column.length !== null && Array.from(shown).length > column.length) return name;
    await session.query('SAVEPOINT cast_of_value', []);
    try {
      await session.query(`SELECT ($1::text::${column.declared})::text AS value`, [text]);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return name;
    } finally {
      await session.query('ROLLBACK TO cast_of_value', []);
    }
  }
  return undefined;
}
