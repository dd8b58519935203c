import { createHash } from 'node:crypto';
import {
  type Batch,
  CLAIM_COLUMNS,
  claimValues,
  type Shared,
  type TableShape,
  tableValues,
} from './batch.ts';
import type { ColumnInfo, TableInfo } from './catalog.ts';
import { arrayOf, DROPPED, DURABILITY, literal, quote, type SqlValue } from './driver.ts';

/** A statement and its parameters. */
export interface Statement {
  readonly text: string;
  /** The same for the same text, where it comes often enough to be planned once only. */
  readonly name: string | undefined;
  readonly values: readonly SqlValue[];
}

/** What a {@link commitStatement} answers, as JSON in its column `answer`. */
export interface Answer {
  /** The places of events that were claimed; `null`: all of them. */
  readonly fresh: readonly number[] | null;
  /** By table: the keys of rows that were written; `null`: all of them. */
  readonly written: readonly (readonly (readonly string[])[] | null)[];
  /** By table: the rows that several changes are about, as they were before. */
  readonly old: readonly (readonly OldRow[] | null)[];
}

type OldRow = readonly [key: readonly string[], versions: Readonly<Record<string, string>> | null];

/**
 * One statement that claims a batch of events and merges their rows: all of it is durable, or
 * nothing was written.
 *
 * - `his_claimed` waits for whoever has the same event in work, because ON CONFLICT DO UPDATE does. An
 *   event that was processed before is left as it is, and is not returned.
 * - The rows of fresh events are folded where several are about one, because ON CONFLICT touches no
 *   row twice, and merged column by column.
 * - Claims and rows are taken in the order of their keys, so that two batches do not wait for each
 *   other in a circle.
 *
 * @param batch - Of distinct events.
 * @param force - Events that were processed before with the same content are fresh too.
 * @param lockTimeout - How long to wait for a lock, as a setting of the server's.
 * @param isUpdate - Rows are changed, and none is made.
 */
export function commitStatement(
  batch: Batch,
  tables: ReadonlyMap<string, TableInfo>,
  force: boolean,
  lockTimeout: string,
  isUpdate: boolean = false,
): Statement {
  let known = statements.get(tables);
  // Patches carry any set of columns, so the number of shapes has no bound of its own.
  if (known === undefined || known.size >= 1_000) {
    known = new Map<string, KnownStatement>();
    statements.set(tables, known);
  }
  const shape = JSON.stringify([
    force,
    isUpdate,
    batch.shared,
    batch.tables.map(({ table, key, columns, isShared, isUniform, isWhole }) => [
      [table, isShared, isUniform, isWhole],
      key.map(({ name }) => name),
      columns.map(({ name }) => name),
    ]),
  ]);
  let statement = known.get(shape);
  if (statement === undefined) {
    const text = statementText(batch, force, isUpdate);
    const digest = createHash('sha256').update(text).digest('hex');
    statement = { text, name: `his_${digest.slice(0, 32)}`, uses: 0 };
    known.set(shape, statement);
  }
  const isNamed = ++statement.uses > NAMED_AFTER || batch.changes.length >= NAMED_FROM;
  const values = [lockTimeout, ...claimValues(batch), ...batch.tables.flatMap(tableValues)];
  return { text: statement.text, name: isNamed ? statement.name : undefined, values };
}

/** Planning takes as long as committing a few dozen events. */
const NAMED_FROM = 8;

/** Small batches come in many shapes, and only so many statements have names. */
const NAMED_AFTER = 8;

interface KnownStatement {
  readonly text: string;
  readonly name: string;
  /** How often it was made. */
  uses: number;
}

/** By the tables as they were when they were looked at, whose columns may have other types afterwards. */
const statements = new WeakMap<ReadonlyMap<string, TableInfo>, Map<string, KnownStatement>>();

// Names in between begin with his_, as no table of the host's does: they would hide it.
function statementText({ tables, shared }: Batch, force: boolean, isUpdate: boolean): string {
  let parameters = 0;
  const next = (type: string): string => `$${String(++parameters)}::${type}`;
  const parts = [settings(next)];
  const places = next('int[]');
  const { parts: claimed, clientId } = claims(next, places, shared, force);
  parts.push(...claimed);
  const written: string[] = [];
  const old: string[] = [];
  for (const [index, table] of tables.entries()) {
    const n = String(index);
    const name = quote(table.table);
    const keyOf = (row: string): string =>
      `json_build_array(${['client_id', ...table.key.map(({ name }) => name)].map((column) => `${row}.${quote(column)}`).join(', ')})`;
    parts.push(
      rows(table, n, next, places, clientId),
      beforeTrigger(table, n),
      upsert(table, n, isUpdate),
    );
    const count = `(SELECT count(*) FROM his_written${n})`;
    // No number, so it fails the statement, and with it the claims.
    const fails = `WHEN ${hasBeforeTrigger(n)} THEN to_json((${literal(DROPPED)} || ${count})::int)`;
    written.push(
      `CASE WHEN ${count} = (SELECT count(*) FROM his_rows${n}) THEN NULL
      ${isUpdate ? '' : fails}
      ELSE (SELECT coalesce(json_agg(${keyOf('w')}), '[]') FROM his_written${n} AS w) END`,
    );
    const sameRow = [
      't.client_id = r.client_id',
      ...table.key.map((column, i) => `t.${quote(column.name)} = r.k${String(i)}`),
    ].join(' AND ');
    old.push(
      table.isShared
        ? `(SELECT json_agg(json_build_array(${keyOf('t')}, t.his_versions))
      FROM his_rows${n} AS r JOIN ${name} AS t ON ${sameRow} WHERE r.changes > 1)`
        : 'NULL',
    );
  }
  return `WITH ${parts.join(',\n')}
SELECT json_build_object(
  'fresh', CASE WHEN NOT ${areAllFresh(places)}
    THEN (SELECT coalesce(json_agg(place), '[]') FROM his_fresh) END,
  'written', json_build_array(${written.join(', ')}),
  'old', json_build_array(${old.join(', ')})
)::text AS answer`;
}

/** Settings of this transaction, which `his_input` depends on, so that they hold before any lock. */
function settings(next: (type: string) => string): string {
  return `his_settings AS MATERIALIZED (
  SELECT set_config('lock_timeout', ${next('text')}, true) AS lock_timeout,
    ${DURABILITY} AS durability
)`;
}

function claims(
  next: (type: string) => string,
  places: string,
  shared: Shared,
  force: boolean,
): { readonly parts: readonly string[]; readonly clientId: string | undefined } {
  const lists: string[] = [];
  const names: string[] = [];
  // What all events have alike is one value, which is not carried along with each.
  const values = CLAIM_COLUMNS.map(({ name, type }) => {
    if (shared.includes(name)) return next(type);
    names.push(name);
    lists.push(next(`${type}[]`));
    return name;
  });
  for (const name of ['body_start', 'body_size']) {
    names.push(name);
    lists.push(next('int[]'));
  }
  names.push('place');
  lists.push(places);
  const columns = CLAIM_COLUMNS.map(({ name }) => name);
  const identity = columns.slice(0, 2).filter((name) => names.includes(name));
  const order = identity.map((name) => `${name} COLLATE "C"`);
  const updates = [...columns.slice(2), 'body'].map((name) => `${name} = EXCLUDED.${name}`);
  const parts = [
    `his_input AS MATERIALIZED (
  SELECT ${unnest(lists, names)}
  FROM his_settings WHERE lock_timeout IS NOT NULL AND durability IS NOT NULL
)`,
    `his_claimed AS (
  INSERT INTO his_events AS e (${columns.join(', ')}, body)
  SELECT ${values.join(', ')}, substring(${next('bytea')} FROM body_start FOR body_size)
  FROM his_input ORDER BY ${order.join(', ')}
  ON CONFLICT (client_id, event_id) DO UPDATE SET
    ${updates.join(', ')}, code = NULL, reason = NULL, attempts = e.attempts + 1
  WHERE e.state = 'quarantined'${force ? ' OR e.digest = EXCLUDED.digest' : ''}
  RETURNING e.client_id, e.event_id
)`,
    `his_fresh AS MATERIALIZED (
  SELECT his_input.place, his_claimed.client_id
  FROM his_input JOIN his_claimed USING (${identity.join(', ')})
)`,
  ];
  return { parts, clientId: shared.includes('client_id') ? values[0] : undefined };
}

/** Whether every event was claimed, which is mostly so; then nothing need be asked of each. */
function areAllFresh(places: string): string {
  return `((SELECT count(*) FROM his_claimed) = cardinality(${places}))`;
}

/**
 * What is to be merged, one row a key. Columns have names of ours here (`k0`, `v0`), because those
 * of the host may have any. A column that no change carries is absent from `versions`.
 */
function rows(
  { key, columns, isShared, isUniform, isWhole }: TableShape,
  n: string,
  next: (type: string) => string,
  allPlaces: string,
  clientId: string | undefined,
): string {
  const keys = key.map((_, i) => `k${String(i)}`);
  const cells = columns.map((_, i) => `v${String(i)}`);
  const names = ['place', 'version', ...(isUniform ? [] : ['mask']), ...keys, ...cells];
  const lists = names.map((name) => {
    if (name !== 'place') return next('text[]');
    return isWhole ? allPlaces : next('int[]');
  });
  const carries = (i: number): string => `substr(mask, ${String(i + 1)}, 1) = '1'`;
  const filter = (i: number): string => (isUniform ? '' : ` FILTER (WHERE ${carries(i)})`);
  const newest = (name: string, i: number): string =>
    `(array_agg(${name} ORDER BY version COLLATE "C" DESC, place DESC)${filter(i)})[1] AS ${name}`;
  const own = (i: number): string =>
    isUniform ? 'version' : `CASE WHEN ${carries(i)} THEN version END`;
  const versions = object(
    columns,
    (i) => (isShared ? `max(version COLLATE "C")${filter(i)}` : own(i)),
    isUniform,
  );
  const selected = [
    clientId === undefined ? 'client_id' : `${clientId} AS client_id`,
    ...keys,
    ...(isShared ? cells.map(newest) : cells),
    `${versions} AS versions`,
    ...(isShared ? ['count(*) AS changes'] : []),
  ];
  const isFresh =
    clientId === undefined
      ? 'JOIN his_fresh USING (place)'
      : `WHERE ${areAllFresh(allPlaces)} OR place IN (SELECT place FROM his_fresh)`;
  // Of a client that all events share, no column.
  const groups = [...(clientId === undefined ? ['client_id'] : []), ...keys];
  return `his_rows${n} AS MATERIALIZED (
  SELECT ${selected.join(',\n    ')}
  FROM (SELECT ${unnest(lists, names)}) AS u ${isFresh}${
    isShared ? `\n  GROUP BY ${groups.join(', ')}` : ''
  }
)`;
}

/** Merges the rows, column by column. */
function upsert(
  { table, key, columns, isUniform }: TableShape,
  n: string,
  isUpdate: boolean,
): string {
  const keys = ['client_id', ...key.map((_, i) => `k${String(i)}`)];
  const names = ['client_id', ...key.map(({ name }) => name)].map(quote);
  const version = (row: string, name: string): string => `${row}.his_versions->>${literal(name)}`;
  const wins = (name: string): string =>
    `(${version('EXCLUDED', name)}) COLLATE "C" >= coalesce(${version('t', name)}, '')`;
  const assignments = columns.map(
    ({ name }) =>
      `${quote(name)} = CASE WHEN ${wins(name)} THEN EXCLUDED.${quote(name)} ELSE t.${quote(name)} END`,
  );
  const winners = object(
    columns,
    (_, name) => `CASE WHEN ${wins(name)} THEN ${version('EXCLUDED', name)} END`,
  );
  const stored = `CASE jsonb_typeof(t.his_versions) WHEN 'object' THEN t.his_versions ELSE '{}' END`;
  // Mostly all of them win, and making an object takes longer than comparing.
  const areAllNews = isUniform
    ? `(${version('EXCLUDED', columns[0]?.name ?? '')}) COLLATE "C" >= coalesce(greatest(${columns
        .map(({ name }) => `(${version('t', name)}) COLLATE "C"`)
        .join(', ')}), '')`
    : columns.map(({ name }) => `(${wins(name)}) IS NOT FALSE`).join(' AND ');
  // Mostly nothing is left then, and what is joined to nothing is not made anew.
  const rest = isUniform ? `(${stored} - ${nameList(columns.map(({ name }) => name))})` : stored;
  const versions =
    columns.length === 0
      ? stored
      : `CASE WHEN ${areAllNews} THEN ${rest} || EXCLUDED.his_versions ELSE ${stored} || ${winners} END`;
  // Where a trigger may drop rows, only a row that is always written is missed when it is dropped.
  const isNews = [...columns.map(({ name }) => wins(name)), hasBeforeTrigger(n)];
  const settings = [...assignments, `his_versions = ${versions}`].join(',\n    ');
  const returning = names.map((name) => `t.${name}`).join(', ');
  const typed = columns.map((column, i) => cast(`v${String(i)}`, column));
  if (isUpdate) {
    const cells = columns.map(({ name }, i) => `${typed[i] ?? ''} AS ${quote(name)}`);
    const selected = [...keys.map((key, i) => `${key} AS his_key${String(i)}`), ...cells];
    const sameRow = names.map((name, i) => `t.${name} = EXCLUDED.his_key${String(i)}`);
    return `his_written${n} AS (
  UPDATE ${quote(table)} AS t SET
    ${settings}
  FROM (SELECT ${[...selected, 'versions AS his_versions'].join(', ')} FROM his_rows${n}) AS EXCLUDED
  WHERE ${sameRow.join(' AND ')}
  RETURNING ${returning}
)`;
  }
  return `his_written${n} AS (
  INSERT INTO ${quote(table)} AS t (${[...names, ...columns.map(({ name }) => quote(name)), 'his_versions'].join(', ')})
  SELECT ${[...keys, ...typed, 'versions'].join(', ')}
  FROM his_rows${n} ORDER BY ${keys.map((name) => `${name} COLLATE "C"`).join(', ')}
  ON CONFLICT (${names.join(', ')}) DO UPDATE SET
    ${settings}
  WHERE ${isNews.join('\n    OR ')}
  RETURNING ${returning}
)`;
}

/**
 * Lists side by side, as columns of a row for each place. In FROM, every list would be written down on
 * its own before the first row is read.
 */
function unnest(lists: readonly string[], names: readonly string[]): string {
  return lists.map((list, i) => `unnest(${list}) AS ${names[i] ?? ''}`).join(', ');
}

/** An object of the columns for which the expression is not NULL. */
function object(
  columns: readonly ColumnInfo[],
  expression: (index: number, name: string) => string,
  isNeverNull: boolean = false,
): string {
  if (columns.length === 0) return `'{}'::jsonb`;
  // In the order that jsonb keeps them in, which spares it the sorting.
  const places = [...columns.keys()].sort((a, b) => nameAt(a).length - nameAt(b).length || a - b);
  const values = places.map((i) => expression(i, nameAt(i)));
  const made = `jsonb_object(${nameList(places.map(nameAt))}, ARRAY[${values.join(', ')}])`;
  return isNeverNull ? made : `jsonb_strip_nulls(${made})`;

  function nameAt(index: number): string {
    return columns[index]?.name ?? '';
  }
}

function nameList(names: readonly string[]): string {
  return `${literal(arrayOf(names))}::text[]`;
}

/** A text as the column has it; the table's default where no change carries the column. */
function cast(value: string, { name, type, fallback }: ColumnInfo): string {
  const typed = type === 'text' ? value : `${value}::${type}`;
  if (fallback === null) return typed;
  return `CASE WHEN versions ? ${literal(name)} THEN ${typed} ELSE ${fallback} END`;
}

/**
 * Whether the host has a trigger that can drop rows, be it on a partition; asked anew each time, as it
 * may get one.
 */
function beforeTrigger({ table }: TableShape, n: string): string {
  const name = `${literal(quote(table))}::regclass`;
  return `his_trigger${n} AS MATERIALIZED (
  SELECT EXISTS (SELECT FROM pg_trigger
    WHERE (tgrelid = ${name} OR tgrelid IN (SELECT relid FROM pg_partition_tree(${name})))
    AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype::int & 3 = 3) AS is_there
)`;
}

function hasBeforeTrigger(n: string): string {
  return `(SELECT is_there FROM his_trigger${n})`;
}
