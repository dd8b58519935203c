import { StorageError } from '../../errors.ts';
import { withoutValues } from '../../without-values.ts';
import type { Script } from './scripts.ts';

/** What is used of `ioredis` (version 5 and later), a `Redis` or a `Cluster`. */
export type IoredisClient = Readonly<
  Record<
    'eval' | 'evalsha',
    (script: string, keyCount: number, ...keysAndArguments: string[]) => Promise<unknown>
  >
>;

/** What is used of `redis` (node-redis, version 4 and later), a client or a cluster. */
export type NodeRedisClient = Readonly<
  Record<'eval' | 'evalSha', (script: string, options: NodeRedisArguments) => Promise<unknown>>
>;

/** How `redis` takes the keys and arguments of a script. */
export interface NodeRedisArguments {
  readonly keys: string[];
  readonly arguments: string[];
}

/** A client of either kind, connected by the host. */
export type RedisClient = IoredisClient | NodeRedisClient;

/** Whether it looks like a client of either kind. */
export function isRedisClient(client: unknown): client is RedisClient {
  const loose = client as Partial<IoredisClient & NodeRedisClient> | null | undefined;
  return (
    typeof loose?.eval === 'function' &&
    (typeof loose.evalsha === 'function' || typeof loose.evalSha === 'function')
  );
}

/**
 * Runs a script under a deadline. Where it passes, the command may take effect all the same.
 *
 * @param timeout - Milliseconds.
 * @throws StorageError whatever is wrong, with the client's own error as its cause.
 */
export async function runScript(
  client: RedisClient,
  script: Script,
  keys: string[],
  parameters: string[],
  timeout: number,
): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StorageError(`Redis did not answer within ${String(timeout)} ms.`));
    }, timeout);
  });
  try {
    return await Promise.race([evaluate(client, script, keys, parameters), deadline]);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    // The client's own error may hold the command, and so the key.
    throw new StorageError('Redis failed.', { cause: withoutValues(error) });
  } finally {
    clearTimeout(timer);
  }
}

async function evaluate(
  client: RedisClient,
  { lua, sha1 }: Script,
  keys: string[],
  parameters: string[],
): Promise<unknown> {
  try {
    return await send(client, 'evalsha', sha1, keys, parameters);
  } catch (error) {
    // Redis forgets scripts when it restarts, and each node of a cluster has its own.
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return send(client, 'eval', lua, keys, parameters);
  }
}

function send(
  client: RedisClient,
  command: 'eval' | 'evalsha',
  script: string,
  keys: string[],
  parameters: string[],
): Promise<unknown> {
  return 'evalsha' in client
    ? client[command](script, keys.length, ...keys, ...parameters)
    : client[command === 'eval' ? 'eval' : 'evalSha'](script, { keys, arguments: parameters });
}
