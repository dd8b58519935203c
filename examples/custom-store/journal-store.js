import { createHash } from 'node:crypto';
import { mergeChanges, SchemaError } from '@buktor/his-webhook';

/** @import { Change, EventFilter, EventStore, RefusedEvent, ReplayedEntry, RowChange, StoredEvent, StoreOptions, TableSpec, Verdict } from '@buktor/his-webhook' */
/** @import { Journal, Transaction } from './journal.js' */

/**
 * A store of one's own, on a journal.
 *
 * @implements {EventStore}
 */
export class JournalStore {
  #journal;
  #quota;

  /**
   * @param {Journal} journal
   * @param {StoreOptions} [options]
   */
  constructor(journal, { quarantineQuota = 10_000 } = {}) {
    this.#journal = journal;
    this.#quota = quarantineQuota;
  }

  /** @param {readonly TableSpec[]} tables */
  prepare(tables) {
    return this.#journal.transaction((transaction) => {
      for (const { table, key } of tables) {
        const wanted = [...key].sort();
        const known = transaction.get('key', table);
        if (known === undefined) transaction.set('key', table, wanted);
        else if (known.join() !== wanted.join()) {
          throw new SchemaError([`table ${table} has the key (${known.join(', ')})`], []);
        }
      }
    });
  }

  /** @param {readonly Change[]} batch */
  commit(batch) {
    // One transaction: an event is claimed and its row changed together, and a batch as a whole.
    return this.#journal.transaction((transaction) =>
      batch.map((change) => commitOne(transaction, change)),
    );
  }

  /** @param {RefusedEvent} refused */
  quarantine({ replayOf, ...event }) {
    return this.#journal.transaction((transaction) => {
      const { clientId, eventId, digest, body } = event;
      if (isOutdated(transaction, clientId, replayOf)) return 'duplicate';
      const own = eventId === null ? undefined : transaction.get('event', idOf(clientId, eventId));
      const isClaimed = own !== undefined && own.state !== 'quarantined';
      if (isClaimed && digest !== null && own.digest === digest) return 'duplicate';
      // What was applied is never downgraded: other content under its id is kept beside it.
      const isOwn = eventId !== null && !isClaimed;
      const key = isOwn ? eventId : `body ${createHash('sha256').update(body).digest('hex')}`;
      const entry = transaction.get('event', idOf(clientId, key));
      if (entry === undefined && this.#isFull(clientId)) return 'over_quota';
      const attempts = (entry?.attempts ?? 0) + 1;
      record(transaction, { ...event, eventId: key, state: 'quarantined', attempts });
      return 'quarantined';
    });
  }

  /**
   * @param {EventFilter} filter
   * @returns {AsyncGenerator<StoredEvent>}
   */
  async *find({ receivedFrom, receivedBefore, ...exact }) {
    const events = await this.#journal.transaction(() => this.#journal.list('event'));
    for (const { body, ...event } of events) {
      if (receivedFrom && event.receivedAt < receivedFrom.toISOString()) continue;
      if (receivedBefore && event.receivedAt >= receivedBefore.toISOString()) continue;
      const wanted = /** @type {[keyof typeof exact, string | undefined][]} */ (
        Object.entries(exact)
      );
      if (wanted.some(([name, value]) => value !== undefined && event[name] !== value)) continue;
      yield { ...event, body: body === null ? null : Buffer.from(body, 'base64') };
    }
  }

  /** @param {{ bodiesBefore?: Date, keysBefore?: Date }} policy */
  prune({ bodiesBefore, keysBefore }) {
    return this.#journal.transaction((transaction) => {
      let bodies = 0;
      let keys = 0;
      for (const event of this.#journal.list('event')) {
        if (event.state === 'quarantined') continue;
        const id = idOf(event.clientId, event.eventId);
        if (keysBefore && event.receivedAt < keysBefore.toISOString()) {
          transaction.set('event', id, null);
          keys++;
        } else if (
          event.body !== null &&
          bodiesBefore &&
          event.receivedAt < bodiesBefore.toISOString()
        ) {
          transaction.set('event', id, { ...event, body: null });
          bodies++;
        }
      }
      return { bodies, keys };
    });
  }

  close() {
    return this.#journal.close();
  }

  /** @param {string} clientId */
  #isFull(clientId) {
    const quarantined = this.#journal
      .list('event')
      .filter((event) => event.clientId === clientId && event.state === 'quarantined');
    return quarantined.length >= this.#quota;
  }
}

/**
 * @param {Transaction} transaction
 * @param {Change} change
 * @returns {Verdict}
 */
function commitOne(transaction, { row, force, replayOf, ...event }) {
  const { clientId, eventId, digest } = event;
  // A replay yields to whatever was delivered since it began.
  if (isOutdated(transaction, clientId, replayOf)) return 'duplicate';

  // What was applied or declined holds a claim, what is in quarantine does not.
  const entry = transaction.get('event', idOf(clientId, eventId));
  const isClaimed = entry !== undefined && entry.state !== 'quarantined';
  if (isClaimed && entry.digest !== digest) return 'conflict';
  if (replayOf && replayOf.key !== eventId) {
    transaction.set('event', idOf(clientId, replayOf.key), null);
  }
  if (isClaimed && !force) return 'duplicate';

  const state = row === null ? 'declined' : 'applied';
  const attempts = (entry?.attempts ?? 0) + 1;
  record(transaction, { ...event, state, code: null, reason: null, attempts });
  return row === null || writeRow(transaction, clientId, row) ? 'applied' : 'stale';
}

/**
 * Writes the columns that are newer than what is stored; whether there were any.
 *
 * @param {Transaction} transaction
 * @param {string} clientId
 * @param {RowChange} change
 */
function writeRow(transaction, clientId, { table, key, values, version }) {
  const columns = transaction.get('key', table);
  if (columns === undefined) throw new SchemaError([`table ${table} was not prepared`], []);
  const id = idOf(table, clientId, ...columns.map((column) => key[column] ?? ''));
  const stored = transaction.get('row', id);
  const versions = Object.fromEntries(Object.keys(values).map((column) => [column, version]));
  const merged = mergeChanges(stored ?? { values: {}, versions: {} }, { values, versions });
  transaction.set('row', id, { clientId, table, key, ...merged });
  return (
    stored === undefined ||
    Object.keys(values).some((column) => merged.versions[column] === version)
  );
}

/**
 * @param {Transaction} transaction
 * @param {Omit<StoredEvent, 'body'> & { body: Uint8Array | null }} event
 */
function record(transaction, { body, ...event }) {
  const text = body === null ? null : Buffer.from(body).toString('base64');
  transaction.set('event', idOf(event.clientId, event.eventId), { ...event, body: text });
}

/**
 * Whether what is being replayed was replaced or settled since it was read.
 *
 * @param {Transaction} transaction
 * @param {string} clientId
 * @param {ReplayedEntry | undefined} replayed
 */
function isOutdated(transaction, clientId, replayed) {
  if (replayed === undefined) return false;
  return transaction.get('event', idOf(clientId, replayed.key))?.attempts !== replayed.attempts;
}

/** One text for several, so that no two lists of them have the same. */
function idOf(/** @type {string[]} */ ...parts) {
  return JSON.stringify(parts);
}
