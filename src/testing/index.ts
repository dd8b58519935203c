/**
 * What a store must do, as suites for any test runner: each is a list of cases made from a function
 * that opens a fresh store.
 *
 * @module @buktor/his-webhook/testing
 */

export type { Closable, ConformanceCase, StoredRow } from './suite.ts';
export type { RowsHarness } from './rows.ts';
export {
  type EventStoreHarness,
  eventStoreSuite,
  type EventStoreSuiteOptions,
  type OpenEventStore,
} from './event-store.ts';
export {
  type IdempotencyStoreHarness,
  idempotencyStoreSuite,
  type OpenIdempotencyStore,
} from './idempotency-store.ts';
export {
  type OpenPersistenceStore,
  type PersistenceStoreHarness,
  persistenceStoreSuite,
} from './persistence-store.ts';
export { type OpenOutbox, type OutboxHarness, outboxSuite } from './outbox.ts';
