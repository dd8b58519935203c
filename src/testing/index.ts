/**
 * What a store must do, as suites for any test runner: each is a list of cases made from a function
 * that opens a fresh store.
 *
 * @module @buktor/his-webhook/testing
 */

export type { ConformanceCase, StoredRow } from './suite.ts';
export { type EventStoreHarness, eventStoreSuite, type OpenEventStore } from './event-store.ts';
