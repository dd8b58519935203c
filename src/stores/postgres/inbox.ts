import {
  cellsOf,
  conditionsOf,
  INBOX_COLUMNS,
  type InboxRow,
  quarantineKey,
  toStoredEvent,
} from '../inbox.ts';
import type {
  Change,
  EventFilter,
  EventState,
  QuarantineVerdict,
  RefusedEvent,
  StoredEvent,
} from '../types.ts';
import type { Session, TextRow } from './driver.ts';

/** `attempts` of an entry, which is locked until the end of the transaction. */
export async function findAttempts(
  session: Session,
  clientId: string,
  eventId: string,
): Promise<number | undefined> {
  return (await lockEntry(session, clientId, eventId))?.attempts;
}

interface LockedEntry {
  readonly state: EventState;
  readonly digest: string | null;
  readonly attempts: number;
}

async function lockEntry(
  session: Session,
  clientId: string,
  eventId: string,
): Promise<LockedEntry | undefined> {
  const [row] = await session.query(
    `SELECT state, digest, attempts::text AS attempts FROM his_events
       WHERE client_id = $1 AND event_id = $2 FOR UPDATE`,
    [clientId, eventId],
  );
  return (
    row && {
      state: row['state'] as EventState,
      digest: row['digest'] ?? null,
      attempts: Number(row['attempts']),
    }
  );
}

/** Drops an entry from quarantine. */
export async function release(session: Session, clientId: string, eventId: string): Promise<void> {
  await session.query(
    `DELETE FROM his_events WHERE client_id = $1 AND event_id = $2 AND state = 'quarantined'`,
    [clientId, eventId],
  );
}

/** Keeps a refused event; inside a transaction. */
export async function quarantine(
  session: Session,
  event: RefusedEvent,
  quota: number,
): Promise<QuarantineVerdict> {
  const { clientId, eventId, replayOf } = event;
  // One at a time for each client, so that its quota holds.
  await session.query(
    `SELECT pg_advisory_xact_lock(hashtext('his_events quarantine'), hashtext($1))`,
    [clientId],
  );
  if (replayOf !== undefined) {
    const attempts = await findAttempts(session, clientId, replayOf.key);
    if (attempts !== replayOf.attempts) return 'duplicate';
  }
  for (;;) {
    const entry = eventId === null ? undefined : await lockEntry(session, clientId, eventId);
    const place = quarantineKey(entry, event);
    if (place === 'duplicate') return 'duplicate';
    const isNew =
      place.key === eventId
        ? entry === undefined
        : (await lockEntry(session, clientId, place.key)) === undefined;
    if (isNew && (await isOverQuota(session, clientId, quota))) return 'over_quota';
    if (await record(session, { ...event, eventId: place.key, state: 'quarantined' })) {
      return 'quarantined';
    }
    // It was committed in between, which is looked at anew.
  }
}

async function isOverQuota(session: Session, clientId: string, quota: number): Promise<boolean> {
  const [row] = await session.query(
    `SELECT count(*)::text AS n FROM (SELECT FROM his_events
       WHERE client_id = $1 AND state = 'quarantined' LIMIT $2::text::int) AS q`,
    [clientId, String(quota)],
  );
  return Number(row?.['n']) >= quota;
}

const RECORD = `INSERT INTO his_events AS e (${INBOX_COLUMNS.join(', ')})
  VALUES (${INBOX_COLUMNS.map((_, i) => `$${String(i + 1)}`).join(', ')})
  ON CONFLICT (client_id, event_id) DO UPDATE SET
    ${INBOX_COLUMNS.slice(2)
      .map((column) => `${column} = EXCLUDED.${column}`)
      .join(', ')}, attempts = e.attempts + 1
  WHERE e.state = 'quarantined' OR EXCLUDED.state <> 'quarantined'
  RETURNING e.state`;

/** Writes an entry over what stands under its id; `false` where that is not to be downgraded. */
async function record(session: Session, entry: Omit<StoredEvent, 'attempts'>): Promise<boolean> {
  return (await session.query(RECORD, cellsOf(entry))).length === 1;
}

/** Writes down an event that was processed elsewhere; inside a transaction. */
export async function recordProcessed(session: Session, event: Change): Promise<void> {
  const { clientId, eventId, row, replayOf } = event;
  const state = row === null ? 'declined' : 'applied';
  await record(session, { ...event, state, code: null, reason: null });
  if (replayOf !== undefined && replayOf.key !== eventId) {
    await release(session, clientId, replayOf.key);
  }
}

/** The next entries that match, by client and id. */
export async function findPage(
  session: Session,
  filter: EventFilter,
  after: StoredEvent | undefined,
): Promise<readonly StoredEvent[]> {
  const conditions = conditionsOf(filter).map(({ sql }, i) => ` AND ${sql} $${String(i + 3)}`);
  const rows = await session.query(
    `SELECT client_id, event_id, type, occurred_at, state, code, reason, digest, form,
            encode(body, 'hex') AS body, mapping_version, attempts::text AS attempts,
            to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS received_at
       FROM his_events WHERE (client_id, event_id) > ($1, $2)${conditions.join('')}
       ORDER BY client_id, event_id LIMIT 100`,
    [
      after?.clientId ?? '',
      after?.eventId ?? '',
      ...conditionsOf(filter).map(({ value }) => value),
    ],
  );
  return rows.map((row) => {
    const entry = toStoredEvent(row as InboxRow);
    const hex = row['body'] ?? null;
    // As text, because a pool of the host's may read bytes in a way of its own.
    return { ...entry, body: hex === null ? null : Buffer.from(hex, 'hex') };
  });
}

/** Entries that one statement looks at, so that commits never wait long. */
const CHUNK = 500;

/** Erases the bodies received before a moment; gives how many. */
export async function eraseBodies(session: Session, before: string): Promise<number> {
  let total = 0;
  let count: number;
  do {
    // What a commit has in work is left to the next prune.
    const [row] = await session.query(
      `WITH old AS (SELECT client_id, event_id FROM his_events
         WHERE body IS NOT NULL AND state <> 'quarantined' AND received_at < $1
         ORDER BY received_at LIMIT ${String(CHUNK)} FOR UPDATE SKIP LOCKED),
       done AS (UPDATE his_events SET body = NULL
         WHERE (client_id, event_id) IN (SELECT client_id, event_id FROM old) RETURNING 1)
       SELECT count(*)::text AS n FROM done`,
      [before],
    );
    count = Number(row?.['n']);
    total += count;
  } while (count === CHUNK);
  return total;
}

/**
 * Forgets the entries received before a moment; gives how many. It walks through all of them by
 * their key, because an index by age would cost every commit, and this is rarely asked for.
 */
export async function forgetKeys(session: Session, before: string): Promise<number> {
  let total = 0;
  let last: readonly [string, string] | undefined = ['', ''];
  while (last !== undefined) {
    const [row]: readonly TextRow[] = await session.query(
      `WITH page AS MATERIALIZED (SELECT client_id, event_id FROM his_events
         WHERE (client_id, event_id) > ($2, $3) ORDER BY client_id, event_id LIMIT ${String(CHUNK)}),
       done AS (DELETE FROM his_events WHERE (client_id, event_id) IN (SELECT * FROM page)
         AND state <> 'quarantined' AND received_at < $1 RETURNING 1)
       SELECT (SELECT count(*) FROM done)::text AS n, client_id, event_id FROM page
       ORDER BY client_id DESC, event_id DESC LIMIT 1`,
      [before, ...last],
    );
    total += Number(row?.['n'] ?? 0);
    last = row && [row['client_id'] ?? '', row['event_id'] ?? ''];
  }
  return total;
}
