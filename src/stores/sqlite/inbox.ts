import {
  cellsOf,
  conditionsOf,
  type Entry,
  INBOX_COLUMNS,
  type InboxRow,
  toStoredEvent,
} from '../inbox.ts';
import type { Change, EventFilter, EventState, StoredEvent } from '../types.ts';
import type { Session } from '../../sqlite/connection.ts';
import { isTaken, RowRefused, type SqlValue } from '../../sqlite/driver.ts';

/** A column of the host's may ignore letter case; two events must stay two. */
const SAME_ID = 'client_id = ? COLLATE BINARY AND event_id = ? COLLATE BINARY';

/** What the inbox has under an id. */
export function findEntry(session: Session, clientId: string, eventId: string): Entry | undefined {
  const entry = session
    .prepareLists(`SELECT state, digest, attempts FROM his_events WHERE ${SAME_ID}`)
    .get(clientId, eventId) as readonly [EventState, string | null, number | bigint] | undefined;
  // A database of the host's may read whole numbers as BigInts.
  return entry && { state: entry[0], digest: entry[1], attempts: Number(entry[2]) };
}

export function countQuarantined(session: Session, clientId: string): number {
  const row = session
    .prepare(`SELECT count(*) AS n FROM his_events WHERE client_id = ? AND state = 'quarantined'`)
    .get(clientId) as { n: number | bigint };
  return Number(row.n);
}

/** Drops an entry from quarantine. */
export function release(session: Session, clientId: string, eventId: string): void {
  session
    .prepare(`DELETE FROM his_events WHERE ${SAME_ID} AND state = 'quarantined'`)
    .run(clientId, eventId);
}

/** Entries that are claimed by one statement: more of them take no less time each. */
const CLAIM_CHUNK = 8;

const NEWS = `(${INBOX_COLUMNS.map((column) => (isOfRefusals(column) ? 'NULL' : '?')).join(', ')})`;

function isOfRefusals(column: string): boolean {
  return column === 'code' || column === 'reason';
}

// OR ABORT, because a constraint of the host's may say ON CONFLICT IGNORE or REPLACE.
const CLAIM_MANY = `INSERT OR ABORT INTO his_events (${INBOX_COLUMNS.join(', ')})
  VALUES ${Array<string>(CLAIM_CHUNK).fill(NEWS).join(', ')}`;

/**
 * Claims events that come first, as long as all are news.
 *
 * @returns How many.
 */
export function claimNews(session: Session, changes: readonly Change[]): number {
  let at = 0;
  for (; changes.length - at >= CLAIM_CHUNK; at += CLAIM_CHUNK) {
    if (!claimChunk(session, changes.slice(at, at + CLAIM_CHUNK))) break;
  }
  return at;
}

/** Claims all of them; where one is claimed already, none. */
function claimChunk(session: Session, chunk: readonly Change[]): boolean {
  const cells: SqlValue[] = [];
  for (const change of chunk) {
    cells.push(
      change.clientId,
      change.eventId,
      change.type,
      change.occurredAt,
      change.receivedAt,
      stateOf(change),
      change.digest,
      change.body,
      change.form,
      change.mappingVersion,
    );
  }
  try {
    const { changes } = session.prepare(CLAIM_MANY).run(...cells);
    if (Number(changes) === CLAIM_CHUNK) return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
  // Which of them is not known, and is found out one by one.
  throw new RowRefused('a trigger dropped it');
}

export function toEntry(change: Change): Omit<StoredEvent, 'attempts'> {
  return { ...change, state: stateOf(change), code: null, reason: null };
}

function stateOf({ row }: Change): EventState {
  return row === null ? 'declined' : 'applied';
}

const RECORD = `INSERT INTO his_events (${INBOX_COLUMNS.join(', ')})
  VALUES (${INBOX_COLUMNS.map(() => '?').join(', ')})
  ON CONFLICT (client_id, event_id) DO UPDATE SET
  ${INBOX_COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')},
  attempts = attempts + 1`;

/** Writes an entry over whatever stands under its id. */
export function record(session: Session, entry: Omit<StoredEvent, 'attempts'>): void {
  session.prepare(RECORD).run(...cellsOf(entry));
}

/** Entries that one transaction looks at, so that commits never wait long. */
export const PRUNE_CHUNK = 500;

const ERASE = `UPDATE his_events SET body = NULL WHERE (client_id, event_id) IN (
  SELECT client_id, event_id FROM his_events
  WHERE body IS NOT NULL AND state <> 'quarantined' AND received_at < ?
  ORDER BY received_at LIMIT ${String(PRUNE_CHUNK)})`;

/** Erases some of the bodies received before a moment; gives how many. */
export function eraseBodies(session: Session, before: string): number {
  return Number(session.prepare(ERASE).run(before).changes);
}

/** The id of an entry. */
export interface EntryId {
  readonly clientId: string;
  readonly eventId: string;
}

const CHUNK_END = `SELECT client_id, event_id FROM (
    SELECT client_id, event_id FROM his_events WHERE (client_id, event_id) > (?, ?)
    ORDER BY client_id, event_id LIMIT ${String(PRUNE_CHUNK)})
  ORDER BY client_id DESC, event_id DESC LIMIT 1`;

const FORGET = `DELETE FROM his_events
  WHERE (client_id, event_id) > (?, ?) AND (client_id, event_id) <= (?, ?)
  AND state <> 'quarantined' AND received_at < ?`;

/**
 * Forgets entries received before a moment, among those that come next by their id: an index by age
 * would cost every commit, and this is rarely asked for.
 *
 * @returns How many, and where to go on.
 */
export function forgetKeys(
  session: Session,
  before: string,
  { clientId, eventId }: EntryId,
): { readonly count: number; readonly end: EntryId | undefined } {
  const last = session.prepare(CHUNK_END).get(clientId, eventId) as
    { client_id: string; event_id: string } | undefined;
  if (last === undefined) return { count: 0, end: undefined };
  const end = { clientId: last.client_id, eventId: last.event_id };
  const { changes } = session
    .prepare(FORGET)
    .run(clientId, eventId, end.clientId, end.eventId, before);
  return { count: Number(changes), end };
}

/** The next entries that match, by client and id. */
export function findPage(
  session: Session,
  filter: EventFilter,
  after: StoredEvent | undefined,
): readonly StoredEvent[] {
  const conditions = conditionsOf(filter);
  const rows = session
    .prepare(
      `SELECT * FROM his_events WHERE (client_id, event_id) > (?, ?)
       ${conditions.map(({ sql }) => `AND ${sql} ?`).join(' ')}
       ORDER BY client_id, event_id LIMIT 100`,
    )
    .all(after?.clientId ?? '', after?.eventId ?? '', ...conditions.map(({ value }) => value));
  return (rows as InboxRow[]).map(toStoredEvent);
}
