import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startNode } from '../support/process.ts';
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

describe('send --file', () => {
  it('delivers every line', async () => {
    const at = await endpoint();
    const { code, out, err } = await send(['--file', file(events(300)), '--url', at.url]);
    expect(code).toBe(0);
    expect(out).toBe('outcome    events\ndelivered     300\ntotal         300\n');
    expect(err).toMatch(/^300 events in [\d.]+ s, [\d,]+\/s\n$/);
    expect(appliedOf(at)).toBe(300);
    const again = await send(['--file', '-', '--url', at.url], {
      stdin: Readable.from([Buffer.from(events(300).join('\n'))]),
    });
    expect([again.code, tableOf(again.out)]).toEqual([
      0,
      { 'replayed: the receiver had it': '300', total: '300' },
    ]);
  });

  it('is content with a file without events', async () => {
    const { code, out } = await send(['--file', file(['', '  '])]);
    expect([code, tableOf(out)]).toEqual([0, { total: '0' }]);
  });

  it('tells by line what was not sent, and what was refused', async () => {
    const at = await endpoint();
    const lines = [
      `\ufeff${event(1)}\r`,
      '',
      event(2, { timestamp: VALUE, type: VALUE }),
      `{"event_id": "${VALUE}`,
      `  ${event(3)} \r`,
      '\xff'.repeat(1_048_577),
      event(4, { type: 'service.created', data: { value: VALUE } }),
      event(1),
    ];
    const path = file(
      Buffer.concat([Buffer.from(lines.join('\n')), Buffer.from('\n\xff', 'latin1')]),
    );
    const { code, out, err } = await send(['--file', path, '--url', at.url, '--concurrency', '1']);
    expect(code).toBe(1);
    expect(tableOf(out)).toEqual({
      delivered: '2',
      'replayed: the receiver had it': '1',
      'rejected: 422 transform_failed': '1 (7)',
      'invalid, not sent': '4 (3, 4, 6, 9)',
      total: '8',
    });
    expect(err.split('\n').slice(0, 5)).toEqual([
      `${path}:3: error: must be an RFC 3339 date-time with an offset, such as 2025-01-08T12:00:00Z (/timestamp)`,
      `${path}:3: error: is not a supported event type (/type)`,
      `${path}:4: error: The body is not valid JSON.`,
      `${path}:6: error: is longer than 1,048,576 bytes`,
      `${path}:9: error: is not valid UTF-8`,
    ]);
  });

  it('lists the first invalid lines, and counts the others', async () => {
    const { code, out, err } = await send(['--file', file(Array<string>(500).fill('{}'))]);
    expect(code).toBe(1);
    expect(tableOf(out)).toEqual({
      'invalid, not sent': '500 (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …)',
      total: '500',
    });
    expect(err.match(/events.ndjson:20: /g)).not.toBeNull();
    expect(err.match(/events.ndjson:21: /g)).toBeNull();
    expect(err).toContain('Further invalid events are only counted.');
  });

  it('stops where the endpoint refuses everything', async () => {
    const at = await endpoint((_, n) => (n > 50 ? 401 : undefined));
    const path = file(events(5_000));
    const { code, out, err } = await send(['--file', path, '--url', at.url, '--concurrency', '8']);
    expect(code).toBe(1);
    expect(at.seen.length).toBeLessThanOrEqual(50 + 8);
    const table = tableOf(out);
    const refused = at.seen.length - 50;
    expect(table).toEqual({
      delivered: '50',
      'refused, as any event would be: 401 unauthorized': String(refused),
      'not sent': (5_000 - 50 - refused).toLocaleString('en-US'),
      total: '5,000',
    });
    expect(err.match(/refuses whatever it is sent: 401 unauthorized/g)).toHaveLength(1);
    expect(err).toContain('send the file again');
  });

  it('lets events wait while the endpoint fails, and goes on', async () => {
    const at = await endpoint((_, n) => (n > 40 && n <= 60 ? 503 : undefined));
    const { code, out, err } = await send(['--file', file(events(400)), '--url', at.url]);
    expect([code, tableOf(out)]).toEqual([0, { delivered: '400', total: '400' }]);
    expect(err).toMatch(
      /The endpoint fails: 503 storage_unavailable\..*\nThe endpoint works again/s,
    );
    expect(at.seen.length).toBe(420);
  });

  it('stops where the endpoint fails for as long as an event is tried', async () => {
    const at = await endpoint((_, n) => (n > 40 ? 503 : undefined));
    const args = ['--file', file(events(3_000)), '--url', at.url, '--retry-for', '0'];
    const { code, out, err } = await send(args);
    expect(code).toBe(1);
    expect(at.seen.length).toBeLessThan(40 + 2 * 16);
    const table = tableOf(out);
    expect(table['delivered']).toBe('40');
    expect(table['given up: 503 storage_unavailable']).toMatch(/^\d\d \(/);
    expect(table['total']).toBe('3,000');
    expect(err).toContain('The endpoint went on failing');
  });

  it('goes on past single events that cannot be taken', async () => {
    const at = await endpoint((id) => (Number(id.slice(4)) % 50 === 7 ? 500 : undefined));
    const args = ['--file', file(events(200)), '--url', at.url, '--retry-for', '0'];
    const { code, out } = await send(args);
    expect([code, tableOf(out)]).toEqual([
      1,
      {
        delivered: '196',
        'given up: 500 storage_unavailable': expect.stringMatching(/^4 \(/) as string,
        total: '200',
      },
    ]);
  });

  it('stops when it is asked to, also while standard input is silent', async () => {
    const at = await endpoint();
    const stdin = new Readable({ read: () => undefined });
    stdin.push(`${event(1)}\n${event(2)}\n`);
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const sending = send(['--file', '-', '--url', at.url], { stdin, stopped });
    await vi.waitUntil(() => appliedOf(at) === 2);
    stop();
    const { code, out, err } = await sending;
    expect([code, tableOf(out)]).toEqual([130, { delivered: '2', total: '2' }]);
    expect(err).toContain('The rest of standard input was not read.');
    expect(err).toContain('Stopped; send the file again');
  });

  it('does not wait for later attempts when it is asked to stop', async () => {
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const at = await endpoint((_, n) => {
      if (n === 40) stop();
      return n > 20 ? 503 : undefined;
    });
    const args = ['--file', file(events(100)), '--url', at.url, '--retry-for', '7d'];
    const { code, out } = await send(args, { stopped });
    expect([code, tableOf(out)['total']]).toEqual([130, '100']);
  });

  it('shows a bar in a terminal, with colours unless NO_COLOR says otherwise', async () => {
    const at = await endpoint();
    const args = ['--file', file(['{}', ...events(300)]), '--url', at.url];
    const { err } = await send(args, { columns: 80 });
    expect(err).toMatch(/\r\x1b\[2m░{24}\x1b\[22m {3}0 %/);
    const last = err.split('\r').at(-1)!;
    expect(last).toMatch(
      /^\x1b\[32m█{24}\x1b\[39m 100 % {2}301 events {2}[\d,]+\/s {2}1 failed\x1b\[K\n301 events in /,
    );
    const plain = await send(args, { columns: 60, more: { NO_COLOR: '1' } });
    expect(plain.err).toContain('█');
    expect(plain.err).not.toMatch(/\x1b\[\d/);
    for (const line of plain.err.split(/[\r\n]/).filter((line) => line.includes('%'))) {
      expect(line.replace('\x1b[K', '').length).toBeLessThan(60);
    }
  });

  it('streams: 80 MB of events go through a heap of 64 MB', async () => {
    let received = 0;
    const server = createServer((request, response) => {
      received++;
      request.resume().on('end', () => response.end('{"status":"success"}'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
    const data = { his_appointment_id: 'A', note: 'n'.repeat(4_000) };
    const path = file(Array.from({ length: 20_000 }, (_, n) => event(n, { data })));
    // A young generation as small as such a heap would have is slow.
    const heap = ['--max-old-space-size=64', '--max-semi-space-size=16'];
    const command = [...heap, 'src/cli/main.ts', 'send', '--file', path];
    const sending = startNode([...command, '--url', url, '--timeout', '60'], CREDENTIALS);
    expect([await sending.exit, received, sending.output()]).toEqual([
      0,
      20_000,
      expect.stringContaining('delivered  20,000'),
    ]);
  }, 120_000);
});
