import type { ClaimedEvent, Settlement } from '../../sender/outbox.ts';
import type { PgBossDb } from './boss.ts';
import { FOREVER, type Place } from './queues.ts';

// pg-boss has no call that settles under a claim and tells of each job whether the claim held, at the time
// the sender wants, with what else is settled: that is done by statements on its job table.

/**
 * The jobs of these claims, as `c`. pg-boss counts how often a job was handed out, and the life tells
 * the job from a later one of the same event: so of one that somebody else has claimed since, or that
 * is queued again, nothing changes.
 */
const CLAIMED = `json_to_recordset($2::text::json) AS c (id uuid, retry_count int, life text,
    n int, delay float8, attempts int, "firstAttemptAt" numeric, "diedAt" numeric, reason jsonb)
  WHERE j.name = $1 AND j.id = c.id AND j.state = 'active' AND j.retry_count = c.retry_count
    AND j.data->>'life' = c.life`;

function fenceOf({ claim }: ClaimedEvent): Readonly<Record<string, unknown>> {
  const [id, retryCount, life] = claim.split(' ');
  return { id, retry_count: Number(retryCount), life };
}

export async function extendClaims(
  db: PgBossDb,
  { schema, queue }: Place,
  claimed: readonly ClaimedEvent[],
  heartbeat: number,
): Promise<void> {
  await db.executeSql(
    `UPDATE ${schema}.job j SET heartbeat_on = ${schema}.job_now(),
      heartbeat_seconds = GREATEST(j.heartbeat_seconds, $3::int) FROM ${CLAIMED}`,
    [queue, JSON.stringify(claimed.map(fenceOf)), heartbeat],
  );
}

const DELIVERED = (schema: string): string => `DELETE FROM ${schema}.job j USING ${CLAIMED}`;

// Of what is kept nothing but the id remains, and the digest that tells another body.
const KEPT = (schema: string): string => `UPDATE ${schema}.job j SET state = 'completed',
    completed_on = ${schema}.job_now(), deletion_seconds = $3::int, output = NULL,
    data = jsonb_build_object('eventId', j.data->'eventId',
      'digest', encode(sha256(convert_to(j.data->>'body', 'UTF8')), 'hex'))
  FROM ${CLAIMED}`;

const RETRY = (schema: string): string => `UPDATE ${schema}.job j SET state = 'retry',
    heartbeat_on = NULL, output = NULL,
    start_after = ${schema}.job_now() + c.delay * interval '1ms',
    created_on = ${schema}.job_now() + c.delay * interval '1ms',
    keep_until = ${schema}.job_now() + $3::int * interval '1s',
    data = j.data || jsonb_build_object('attempts', c.attempts, 'firstAttemptAt', c."firstAttemptAt")
  FROM ${CLAIMED}`;

// It moves as it is, without its body on the way. The microseconds keep the order of those that die
// together. A dead letter has the shape that pg-boss gives it, so that its own tools show where it is from.
const DEAD = (schema: string): string => `UPDATE ${schema}.job j SET name = $3, state = 'created',
    heartbeat_on = NULL, output = c.reason, dead_letter = NULL, source_name = $1, source_id = j.id,
    source_created_on = j.created_on, start_after = ${schema}.job_now(),
    created_on = ${schema}.job_now() + c.n * interval '1 microsecond',
    keep_until = ${schema}.job_now() + $4::int * interval '1s',
    data = j.data || jsonb_build_object('attempts', c.attempts, 'diedAt', c."diedAt")
  FROM ${CLAIMED}`;

/** @param options - `keep`: how long the ids of delivered events stay, in seconds. */
export async function settleClaims(
  db: PgBossDb,
  { schema, queue, dead }: Place,
  settlements: readonly Settlement[],
  { now, keep }: { readonly now: number; readonly keep: number },
): Promise<void> {
  const run = async (sql: string, jobs: readonly object[], ...values: unknown[]): Promise<void> => {
    if (jobs.length > 0) await db.executeSql(sql, [queue, JSON.stringify(jobs), ...values]);
  };
  const of = <O extends Settlement['outcome']>(
    outcome: O,
  ): readonly (Settlement & { readonly outcome: O })[] =>
    settlements.filter(
      (settlement): settlement is Settlement & { readonly outcome: O } =>
        settlement.outcome === outcome,
    );
  const delivered = of('delivered').map(({ claimed }) => fenceOf(claimed));
  if (keep === 0) await run(DELIVERED(schema), delivered);
  else await run(KEPT(schema), delivered, keep);
  const retried = of('retry').map(({ claimed, dueAt, attempts, firstAttemptAt }) => ({
    ...fenceOf(claimed),
    // The time is the database's, whatever the sender's clock says.
    delay: Math.max(0, dueAt - now),
    attempts,
    firstAttemptAt,
  }));
  await run(RETRY(schema), retried, FOREVER);
  const died = of('dead').map(({ claimed, attempts, reason }, n) => ({
    ...fenceOf(claimed),
    n,
    attempts,
    diedAt: now,
    reason: { ...reason, message: storable(reason.message), code: storable(reason.code) },
  }));
  await run(DEAD(schema), died, dead, FOREVER);
}

/** A receiver may say what `jsonb` does not hold: NUL, and half a surrogate pair. */
function storable(text: string | null): string | null {
  return text === null ? null : text.toWellFormed().replaceAll('\0', '\uFFFD');
}
