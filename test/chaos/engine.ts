/** What the chaos harness needs of a database, and what its journal says. */
import type { TableSpec } from '../../src/mapping/tables.ts';
import type { StoredRow } from '../../src/testing/suite.ts';

/** A kind of database. */
export interface ChaosEngine {
  readonly name: string;
  /** What its connections must say of themselves, or an acknowledgement would promise too much. */
  readonly durable: Readonly<Record<string, unknown>>;
  /** Where a receiver can be told to kill itself; see `moments.ts`. */
  readonly moments: readonly Moment[];
  /** Whether its databases can cut connections. */
  readonly canDisconnect: boolean;
  /** Makes an empty database that has the tables, and a journal of what happens to them. */
  create(tables: readonly TableSpec[]): Promise<ChaosDatabase>;
}

/** Around the COMMIT of a transaction that claims an event. */
export type Moment = 'before' | 'during' | 'after';

/** One database, empty at first. */
export interface ChaosDatabase {
  /** The environment that leads a receiver to it. */
  readonly env: Readonly<Record<string, string>>;
  /** The inbox. */
  entries(): Promise<readonly Entry[]>;
  rows(table: string): Promise<readonly StoredRow[]>;
  /** What happened to the tables, in the order in which it did. */
  journal(): Promise<Journal>;
  /** Cuts the receivers' connections; how many there were. */
  disconnect?(): Promise<number>;
  /** Removes it. */
  close(): Promise<void>;
}

/** An entry of the inbox, as far as the harness looks at it. */
export interface Entry {
  readonly clientId: string;
  readonly eventId: string;
  readonly state: string;
  readonly attempts: number;
}

/** Written by triggers of the harness, inside the transactions it is about. */
export interface Journal {
  /** An event was claimed: it was inserted as applied or declined, or became so, or so again. */
  readonly claims: readonly Claim[];
  /** A row was inserted, updated or deleted. */
  readonly writes: readonly Write[];
}

/** One line of the journal of claims. */
export interface Claim {
  /** Which transaction it was. */
  readonly tx: string;
  readonly clientId: string;
  readonly eventId: string;
}

/** One line of the journal of rows: `his_versions` before and after, `null` where there was no row. */
export interface Write {
  readonly tx: string;
  readonly table: string;
  readonly clientId: string;
  readonly key: readonly string[];
  readonly before: Versions | null;
  readonly after: Versions | null;
}

type Versions = Readonly<Record<string, string>>;

/** `his_versions`, whether the driver reads JSON or not. */
export function readVersions(value: unknown): Versions | null {
  return (typeof value === 'string' ? JSON.parse(value) : (value ?? null)) as Versions | null;
}

/** A row of a journal table, as either database gives it. */
export interface JournalRow {
  readonly tx: string;
  readonly client_id: string;
  readonly event_id: string;
  readonly written: string;
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Puts the rows of the two journal tables into words. */
export function readJournal(claims: readonly JournalRow[], writes: readonly JournalRow[]): Journal {
  return {
    claims: claims.map(({ tx, client_id: clientId, event_id: eventId }) => ({
      tx,
      clientId,
      eventId,
    })),
    writes: writes.map((row) => ({
      tx: row.tx,
      table: row.written,
      clientId: row.client_id,
      key: JSON.parse(row.key) as string[],
      before: readVersions(row.before),
      after: readVersions(row.after),
    })),
  };
}
