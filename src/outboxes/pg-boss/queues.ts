import { ConfigurationError } from '../../errors.ts';
import { causedBySqlState } from '../../without-values.ts';
import type { PgBossLike, PgBossQueueSettings } from './boss.ts';

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
 * pg-boss deletes jobs whose time is over, and moves those that failed too often. Neither is to happen
 * to an event: only the sender says when it is delivered or dead. What it erases are the ids of
 * delivered events, which have a time of their own.
 */
const SETTINGS: PgBossQueueSettings = {
  retentionSeconds: FOREVER,
  retryLimit: FOREVER,
  deleteAfterSeconds: 0,
  // An event whose sender died is due at once; its next attempt is the sender's to time.
  retryBackoff: true,
  retryDelayMax: 0,
  // The longest that pg-boss takes. A claim is to end by its heartbeat.
  expireInSeconds: 86_400,
  heartbeatSeconds: HEARTBEAT,
};

/**
 * Makes the queues, and mends their settings where they differ.
 *
 * @throws ConfigurationError where there is no such schema, or a queue is of another kind.
 */
export async function prepareQueues(boss: PgBossLike, place: Place): Promise<void> {
  await prepareQueue(boss, place.dead, SETTINGS);
  const createdOn = await prepareQueue(boss, place.queue, { ...SETTINGS, deadLetter: place.dead });
  // With another schema's tables, events would be queued where no sender of this boss looks.
  const isSame = await boss
    .getDb()
    .executeSql(
      `SELECT 1 FROM ${place.schema}.queue
        WHERE name = $1 AND date_trunc('milliseconds', created_on) = $2::timestamptz`,
      [place.queue, createdOn.toISOString()],
    )
    .then(({ rows }) => rows.length === 1)
    .catch((error: unknown) => {
      if (/^(3F000|42P01)$/.test(causedBySqlState(error) ?? '')) return false;
      throw error;
    });
  if (!isSame) throw new ConfigurationError('schema is not the schema of the boss.');
  // pg-boss remembers a queue once it was asked for, which within a transaction would take a second
  // connection of its pool.
  await boss.insert(place.queue, [], { db: boss.getDb(), returnId: false });
}

async function prepareQueue(
  boss: PgBossLike,
  name: string,
  settings: PgBossQueueSettings,
): Promise<Date> {
  if ((await boss.getQueue(name)) === null) await boss.createQueue(name, { ...settings });
  const found = await boss.getQueue(name);
  if (found === null) throw new Error(`The queue ${name} is gone.`);
  const { policy = 'standard' } = found;
  if (policy !== 'standard') {
    throw new ConfigurationError(`The queue ${name} has the policy ${policy}, and needs standard.`);
  }
  const { heartbeatSeconds, ...others } = settings;
  const isFit =
    (found.heartbeatSeconds ?? 0) >= heartbeatSeconds &&
    Object.entries(others).every(([key, value]) => found[key as keyof typeof others] === value);
  if (!isFit) {
    await boss.updateQueue(name, {
      ...settings,
      heartbeatSeconds: Math.max(found.heartbeatSeconds ?? 0, heartbeatSeconds),
    });
  }
  return found.createdOn;
}
