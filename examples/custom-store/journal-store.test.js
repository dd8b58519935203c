import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventStoreSuite } from '@buktor/his-webhook/testing';
import { Journal } from './journal.js';
import { JournalStore } from './journal-store.js';

const folder = await mkdtemp(join(tmpdir(), 'journal-store-'));
after(() => rm(folder, { recursive: true }));

let opened = 0;
const suite = eventStoreSuite(async (options) => {
  const path = join(folder, String(opened++));
  const store = new JournalStore(await Journal.open(path), options);
  return { store, rows: (table) => rowsOf(path, table), close: () => store.close() };
});
for (const { name, run } of suite) void test(name, run);

void test('keeps what it acknowledged, and drops the line a crash has torn', async () => {
  const path = join(folder, 'torn');
  for (const table of ['a', 'b']) {
    const journal = await Journal.open(path);
    await journal.transaction((transaction) => {
      transaction.set('key', table, ['id']);
    });
    await journal.close();
    await appendFile(path, '[["key c');
  }
  const journal = await Journal.open(path);
  assert.deepEqual([journal.get('key', 'a'), journal.get('key', 'b')], [['id'], ['id']]);
  assert.equal(journal.list('key').length, 2);
  await journal.close();
});

/**
 * The rows of a table, read out of the file: what counts is what is on disk.
 *
 * @param {string} path
 * @param {string} table
 */
async function rowsOf(path, table) {
  const journal = await Journal.open(path);
  const rows = journal.list('row').filter((row) => row.table === table);
  await journal.close();
  return rows.map(({ clientId, key, values, versions }) => ({
    client_id: clientId,
    ...key,
    ...values,
    his_versions: versions,
  }));
}
