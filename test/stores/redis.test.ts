import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ConfigurationError, StorageError } from '../../src/errors.ts';
import { composeStores } from '../../src/stores/compose.ts';
import { memoryPersistence, memoryStore } from '../../src/stores/memory.ts';
import {
  type IoredisClient,
  type RedisClient,
  redisIdempotency,
  type RedisIdempotencyOptions,
} from '../../src/stores/redis.ts';
import type { Claim, ClaimRequest, IdempotencyStore } from '../../src/stores/types.ts';
import { APPOINTMENT, changeOf } from '../../src/testing/changes.ts';
import { idempotencyStoreSuite } from '../../src/testing/idempotency-store.ts';
import { missingCommand, scratchFolder, startCommand, startNode } from '../support/process.ts';
import { keysOf, missingRedis, REDIS_URL, removeKeys, scratchPrefix } from '../support/redis.ts';

const missing = await missingRedis();
const PREFIX = scratchPrefix();
const EVENT: ClaimRequest = { clientId: '1001', eventId: 'e1', digest: 'digest', lease: 60_000 };
const DAY = 86_400_000;
let count = 0;

/** A prefix of a test's own, below that of the file. */
const nextPrefix = () => `${PREFIX}${String(++count)}:`;
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const suiteOn = (client: () => RedisClient) =>
  idempotencyStoreSuite(() =>
    Promise.resolve({
      store: redisIdempotency({ client: client(), prefix: nextPrefix() }),
      lease: 1_000,
      // Redis drops a key in the very millisecond; a timer may be one early.
      elapse: async (milliseconds) => {
        await wait(milliseconds + 10);
      },
    }),
  );

async function claimed(
  store: IdempotencyStore,
  request: Partial<ClaimRequest> = {},
): Promise<Claim> {
  const result = await store.claim({ ...EVENT, ...request });
  if (result.status !== 'claimed') throw new Error(result.status);
  return result.claim;
}

describe.skipIf(missing)('redisIdempotency', () => {
  const ioredis = new Redis(REDIS_URL, { lazyConnect: true });
  const nodeRedis = createClient({ url: REDIS_URL });
  beforeAll(async () => {
    await Promise.all([ioredis.connect(), nodeRedis.connect()]);
  });
  afterAll(async () => {
    await removeKeys(ioredis, PREFIX);
    ioredis.disconnect();
    await nodeRedis.close();
  });
  const clients: [string, RedisClient][] = [
    ['ioredis', ioredis],
    ['redis', nodeRedis],
  ];

  describe.each(clients)('with %s', (_, client) => {
    describe.concurrent('the suite', () => {
      for (const { name, run } of suiteOn(() => client)) it(name, run);
    });

    it('goes on where Redis has forgotten the scripts', async () => {
      const store = redisIdempotency({ client, prefix: nextPrefix() });
      await ioredis.script('FLUSH');
      const claim = await claimed(store);
      await ioredis.script('FLUSH');
      expect(await store.complete(claim)).toBe(true);
    });

    it('is not puzzled by a client that sends a claim twice', async () => {
      const twice = new Proxy(client, {
        get(target, name) {
          const method = Reflect.get(target, name) as unknown;
          if (typeof method !== 'function') return method;
          return async (...args: unknown[]) => {
            await Reflect.apply(method, target, args);
            return Reflect.apply(method, target, args) as unknown;
          };
        },
      });
      const store = redisIdempotency({ client: twice, prefix: nextPrefix() });
      await claimed(store);
      expect(await store.claim(EVENT)).toEqual({ status: 'in_progress' });
    });

    it('names no key in an error, and hands on what the client says', async () => {
      const prefix = nextPrefix();
      const store = redisIdempotency({ client, prefix });
      await ioredis.lpush(`${prefix}{1001:e1}:done`, 'x');
      const error: unknown = await store.claim(EVENT).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(StorageError);
      expect((error as StorageError).message).toBe('Redis failed.');
      expect(String((error as StorageError).cause)).toMatch(/WRONGTYPE/);
    });
  });

  it('shares claims between the clients', async () => {
    const prefix = nextPrefix();
    const one = redisIdempotency({ client: ioredis, prefix });
    const other = redisIdempotency({ client: nodeRedis, prefix });
    const claim = await claimed(one);
    expect(await other.claim(EVENT)).toEqual({ status: 'in_progress' });
    expect(await other.complete(claim)).toBe(true);
    expect(await one.claim(EVENT)).toEqual({ status: 'duplicate' });
  });

  it('keeps a claim for its lease, and a completed event for its retention', async () => {
    const prefix = nextPrefix();
    const store = redisIdempotency({ client: ioredis, prefix });
    const brief = redisIdempotency({ client: ioredis, prefix, retention: 3_600_000 });
    const claim = await claimed(store, { clientId: 'a:{b}', eventId: '%/e' });
    expect(await keysOf(ioredis, prefix)).toEqual([`${prefix}{a%3A%7Bb%7D:%25%2Fe}:claim`]);
    const held = await ioredis.pttl(`${prefix}{a%3A%7Bb%7D:%25%2Fe}:claim`);
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(60_000);
    await store.complete(claim);
    expect(await keysOf(ioredis, prefix)).toEqual([`${prefix}{a%3A%7Bb%7D:%25%2Fe}:done`]);
    const kept = await ioredis.pttl(`${prefix}{a%3A%7Bb%7D:%25%2Fe}:done`);
    expect(kept).toBeGreaterThan(29 * DAY);
    expect(kept).toBeLessThanOrEqual(30 * DAY);
    await brief.complete(await claimed(brief));
    const briefly = await ioredis.pttl(`${prefix}{1001:e1}:done`);
    expect(briefly).toBeGreaterThan(0);
    expect(briefly).toBeLessThanOrEqual(3_600_000);
  });

  it('leaves no claim without an end, whatever the lease', async () => {
    const store = redisIdempotency({ client: ioredis, prefix: nextPrefix() });
    for (const lease of [0, -1, 1.5, NaN]) {
      await expect(store.claim({ ...EVENT, lease })).rejects.toThrow(StorageError);
    }
    await claimed(store);
  });

  it('takes clients that give numbers as text, or text as bytes', async () => {
    const strings = new Redis(REDIS_URL, { stringNumbers: true });
    onTestFinished(() => {
      strings.disconnect();
    });
    const bytes: IoredisClient = {
      evalsha: (...args) => ioredis.callBuffer('EVALSHA', ...args.map(String)),
      eval: (...args) => ioredis.callBuffer('EVAL', ...args.map(String)),
    };
    for (const client of [strings, bytes]) {
      const store = redisIdempotency({ client, prefix: nextPrefix() });
      expect(await store.complete(await claimed(store))).toBe(true);
      expect(await store.claim(EVENT)).toEqual({ status: 'duplicate' });
    }
  });

  it('refuses an answer nobody knows', async () => {
    const puzzling = () => Promise.resolve('QUEUED');
    const client: IoredisClient = { evalsha: puzzling, eval: puzzling };
    await expect(redisIdempotency({ client }).claim(EVENT)).rejects.toThrow(StorageError);
  });

  it('leaves the client to its owner', async () => {
    await redisIdempotency({ client: ioredis }).close();
    expect(await ioredis.ping()).toBe('PONG');
  });

  it('lets an event be processed elsewhere after a crash, and refuses what comes late', async () => {
    const prefix = nextPrefix();
    const lease = 2_000;
    const child = startNode(['test/support/crashing-store.ts', REDIS_URL, prefix, String(lease)]);
    await child.printed(/applied, not completed/);
    const [token] = (await ioredis.get(`${prefix}{1001:e1}:claim`))!.split(' ') as [string];
    const idempotency = redisIdempotency({ client: ioredis, prefix });
    const persistence = memoryPersistence();
    const inbox = memoryStore();
    const store = composeStores({ idempotency, persistence, inbox, lease });
    await store.prepare([APPOINTMENT]);
    const change = changeOf({ id: 'e1', values: { status: 'x' } });
    // It renews its claim for as long as it lives.
    await wait(1.5 * lease);
    expect(await store.commit([change])).toEqual(['in_progress']);
    await child.stop('SIGKILL');

    let verdicts = await store.commit([change]);
    while (verdicts[0] === 'in_progress') {
      await wait(50);
      verdicts = await store.commit([change]);
    }
    expect(verdicts).toEqual(['applied']);
    expect(persistence.rows('appointment')).toMatchObject([{ id: 'A1', status: 'x' }]);
    const late = { clientId: '1001', eventId: 'e1', token };
    expect(await idempotency.complete(late)).toBe(false);
    expect(await idempotency.release(late)).toBe(false);
    expect(await store.commit([change])).toEqual(['duplicate']);
  });
});

describe('redisIdempotency where Redis does not answer', () => {
  /** A port that takes connections and says nothing. */
  async function silentPort(): Promise<number> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  it('gives up with ioredis after its timeout', async () => {
    const client = new Redis(await silentPort(), '127.0.0.1');
    client.on('error', () => undefined);
    onTestFinished(() => {
      client.disconnect();
    });
    const store = redisIdempotency({ client, timeout: 50 });
    await expect(store.claim(EVENT)).rejects.toThrow('Redis did not answer within 50 ms.');
    const claim = { clientId: '1001', eventId: 'e1', token: 't' };
    await expect(store.renew(claim, 1)).rejects.toThrow(StorageError);
    await expect(store.complete(claim)).rejects.toThrow(StorageError);
    await expect(store.release(claim)).rejects.toThrow(StorageError);
  });

  it('gives up with redis after its timeout', async () => {
    const client = createClient({ socket: { host: '127.0.0.1', port: await silentPort() } });
    client.on('error', () => undefined);
    client.connect().catch(() => undefined);
    onTestFinished(() => {
      client.destroy();
    });
    const store = redisIdempotency({ client, timeout: 50 });
    await expect(store.claim(EVENT)).rejects.toThrow('Redis did not answer within 50 ms.');
  });
});

describe('redisIdempotency where Redis is away', () => {
  it.each<[string, (port: number) => RedisClient]>([
    [
      'ioredis',
      (port) => {
        const options = { enableOfflineQueue: false, maxRetriesPerRequest: 0 };
        const client = new Redis(port, '127.0.0.1', options);
        client.on('error', () => undefined);
        onTestFinished(() => {
          client.disconnect();
        });
        return client;
      },
    ],
    [
      'redis',
      (port) => {
        const socket = { host: '127.0.0.1', port };
        const client = createClient({ socket, disableOfflineQueue: true });
        client.on('error', () => undefined);
        client.connect().catch(() => undefined);
        onTestFinished(() => {
          client.destroy();
        });
        return client;
      },
    ],
  ])('fails at once with %s, set as the docs say', async (_, connect) => {
    const store = redisIdempotency({ client: connect(await freePort()), timeout: 2 ** 31 - 1 });
    await expect(store.claim(EVENT)).rejects.toThrow('Redis failed.');
  });
});

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe.skipIf(missingCommand('redis-server'))('redisIdempotency on a cluster', () => {
  it.each(['ioredis', 'redis'])('passes the suite with %s', async (name) => {
    const port = await freePort();
    const folder = scratchFolder();
    const server = startCommand('redis-server', [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
      ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
      ...['--cluster-port', String(await freePort())],
    ]);
    await server.printed(/Ready to accept connections/);
    const admin = new Redis(port, '127.0.0.1');
    onTestFinished(() => {
      admin.disconnect();
    });
    await admin.cluster('ADDSLOTSRANGE', 0, 16383);
    while (!(await admin.cluster('INFO')).includes('cluster_state:ok')) await wait(50);

    const suite = suiteOn(await connect(name, port));
    await Promise.all(suite.map(({ run }) => run()));
    expect((await keysOf(admin, PREFIX)).length).toBeGreaterThan(10);
  });

  async function connect(name: string, port: number): Promise<() => RedisClient> {
    if (name === 'ioredis') {
      const client = new Cluster([{ host: '127.0.0.1', port }]);
      onTestFinished(() => {
        client.disconnect();
      });
      return () => client;
    }
    const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${String(port)}` }] });
    await client.connect();
    onTestFinished(() => client.close());
    return () => client;
  }
});

describe('the options of redisIdempotency', () => {
  const answer = () => Promise.resolve(1);
  const client: IoredisClient = { eval: answer, evalsha: answer };

  it.each<[string, Partial<Record<keyof RedisIdempotencyOptions, unknown>>]>([
    ['no client', { client: undefined }],
    ['a client of another kind', { client: { eval: answer } }],
    ['a prefix with a brace', { prefix: 'a{b' }],
    ['a prefix that is no text', { prefix: 5 }],
    ['no retention', { retention: 0 }],
    ['half a millisecond', { retention: 0.5 }],
    ['an endless retention', { retention: Infinity }],
    ['no timeout', { timeout: 0 }],
    ['a timeout no timer can wait for', { timeout: 2 ** 31 }],
    ['a misspelt option', { timeOut: 5 } as object],
  ])('refuses %s', (_, options) => {
    const all = { client, ...options } as unknown as RedisIdempotencyOptions;
    expect(() => redisIdempotency(all)).toThrow(ConfigurationError);
  });
});
