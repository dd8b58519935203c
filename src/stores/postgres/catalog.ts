import { arrayOf, type Session } from './driver.ts';

/** A column of a table of the database. */
export interface ColumnInfo {
  readonly name: string;
  /** The type to cast a text to: of a domain its base, and never with a length, which would cut. */
  readonly type: string;
  /** As declared, a domain for instance. */
  readonly declared: string;
  /** The most characters, where it is a text with a length. */
  readonly length: number | null;
  readonly isRequired: boolean;
  /** The expression of the default. */
  readonly fallback: string | null;
  /** Always computed by the database: generated, or an identity. */
  readonly isGenerated: boolean;
  /** Two different texts never compare as equal. */
  readonly isDeterministic: boolean;
}

/** A table of the database. */
export interface TableInfo {
  readonly name: string;
  /** r: table, p: partitioned table; others are no place for rows. */
  readonly kind: string;
  /** Neither unlogged nor temporary: it survives a crash. */
  readonly isDurable: boolean;
  readonly columns: ReadonlyMap<string, ColumnInfo>;
  /** The columns of each unique index that an upsert may rest on, sorted. */
  readonly uniqueKeys: readonly string[];
  readonly hasForeignKey: boolean;
  readonly missingPrivileges: readonly string[];
}

// One row a table; its parts as JSON, which every driver hands over as the same text.
const TABLES = `SELECT c.relname AS name, c.relkind::text AS kind,
  (c.relpersistence = 'p')::text AS is_durable,
  EXISTS (SELECT 1 FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f')::text AS has_foreign_key,
  (SELECT json_agg(p) FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p
    WHERE (p <> 'DELETE' OR c.relname = 'his_events') AND NOT has_table_privilege(c.oid, p))::text AS missing_privileges,
  (SELECT json_agg(json_build_object(
      'name', a.attname,
      'type', format_type(base.oid, -1),
      'declared', format_type(a.atttypid, a.atttypmod),
      'length', CASE WHEN base.oid IN ('varchar'::regtype, 'bpchar'::regtype) AND base.typmod > 0
        THEN base.typmod - 4 END,
      'isRequired', a.attnotnull OR t.typnotnull,
      'fallback', CASE WHEN a.attgenerated = '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(t.typdefaultbin, 0))
                  ELSE NULL END,
      'isGenerated', a.attgenerated <> '' OR a.attidentity <> '',
      'isDeterministic', coalesce(l.collisdeterministic, true) AND NOT EXISTS (
        SELECT FROM pg_index i
        CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indcollation::oid[]) AS part(attnum, coll)
        JOIN pg_collation o ON o.oid = part.coll
        WHERE i.indrelid = c.oid AND i.indisunique AND part.attnum = a.attnum
          AND NOT o.collisdeterministic)
    ) ORDER BY a.attnum)
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    CROSS JOIN LATERAL (
      WITH RECURSIVE domains AS (
        SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod, a.atttypmod AS typmod
        UNION ALL
        SELECT b.oid, b.typtype, b.typbasetype, b.typtypmod,
          CASE WHEN domains.typmod < 0 THEN domains.typtypmod ELSE domains.typmod END
        FROM domains JOIN pg_type b ON domains.typtype = 'd' AND b.oid = domains.typbasetype
      ) SELECT oid, typmod FROM domains WHERE typtype <> 'd'
    ) AS base
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns,
  (SELECT json_agg(k.columns) FROM pg_index i
    CROSS JOIN LATERAL (
      SELECT json_agg(a.attname ORDER BY a.attname) AS columns
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])
        AND array_position(i.indkey::int2[], a.attnum) < i.indnkeyatts
    ) AS k
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL)::text AS unique_keys
FROM pg_class c
WHERE c.oid = ANY (SELECT to_regclass(quote_ident(n)) FROM unnest($1::text[]) AS n)`;

/** Names of tables in the search path that differ from these in letter case only. */
const SPELLINGS = `SELECT c.relname AS name FROM pg_class c
  WHERE pg_table_is_visible(c.oid) AND c.relkind IN ('r', 'p')
    AND lower(c.relname) = ANY (SELECT lower(n) FROM unnest($1::text[]) AS n)`;

/** Looks tables up in the search path, by exact name. */
export async function readTables(
  session: Session,
  names: readonly string[],
): Promise<ReadonlyMap<string, TableInfo>> {
  const rows = await session.query(TABLES, [arrayOf(names)]);
  return new Map(
    rows.map((row) => {
      const columns = parseList(row['columns']) as readonly ColumnInfo[];
      const info: TableInfo = {
        name: row['name'] ?? '',
        kind: row['kind'] ?? '',
        isDurable: row['is_durable'] === 'true',
        columns: new Map(columns.map((column) => [column.name, column])),
        uniqueKeys: (parseList(row['unique_keys']) as readonly (string[] | null)[]).map((key) =>
          (key ?? []).sort().join(),
        ),
        hasForeignKey: row['has_foreign_key'] === 'true',
        missingPrivileges: parseList(row['missing_privileges']) as readonly string[],
      };
      return [info.name, info];
    }),
  );
}

/** The tables that are there under names of other letter case. */
export async function readSpellings(
  session: Session,
  names: readonly string[],
): Promise<readonly string[]> {
  const rows = await session.query(SPELLINGS, [arrayOf(names)]);
  return rows.flatMap(({ name }) => name ?? []);
}

function parseList(json: string | null | undefined): readonly unknown[] {
  return JSON.parse(json ?? '[]') as readonly unknown[];
}
