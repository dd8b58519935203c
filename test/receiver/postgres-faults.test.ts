import { Client, Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { compileMappings } from '../../src/mapping/compile.ts';
import { createReceiver } from '../../src/receiver/receiver.ts';
import type { Receiver } from '../../src/receiver/types.ts';
import { postgresStore } from '../../src/stores/postgres.ts';
import { SAMPLE_EVENT } from '../../src/cli/sample.ts';
import { ALL_TYPES, CLIENTS, NOW, post } from '../support/receiver.ts';
import { missingPostgres, POSTGRES_URL } from '../support/databases.ts';
import { type Proxy, startProxy } from '../support/proxy.ts';
import {
  missingCluster,
  missingPgBouncer,
  type OwnServer,
  startCluster,
  startPgBouncer,
} from '../support/servers.ts';

interface Fixture {
  readonly receiver: Receiver;
  readonly pool: Pool;
  /** How many events were applied. */
  readonly applied: () => Promise<number>;
}

/** A receiver on a database of its own behind a port; the deadlines are short. */
async function receiverAt(port: number, direct: Pool): Promise<Fixture> {
  const schema = `his_faults_${String(process.pid)}_${String(++schemas)}`;
  await direct.query(`CREATE SCHEMA ${schema}`);
  const url = new URL(POSTGRES_URL);
  const pool = new Pool({
    host: '127.0.0.1',
    port,
    user: url.username,
    database: url.pathname.slice(1),
    options: `-c search_path=${schema}`,
    max: 4,
    connectionTimeoutMillis: 300,
  });
  const receiver = createReceiver({
    clients: CLIENTS,
    mappings: compileMappings(ALL_TYPES),
    store: postgresStore({ pool, schema: 'auto', timeout: 500 }),
    now: () => NOW,
    limits: { storeTimeout: 1_000, queueSize: 200 },
  });
  onTestFinished(async () => {
    await receiver.close();
    // Nobody answers the goodbye of a connection that was cut off.
    await Promise.race([pool.end(), new Promise((resolve) => setTimeout(resolve, 500))]);
    await direct.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`).catch(() => undefined);
  });
  await receiver.ready();
  return {
    receiver,
    pool,
    applied: async () => {
      const { rows } = await direct.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM ${schema}.his_events WHERE state = 'applied'`,
      );
      return rows[0]!.n;
    },
  };
}

let schemas = 0;
let events = 0;
const event = () => ({ ...SAMPLE_EVENT, event_id: `evt_${String(++events)}` });

async function expectAway(receiver: Receiver, count: number): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, () => post(receiver, event())));
  for (const { status, headers, body } of answers) {
    expect({ status, code: body.code, after: headers['retry-after'] }).toEqual({
      status: 500,
      code: 'storage_unavailable',
      after: '5',
    });
  }
}

async function expectBack({ receiver, applied }: Fixture): Promise<void> {
  const before = await applied();
  const first = event();
  expect((await post(receiver, first)).status).toBe(200);
  expect((await post(receiver, first)).headers['idempotent-replayed']).toBe('true');
  const others = await Promise.all(Array.from({ length: 20 }, () => post(receiver, event())));
  expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
  expect(await applied()).toBe(before + 21);
}

describe.skipIf(missingPostgres !== false)('a receiver on PostgreSQL that', () => {
  let direct: Pool;
  let proxy: Proxy;
  beforeAll(() => {
    direct = new Pool({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 5_000 });
  });
  afterAll(() => direct.end());

  const behindProxy = async (): Promise<Fixture> => {
    const { hostname, port } = new URL(POSTGRES_URL);
    proxy = await startProxy({ host: hostname, port: Number(port || 5432) });
    return receiverAt(proxy.port, direct);
  };

  it('is cut off by the network answers 500 in time, and goes on with the first event', async () => {
    const fixture = await behindProxy();
    await expectBack(fixture);
    for (let round = 0; round < 3; round++) {
      proxy.mode = 'blackhole';
      await expectAway(fixture.receiver, 30);
      proxy.mode = 'forward';
      await expectBack(fixture);
    }
  });

  it('is cut off with idle connections tries none of them again', async () => {
    const fixture = await behindProxy();
    const { receiver, pool } = fixture;
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => post(receiver, `no JSON ${String(i)}`)),
      );
      expect(pool.idleCount).toBeGreaterThan(2);
      proxy.mode = 'blackhole';
      await expectAway(receiver, 1);
      proxy.mode = 'forward';
      await expectBack(fixture);
    }
  });

  it('is cut off holds no more than its queue, whatever is sent', async () => {
    const { receiver, pool, applied } = await behindProxy();
    proxy.mode = 'blackhole';
    const statuses = new Map<number, number>();
    const count = async (body: object | string) => {
      const { status } = await post(receiver, body);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    };
    for (let round = 0; round < 3; round++) {
      const good = Array.from({ length: 500 }, () => count(event()));
      const bad = Array.from({ length: 500 }, (_, i) => count(`not JSON ${String(i)}`));
      await new Promise((resolve) => setTimeout(resolve, 50));
      // Two commits at a time, and the refused events that found room.
      expect(pool.waitingCount).toBeLessThanOrEqual(202);
      expect(pool.totalCount).toBeLessThanOrEqual(4);
      await Promise.all([...good, ...bad]);
    }
    expect([...statuses.keys()].sort()).toEqual([500, 503]);
    expect(statuses.get(500)).toBeLessThanOrEqual(3 * 400);
    expect(pool.waitingCount).toBe(0);
    proxy.mode = 'forward';
    expect(await applied()).toBe(0);
    await expectBack({ receiver, pool, applied });
  });

  it('is too slow answers 500 in time, and finds what was committed all the same', async () => {
    const { receiver, applied } = await behindProxy();
    const sent = event();
    expect((await post(receiver, event())).status).toBe(200);
    proxy.mode = 'slow';
    // The way there takes less than the deadline, there and back more.
    proxy.delay = 400;
    expect((await post(receiver, sent)).status).toBe(500);
    proxy.mode = 'forward';
    await expect.poll(applied).toBe(2);
    expect((await post(receiver, sent)).headers['idempotent-replayed']).toBe('true');
    expect(await applied()).toBe(2);
  });

  it('loses its connections answers 500 or 200, and goes on', async () => {
    const fixture = await behindProxy();
    const { receiver } = fixture;
    for (let round = 0; round < 5; round++) {
      const answers = Array.from({ length: 20 }, () => post(receiver, event()));
      await direct.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE query LIKE '%his_events%' AND pid <> pg_backend_pid() AND client_port IS NOT NULL
           AND application_name = '' AND query LIKE '%his_settings AS MATERIALIZED%'`,
      );
      for (const { status } of await Promise.all(answers)) expect([200, 500]).toContain(status);
      await expectBack(fixture);
    }
  });

  it.skipIf(missingPgBouncer !== false)(
    'speaks through a PgBouncer in transaction mode loses nothing',
    async () => {
      const { hostname, port } = new URL(POSTGRES_URL);
      const schema = `his_bouncer_${String(process.pid)}`;
      await direct.query(`CREATE SCHEMA ${schema}`);
      // PgBouncer hands no search_path on, so it is the role's.
      const role = `his_role_${String(process.pid)}`;
      await direct.query(`CREATE ROLE ${role} LOGIN; GRANT ALL ON SCHEMA ${schema} TO ${role};
        ALTER ROLE ${role} SET search_path = ${schema}`);
      const bouncer = await startPgBouncer(
        `postgres://${role}@${hostname}:${port || '5432'}/postgres`,
      );
      const pools = [1, 2].map(
        () =>
          new Pool({
            host: '127.0.0.1',
            port: bouncer.port,
            user: role,
            database: 'postgres',
            connectionTimeoutMillis: 2_000,
          }),
      );
      onTestFinished(async () => {
        await Promise.all(pools.map((pool) => pool.end()));
        bouncer.remove();
        await direct.query(`DROP SCHEMA ${schema} CASCADE; DROP ROLE ${role}`);
      });
      const receivers = pools.map((pool) =>
        createReceiver({
          clients: CLIENTS,
          mappings: compileMappings(ALL_TYPES),
          store: postgresStore({ pool, schema: 'auto' }),
          now: () => NOW,
        }),
      );
      await Promise.all(receivers.map((receiver) => receiver.ready()));
      const sent = Array.from({ length: 600 }, event);
      const answers = await Promise.all(
        sent.map((body, i) => post(receivers[i % receivers.length]!, body)),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect((await post(receivers[0]!, 'not JSON')).status).toBe(400);
      // What was prepared on them is gone with the server's connections; ours stay.
      const admin = new Client({
        host: '127.0.0.1',
        port: bouncer.port,
        user: role,
        database: 'pgbouncer',
      });
      await admin.connect();
      await admin.query('RECONNECT');
      await admin.end();
      const later = await Promise.all(
        Array.from({ length: 40 }, (_, i) => post(receivers[i % 2]!, event())),
      );
      expect(new Set(later.map(({ status }) => status))).toEqual(new Set([200]));
      const again = await Promise.all(
        sent.map((body, i) => post(receivers[(i + 1) % receivers.length]!, body)),
      );
      expect(new Set(again.map(({ headers }) => headers['idempotent-replayed']))).toEqual(
        new Set(['true']),
      );
    },
  );
});

describe.skipIf(missingCluster !== false)('a receiver whose PostgreSQL is stopped', () => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startCluster();
  });
  afterAll(() => {
    server.remove();
  });

  it('answers 500 until it is started again, and then 200', async () => {
    const direct = new Pool({
      host: '127.0.0.1',
      port: server.port,
      user: 'postgres',
      connectionTimeoutMillis: 5_000,
    });
    direct.on('error', () => undefined);
    onTestFinished(() => direct.end());
    const fixture = await receiverAt(server.port, direct);
    await expectBack(fixture);
    for (let round = 0; round < 2; round++) {
      server.stop();
      await expectAway(fixture.receiver, 20);
      server.start();
      await expectBack(fixture);
    }
  });
});
