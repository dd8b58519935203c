import { onTestFinished } from 'vitest';
import { openPostgres, type TestDatabase } from './databases.ts';

/** A schema that goes when the test does. */
export async function scratchPostgres(options?: {
  max?: number;
  binary?: boolean;
}): Promise<TestDatabase> {
  const database = await openPostgres(options);
  onTestFinished(database.end);
  return database;
}
