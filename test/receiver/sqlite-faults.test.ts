import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { JsonObject } from '../../src/events.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import { bearerTokens } from '../../src/receiver/clients.ts';
import { createReceiver } from '../../src/receiver/receiver.ts';
import type { Receiver } from '../../src/receiver/types.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { SAMPLE_MAPPING, SAMPLE_REQUEST, SAMPLE_ROW } from '../support/document.ts';
import { post, SECRET } from '../support/receiver.ts';

function scratchFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, 'test.db');
}

async function receiverOn(
  target: { path: string } | { database: DatabaseSync },
): Promise<Receiver> {
  const receiver = createReceiver({
    clients: bearerTokens({ 'token-1001': { id: '1001', secrets: SECRET } }),
    mappings: compileMappings(SAMPLE_MAPPING),
    store: sqliteStore({ ...target, lockTimeout: 30 }),
  });
  onTestFinished(() => receiver.close());
  await receiver.ready();
  // What the receiver does by itself at its start is done before what the test does.
  await receiver.replay();
  return receiver;
}

function rowsOf(database: DatabaseSync): unknown[] {
  return database
    .prepare('SELECT * FROM appointment')
    .all()
    .map((row) => ({ ...row }));
}

function rowsIn(path: string): unknown[] {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = rowsOf(database);
  database.close();
  return rows;
}

async function expectFailure(receiver: Receiver, body: string | object = SAMPLE_REQUEST) {
  const answer = await post(receiver, body);
  expect(answer).toMatchObject({
    status: 500,
    body: { code: 'storage_unavailable', message: expect.not.stringContaining('SQL') as string },
  });
  expect(answer.headers['retry-after']).toBe('5');
}

async function expectStored(receiver: Receiver, body: string | object = SAMPLE_REQUEST) {
  const answer = await post(receiver, body);
  expect(answer.status).toBe(200);
  expect(answer.headers).not.toHaveProperty('idempotent-replayed');
}

describe('a receiver on SQLite', () => {
  it('locked: 500, nothing written, and the event is stored once it is free', async () => {
    const path = scratchFile();
    const receiver = await receiverOn({ path });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    await expectFailure(receiver);
    await expectFailure(receiver, '{"not": "an event"}');
    other.exec('COMMIT');
    other.close();
    expect(rowsIn(path)).toEqual([]);
    await expectStored(receiver);
    expect(rowsIn(path)).toMatchObject([SAMPLE_ROW]);
  });

  it('full: 500, nothing half-written, and the event is stored once there is room', async () => {
    const database = new DatabaseSync(scratchFile());
    onTestFinished(() => {
      database.close();
    });
    const receiver = await receiverOn({ database });
    const { page_count: pages } = database.prepare('PRAGMA page_count').get() as {
      page_count: number;
    };
    database.exec(`PRAGMA max_page_count = ${String(pages)}`);
    const sample = JSON.parse(SAMPLE_REQUEST) as JsonObject;
    const big = { ...sample, padding: 'x'.repeat(100_000) };
    await expectFailure(receiver, big);
    expect(rowsOf(database)).toEqual([]);
    expect(database.prepare('SELECT * FROM his_events').all()).toEqual([]);
    database.exec('PRAGMA max_page_count = 4294967294');
    await expectStored(receiver, big);
    expect(rowsOf(database)).toMatchObject([SAMPLE_ROW]);
  });

  it('removed: 500 until the file is back', async () => {
    const path = scratchFile();
    const receiver = await receiverOn({ path });
    renameSync(path, `${path}.away`);
    await expectFailure(receiver);
    await expectFailure(receiver);
    renameSync(`${path}.away`, path);
    await expectStored(receiver);
    expect(rowsIn(path)).toMatchObject([SAMPLE_ROW]);
  });

  it('replaced: 500 once, then the event is stored in the file that is there', async () => {
    const path = scratchFile();
    const receiver = await receiverOn({ path });
    new DatabaseSync(`${path}.new`).exec('PRAGMA user_version = 7');
    renameSync(`${path}.new`, path);
    await expectFailure(receiver);
    await expectStored(receiver);
    expect(rowsIn(path)).toMatchObject([SAMPLE_ROW]);
  });

  it('refuses a row with 422, names the column and the field, and keeps the event', async () => {
    const path = scratchFile();
    const setup = new DatabaseSync(path);
    setup.exec(`CREATE TABLE appointment (
      client_id TEXT, buktor_appointment_id TEXT, buktor_status TEXT CHECK (buktor_status <> 'confirmed'),
      UNIQUE (client_id, buktor_appointment_id))`);
    setup.close();
    const receiver = await receiverOn({ path });
    const answer = await post(receiver, SAMPLE_REQUEST);
    expect(answer).toMatchObject({
      status: 422,
      body: {
        code: 'constraint_failed',
        errors: [{ path: '/data/his_status', message: 'is refused by column buktor_status' }],
      },
    });
    expect(rowsIn(path)).toEqual([]);
    expect(await receiver.replay()).toMatchObject({ refused: 1 });
  });
});
