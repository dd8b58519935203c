/** Holds a database against what was acknowledged. */
import { isDeepStrictEqual } from 'node:util';
import type { TableSpec } from '../../src/mapping/tables.ts';
import { atVersion, mergeChanges, type VersionedValues } from '../../src/merge.ts';
import type { Change } from '../../src/stores/types.ts';
import { type ChaosDatabase, readVersions } from './engine.ts';
import type { SentEvent } from './load.ts';

/** What became of the events of a run. */
export interface Judgement {
  /**
   * Acknowledged events that the database does not have: no claim, or a column they win without
   * their version.
   */
  readonly lost: number;
  /**
   * Events that took effect more than once: claimed or written to a column again, or twice
   * acknowledged as processed just now.
   */
  readonly doubled: number;
  /** Versions that were written to a row outside of the transaction that claimed their event. */
  readonly apart: number;
  /** Rows that were compared with the model. */
  readonly rows: number;
  /** Rows that are not what the model says, or that one of both does not have. */
  readonly mismatched: number;
  /** Entries of the inbox that stand for no event that was sent, or not as applied. */
  readonly strange: number;
}

/** Whether everything is as it should be. */
export function isSound({ lost, doubled, apart, mismatched, strange }: Judgement): boolean {
  return lost + doubled + apart + mismatched + strange === 0;
}

const eventKey = (clientId: string, eventId: string) => JSON.stringify([clientId, eventId]);
const rowKey = (table: string, clientId: string, key: readonly unknown[]) =>
  JSON.stringify([table, clientId, ...key]);

/** The `event_id` in a version: all that stands behind time and rank. */
const eventIdOf = (version: string) => version.split('/').slice(2).join('/');

/** Judges a database by the events that were acknowledged, once nobody writes to it any more. */
export async function judge(
  database: ChaosDatabase,
  tables: readonly TableSpec[],
  events: readonly SentEvent[],
): Promise<Judgement> {
  const acknowledged = events.filter(({ fresh, replayed }) => fresh + replayed > 0);
  const doubled = new Set<string>();
  for (const { change, fresh } of acknowledged) {
    if (fresh > 1) doubled.add(eventKey(change.clientId, change.eventId));
  }

  const lost = new Set(acknowledged.map(({ change }) => eventKey(change.clientId, change.eventId)));
  let strange = 0;
  for (const { clientId, eventId, state, attempts } of await database.entries()) {
    const key = eventKey(clientId, eventId);
    if (state !== 'applied' || !lost.delete(key)) strange++;
    if (attempts !== 1) doubled.add(key);
  }

  const { claims, writes } = await database.journal();
  const claimedIn = new Map<string, string>();
  for (const { tx, clientId, eventId } of claims) {
    const key = eventKey(clientId, eventId);
    if (claimedIn.has(key)) doubled.add(key);
    claimedIn.set(key, tx);
  }
  let apart = 0;
  const written = new Set<string>();
  for (const { tx, table, clientId, key, before, after } of writes) {
    const row = rowKey(table, clientId, key);
    const news = Object.entries(after ?? {}).filter(
      ([column, version]) => before?.[column] !== version,
    );
    // A store writes what wins, so a write that brings no version brings what was there before.
    if (news.length === 0 && (after === null || before !== null)) doubled.add(`${row} in ${tx}`);
    for (const [column, version] of news) {
      const event = eventKey(clientId, eventIdOf(version));
      if (written.has(`${row} ${column} ${version}`)) doubled.add(event);
      written.add(`${row} ${column} ${version}`);
      if (claimedIn.get(event) !== tx) apart++;
    }
  }

  const model = modelOf(acknowledged, tables);
  let mismatched = 0;
  let rows = 0;
  for (const { table, key, columns } of tables) {
    for (const row of await database.rows(table)) {
      rows++;
      const clientId = row['client_id'] as string;
      const id = rowKey(
        table,
        clientId,
        key.map((name) => row[name]),
      );
      const { values = {}, versions = {} } = model.get(id) ?? {};
      model.delete(id);
      const found = readVersions(row['his_versions']) ?? {};
      for (const [column, version] of Object.entries(versions)) {
        if (found[column] !== version) lost.add(eventKey(clientId, eventIdOf(version)));
      }
      const isSame = [...columns, 'his_deleted_at'].every(
        (column) => (row[column] ?? null) === (values[column] ?? null),
      );
      if (!isSame || !isDeepStrictEqual({ ...found }, { ...versions })) mismatched++;
    }
  }
  for (const [id, { versions }] of model) {
    const [, clientId] = JSON.parse(id) as [string, string];
    mismatched++;
    for (const version of Object.values(versions)) {
      lost.add(eventKey(clientId, eventIdOf(version)));
    }
  }
  return { lost: lost.size, doubled: doubled.size, apart, rows, mismatched, strange };
}

/** The rows that the events amount to. */
function modelOf(
  events: readonly SentEvent[],
  tables: readonly TableSpec[],
): Map<string, VersionedValues> {
  const keys = new Map(tables.map(({ table, key }) => [table, key]));
  const rows = new Map<string, VersionedValues>();
  for (const { change } of events) {
    const { table, key, values, version } = change.row as NonNullable<Change['row']>;
    const id = rowKey(
      table,
      change.clientId,
      keys.get(table)!.map((name) => key[name]),
    );
    const row = rows.get(id) ?? { values: {}, versions: {} };
    rows.set(id, mergeChanges(row, atVersion(values, version)));
  }
  return rows;
}
