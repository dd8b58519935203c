import type { DeadLetter, DeadLetterFilter, DeadLetterReason } from '../../sender/outbox.ts';
import type { PgBossDb } from './boss.ts';
import { rowsOf, UNTRIED } from './jobs.ts';
import { FOREVER, type Place, SET_SETTINGS } from './queues.ts';

/** Where a page of dead letters ends. */
export interface PageEnd {
  readonly createdOn: string;
  readonly id: string;
}

const PAGE = 200;

/** Where pg-boss, and not a sender, gave an event up. */
const NO_REASON: DeadLetterReason = { kind: 'expired', status: null, code: null, message: null };

interface DeadRow {
  readonly id: string;
  readonly created_on: string;
  readonly data: Readonly<Record<'eventId' | 'type', string>> &
    Readonly<Record<'attempts' | 'enqueuedAt', number>> & { readonly diedAt?: number };
  /** None where pg-boss gave it up. */
  readonly output: Partial<DeadLetterReason> | null;
  readonly died_at: string;
}

/**
 * Makes dead letters of what pg-boss gave up: what a worker of somebody else's failed for good, or whose
 * retries somebody limited. What that worker said of it is not kept: it may quote the event.
 */
export async function gatherDead(db: PgBossDb, { schema, queue, dead }: Place): Promise<void> {
  await db.executeSql(
    // pg-boss has made a copy of those whose queue somebody gave this one for its dead letters: they stay one.
    // `completed_on` has an index.
    `WITH given_up AS (SELECT id FROM ${schema}.job
        WHERE name = $1 AND completed_on IS NOT NULL AND state = 'failed' AND data->>'life' IS NOT NULL),
      copies AS (DELETE FROM ${schema}.job c USING given_up g
        WHERE c.name = $2 AND c.source_name = $1 AND c.source_id = g.id)
      UPDATE ${schema}.job SET name = $2, state = 'created', output = NULL,
        source_name = $1, source_id = id, source_created_on = created_on,
        start_after = ${schema}.job_now(), created_on = completed_on, completed_on = NULL,
        keep_until = ${schema}.job_now() + $3::int * interval '1s', ${SET_SETTINGS}
      WHERE name = $1 AND completed_on IS NOT NULL AND state = 'failed' AND data->>'life' IS NOT NULL`,
    [queue, dead, FOREVER],
  );
}

/** A page of dead letters, each with what the next page begins after. */
export async function findDead(
  db: PgBossDb,
  place: Place,
  filter: DeadLetterFilter,
  after: PageEnd | undefined,
): Promise<readonly { readonly letter: DeadLetter; readonly end: PageEnd }[]> {
  const { where, values } = conditionsOf(place, filter);
  const from =
    after === undefined
      ? ''
      : `AND created_on >= $${String(values.length + 1)}::timestamptz
         AND (created_on, id) > ($${String(values.length + 1)}::timestamptz, $${String(values.length + 2)}::uuid)`;
  const rows = (await rowsOf(
    db,
    `SELECT id, created_on::text, data - 'body' AS data, output,
        floor(extract(epoch FROM created_on) * 1000) AS died_at
      FROM ${place.schema}.job ${where} ${from} ORDER BY created_on, id LIMIT ${String(PAGE)}`,
    after === undefined ? values : [...values, after.createdOn, after.id],
  )) as DeadRow[];
  return rows.map(({ id, created_on: createdOn, data, output, died_at }) => {
    const { eventId, type, attempts, enqueuedAt, diedAt = Number(died_at) } = data;
    const { kind, status = null, code = null, message = null } = output ?? {};
    const reason = kind === undefined ? NO_REASON : { kind, status, code, message };
    return {
      letter: { eventId, type, reason, attempts, enqueuedAt, diedAt },
      end: { createdOn, id },
    };
  });
}

export async function redriveDead(
  db: PgBossDb,
  place: Place,
  filter: DeadLetterFilter,
): Promise<number> {
  const { schema, queue } = place;
  const { where, values } = conditionsOf(place, filter);
  const next = (offset: number): string => `$${String(values.length + offset)}`;
  return changesOf(
    db,
    `UPDATE ${schema}.job SET name = ${next(1)}, state = 'retry', output = NULL,
      source_name = NULL, source_id = NULL, source_created_on = NULL,
      start_after = ${schema}.job_now(), created_on = ${schema}.job_now(),
      keep_until = ${schema}.job_now() + ${next(2)}::int * interval '1s',
      data = ${UNTRIED} ${where}`,
    [...values, queue, FOREVER],
  );
}

export async function discardDead(
  db: PgBossDb,
  place: Place,
  filter: DeadLetterFilter,
): Promise<number> {
  const { where, values } = conditionsOf(place, filter);
  return changesOf(db, `DELETE FROM ${place.schema}.job ${where}`, values);
}

async function changesOf(db: PgBossDb, sql: string, values: unknown[]): Promise<number> {
  const [row] = await rowsOf(
    db,
    `WITH changed AS (${sql} RETURNING 1) SELECT count(*)::int AS n FROM changed`,
    values,
  );
  return Number((row as { readonly n: unknown }).n);
}

function conditionsOf(
  { dead }: Place,
  filter: DeadLetterFilter,
): { readonly where: string; readonly values: unknown[] } {
  const columns = {
    "data->>'eventId'": filter.eventId,
    "data->>'type'": filter.type,
    "output->>'code'": filter.code,
  };
  const given = Object.entries(columns).filter(([, value]) => value !== undefined);
  const conditions = given.map(([column], index) => ` AND ${column} = $${String(index + 2)}`);
  return {
    // What somebody else has put there is no dead letter.
    where: `WHERE name = $1 AND data->>'life' IS NOT NULL${conditions.join('')}`,
    values: [dead, ...given.map(([, value]) => value)],
  };
}
