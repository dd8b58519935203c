import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { SAMPLE_CURL_BODY, SAMPLE_REQUEST, SAMPLE_ROW, SUCCESS_BODY } from '../support/document.ts';
import {
  missingCommand,
  ROOT,
  runCommand,
  type Running,
  scratchFolder,
  startNode,
} from '../support/process.ts';

/** `his-webhook dev`, as `npm start` runs it, but with a port and a database of its own. */
async function startDev(
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Running & { origin: string; folder: string; db: string }> {
  const folder = scratchFolder();
  const db = join(folder, 'data', 'dev.db');
  const dev = startNode(['dist/cli/main.js', 'dev', '--port', '0', '--db', db, ...args], env);
  const [, origin] = await dev.printed(/^Listening on (http:\/\/127\.0\.0\.1:\d+)$/m);
  await dev.printed(/The rows:/);
  return { ...dev, origin: origin!, folder, db };
}

function appointments(db: string): Record<string, unknown>[] {
  const database = new DatabaseSync(db, { readOnly: true });
  const rows = database.prepare('SELECT * FROM appointment').all();
  database.close();
  return rows.map((row) => ({ ...row }));
}

interface CurlAnswer {
  readonly status: number;
  readonly replayed: boolean;
  readonly body: unknown;
}

function parseCurl(stdout: string): CurlAnswer {
  const [head, body] = stdout.split('\r\n\r\n') as [string, string];
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)![1]),
    replayed: /^idempotent-replayed: true\r?$/im.test(head),
    body: JSON.parse(body),
  };
}

const curl = (...args: string[]) => parseCurl(runCommand('curl', ['-s', '-i', ...args]).stdout);

const FRESH: CurlAnswer = { status: 200, replayed: false, body: SUCCESS_BODY };
const REPLAYED: CurlAnswer = { ...FRESH, replayed: true };

const noTools = missingCommand('curl', 'openssl', 'bash');
describe.skipIf(noTools)(
  `the document, with curl and openssl${noTools ? ` (${noTools})` : ''}`,
  () => {
    it.each([
      ['/his/receive', '/his-receive'],
      ['/his-receive', '/his/receive'],
    ])('the sample request at %s, then at %s', async (first, second) => {
      const dev = await startDev();
      const file = join(dev.folder, 'event.json');
      writeFileSync(file, SAMPLE_REQUEST);
      const signed = runCommand('openssl', [
        'dgst',
        '-sha256',
        '-hmac',
        'your_shared_secret',
        file,
      ]);
      const signature = /([0-9a-f]{64})\s*$/.exec(signed.stdout)![1]!;
      const send = (path: string) =>
        curl(
          '-X',
          'POST',
          dev.origin + path,
          '-H',
          'Content-Type: application/json',
          '-H',
          'Authorization: Bearer demo-token',
          '-H',
          `Buktor-Signature: ${signature}`,
          '--data-binary',
          `@${file}`,
        );
      expect(send(first)).toEqual(FRESH);
      expect(appointments(dev.db)).toMatchObject([SAMPLE_ROW]);
      expect(send(second)).toEqual(REPLAYED);
      expect(send(first)).toEqual(REPLAYED);
      expect(appointments(dev.db)).toHaveLength(1);
      expect(await dev.stop()).toBe(0);
    });

    it("the document's cURL, as printed apart from host and token", async () => {
      const dev = await startDev();
      const command = `curl -s -i -X POST "${dev.origin}/his/receive" \\
-H "Content-Type: application/json" \\
-H "Authorization: Bearer demo-token" \\
-d '${SAMPLE_CURL_BODY}'`;
      const send = () => parseCurl(runCommand('bash', ['-c', command]).stdout);
      expect(send()).toEqual(FRESH);
      expect(appointments(dev.db)).toMatchObject([SAMPLE_ROW]);
      expect(send()).toEqual(REPLAYED);
      expect(appointments(dev.db)).toHaveLength(1);
    });

    it('both cURLs that dev prints work when pasted', async () => {
      const dev = await startDev(['--token', 'other~token', '--secret', "it's a secret"]);
      const commands = dev.output().match(/^curl [^]*?-d '.*'$/gm)!;
      expect(commands).toHaveLength(2);
      expect(commands[0]).toContain('Buktor-Signature');
      expect(commands[1]).not.toContain('Buktor-Signature');
      for (const command of commands) {
        const send = () =>
          parseCurl(runCommand('bash', ['-c', command.replace('curl', 'curl -s')]).stdout);
        expect(send()).toEqual(FRESH);
        expect(send()).toEqual(REPLAYED);
      }
      expect(appointments(dev.db)).toHaveLength(1);
    });

    it('a client without mappings, another client, invalid JSON: the answers of section 5', async () => {
      const mapping = join(scratchFolder(), 'mapping.json');
      writeFileSync(mapping, JSON.stringify({ clients: {} }));
      const dev = await startDev([], { HIS_MAPPING: mapping, HIS_CLIENT: '1002', HIS_TOKEN: 't2' });
      const send = (body: string, token = 't2') =>
        curl(
          `${dev.origin}/his/receive`,
          '-H',
          'Content-Type: application/json',
          '-H',
          `Authorization: Bearer ${token}`,
          '--data-binary',
          body,
        );
      expect(send(SAMPLE_REQUEST)).toMatchObject({
        status: 422,
        body: {
          status: 'error',
          message: "No mapping found for event_type 'appointment.created' and Client-ID 1002.",
        },
      });
      expect(send('{"event_type":')).toMatchObject({ status: 400, body: { code: 'invalid_json' } });
      expect(send(SAMPLE_REQUEST, 'demo-token')).toMatchObject({ status: 401 });
      expect(curl(`${dev.origin}/elsewhere`)).toMatchObject({ status: 404 });
      await dev.printed(
        /^422 mapping_not_found appointment\.created evt_123456 - No mapping found/m,
      );
      expect(dev.output()).toContain('Note: the mapping has no client 1002 (it has: none)');
    });
  },
);

describe('docs/wire.md', () => {
  const page = readFileSync(join(ROOT, 'docs/wire.md'), 'utf8');
  const recipe = (language: string, origin: string) =>
    new RegExp('```' + language + '\\n([^]*?)```')
      .exec(page)![1]!
      .replace('https://api.buktor.com', origin);
  const env = { HIS_TOKEN: 'demo-token', HIS_SECRET: 'your_shared_secret' };

  it.skipIf(noTools)('has a recipe for openssl and curl that works', async () => {
    const dev = await startDev();
    writeFileSync(join(dev.folder, 'event.json'), SAMPLE_REQUEST);
    const script = recipe('sh', dev.origin);
    const { stdout } = runCommand('bash', ['-c', script], { env, cwd: dev.folder });
    expect(JSON.parse(stdout)).toEqual(SUCCESS_BODY);
    await dev.printed(/^200 appointment\.created evt_123456$/m);
  });

  const noPython = missingCommand('python3');
  it.skipIf(noPython)('has a recipe for Python that works', async () => {
    const dev = await startDev();
    const script = [
      'import json',
      'token, secret = "demo-token", "your_shared_secret"',
      `event = json.loads(${JSON.stringify(SAMPLE_REQUEST)})`,
      recipe('python', dev.origin),
    ].join('\n');
    expect(runCommand('python3', ['-c', script])).toMatchObject({ status: 0, stderr: '' });
    await dev.printed(/^200 appointment\.created evt_123456$/m);
    const wrong = script.replace('your_shared_secret', 'another');
    expect(runCommand('python3', ['-c', wrong]).stderr).toContain('HTTP Error 401');
  });
});

describe('his-webhook dev', () => {
  it('keeps its rows over a restart, and through a kill', async () => {
    const dev = await startDev();
    const event = join(dev.folder, 'event.json');
    writeFileSync(event, SAMPLE_REQUEST);
    const send = (origin: string) =>
      runCommand(process.execPath, ['dist/cli/main.js', 'send', event], {
        env: {
          HIS_URL: `${origin}/his/receive`,
          HIS_TOKEN: 'demo-token',
          HIS_SECRET: 'your_shared_secret',
        },
      });
    expect(send(dev.origin)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^200 \{/) as string,
    });
    await dev.stop('SIGKILL');
    const again = startNode(['dist/cli/main.js', 'dev', '--port', '0', '--db', dev.db]);
    const [, origin] = await again.printed(/Listening on (\S+)/);
    expect(send(origin!)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^200 \(replayed\) \{/) as string,
    });
    expect(appointments(dev.db)).toMatchObject([SAMPLE_ROW]);
  });

  it('answers 500 when its database is taken away, and takes the event once it is back', async () => {
    const dev = await startDev();
    const send = () =>
      fetch(`${dev.origin}/his/receive`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer demo-token' },
        body: SAMPLE_REQUEST,
      });
    const lock = new DatabaseSync(dev.db);
    lock.exec('BEGIN IMMEDIATE');
    const refused = await send();
    expect(refused.status).toBe(500);
    expect(refused.headers.get('retry-after')).toBe('5');
    lock.exec('COMMIT');
    lock.close();
    expect(appointments(dev.db)).toEqual([]);
    expect((await send()).status).toBe(200);
    expect(appointments(dev.db)).toHaveLength(1);
    await dev.printed(/^500 storage_unavailable .* - The database is locked/m);
  });
});

describe('the sample the command line carries', () => {
  it("is the document's", async () => {
    const {
      SAMPLE_EVENT,
      SAMPLE_CURL_BODY: body,
      sampleMapping,
    } = await import('../../src/cli/sample.ts');
    const { SAMPLE_MAPPING } = await import('../support/document.ts');
    expect(SAMPLE_EVENT).toEqual(JSON.parse(SAMPLE_REQUEST));
    expect(body).toBe(SAMPLE_CURL_BODY);
    expect(sampleMapping('1001')).toEqual(JSON.parse(SAMPLE_MAPPING));
  });

  const seed = new URL('../../../shared/seeds/his-webhook.txt', import.meta.url);
  it.skipIf(!existsSync(seed))("is what the user's document prints", () => {
    const document = readFileSync(seed, 'utf8');
    expect(document).toContain(SAMPLE_REQUEST);
    expect(document).toContain(`-d '${SAMPLE_CURL_BODY}'`);
    expect(JSON.stringify(SUCCESS_BODY)).toBe(
      JSON.stringify(
        JSON.parse(/Sample Response \(Success\)\*\*\n(\{[^}]*\})/.exec(document)![1]!),
      ),
    );
  });
});
