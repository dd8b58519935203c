import { createHash, randomUUID } from 'node:crypto';
import type { ClaimedEvent, OutboxCounts, QueuedEvent } from '../../sender/outbox.ts';
import type { PgBossDb, PgBossJob, PgBossLike } from './boss.ts';
import { JOB_SETTINGS, type Place, SET_SETTINGS } from './queues.ts';

// Jobs are made, found and claimed by pg-boss: `createQueue`, `insert`, `fetch`. What it has no call for
// is done by statements on its job table; counting exactly is one of them.

/** The `data` of a job. */
interface JobData extends QueuedEvent {
  readonly enqueuedAt: number;
  /** Tells an event from an earlier one of the same id, whose job had the same id too. */
  readonly life: string;
  /** Orders what was queued within one transaction. */
  readonly sequence: number;
  readonly attempts: number;
  readonly firstAttemptAt: number | null;
}

/** An event to be queued. */
export interface Arrival {
  readonly event: QueuedEvent;
  readonly now: number;
}

let sequence = 0;

/** The id of an event's job: the same for the same event, so that it is not queued twice. */
export function jobIdOf(eventId: string): string {
  const hex = createHash('sha256').update(eventId).digest('hex');
  // A UUID of version 8 (RFC 9562): what is in it is nobody else's. pg-boss's own ids are of another.
  return hex.replace(
    /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/,
    (_, a: string, b: string, c: string, d: string, e: string) => `${a}-${b}-8${c}-8${d}-${e}`,
  );
}

/** Where a UUID tells its version. */
const VERSION_AT = 14;

const digestOf = (body: string): string => createHash('sha256').update(body).digest('hex');

/** How often an event is tried to be queued while its predecessor goes. */
const TRIES = 5;

/**
 * Queues events of different ids.
 *
 * @returns For each whether it is queued: `false` where its id is queued with another body.
 */
export async function enqueueEvents(
  boss: PgBossLike,
  db: PgBossDb,
  place: Place,
  arrivals: readonly Arrival[],
): Promise<readonly boolean[]> {
  const { schema, queue, dead } = place;
  const wanted = new Map(arrivals.map((arrival) => [jobIdOf(arrival.event.eventId), arrival]));
  const verdicts = new Map<string, boolean>();
  for (let round = 1; verdicts.size < wanted.size; round++) {
    if (round > TRIES) throw new Error('The jobs of these events come and go.');
    const jobs = [...wanted]
      .filter(([id]) => !verdicts.has(id))
      .map(([id, { event, now }]) => ({ id, data: dataOf(event, now), ...JOB_SETTINGS }));
    const inserted = (await boss.insert(queue, jobs, { db, returnId: true })) ?? [];
    for (const id of inserted) verdicts.set(id, true);
    // A dead letter that is enqueued again is tried again, with the body of now.
    await deleteJobs(db, schema, dead, inserted);
    const others = jobs.map(({ id }) => id).filter((id) => !verdicts.has(id));
    if (others.length === 0) break;
    // By a statement after the insert, which may have waited for whoever changed the job.
    for (const { id, digest } of await findKnown(db, place, others)) {
      verdicts.set(id, digest === digestOf(wanted.get(id)?.event.body ?? ''));
    }
  }
  return [...wanted.keys()].map((id) => verdicts.get(id) === true);
}

interface Known {
  readonly id: string;
  readonly is_over: boolean;
  readonly digest: string | null;
}

/** Finds which of these jobs the queue holds, and deletes those that are over. */
async function findKnown(
  db: PgBossDb,
  { schema, queue, dead }: Place,
  ids: readonly string[],
): Promise<readonly Known[]> {
  const known = (await rowsOf(db, KNOWN(schema), [queue, ids])) as Known[];
  const over = known.filter(({ is_over }) => is_over).map(({ id }) => id);
  await deleteJobs(db, schema, queue, over, `AND state > 'active'`);
  // What pg-boss gave up has a copy where somebody gave the queue this one for its dead letters.
  if (over.length > 0) {
    const sql = `DELETE FROM ${schema}.job WHERE name = $1 AND source_name = $2 AND source_id = ANY($3::uuid[])`;
    await db.executeSql(sql, [dead, queue, over]);
  }
  return known.filter(({ is_over }) => !is_over);
}

async function deleteJobs(
  db: PgBossDb,
  schema: string,
  queue: string,
  ids: readonly string[],
  condition = '',
): Promise<void> {
  if (ids.length === 0) return;
  const sql = `DELETE FROM ${schema}.job WHERE name = $1 AND id = ANY($2::uuid[]) ${condition}`;
  await db.executeSql(sql, [queue, ids]);
}

// Over is what was delivered and kept long enough, and what somebody cancelled, or pg-boss gave up.
const KNOWN = (schema: string): string => `SELECT id,
    state > 'active' AND NOT (state = 'completed'
      AND completed_on + deletion_seconds * interval '1s' > ${schema}.job_now()) AS is_over,
    COALESCE(data->>'digest', encode(sha256(convert_to(data->>'body', 'UTF8')), 'hex')) AS digest
  FROM ${schema}.job WHERE name = $1 AND id = ANY($2::uuid[])`;

function dataOf({ eventId, type, body }: QueuedEvent, enqueuedAt: number): JobData {
  const life = randomUUID();
  const fresh = { attempts: 0, firstAttemptAt: null };
  return { eventId, type, body, enqueuedAt, life, sequence: sequence++, ...fresh };
}

/**
 * Claims what is due, the longest due first. pg-boss hands out what has the oldest `created_on`, by an
 * index, so that is set to when an event is due again.
 */
export async function claimDue(
  boss: PgBossLike,
  db: PgBossDb,
  place: Place,
  { limit, heartbeat }: { readonly limit: number; readonly heartbeat: number },
): Promise<readonly ClaimedEvent[]> {
  if (limit < 1) return [];
  const { schema, queue } = place;
  const fetch = (batchSize: number): Promise<readonly PgBossJob[]> =>
    boss.fetch(queue, { batchSize, includeMetadata: true, db });
  const jobs = [...(await fetch(limit))];
  if (jobs.length < limit) {
    // pg-boss looks for claims that have ended once a minute, and only where it supervises.
    const lapsed = await rowsOf(db, LAPSED(schema), [queue]);
    if (lapsed.length > 0) jobs.push(...(await fetch(limit - jobs.length)));
  }
  const short = jobs.filter(({ heartbeatSeconds }) => (heartbeatSeconds ?? 0) < heartbeat);
  if (short.length > 0) {
    await db.executeSql(
      `UPDATE ${schema}.job SET heartbeat_seconds = $3::int WHERE name = $1 AND id = ANY($2::uuid[])`,
      [queue, short.map(({ id }) => id), heartbeat],
    );
    // Those who only queue events give them what the queue says.
    await db.executeSql(
      `UPDATE ${schema}.queue SET heartbeat_seconds = $2::int WHERE name = $1 AND heartbeat_seconds < $2::int`,
      [queue, heartbeat],
    );
  }
  // What somebody else has put into the queue is left to come and go.
  return (await giveOwnIds(db, place, jobs.filter(isEvent)))
    .sort((a, b) => +a.createdOn - +b.createdOn || a.data.sequence - b.data.sequence)
    .map(({ id, retryCount, data }) => {
      const { eventId, type, body, attempts, firstAttemptAt, life } = data;
      const claim = [id, retryCount, life].join(' ');
      return { eventId, type, body, attempts, firstAttemptAt, claim };
    });
}

type EventJob = PgBossJob & { readonly data: JobData };

const isEvent = (job: PgBossJob): job is EventJob =>
  typeof (job.data as Partial<JobData> | null)?.life === 'string';

/**
 * What pg-boss's own means redrive is a new job, of an id that tells nothing of the event. It gets its
 * own, and is as if it had never been tried; where the event is queued again by itself, it is dropped.
 */
async function giveOwnIds(db: PgBossDb, place: Place, jobs: EventJob[]): Promise<EventJob[]> {
  const strays = jobs.filter(({ id }) => id.charAt(VERSION_AT) !== '8');
  if (strays.length === 0) return jobs;
  const { schema, queue, dead } = place;
  const heirs = new Map(strays.map((job) => [jobIdOf(job.data.eventId), job]));
  for (const { id } of await findKnown(db, place, [...heirs.keys()])) heirs.delete(id);
  await db.executeSql(
    `UPDATE ${schema}.job j SET id = c.own, data = ${UNTRIED}, ${SET_SETTINGS}
      FROM json_to_recordset($2::text::json) AS c (id uuid, own uuid)
      WHERE j.name = $1 AND j.id = c.id`,
    [queue, JSON.stringify([...heirs].map(([own, { id }]) => ({ id, own })))],
  );
  await deleteJobs(db, schema, dead, [...heirs.keys()]);
  const kept = new Set(heirs.values());
  const dropped = strays.filter((job) => !kept.has(job)).map(({ id }) => id);
  await deleteJobs(db, schema, queue, dropped);
  const renamed = [...heirs].map(([id, job]) => {
    return { ...job, id, data: { ...job.data, attempts: 0, firstAttemptAt: null } };
  });
  return [...jobs.filter((job) => !strays.includes(job)), ...renamed];
}

/** The `data` of a job as if it had never been tried. */
export const UNTRIED = `(data - 'diedAt') || '{"attempts": 0, "firstAttemptAt": null}'`;

const LAPSED = (schema: string): string => `UPDATE ${schema}.job
  SET state = 'retry', heartbeat_on = NULL, start_after = ${schema}.job_now()
  WHERE name = $1 AND state = 'active'
    AND heartbeat_on + heartbeat_seconds * interval '1s' < ${schema}.job_now()
  RETURNING 1`;

export async function countEvents(
  db: PgBossDb,
  { schema, queue, dead }: Place,
): Promise<OutboxCounts> {
  const [row] = (await rowsOf(
    db,
    `SELECT (SELECT count(*) FROM ${schema}.job WHERE name = $1 AND state <= 'active') AS queued,
      (SELECT count(*) FROM ${schema}.job WHERE name = $2) AS dead`,
    [queue, dead],
  )) as Readonly<Record<'queued' | 'dead', unknown>>[];
  return { queued: Number(row?.queued), dead: Number(row?.dead) };
}

export async function rowsOf(
  db: PgBossDb,
  sql: string,
  values: unknown[],
): Promise<readonly unknown[]> {
  return (await db.executeSql(sql, values)).rows;
}
