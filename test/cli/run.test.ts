import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';
import { sha256 } from '../../src/json.ts';
import { generateSignature } from '../../src/signature.ts';
import { SAMPLE_REQUEST } from '../support/document.ts';
import { scratchFolder } from '../support/process.ts';

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function call(
  argv: readonly string[],
  {
    env = {},
    stdin = '',
    stopped = Promise.resolve(),
  }: {
    env?: Record<string, string>;
    stdin?: string;
    stopped?: Promise<void>;
  } = {},
  onOut: (text: string) => void = () => undefined,
): Promise<Result> {
  let out = '';
  let err = '';
  const io: Io = {
    env,
    out: (text) => {
      out += text;
      onOut(text);
    },
    err: (text) => {
      err += text;
    },
    stdin: () => Readable.from([Buffer.from(stdin)]),
    columns: () => undefined,
    untilStopped: () => stopped,
  };
  return { code: await run(argv, io), out, err };
}

function eventFile(): string {
  const file = join(scratchFolder(), 'event.json');
  writeFileSync(file, SAMPLE_REQUEST);
  return file;
}

const signature = generateSignature(SAMPLE_REQUEST, 's');

describe('his-webhook', () => {
  it.each([[[]], [['--help']], [['-h']]])('explains itself: %j', async (argv) => {
    expect(await call(argv)).toMatchObject({
      code: 0,
      out: expect.stringContaining('keygen') as string,
    });
  });

  it('knows its version', async () => {
    expect((await call(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each(['dev', 'keygen', 'sign', 'verify', 'send'])('explains %s', async (command) => {
    const { code, out } = await call([command, '--help']);
    expect([code, out.startsWith(`his-webhook ${command}`)]).toEqual([0, true]);
  });

  it.each([[['nothing']], [['constructor']], [['sign', '--nope']], [['keygen', 'extra']]])(
    'refuses %j with exit code 2 and the usage',
    async (argv) => {
      const { code, out, err } = await call(argv);
      expect([code, out]).toEqual([2, '']);
      expect(err).toContain('his-webhook');
    },
  );
});

describe('keygen', () => {
  it('prints a new secret and token each time, and the digest of the token', async () => {
    const first = await call(['keygen']);
    const [, secret, token, digest] =
      /^HIS_SECRET=([\w-]{43})\nHIS_TOKEN=([\w-]{43})\nHIS_TOKEN_DIGEST=(sha256:\w{64})\n$/.exec(
        first.out,
      )!;
    expect(digest).toBe(`sha256:${sha256(token!)}`);
    expect(secret).not.toBe(token);
    expect((await call(['keygen'])).out).not.toBe(first.out);
  });
});

describe('sign and verify', () => {
  it('sign a file or standard input', async () => {
    const env = { HIS_SECRET: 's' };
    const expected = { code: 0, out: `${signature}\n`, err: '' };
    expect(await call(['sign', eventFile(), '--secret', 's'])).toEqual(expected);
    expect(await call(['sign'], { env, stdin: SAMPLE_REQUEST })).toEqual(expected);
    expect(await call(['sign', '-'], { env, stdin: SAMPLE_REQUEST })).toEqual(expected);
  });

  it('verify with an exit code', async () => {
    const file = eventFile();
    const good = await call(['verify', file, '--secret', 's', '--signature', signature]);
    expect([good.code, good.out]).toEqual([0, 'The signature is valid.\n']);
    const bad = await call(['verify', file, '--secret', 'x', '--signature', signature]);
    expect([bad.code, bad.out]).toEqual([1, 'The signature is NOT valid for this body.\n']);
    const prefixed = await call([
      'verify',
      file,
      '--secret',
      's',
      '--signature',
      `sha256=${signature}`,
    ]);
    expect([prefixed.code, prefixed.out]).toEqual([1, expect.stringContaining('64 hex digits')]);
    const none = await call(['verify', file, '--secret', 's']);
    expect([none.code, none.err]).toEqual([2, '--signature is needed.\n']);
  });

  it('say what is missing', async () => {
    expect(await call(['sign'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('HIS_SECRET') as string,
    });
    expect(await call(['sign', '/nowhere', '--secret', 's'])).toMatchObject({
      code: 2,
      err: 'Cannot read /nowhere: ENOENT\n',
    });
  });
});

describe('send --raw', () => {
  const env = { HIS_TOKEN: 't', HIS_SECRET: 's' };

  async function answering(status: number, headers: Record<string, string> = {}) {
    const seen: { headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen.push({ headers: request.headers, body });
        response.writeHead(status, headers).end('{"status":"x"}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.close();
    });
    return { seen, url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/x` };
  }

  it('sends the bytes of the file with their signature, once', async () => {
    const { seen, url } = await answering(200);
    expect(await call(['send', '--raw', eventFile(), '--url', url], { env })).toEqual({
      code: 0,
      out: '200 {"status":"x"}\n',
      err: '',
    });
    expect(seen).toMatchObject([
      {
        body: SAMPLE_REQUEST,
        headers: {
          authorization: 'Bearer t',
          'buktor-signature': signature,
          'content-type': 'application/json',
        },
      },
    ]);
  });

  it.each([401, 422, 500, 302])(
    'exits with 1 for a %d, and follows no redirect',
    async (status) => {
      const { seen, url } = await answering(status, { location: '/elsewhere' });
      const { code, out } = await call(['send', '--raw', '--url', url], { env, stdin: '{}' });
      expect([code, out, seen.length]).toEqual([1, `${String(status)} {"status":"x"}\n`, 1]);
    },
  );

  it('exits with 1 where nobody answers, and with 2 for a bad call', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    await new Promise((closed) => server.close(closed));
    const { code, err } = await call(['send', '--raw', '--url', `http://${host}/x`], { env });
    expect([code, err]).toEqual([1, `No answer from ${host}: ECONNREFUSED\n`]);
    expect((await call(['send', '--url', 'nonsense'], { env })).code).toBe(2);
    expect((await call(['send', '--token', 'a b'], { env: { HIS_SECRET: 's' } })).code).toBe(2);
  });
});

describe('dev', () => {
  it('listens, receives, and stops when it is asked to', async () => {
    const db = join(scratchFolder(), 'a', 'dev.db');
    let stop: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    let origin = '';
    const running = call(
      ['dev'],
      { env: { PORT: '0', HIS_DB: db, HIS_TOKEN: 'tok' }, stopped },
      (text) => {
        origin = /Listening on (\S+)/.exec(text)?.[1] ?? origin;
      },
    );
    await vi.waitUntil(() => origin !== '');
    const answer = await fetch(`${origin}/his/receive?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer tok' },
      body: SAMPLE_REQUEST,
    });
    expect(answer.status).toBe(200);
    const elsewhere = await fetch(origin);
    expect(elsewhere.status).toBe(404);
    expect(await elsewhere.text()).toContain('/his/receive');
    const taken = await call(['dev', '--port', new URL(origin).port, '--db', db]);
    expect(taken).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^Port \d+ is taken/) as string,
    });
    stop();
    expect(await running).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('200 appointment.created evt_123456') as string,
    });
    await expect(fetch(origin)).rejects.toThrow();
  });

  it('maps by its file as that is now, and goes on with the last good version of it', async () => {
    const folder = scratchFolder();
    const mapping = join(folder, 'm.json');
    const to = (column: string) =>
      JSON.stringify({
        clients: {
          1001: {
            mappings: { 'appointment.*': { fields: { his_appointment_id: 'id', s: column } } },
          },
        },
      });
    writeFileSync(mapping, to('a'));
    let stop: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    let out = '';
    const db = join(folder, 'dev.db');
    const running = call(
      ['dev', '--port', '0', '--db', db, '--token', 'tok', '--mapping', mapping],
      { stopped },
      (text) => (out += text),
    );
    const printed = (text: string | RegExp) =>
      vi.waitFor(
        () => {
          expect(out).toMatch(text);
        },
        { timeout: 10_000 },
      );
    await printed(/Listening on/);
    const url = `${/Listening on (\S+)/.exec(out)![1]!}/his/receive`;
    const send = (id: string) =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer tok' },
        body: JSON.stringify({ event_type: 'appointment.created', his_appointment_id: id, s: id }),
      });
    expect((await send('one')).status).toBe(200);
    writeFileSync(mapping, to('b'));
    await printed(`Mapping reloaded: version ${sha256(to('b'))}`);
    expect((await send('two')).status).toBe(200);
    writeFileSync(mapping, '{"clients":7}');
    await printed(
      /NOT reloaded\. The mapping document has faults:\n {2}- 1:2 \/clients: must be an object/,
    );
    expect((await send('three')).status).toBe(200);
    stop();
    await running;
    const database = new DatabaseSync(db, { readOnly: true });
    const rows = database.prepare('SELECT id, a, b FROM appointment').all();
    database.close();
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { id: 'one', a: 'one', b: null },
      { id: 'two', a: null, b: 'two' },
      { id: 'three', a: null, b: 'three' },
    ]);
  });

  it.each([
    [['--port', 'http'], /--port must be a number/],
    [['--port', '70000'], /--port must be a number/],
    [['--token', ''], /bearer token/],
    [['--secret', ''], /secret must be/],
    [['--client', 'a b'], /client id/],
    [['--mapping', '/nowhere.json'], /Cannot read the mapping document \/nowhere.json: ENOENT/],
    [['--db', '/dev/null/x.db'], /Cannot make the folder of/],
  ])('refuses %j', async (args, message) => {
    const db = join(scratchFolder(), 'dev.db');
    const { code, err } = await call(['dev', '--port', '0', '--db', db, ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  it('lists the faults of a mapping', async () => {
    const folder = scratchFolder();
    const mapping = join(folder, 'mapping.json');
    writeFileSync(mapping, '{"clients":{"1":{"mappings":{"x.y":null}}}}');
    const { code, err } = await call([
      'dev',
      '--port',
      '0',
      '--mapping',
      mapping,
      '--db',
      join(folder, 'x.db'),
    ]);
    expect(code).toBe(2);
    expect(err).toContain('/clients/1/mappings/x.y: is not a supported event type');
  });
});
