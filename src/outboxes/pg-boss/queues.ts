import { ConfigurationError } from '../../errors.ts';
import { causedBySqlState } from '../../without-values.ts';
import type { PgBossJobSettings, PgBossLike } from './boss.ts';

/** The longest time in seconds that pg-boss's columns hold: 68 years. */
export const FOREVER: number = 2 ** 31 - 1;
/** How long a claim lasts at least, in seconds, unless the sender asks for more. */
const HEARTBEAT = 30;

/** Where the events of one outbox are. */
export interface Place {
  /** As it stands in a statement. */
  readonly schema: string;
  readonly queue: string;
  readonly dead: string;
}

/**
 * pg-boss deletes jobs whose time is over, and gives up those that failed too often. Neither is to happen
 * to an event: only the sender says when it is delivered or dead. What it erases are the ids of
 * delivered events, which have a time of their own.
 *
 * Each job carries them, because the queue's may be changed by anybody while outboxes are at work.
 */
export const JOB_SETTINGS: PgBossJobSettings = {
  retentionSeconds: FOREVER,
  retryLimit: FOREVER,
  deleteAfterSeconds: 0,
  // An event whose sender died is due at once; its next attempt is the sender's to time.
  retryBackoff: true,
  retryDelayMax: 0,
  // The longest that pg-boss takes. A claim is to end by its heartbeat.
  expireInSeconds: 86_400,
};

/** Gives {@link JOB_SETTINGS} to a job that somebody else has made, or changed. */
export const SET_SETTINGS: string = `retry_limit = ${String(JOB_SETTINGS.retryLimit)},
    retry_backoff = ${String(JOB_SETTINGS.retryBackoff)},
    retry_delay_max = ${String(JOB_SETTINGS.retryDelayMax)},
    deletion_seconds = ${String(JOB_SETTINGS.deleteAfterSeconds)},
    expire_seconds = ${String(JOB_SETTINGS.expireInSeconds)}, dead_letter = NULL`;

/**
 * Makes the queues, and mends their settings where they differ.
 *
 * @throws ConfigurationError where there is no such schema, its tables are those of another pg-boss, or a
 *   queue is of another kind.
 */
export async function prepareQueues(boss: PgBossLike, place: Place): Promise<void> {
  await checkTables(boss, place.schema);
  await prepareQueue(boss, place.dead);
  const createdOn = await prepareQueue(boss, place.queue);
  // With another schema's tables, events would be queued where no sender of this boss looks.
  const { rows } = await boss.getDb().executeSql(
    `SELECT 1 FROM ${place.schema}.queue
      WHERE name = $1 AND date_trunc('milliseconds', created_on) = $2::timestamptz`,
    [place.queue, createdOn.toISOString()],
  );
  if (rows.length !== 1) throw new ConfigurationError(NOT_ITS_SCHEMA);
  // pg-boss remembers a queue once it was asked for, which within a transaction would take a second
  // connection of its pool.
  await boss.insert(place.queue, [], { db: boss.getDb(), returnId: false });
}

const NOT_ITS_SCHEMA = 'schema is not the schema of the boss.';

/** What the statements of the outbox use, without a row. */
const USED = (
  schema: string,
): string => `SELECT name, id, state, data, output, dead_letter, retry_count,
    retry_limit, retry_backoff, retry_delay_max, expire_seconds, start_after, created_on, completed_on,
    keep_until, deletion_seconds, heartbeat_on, heartbeat_seconds, source_name, source_id, source_created_on, ${schema}.job_now()
  FROM ${schema}.job LIMIT 0`;

/** Or events would be queued, and found out of reach when they are to be sent. */
async function checkTables(boss: PgBossLike, schema: string): Promise<void> {
  try {
    await boss.getDb().executeSql(USED(schema));
  } catch (error) {
    const state = causedBySqlState(error) ?? '';
    if (/^(3F000|42P01)$/.test(state)) throw new ConfigurationError(NOT_ITS_SCHEMA);
    // A column, a function that is not there.
    if (!/^(42703|42883)$/.test(state)) throw error;
    throw new ConfigurationError(
      'The tables of the boss are not those of pg-boss 12.33 or later, which pgBossOutbox needs.',
    );
  }
}

async function prepareQueue(boss: PgBossLike, name: string): Promise<Date> {
  if ((await boss.getQueue(name)) === null) {
    await boss.createQueue(name, { ...JOB_SETTINGS, heartbeatSeconds: HEARTBEAT });
  }
  const found = await boss.getQueue(name);
  if (found === null) throw new Error(`The queue ${name} is gone.`);
  const { policy = 'standard' } = found;
  if (policy !== 'standard') {
    throw new ConfigurationError(`The queue ${name} has the policy ${policy}, and needs standard.`);
  }
  const isFit =
    (found.heartbeatSeconds ?? 0) >= HEARTBEAT &&
    (found.deadLetter ?? null) === null &&
    Object.entries(JOB_SETTINGS).every(
      ([key, value]) => found[key as keyof PgBossJobSettings] === value,
    );
  if (!isFit) {
    await boss.updateQueue(name, {
      ...JOB_SETTINGS,
      heartbeatSeconds: Math.max(found.heartbeatSeconds ?? 0, HEARTBEAT),
      // pg-boss would put a copy of what it gives up there, under an id that tells nothing of the event.
      deadLetter: null,
    });
  }
  return found.createdOn;
}
