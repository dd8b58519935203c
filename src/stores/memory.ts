/**
 * A store in memory, for tests and trials.
 *
 * @module @buktor/his-webhook/stores/memory
 */

import { checkMembers } from '../configuration.ts';
import { SchemaError } from '../errors.ts';
import type { TableSpec } from '../mapping/tables.ts';
import { atVersion, mergeChanges, type VersionedValues, wins } from '../merge.ts';
import { judgeClaim, quarantineKey, quarantineQuota } from './inbox.ts';
import type {
  Change,
  EventFilter,
  EventStore,
  RefusedEvent,
  RowChange,
  StoredEvent,
  StoreOptions,
  Verdict,
} from './types.ts';

/** A row as {@link MemoryStore.rows} shows it: `client_id`, key, values, `his_versions`. */
export type MemoryRow = Readonly<Record<string, unknown>>;

/** The store that {@link memoryStore} makes. */
export interface MemoryStore extends EventStore {
  /** The rows of a table, by client and key. */
  rows(table: string): readonly MemoryRow[];
}

interface Row extends VersionedValues {
  readonly clientId: string;
  readonly key: Readonly<Record<string, string>>;
}

/**
 * A store in memory, for tests and trials: it has every rule of a store but durability.
 *
 * @example
 * ```ts
 * import { memoryStore } from '@buktor/his-webhook/stores/memory';
 *
 * const store = memoryStore();
 * ```
 */
export function memoryStore(options: StoreOptions = {}): MemoryStore {
  checkMembers('memoryStore', options, ['quarantineQuota']);
  const quota = quarantineQuota(options.quarantineQuota);
  const keys = new Map<string, readonly string[]>();
  const tables = new Map<string, Map<string, Row>>();
  const inbox = new Map<string, StoredEvent>();
  const quarantined = new Map<string, number>();

  function record(entry: StoredEvent): void {
    const id = identity(entry.clientId, entry.eventId);
    forget(id);
    inbox.set(id, entry);
    if (entry.state === 'quarantined') {
      quarantined.set(entry.clientId, (quarantined.get(entry.clientId) ?? 0) + 1);
    }
  }

  function forget(id: string): void {
    const entry = inbox.get(id);
    inbox.delete(id);
    if (entry?.state === 'quarantined') {
      quarantined.set(entry.clientId, (quarantined.get(entry.clientId) ?? 0) - 1);
    }
  }

  function tableOf(table: string): Map<string, Row> {
    const rows = tables.get(table);
    if (rows === undefined) throw new SchemaError([`table ${table} was not prepared`], []);
    return rows;
  }

  function apply(clientId: string, { table, key, values, version }: RowChange): boolean {
    const rows = tableOf(table);
    const id = identity(clientId, ...(keys.get(table) ?? []).map((column) => key[column] ?? ''));
    const row = rows.get(id);
    const change = atVersion(values, version);
    rows.set(id, { clientId, key, ...mergeChanges(row ?? { values: {}, versions: {} }, change) });
    return (
      row === undefined ||
      Object.keys(values).some((column) => wins(version, own(row.versions, column)))
    );
  }

  /** Whether what is being replayed was replaced or settled since it was read. */
  function isOutdated({ clientId, replayOf }: Change | RefusedEvent): boolean {
    if (replayOf === undefined) return false;
    return inbox.get(identity(clientId, replayOf.key))?.attempts !== replayOf.attempts;
  }

  function commitOne(change: Change): Verdict {
    const { clientId, eventId, row, force, replayOf, ...event } = change;
    if (isOutdated(change)) return 'duplicate';
    const id = identity(clientId, eventId);
    const entry = inbox.get(id);
    const claim = judgeClaim(entry, change);
    if (claim === 'conflict') return 'conflict';
    if (replayOf !== undefined && replayOf.key !== eventId) {
      forget(identity(clientId, replayOf.key));
    }
    if (claim === 'duplicate') return 'duplicate';
    const applied = row === null || apply(clientId, row);
    record({
      ...event,
      clientId,
      eventId,
      state: row === null ? 'declined' : 'applied',
      code: null,
      reason: null,
      attempts: (entry?.attempts ?? 0) + 1,
    });
    return applied ? 'applied' : 'stale';
  }

  return {
    prepare(specs: readonly TableSpec[]) {
      for (const { table, key } of specs) {
        const known = keys.get(table);
        if (known !== undefined && known.join() !== [...key].sort().join()) {
          const problem = `table ${table} has the key (${known.join(', ')}), not (${key.join(', ')})`;
          return Promise.reject(new SchemaError([problem], []));
        }
        keys.set(table, [...key].sort());
        if (!tables.has(table)) tables.set(table, new Map());
      }
      return Promise.resolve();
    },

    commit(batch) {
      return Promise.resolve().then(() => {
        // Looked at before anything is written: a batch is committed whole or not at all.
        for (const { row } of batch) if (row !== null) tableOf(row.table);
        return batch.map(commitOne);
      });
    },

    quarantine({ replayOf, ...event }: RefusedEvent) {
      if (replayOf !== undefined && isOutdated({ ...event, replayOf })) {
        return Promise.resolve('duplicate');
      }
      const byId =
        event.eventId === null ? undefined : inbox.get(identity(event.clientId, event.eventId));
      const place = quarantineKey(byId, event);
      if (place === 'duplicate') return Promise.resolve('duplicate');
      const entry = inbox.get(identity(event.clientId, place.key));
      if (entry === undefined && (quarantined.get(event.clientId) ?? 0) >= quota) {
        return Promise.resolve('over_quota');
      }
      record({
        ...event,
        eventId: place.key,
        state: 'quarantined',
        attempts: (entry?.attempts ?? 0) + 1,
      });
      return Promise.resolve('quarantined');
    },

    async *find(filter) {
      await Promise.resolve();
      const found = [...inbox.values()].filter((entry) => matches(entry, filter));
      yield* found.sort((a, b) =>
        identity(a.clientId, a.eventId) < identity(b.clientId, b.eventId) ? -1 : 1,
      );
    },

    prune({ bodiesBefore, keysBefore }) {
      let bodies = 0;
      let forgotten = 0;
      for (const [id, entry] of inbox) {
        if (entry.state === 'quarantined') continue;
        if (isBefore(entry, keysBefore)) {
          forgotten++;
          inbox.delete(id);
        } else if (entry.body !== null && isBefore(entry, bodiesBefore)) {
          bodies++;
          inbox.set(id, { ...entry, body: null });
        }
      }
      return Promise.resolve({ bodies, keys: forgotten });
    },

    close: () => Promise.resolve(),

    rows(table) {
      const rows = [...(tables.get(table) ?? new Map<string, Row>())];
      return rows
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { clientId, key, values, versions }]) => ({
          client_id: clientId,
          ...key,
          ...values,
          his_versions: versions,
        }));
    },
  };
}

function identity(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

function own(versions: Readonly<Record<string, string>>, column: string): string | undefined {
  return Object.hasOwn(versions, column) ? versions[column] : undefined;
}

function isBefore(entry: StoredEvent, moment: Date | undefined): boolean {
  return moment !== undefined && entry.receivedAt < moment.toISOString();
}

function matches(entry: StoredEvent, filter: EventFilter): boolean {
  const { receivedFrom, receivedBefore, ...exact } = filter;
  for (const [member, value] of Object.entries(exact) as [keyof typeof exact, unknown][]) {
    if (value !== undefined && entry[member] !== value) return false;
  }
  if (receivedFrom !== undefined && entry.receivedAt < receivedFrom.toISOString()) return false;
  return receivedBefore === undefined || isBefore(entry, receivedBefore);
}
