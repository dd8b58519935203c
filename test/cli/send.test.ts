import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SAMPLE_REQUEST, SUCCESS_BODY } from '../support/document.ts';
import { endpoint, event, file, send, VALUE } from '../support/send.ts';

const SUCCESS = JSON.stringify(SUCCESS_BODY);

describe('send', () => {
  it('delivers the exact bytes, and knows a repeat', async () => {
    const { url, results } = await endpoint();
    const path = file([SAMPLE_REQUEST], 'event.json');
    const first = await send([path, '--url', url]);
    expect(first).toEqual({ code: 0, out: `200 ${SUCCESS}\n`, err: '' });
    const again = await send(['--url', url], {
      stdin: Readable.from([Buffer.from(`${SAMPLE_REQUEST}\n`)]),
    });
    expect(again).toEqual({ code: 0, out: `200 (replayed) ${SUCCESS}\n`, err: '' });
    expect(results).toHaveLength(2);
  });

  it('tries again, with a line for each attempt that failed', async () => {
    const { url, seen } = await endpoint((_, n) => (n <= 1 ? 503 : undefined));
    const { code, out, err } = await send(['--url', url], {
      stdin: Readable.from([Buffer.from(event(1))]),
    });
    expect([code, out]).toEqual([0, `200 ${SUCCESS}\n`]);
    expect(err).toBe('Attempt 1: 503 storage_unavailable; the next in 1 s\n');
    expect(seen).toHaveLength(2);
  });

  it('overwrites that line in a terminal, and takes it away in the end', async () => {
    const { url } = await endpoint((_, n) => (n <= 1 ? 503 : undefined));
    const stdin = Readable.from([Buffer.from(event(1))]);
    const { out, err } = await send(['--url', url], { stdin, columns: 80 });
    expect(out).toBe(`200 ${SUCCESS}\n`);
    expect(err).toMatch(/^\rAttempt 1: 503 storage_unavailable; the next in 1 s\x1b\[K\r/);
    expect(err).not.toContain('\n');
    expect(err.endsWith('\r\x1b[K')).toBe(true);
  });

  it('gives up when the time is over, and shows of the answer what the contract has', async () => {
    const { url, seen } = await endpoint(() => 503);
    const args = ['--url', url, '--retry-for', '0'];
    expect(await send(args, { stdin: Readable.from([Buffer.from(event(1))]) })).toEqual({
      code: 1,
      out: '503 {"status":"error","message":"No.","code":"storage_unavailable"}\n',
      err: '',
    });
    expect(seen).toHaveLength(1);
    const longer = await send(['--url', url, '--retry-for', '1.2s'], {
      stdin: Readable.from([Buffer.from(event(1))]),
    });
    expect(longer.code).toBe(1);
    expect(longer.err).toMatch(/^Attempt 1: .*\n(.*\n)*Given up after \d attempts\.\n$/);
  });

  it('does not try again what is refused', async () => {
    const { url, seen } = await endpoint(() => 401);
    const { code, out, err } = await send(['--url', url], {
      stdin: Readable.from([Buffer.from(event(1))]),
    });
    expect([code, err, seen.length]).toEqual([1, '', 1]);
    expect(out).toBe('401 {"status":"error","message":"No.","code":"unauthorized"}\n');
  });

  it('shows nothing of a page that is no answer of a receiver', async () => {
    const server = createServer((_, response) => {
      response.writeHead(422).end(`<p>${VALUE}</p>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
    const { code, out } = await send(['--url', url], {
      stdin: Readable.from([Buffer.from(event(1))]),
    });
    expect([code, out]).toEqual([
      1,
      '422 (18 bytes that are no answer of a receiver; --raw shows them)\n',
    ]);
  });

  it.each([
    ['a missing timestamp', event(1, { timestamp: undefined }), /\/timestamp: is required/],
    ['no JSON', `{"a": ${VALUE}`, /not valid JSON/],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), /not valid UTF-8/],
    ['a byte order mark', `\ufeff${event(1)}`, /byte order mark/],
    ['the flat form', '{"event_type":"appointment.created"}', /--raw/],
  ])('sends nothing where there is %s', async (_, body, message) => {
    const { url, seen } = await endpoint();
    const { code, out, err } = await send(['--url', url], {
      stdin: Readable.from([Buffer.from(body)]),
    });
    expect([code, out, seen.length]).toEqual([1, '', 0]);
    expect(err).toMatch(message);
  });

  it('says that nobody answers', async () => {
    const url = 'http://127.0.0.1:1/';
    const args = ['--url', url, '--retry-for', '0s'];
    const { code, out, err } = await send(args, { stdin: Readable.from([Buffer.from(event(1))]) });
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^No answer from 127.0.0.1:1: [A-Z_]+\n$/);
  });

  it('sends nothing in the clear to another host, unless it is told to', async () => {
    const args = ['--url', 'http://his.invalid/', '--retry-for', '0'];
    const { code, err } = await send(args);
    expect([code, err]).toEqual([2, expect.stringContaining('say --insecure')]);
    const insecure = await send([...args, '--insecure'], {
      stdin: Readable.from([Buffer.from(event(1))]),
    });
    expect([insecure.code, insecure.err]).toEqual([
      1,
      expect.stringMatching(/^No answer from his/),
    ]);
  });

  it('sends a Client-ID', async () => {
    const { url } = await endpoint();
    const stdin = () => Readable.from([Buffer.from(event(1))]);
    expect((await send(['--url', url, '--client-id', '1001'], { stdin: stdin() })).code).toBe(0);
    const other = await send(['--url', url, '--client-id', '1002'], { stdin: stdin() });
    expect([other.code, other.out]).toEqual([1, expect.stringContaining('client_mismatch')]);
  });

  it.each([
    [['a', 'b'], /takes one FILE/],
    [['a', '--file', 'b'], /takes one FILE/],
    [['--outbox', 'o'], /go with --file/],
    [['--concurrency', '3'], /go with --file/],
    [['--raw', '--file', 'a'], /--raw/],
    [['--raw', '--retry-for', '3'], /--raw/],
    [['--retry-for', '3 weeks'], /--retry-for must be seconds/],
    [['--timeout', '0'], /timeout must be/],
    [['--file', 'a', '--concurrency', 'x'], /concurrency must be/],
    [['--file', '/nowhere'], /Cannot read \/nowhere: ENOENT/],
    [['--file', '/'], /Cannot read \/: EISDIR/],
    [['--client-id', 'a b'], /client/i],
  ])('refuses %j', async (args, message) => {
    const { code, out, err } = await send(args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  it('explains itself within 100 columns', async () => {
    const { out } = await send(['--help']);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});
