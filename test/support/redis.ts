import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';

/** Where the tests' Redis is. */
export const REDIS_URL: string = process.env['REDIS_URL'] || 'redis://127.0.0.1:6379';

/** Why tests that need Redis are skipped; under CI a missing one is a failure. */
export async function missingRedis(): Promise<string | false> {
  const client = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
    return false;
  } catch (error) {
    if (process.env['CI']) throw error;
    const reason = `no Redis at ${REDIS_URL}`;
    console.warn(`skipped: ${reason}`);
    return reason;
  } finally {
    client.disconnect();
  }
}

/** A prefix no other test has. */
export function scratchPrefix(): string {
  return `his-webhook-test-${randomUUID()}:`;
}

/** The keys that begin with a prefix. */
export async function keysOf(client: Redis, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of client.scanStream({ match: `${prefix}*`, count: 1_000 })) {
    keys.push(...(page as string[]));
  }
  return keys.sort();
}

/** Removes them. */
export async function removeKeys(client: Redis, prefix: string): Promise<void> {
  for (const key of await keysOf(client, prefix)) await client.del(key);
}
