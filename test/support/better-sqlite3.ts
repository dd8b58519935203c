import { createRequire } from 'node:module';
import type { SqliteDatabase } from '../../src/stores/sqlite.ts';

interface BetterSqlite3 extends SqliteDatabase {
  readonly open: boolean;
  defaultSafeIntegers(on: boolean): void;
}

/** better-sqlite3 has no types of its own. */
export const BetterDatabase = createRequire(import.meta.url)('better-sqlite3') as new (
  path: string,
) => BetterSqlite3;
