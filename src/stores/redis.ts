/**
 * The claims of a composed store in Redis.
 *
 * @module @buktor/his-webhook/stores/redis
 */

import { randomUUID } from 'node:crypto';
import { checkMembers } from '../configuration.ts';
import { ConfigurationError, StorageError } from '../errors.ts';
import {
  type IoredisClient,
  isRedisClient,
  type NodeRedisArguments,
  type NodeRedisClient,
  type RedisClient,
  runScript,
} from './redis/client.ts';
import { CLAIM, COMPLETE, RELEASE, RENEW, type Script } from './redis/scripts.ts';
import type { Claim, ClaimRequest, ClaimResult, IdempotencyStore } from './types.ts';

export type { IoredisClient, NodeRedisArguments, NodeRedisClient, RedisClient };

/** Options of {@link redisIdempotency}. */
export interface RedisIdempotencyOptions {
  /** A connected client of `ioredis` or `redis`, or of a cluster. It stays yours to close. */
  readonly client: RedisClient;
  /**
   * What every key begins with, without braces: they are where Redis Cluster looks for the part of
   * the key that decides on its node.
   * @default 'his-webhook:'
   */
  readonly prefix?: string;
  /**
   * How long a completed event is remembered, in milliseconds. Forgetting it is safe: sent again, it
   * is processed as new, and changes nothing that is newer. Only other content under its id is no
   * longer found out.
   * @default 2_592_000_000 (30 days)
   */
  readonly retention?: number;
  /**
   * How long an operation waits for Redis, in milliseconds.
   * @default 5_000
   */
  readonly timeout?: number;
}

/**
 * The claims of a composed store in Redis, or in what speaks its protocol and runs Lua scripts.
 *
 * Each operation is one Lua script on the two keys of one event, which carry the event as their hash
 * tag: it is atomic, on Redis Cluster too. Leases are kept by Redis's own expiry, so clocks need not
 * agree.
 *
 * Redis answers before its replicas have a write, and before it is on disk unless `appendfsync always`
 * is set. A failover may lose claims: an event is then processed again, into the same row. Set
 * `maxmemory-policy noeviction`, or claims are lost when memory runs out.
 *
 * While Redis is away, an operation fails after `timeout`. Let the client fail sooner, and hold no
 * commands back that would take effect late: with `ioredis`, `{ enableOfflineQueue: false,
 * maxRetriesPerRequest: 0 }`; with `redis`, `{ disableOfflineQueue: true }`. Either client is to have
 * a listener for `error` events.
 *
 * @example
 * ```ts
 * import { composeStores, type InboxStore, type PersistenceStore } from '@buktor/his-webhook';
 * import { redisIdempotency } from '@buktor/his-webhook/stores/redis';
 * import { createClient } from 'redis';
 *
 * async function openStore(persistence: PersistenceStore, inbox: InboxStore) {
 *   const client = createClient({ url: 'redis://127.0.0.1:6379', disableOfflineQueue: true });
 *   client.on('error', console.error);
 *   await client.connect();
 *   return composeStores({ idempotency: redisIdempotency({ client }), persistence, inbox });
 * }
 * ```
 *
 * @throws ConfigurationError for a bad option.
 */
export function redisIdempotency(options: RedisIdempotencyOptions): IdempotencyStore {
  return new RedisIdempotency(options);
}

const DAY = 86_400_000;

/** What Redis adds to its own clock must stay within 63 bits, and a timer within 31. */
const LONGEST = { retention: Number.MAX_SAFE_INTEGER / 2, timeout: 2 ** 31 - 1 };

class RedisIdempotency implements IdempotencyStore {
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #retention: number;
  readonly #timeout: number;

  constructor(options: RedisIdempotencyOptions) {
    checkMembers('redisIdempotency', options, ['client', 'prefix', 'retention', 'timeout']);
    const { client, prefix = 'his-webhook:', retention = 30 * DAY, timeout = 5_000 } = options;
    if (!isRedisClient(client)) {
      throw new ConfigurationError('redisIdempotency needs a client of ioredis or redis.');
    }
    if (typeof prefix !== 'string' || /[{}]/.test(prefix)) {
      throw new ConfigurationError('prefix must be a text without braces.');
    }
    for (const [name, value] of Object.entries({ retention, timeout })) {
      const longest = LONGEST[name as keyof typeof LONGEST];
      if (!Number.isSafeInteger(value) || value < 1 || value > longest) {
        throw new ConfigurationError(`${name} must be a whole number of milliseconds, 1 or more.`);
      }
    }
    this.#client = client;
    this.#prefix = prefix;
    this.#retention = retention;
    this.#timeout = timeout;
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const { clientId, eventId, digest, lease, force = false } = request;
    const claim = { clientId, eventId, token: randomUUID() };
    const status = await this.#run(CLAIM, claim, digest, String(lease), force ? '1' : '0');
    switch (status) {
      case 'claimed':
        return { status, claim };
      case 'in_progress':
      case 'duplicate':
      case 'conflict':
        return { status };
      default:
        throw new StorageError('Redis gave an answer nobody knows.');
    }
  }

  async renew(claim: Claim, lease: number): Promise<boolean> {
    return (await this.#run(RENEW, claim, String(lease))) === '1';
  }

  async complete(claim: Claim): Promise<boolean> {
    return (await this.#run(COMPLETE, claim, String(this.#retention))) === '1';
  }

  async release(claim: Claim): Promise<boolean> {
    return (await this.#run(RELEASE, claim)) === '1';
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #run(
    script: Script,
    { clientId, eventId, token }: Claim,
    ...rest: string[]
  ): Promise<string> {
    // Encoded, no id has a colon or a brace: two events cannot share a key, nor end its hash tag.
    const event = `{${encodeURIComponent(clientId)}:${encodeURIComponent(eventId)}}`;
    const keys = ['claim', 'done'].map((name) => `${this.#prefix}${event}:${name}`);
    // A client may be set to give numbers as text, or text as bytes.
    return String(await runScript(this.#client, script, keys, [token, ...rest], this.#timeout));
  }
}
