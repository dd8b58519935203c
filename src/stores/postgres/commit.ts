import { StorageError } from '../../errors.ts';
import { wins } from '../../merge.ts';
import { ByClient } from '../by-client.ts';
import type { Change, ReplayedEntry, Verdict } from '../types.ts';
import { type Batch, rowKey, type TableBatch, toBatch } from './batch.ts';
import type { TableInfo } from './catalog.ts';
import { arrayOf, isRefusal, type PostgresError, type Session } from './driver.ts';
import { findAttempts, release } from './inbox.ts';
import { describeRefusal } from './refusal.ts';
import { type Answer, commitStatement } from './statement.ts';

/** What a commit needs to know of the database. */
export interface CommitContext {
  readonly tables: ReadonlyMap<string, TableInfo>;
  /** How long to wait for a lock, as a setting of the server's. */
  readonly lockTimeout: string;
  /** Events are looked up before they are claimed: a claim in vain writes, and waits for the disk. */
  readonly expectsDuplicates: boolean;
}

/** A change and its place in the batch. */
interface Item {
  readonly place: number;
  readonly change: Change;
}

/** Distinct events that one statement can commit. */
export interface Wave {
  readonly force: boolean;
  readonly items: Item[];
  /** By the place of the first, what came after it under the same id. */
  readonly repeats: Map<number, Item[]>;
}

/** What became of an event, and the content its id stands for now. */
interface Outcome {
  readonly verdict: Verdict;
  /** `null` where the id was not claimed. */
  readonly digest: string | null;
}

/** A batch that one statement can commit, unless a row is refused; `undefined` where it takes more. */
export function toSimpleWave(batch: readonly Change[]): Wave | undefined {
  if (batch.some(({ replayOf }) => replayOf !== undefined)) return undefined;
  const [wave, ...others] = toWaves(itemsOf(batch));
  return others.length === 0 ? wave : undefined;
}

/** Commits a batch by one statement. */
export async function commitSimple(
  session: Session,
  wave: Wave,
  context: CommitContext,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const outcomes = await commitItems(session, wave, context);
  wave.items.forEach(({ place }, i) => {
    const outcome = at(outcomes, i);
    verdicts[place] = outcome.verdict;
    for (const repeat of wave.repeats.get(place) ?? []) {
      verdicts[repeat.place] = judgeRepeat(repeat.change, outcome.digest);
    }
  });
  return verdicts;
}

/**
 * Commits any batch inside a transaction: replays, the same event several times by force, and rows
 * that the table refuses, which are found by halving.
 */
export async function commitCarefully(
  session: Session,
  batch: readonly Change[],
  context: CommitContext,
): Promise<readonly Verdict[]> {
  const verdicts = new Array<Verdict>(batch.length);
  // A constraint that is checked at the end would fail the batch when nobody can tell whose it is.
  await session.query('SET CONSTRAINTS ALL IMMEDIATE', []);
  let waiting: Item[] = [];
  for (const item of itemsOf(batch)) {
    const { replayOf } = item.change;
    if (replayOf === undefined) {
      waiting.push(item);
      continue;
    }
    // What stands before it in the batch may have changed what it replays.
    await commitWaves(session, waiting, context, verdicts);
    waiting = [];
    await commitReplay(session, item, replayOf, context, verdicts);
  }
  await commitWaves(session, waiting, context, verdicts);
  return verdicts;
}

async function commitReplay(
  session: Session,
  item: Item,
  { key, attempts }: ReplayedEntry,
  context: CommitContext,
  verdicts: Verdict[],
): Promise<void> {
  const { clientId, eventId } = item.change;
  if ((await findAttempts(session, clientId, key)) !== attempts) {
    verdicts[item.place] = 'duplicate';
    return;
  }
  await commitWaves(session, [item], context, verdicts);
  const verdict = verdicts[item.place];
  const isSettled = verdict !== 'conflict' && typeof verdict === 'string';
  if (isSettled && key !== eventId) await release(session, clientId, key);
}

async function commitWaves(
  session: Session,
  items: readonly Item[],
  context: CommitContext,
  verdicts: Verdict[],
): Promise<void> {
  for (const wave of toWaves(items)) {
    const outcomes = await commitGuarded(session, wave, context);
    for (const [i, { place }] of wave.items.entries()) {
      const { verdict, digest } = at(outcomes, i);
      verdicts[place] = verdict;
      const repeats = wave.repeats.get(place) ?? [];
      if (digest === null) await commitWaves(session, repeats, context, verdicts);
      else for (const { place, change } of repeats) verdicts[place] = judgeRepeat(change, digest);
    }
  }
}

/** Commits what it can of a wave: where a row is refused, its halves on their own. */
async function commitGuarded(
  session: Session,
  wave: Omit<Wave, 'repeats'>,
  context: CommitContext,
): Promise<readonly Outcome[]> {
  const { force, items } = wave;
  await session.query('SAVEPOINT wave', []);
  try {
    const outcomes = await commitItems(session, wave, context);
    await session.query('RELEASE wave', []);
    return outcomes;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await session.query('ROLLBACK TO wave', []);
    const [only] = items;
    if (items.length === 1 && only !== undefined) {
      return [await commitUpdate(session, only.change, force, error, context)];
    }
  }
  const half = Math.ceil(items.length / 2);
  return [
    ...(await commitGuarded(session, { force, items: items.slice(0, half) }, context)),
    ...(await commitGuarded(session, { force, items: items.slice(half) }, context)),
  ];
}

/**
 * Changes the row that is there: an upsert is refused where what a patch carries makes no row by
 * itself, though the row takes it.
 *
 * @param refusal - Why the upsert was refused, which stands where there is no row.
 */
async function commitUpdate(
  session: Session,
  change: Change,
  force: boolean,
  refusal: PostgresError,
  { tables, lockTimeout }: CommitContext,
): Promise<Outcome> {
  let reason = refusal;
  try {
    const batch = toBatch([change], tables);
    const { text, values } = commitStatement(batch, tables, force, lockTimeout, true);
    const [row] = await session.query(text, values);
    const { fresh, written } = JSON.parse(row?.['answer'] ?? '') as Answer;
    if (fresh === null && written[0] === null) {
      await session.query('RELEASE wave', []);
      return { verdict: 'applied', digest: change.digest };
    }
  } catch (error) {
    if (!isRefusal(error)) throw error;
    reason = error;
  }
  await session.query('ROLLBACK TO wave', []);
  return { verdict: await describeRefusal(session, change, reason, tables), digest: null };
}

/** How often an entry may be pruned between two looks at it. */
const ATTEMPTS = 5;

async function commitItems(
  session: Session,
  { force, items }: Omit<Wave, 'repeats'>,
  context: CommitContext,
): Promise<readonly Outcome[]> {
  const outcomes = new Array<Outcome>(items.length);
  let places = items.map((_, i) => i);
  /** Judges the events that were processed before; what is left is the places of the others. */
  const settle = async (candidates: readonly number[]): Promise<void> => {
    if (candidates.length === 0) return;
    const changes = candidates.map((place) => at(items, place).change);
    const digests = await readDigests(session, changes);
    for (const [i, digest] of digests) {
      const verdict = judgeRepeat(at(changes, i), digest);
      outcomes[at(candidates, i)] = { verdict, digest };
    }
    places = places.filter((place) => outcomes[place] === undefined);
  };
  if (context.expectsDuplicates && !force) await settle(places);
  for (let attempt = 0; places.length > 0; attempt++) {
    if (attempt === ATTEMPTS) throw new StorageError('The inbox would not hold still.');
    const changes = places.map((place) => at(items, place).change);
    const batch = toBatch(changes, context.tables);
    const statement = commitStatement(batch, context.tables, force, context.lockTimeout);
    const [row] = await session.query(statement.text, statement.values, statement.name);
    judgeFresh(batch, JSON.parse(row?.['answer'] ?? '') as Answer).forEach((verdict, i) => {
      outcomes[at(places, i)] = { verdict, digest: at(changes, i).digest };
    });
    places = places.filter((place) => outcomes[place] === undefined);
    // By another statement: the first cannot see what was committed while it waited.
    await settle(places);
  }
  return outcomes;
}

/** The verdicts of events that are fresh, by their places; the others have none. */
function judgeFresh(
  { changes, tables }: Batch,
  { fresh, written, old }: Answer,
): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  if (fresh === null) for (const place of changes.keys()) verdicts[place] = 'applied';
  else for (const place of fresh) verdicts[place] = 'applied';
  tables.forEach((table, i) => {
    judgeRows(table, written[i] ?? null, verdicts);
    if (table.isShared) judgeShared(table, old[i] ?? [], verdicts);
  });
  return verdicts;
}

/** What was not written is stale. */
function judgeRows(
  { places, changes, key }: TableBatch,
  written: Answer['written'][number],
  verdicts: Verdict[],
): void {
  if (written === null) return;
  const rows = new Set(written.map(keyOf));
  changes.forEach((change, i) => {
    const place = at(places, i);
    if (verdicts[place] !== undefined && !rows.has(rowKey(change, key))) verdicts[place] = 'stale';
  });
}

/** Several events about one row are judged one after another. */
function judgeShared(
  { places, changes, key }: TableBatch,
  old: NonNullable<Answer['old'][number]>,
  verdicts: Verdict[],
): void {
  const stored = new Map(old.map(([key, versions]) => [keyOf(key), versions ?? {}]));
  const rows = new Map<string, number[]>();
  changes.forEach((change, i) => {
    if (verdicts[at(places, i)] === undefined) return;
    const row = rowKey(change, key);
    const others = rows.get(row);
    if (others === undefined) rows.set(row, [i]);
    else others.push(i);
  });
  for (const [row, several] of rows) {
    if (several.length === 1) continue;
    const before = stored.get(row);
    const versions = new Map(Object.entries(before ?? {}));
    let isNew = before === undefined;
    for (const i of several) {
      const { values, version } = at(changes, i).row;
      const winners = Object.keys(values).filter((column) => wins(version, versions.get(column)));
      for (const column of winners) versions.set(column, version);
      verdicts[at(places, i)] = winners.length > 0 || isNew ? 'applied' : 'stale';
      isNew = false;
    }
  }
}

/** A key of an answer, as {@link rowKey} writes it. */
function keyOf(key: readonly string[]): string {
  return key.join('\0');
}

/** The content of those that were processed before, by their place among the changes. */
async function readDigests(
  session: Session,
  changes: readonly Change[],
): Promise<ReadonlyMap<number, string>> {
  const rows = await session.query(
    `SELECT i.place::text AS place, e.digest
       FROM unnest($1::int[], $2::text[], $3::text[]) AS i(place, client_id, event_id)
       JOIN his_events AS e USING (client_id, event_id) WHERE e.state <> 'quarantined'`,
    [
      arrayOf(changes.map((_, place) => place)),
      arrayOf(changes.map(({ clientId }) => clientId)),
      arrayOf(changes.map(({ eventId }) => eventId)),
    ],
  );
  return new Map(rows.map(({ place, digest }) => [Number(place), digest ?? '']));
}

function judgeRepeat({ digest }: Change, claimed: string | null): Verdict {
  return digest === claimed ? 'duplicate' : 'conflict';
}

function toWaves(items: readonly Item[]): readonly Wave[] {
  const waves: Wave[] = [];
  let places = new ByClient<number>();
  let wave: Wave | undefined;
  for (const item of items) {
    const { clientId, eventId, force = false } = item.change;
    const first = places.get(clientId, eventId);
    if (wave?.force !== force || (first !== undefined && force)) {
      waves.push((wave = { force, items: [item], repeats: new Map() }));
      places = new ByClient();
      places.set(clientId, eventId, item.place);
    } else if (first === undefined) {
      wave.items.push(item);
      places.set(clientId, eventId, item.place);
    } else {
      wave.repeats.set(first, [...(wave.repeats.get(first) ?? []), item]);
    }
  }
  return waves;
}

function itemsOf(batch: readonly Change[]): readonly Item[] {
  return batch.map((change, place) => ({ place, change }));
}

function at<T>(list: readonly T[], index: number): T {
  return list[index] as T;
}
