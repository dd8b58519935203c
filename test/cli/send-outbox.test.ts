import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { scratchFolder, startNode } from '../support/process.ts';
import {
  appliedOf,
  CREDENTIALS,
  endpoint,
  event,
  events,
  file,
  send,
  tableOf,
  VALUE,
} from '../support/send.ts';

const outboxFile = () => join(scratchFolder(), 'outbox.db');

/** Starts the command line in a process of its own. */
const start = (args: readonly string[]) =>
  startNode(['src/cli/main.ts', 'send', ...args, '--timeout', '1s'], CREDENTIALS);

/** Starts to send 500 events to an endpoint that takes its time. */
async function startSlowly() {
  const at = await endpoint(async () => {
    await sleep(20);
    return undefined;
  });
  const outbox = outboxFile();
  const args = ['--file', file(events(500)), '--url', at.url, '--outbox', outbox];
  return { at, outbox, args, first: start(args) };
}

describe('send --outbox', () => {
  it('delivers every line, and on a second call nothing', async () => {
    const at = await endpoint();
    const args = ['--file', file(events(300)), '--url', at.url, '--outbox', outboxFile()];
    const { code, out, err } = await send(args);
    expect([code, tableOf(out)]).toEqual([0, { delivered: '300', total: '300' }]);
    expect(err).toContain('The receiver has everything.');
    const again = await send(args);
    expect([again.code, tableOf(again.out)]).toEqual([
      0,
      { 'delivered before': '300', total: '300' },
    ]);
    expect([at.seen.length, appliedOf(at)]).toEqual([300, 300]);
  });

  it('sends what was added to the file since', async () => {
    const at = await endpoint();
    const path = file(events(10));
    const args = ['--file', path, '--url', at.url, '--outbox', outboxFile()];
    await send(args);
    appendFileSync(path, `${event(10)}\n`);
    expect(tableOf((await send(args)).out)).toEqual({
      delivered: '1',
      'delivered before': '10',
      total: '11',
    });
  });

  it('keeps endpoints apart', async () => {
    const [one, other] = [await endpoint(), await endpoint()];
    const args = ['--file', file(events(10)), '--outbox', outboxFile(), '--url'];
    await send([...args, one.url]);
    await send([...args, other.url]);
    expect([appliedOf(one), appliedOf(other)]).toEqual([10, 10]);
  });

  it('tells what was refused, by its reason, and tries it again when it is called again', async () => {
    const at = await endpoint();
    const service = { type: 'service.created', data: { value: VALUE } };
    const lines = [event(1), event(2, service), '{}', event(3), event(4, service)];
    const path = file(lines);
    const args = ['--file', path, '--url', at.url, '--outbox', outboxFile()];
    const { code, out, err } = await send(args);
    expect([code, tableOf(out)]).toEqual([
      1,
      {
        delivered: '2',
        'rejected: 422 transform_failed': '2',
        'invalid, not sent': '1 (3)',
        total: '5',
      },
    ]);
    expect(err).toContain(`${path}:3: error: is required (/event_id)`);
    expect(err).toContain('The same command tries these again.');
    writeFileSync(path, [event(1), event(2), event(3), event(4)].join('\n'));
    const again = await send(args);
    expect([again.code, tableOf(again.out)]).toEqual([
      0,
      { delivered: '2', 'delivered before': '2', total: '4' },
    ]);
  });

  it('gives up events where it is told for how long', async () => {
    const at = await endpoint((id) => (id === 'evt_7' ? 500 : undefined));
    const args = ['--file', file(events(50)), '--url', at.url, '--outbox', outboxFile()];
    const { code, out } = await send([...args, '--retry-for', '0']);
    expect([code, tableOf(out)]).toEqual([
      1,
      { delivered: '49', 'given up: 500 storage_unavailable': '1', total: '50' },
    ]);
  });

  it('stops where the endpoint refuses everything, and goes on from there', async () => {
    let isRevoked = true;
    const at = await endpoint((_, n) => (isRevoked && n > 100 ? 401 : undefined));
    const args = ['--file', file(events(400)), '--url', at.url, '--outbox', outboxFile()];
    const { code, out, err } = await send(args);
    const { delivered, total, ...rest } = tableOf(out);
    expect([code, delivered, total]).toEqual([1, '100', '400']);
    expect(Object.keys(rest)).toEqual(['waiting in the outbox']);
    expect(at.seen.length).toBeLessThanOrEqual(100 + 16);
    expect(err).toContain('Once that is mended, the same command goes on.');
    isRevoked = false;
    const again = await send(args);
    expect([again.code, tableOf(again.out)]).toEqual([
      0,
      { delivered: '300', 'delivered before': '100', total: '400' },
    ]);
  });

  it('waits while the endpoint fails', async () => {
    const at = await endpoint((_, n) => (n > 20 && n <= 40 ? 503 : undefined));
    const args = ['--file', file(events(100)), '--url', at.url, '--outbox', outboxFile()];
    const { code, out, err } = await send(args, { columns: 100 });
    expect([code, tableOf(out)]).toEqual([0, { delivered: '100', total: '100' }]);
    expect(err).toMatch(
      /The endpoint fails: 503.*held up: 503 storage_unavailable {2}\d+ waiting/s,
    );
  });

  it('needs an outbox that can be opened', async () => {
    const path = file(events(1));
    const { code, err } = await send(['--file', path, '--outbox', '/nowhere/outbox.db']);
    expect(code).toBe(2);
    expect(err).toContain('/nowhere/outbox.db cannot be opened');
    expect((await send(['--file', path, '--outbox', path])).code).toBe(2);
  });

  it('is asked to stop by Ctrl-C: what is under way finishes, and the next call goes on', async () => {
    const { at, args, first } = await startSlowly();
    await vi.waitUntil(() => at.seen.length > 60, { timeout: 20_000 });
    expect(await first.stop('SIGINT')).toBe(130);
    expect(first.output()).toContain('Stopped; the same command goes on.');
    const sent = at.seen.length;
    expect(sent).toBeLessThan(500);
    expect(appliedOf(at)).toBe(sent);
    const again = await send(args);
    expect(again.code).toBe(0);
    expect([at.seen.length, appliedOf(at), new Set(at.seen).size]).toEqual([500, 500, 500]);
  });

  it('is killed, and the next call sends the rest', async () => {
    const { at, outbox, args, first } = await startSlowly();
    await vi.waitUntil(() => at.seen.length > 100, { timeout: 20_000 });
    await first.stop('SIGKILL');
    expect(existsSync(outbox)).toBe(true);
    await vi.waitUntil(() => appliedOf(at) === at.seen.length);
    const killedAt = at.seen.length;
    expect(killedAt).toBeLessThan(500);
    const second = start(args);
    expect([await second.exit, second.output()]).toEqual([0, expect.stringContaining('total')]);
    expect([new Set(at.seen).size, appliedOf(at)]).toEqual([500, 500]);
    // What was under way, or delivered and not yet noted down, is sent once more.
    expect(at.seen.length - 500).toBeLessThanOrEqual(3 * 16);
    expect(at.seen.length - killedAt).toBeLessThan(500);
  }, 60_000);
});
