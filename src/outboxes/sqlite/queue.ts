import { createHash, randomUUID } from 'node:crypto';
import type { Session } from '../../sqlite/connection.ts';
import type { SqlValue } from '../../sqlite/driver.ts';
import type {
  ClaimedEvent,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterReason,
  OutboxCounts,
  QueuedEvent,
  Settlement,
} from '../../sender/outbox.ts';

/**
 * The statements that make the outbox. Times are milliseconds since 1970. `due_at` is when an event may
 * be claimed; of one that is claimed, when the claim ends; of one that was delivered, when it is forgotten;
 * its `body` is then only a digest.
 */
export const OUTBOX_SQL = `CREATE TABLE IF NOT EXISTS his_outbox (
  id INTEGER PRIMARY KEY,
  queue TEXT NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'queued',
  enqueued_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  first_attempt_at INTEGER,
  claim TEXT,
  died_at INTEGER,
  reason_kind TEXT,
  reason_status INTEGER,
  reason_code TEXT,
  reason_message TEXT,
  UNIQUE (queue, event_id)
);
CREATE INDEX IF NOT EXISTS his_outbox_due ON his_outbox (queue, due_at, id) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS his_outbox_dead ON his_outbox (queue, id) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS his_outbox_delivered ON his_outbox (queue, due_at) WHERE state = 'delivered'`;

// A dead letter that is enqueued again is tried again, with the body of now.
const ENQUEUE = `INSERT INTO his_outbox (queue, event_id, type, body, enqueued_at, due_at)
  VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (queue, event_id) DO UPDATE SET type = excluded.type, body = excluded.body,
    enqueued_at = excluded.enqueued_at, due_at = excluded.due_at, state = 'queued', attempts = 0,
    first_attempt_at = NULL, claim = NULL, died_at = NULL, reason_kind = NULL, reason_status = NULL,
    reason_code = NULL, reason_message = NULL
  WHERE state = 'dead'`;

/** Queues an event; `false` where its id is queued with another body. */
export function enqueueEvent(
  session: Session,
  queue: string,
  { eventId, type, body }: QueuedEvent,
  now: number,
): boolean {
  const { changes } = session.prepare(ENQUEUE).run(queue, eventId, type, body, now, now);
  if (Number(changes) === 1) return true;
  const known = session
    .prepare('SELECT body FROM his_outbox WHERE queue = ? AND event_id = ?')
    .get(queue, eventId) as { body: string };
  return known.body === body || known.body === digestOf(body);
}

/** Tells a repeat from another event of the same id once the payload is erased. No JSON begins like it. */
function digestOf(body: string): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`;
}

const DUE = `SELECT id, event_id, type, body, attempts, first_attempt_at FROM his_outbox
  WHERE queue = ? AND state = 'queued' AND due_at <= ? ORDER BY due_at, id LIMIT ?`;

/** Claims what is due, the longest due first. */
export function claimDue(
  session: Session,
  queue: string,
  { limit, lease, now }: { readonly limit: number; readonly lease: number; readonly now: number },
): readonly ClaimedEvent[] {
  const rows = session.prepare(DUE).all(queue, now, limit) as Record<string, SqlValue>[];
  if (rows.length === 0) return [];
  const claim = randomUUID();
  const ids = JSON.stringify(rows.map(({ id }) => Number(id)));
  session
    .prepare(
      'UPDATE his_outbox SET claim = ?, due_at = ? WHERE id IN (SELECT value FROM json_each(?))',
    )
    .run(claim, now + lease, ids);
  return rows.map((row) => ({
    eventId: row['event_id'] as string,
    type: row['type'] as string,
    body: row['body'] as string,
    attempts: Number(row['attempts']),
    firstAttemptAt: numberOrNull(row['first_attempt_at']),
    claim,
  }));
}

/** The claim is the fence: of an event that somebody else has claimed since, nothing changes. */
const CLAIMED = `WHERE queue = ? AND event_id = ? AND claim = ? AND state = 'queued'`;

export function extendClaims(
  session: Session,
  queue: string,
  claimed: readonly ClaimedEvent[],
  until: number,
): void {
  const statement = session.prepare(`UPDATE his_outbox SET due_at = ? ${CLAIMED}`);
  for (const { eventId, claim } of claimed) statement.run(until, queue, eventId, claim);
}

/** All that is delivered under one claim. */
const DELIVERED = `DELETE FROM his_outbox WHERE queue = ? AND claim = ? AND state = 'queued'
  AND event_id IN (SELECT value FROM json_each(?))`;
const KEPT = `UPDATE his_outbox SET state = 'delivered', claim = NULL, body = ?, due_at = ? ${CLAIMED}`;
const RETRY = `UPDATE his_outbox SET claim = NULL, due_at = ?, attempts = ?, first_attempt_at = ? ${CLAIMED}`;
const DEAD = `UPDATE his_outbox SET state = 'dead', claim = NULL, attempts = ?, died_at = ?,
  reason_kind = ?, reason_status = ?, reason_code = ?, reason_message = ? ${CLAIMED}`;

/** @param options - `keep`: how long the ids of delivered events stay, in milliseconds. */
export function settleClaims(
  session: Session,
  queue: string,
  settlements: readonly Settlement[],
  { now, keep }: { readonly now: number; readonly keep: number },
): void {
  const run = (sql: string, { eventId, claim }: ClaimedEvent, ...values: SqlValue[]): void => {
    session.prepare(sql).run(...values, queue, eventId, claim);
  };
  const delivered = new Map<string, string[]>();
  for (const settlement of settlements) {
    const { claimed, outcome } = settlement;
    if (outcome === 'delivered') {
      if (keep > 0) run(KEPT, claimed, digestOf(claimed.body), now + keep);
      else if (!delivered.get(claimed.claim)?.push(claimed.eventId))
        delivered.set(claimed.claim, [claimed.eventId]);
    } else if (outcome === 'retry') {
      const { dueAt, attempts, firstAttemptAt } = settlement;
      run(RETRY, claimed, dueAt, attempts, firstAttemptAt);
    } else {
      const { kind, status, code, message } = settlement.reason;
      run(DEAD, claimed, settlement.attempts, now, kind, status, code, message);
    }
  }
  for (const [claim, eventIds] of delivered) {
    session.prepare(DELIVERED).run(queue, claim, JSON.stringify(eventIds));
  }
}

/** Forgets delivered events whose time is over, some at a time. */
export function forgetDelivered(session: Session, queue: string, now: number): void {
  session
    .prepare(
      `DELETE FROM his_outbox WHERE id IN (SELECT id FROM his_outbox
        WHERE queue = ? AND state = 'delivered' AND due_at <= ? LIMIT 1000)`,
    )
    .run(queue, now);
}

const PAGE = 200;

/** A page of dead letters after one of these, with what the next page begins after. */
export function findDead(
  session: Session,
  queue: string,
  filter: DeadLetterFilter,
  after: number,
): readonly (DeadLetter & { readonly id: number })[] {
  const { where, values } = conditionsOf(queue, filter);
  const rows = session
    .prepare(`SELECT * FROM his_outbox ${where} AND id > ? ORDER BY id LIMIT ?`)
    .all(...values, after, PAGE) as Record<string, SqlValue>[];
  return rows.map((row) => ({
    id: Number(row['id']),
    eventId: row['event_id'] as string,
    type: row['type'] as string,
    attempts: Number(row['attempts']),
    enqueuedAt: Number(row['enqueued_at']),
    diedAt: Number(row['died_at']),
    reason: {
      kind: row['reason_kind'] as DeadLetterReason['kind'],
      status: numberOrNull(row['reason_status']),
      code: row['reason_code'] as string | null,
      message: row['reason_message'] as string | null,
    },
  }));
}

export function redriveDead(
  session: Session,
  queue: string,
  filter: DeadLetterFilter,
  now: number,
): number {
  const { where, values } = conditionsOf(queue, filter);
  const { changes } = session
    .prepare(
      `UPDATE his_outbox SET state = 'queued', due_at = ?, attempts = 0, first_attempt_at = NULL,
        died_at = NULL, reason_kind = NULL, reason_status = NULL, reason_code = NULL,
        reason_message = NULL ${where}`,
    )
    .run(now, ...values);
  return Number(changes);
}

export function discardDead(session: Session, queue: string, filter: DeadLetterFilter): number {
  const { where, values } = conditionsOf(queue, filter);
  return Number(session.prepare(`DELETE FROM his_outbox ${where}`).run(...values).changes);
}

export function countEvents(session: Session, queue: string): OutboxCounts {
  const row = session
    .prepare(
      `SELECT (SELECT count(*) FROM his_outbox WHERE queue = ? AND state = 'queued') AS queued,
        (SELECT count(*) FROM his_outbox WHERE queue = ? AND state = 'dead') AS dead`,
    )
    .get(queue, queue) as Record<'queued' | 'dead', number | bigint>;
  return { queued: Number(row.queued), dead: Number(row.dead) };
}

function conditionsOf(
  queue: string,
  filter: DeadLetterFilter,
): { readonly where: string; readonly values: readonly SqlValue[] } {
  const columns = { event_id: filter.eventId, type: filter.type, reason_code: filter.code };
  const given = Object.entries(columns).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined;
  });
  const conditions = ['queue = ?', "state = 'dead'", ...given.map(([column]) => `${column} = ?`)];
  return {
    where: `WHERE ${conditions.join(' AND ')}`,
    values: [queue, ...given.map(([, value]) => value)],
  };
}

/** A database of the host's may read whole numbers as BigInts. */
function numberOrNull(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
