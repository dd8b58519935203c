import { spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ROOT } from './support/process.ts';

const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);

/** What was warned of: code and message. */
const warnings = () =>
  emitWarning.mock.calls.map(([message, options]) => {
    const { code, type } = options as unknown as { code: string; type: string };
    expect(type).toBe('SecurityWarning');
    return `${code}: ${String(message)}`;
  });
const codes = () => warnings().map((warning) => warning.split(':')[0]);

const SHORT = 'HIS_WEBHOOK_SHORT_SECRET';
const SPACE = 'HIS_WEBHOOK_SECRET_WHITESPACE';
const ENOUGH = 'x'.repeat(32);

const EVENT = {
  event_id: 'evt_1',
  timestamp: '2025-01-08T12:00:00Z',
  type: 'appointment.created',
  data: { his_appointment_id: 'A1' },
} as const;

/** Each test has modules of its own, because a process is warned once. */
async function fresh() {
  vi.resetModules();
  const { generateSignature, verifySignature } = await import('../src/signature.ts');
  const { bearerTokens } = await import('../src/receiver/clients.ts');
  const { createSender } = await import('../src/sender/sender.ts');
  return { generateSignature, verifySignature, bearerTokens, createSender };
}

beforeEach(() => {
  emitWarning.mockClear();
});

describe('a short secret', () => {
  it.each([ENOUGH, Buffer.alloc(32, 1), 'é'.repeat(16)])(
    'is none with 32 bytes, in UTF-8 where it is text: %j',
    async (secret) => {
      const { bearerTokens } = await fresh();
      bearerTokens({ a: { id: '1001', secrets: secret } });
      expect(warnings()).toEqual([]);
    },
  );

  it.each([ENOUGH.slice(1), Buffer.alloc(31, 1), 'é'.repeat(15), 'your_shared_secret'])(
    'is one with fewer, and is used all the same: %j',
    async (secret) => {
      const { bearerTokens } = await fresh();
      const lookUp = bearerTokens({ a: { id: '1001', secrets: { secret } } });
      expect(await lookUp('a')).toMatchObject({ id: '1001' });
      expect(warnings()[0]).toMatch(/shorter than 32 bytes.*his-webhook keygen/);
      expect(codes()).toEqual([SHORT]);
    },
  );

  it('is nothing to warn of in a single call, which configures nothing', async () => {
    const { generateSignature, verifySignature } = await fresh();
    expect(verifySignature('body', generateSignature('body', 'short'), ['short'])).toBe(true);
    expect(warnings()).toEqual([]);
  });

  it('of a client is named by its Client-ID, and never itself', async () => {
    const { bearerTokens } = await fresh();
    const secrets = [{ secret: 'hunter2hunter2', notAfter: '2999-01-01T00:00:00Z' }, ENOUGH];
    bearerTokens({ a: { id: '1001', secrets }, b: { id: '1002', secrets: ENOUGH } });
    bearerTokens({ c: { id: '1001', secrets: 'hunter2' }, d: { id: '1003', secrets: 'hunter2' } });
    expect(warnings()).toEqual([
      expect.stringMatching(/^HIS_WEBHOOK_SHORT_SECRET: A shared secret of client 1001 is shorter/),
      expect.stringMatching(/^HIS_WEBHOOK_SHORT_SECRET: A shared secret of client 1003 is shorter/),
    ]);
    expect(warnings().join()).not.toContain('hunter2');
  });

  it('of a sandbox client is nothing to warn of: it may do without a signature', async () => {
    const { bearerTokens } = await fresh();
    bearerTokens({ a: { id: '1001', secrets: 'short', signature: 'optional' } });
    expect(warnings()).toEqual([]);
  });

  it('of a sender is warned of when it is made, or once it was provided', async () => {
    const { createSender } = await fresh();
    const fetch = () => Promise.resolve(new Response('{}'));
    const settings = { url: 'https://example.org/his/receive', token: 't', fetch };
    const late = createSender({ ...settings, secret: () => 'short' });
    expect(codes()).toEqual([]);
    await late.send(EVENT);
    expect(codes()).toEqual([SHORT]);
    expect(warnings()[0]).toContain('The shared secret of a sender');
    emitWarning.mockClear();
    (await fresh()).createSender({ ...settings, secret: 'short' });
    expect(codes()).toEqual([SHORT]);
  });

  it('of a sender to its own machine is nothing to warn of', async () => {
    const { createSender } = await fresh();
    const url = 'http://127.0.0.1:8080/his/receive';
    const fetch = () => Promise.resolve(new Response('{}'));
    for (const secret of ['short', () => 'short']) {
      await createSender({ url, token: 't', secret, fetch }).send(EVENT);
    }
    expect(warnings()).toEqual([]);
  });

  it('of many clients is warned of a hundred times', async () => {
    const { bearerTokens } = await fresh();
    for (let i = 0; i < 300; i++) bearerTokens({ a: { id: `h${String(i)}`, secrets: 'short' } });
    expect(warnings()).toHaveLength(100);
  });
});

describe('white space at the ends of a secret', () => {
  it.each([
    `${ENOUGH}\n`,
    `${ENOUGH}\r\n`,
    ` ${ENOUGH}`,
    Buffer.from(`${ENOUGH}\n`),
    Buffer.from(`\t${ENOUGH}`),
    Buffer.from(`${ENOUGH}\r`),
    Buffer.from(`\v${ENOUGH}`),
    Buffer.from(`~!${ENOUGH} `),
  ])('is warned of, and counts: %j', async (secret) => {
    const { generateSignature } = await fresh();
    const trimmed = String(secret).trim();
    expect(generateSignature('body', secret)).not.toBe(generateSignature('body', trimmed));
    expect(codes()).toEqual([SPACE]);
  });

  it.each([
    `a ${ENOUGH}`,
    Buffer.from(`a ${ENOUGH}`),
    // A random key may begin or end with any byte.
    Buffer.concat([Buffer.alloc(31, 0xff), Buffer.of(0x0a)]),
    Buffer.concat([Buffer.alloc(31, 0x7f), Buffer.of(0x0a)]),
    Buffer.concat([Buffer.of(0x20, 0x08), Buffer.alloc(30, 0x41)]),
    Buffer.concat([Buffer.alloc(31, 0x41), Buffer.of(0x0e)]),
  ])('is not seen elsewhere, or in bytes that are no text: %j', async (secret) => {
    const { generateSignature } = await fresh();
    generateSignature('body', secret);
    expect(codes()).toEqual([]);
  });

  it('is said to be whose it is, where that is known', async () => {
    const { generateSignature, verifySignature, bearerTokens } = await fresh();
    const spaced = `${ENOUGH}\n`;
    const said = (owner: string) =>
      `${SPACE}: ${owner} begins or ends with white space, which counts. Trim it if that is the line break of a file.`;
    verifySignature('body', 'no signature', spaced);
    expect(warnings()).toEqual([said('A shared secret')]);
    generateSignature('body', spaced);
    expect(warnings()).toEqual([said('A shared secret')]);
    bearerTokens({ a: { id: '1001', secrets: spaced } });
    expect(warnings()).toEqual([said('A shared secret'), said('A shared secret of client 1001')]);
  });

  it('is warned of for a sandbox client too', async () => {
    const { bearerTokens } = await fresh();
    bearerTokens({ a: { id: '1001', secrets: 'short\n', signature: 'optional' } });
    expect(codes()).toEqual([SPACE]);
  });
});

describe('where warnings cannot be emitted', () => {
  it.each([undefined, {}])('a short secret is used in silence: process is %j', async (missing) => {
    const { bearerTokens } = await fresh();
    vi.stubGlobal('process', missing);
    try {
      expect(bearerTokens({ a: { id: '1001', secrets: 'short' } })('a')).toBeDefined();
    } finally {
      vi.unstubAllGlobals();
    }
    expect(warnings()).toEqual([]);
  });
});

describe('the command line', () => {
  it('takes short secrets in silence, and tells of white space', () => {
    const sign = (secret: string) =>
      spawnSync(process.execPath, ['dist/cli/main.js', 'sign', '--secret', secret], {
        cwd: ROOT,
        input: 'body',
        encoding: 'utf8',
      });
    expect(sign('your_shared_secret')).toMatchObject({ status: 0, stderr: '' });
    const spaced = sign('your_shared_secret\n');
    expect(spaced.status).toBe(0);
    expect(spaced.stderr).toContain(SPACE);
    expect(spaced.stderr).not.toContain(SHORT);
  });

  it('of a process that is configured with one says so once on stderr', () => {
    const script = `
      import { bearerTokens } from '@buktor/his-webhook';
      for (const token of ['a', 'b', 'c']) bearerTokens({ [token]: { id: '1001', secrets: 'hunter2' } });`;
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(
      stderr.match(/\[HIS_WEBHOOK_SHORT_SECRET\] SecurityWarning: A shared secret of client 1001/g),
    ).toHaveLength(1);
    expect(stderr).not.toContain('hunter2');
  });
});
