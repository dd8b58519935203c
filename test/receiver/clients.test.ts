import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import { sha256 } from '../../src/json.ts';
import { bearerTokens, type Client, compileClient } from '../../src/receiver/clients.ts';
import { ROOT } from '../support/process.ts';

/**
 * Makes tokens at run time, so that no source holds them, and looks for them in all strings of the
 * heap. `kept` is there to show that what is kept is found.
 */
const SCRIPT = `
  import { Readable } from 'node:stream';
  import { text } from 'node:stream/consumers';
  import { getHeapSnapshot } from 'node:v8';
  import { bearerTokens } from '@buktor/his-webhook';

  const spell = (name) => [...name, ...'-in-the-clear'].reverse().join('-');
  const secrets = 'a secret of 32 bytes for testing';
  globalThis.kept = { [spell('kept')]: true };
  globalThis.lookUp = bearerTokens({ [spell('first')]: { id: '1', secrets }, [spell('last')]: { id: '2', secrets } });
  for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
  const { strings } = JSON.parse(await text(Readable.from(getHeapSnapshot())));
  const isHeld = (name) => {
    const backwards = [...name, ...'-in-the-clear'].join('-');
    return strings.some((string) => [...string].reverse().join('') === backwards);
  };
  console.log(JSON.stringify({ kept: isHeld('kept'), first: isHeld('first'), last: isHeld('last') }));
  console.log(lookUp(spell('last')).id, lookUp(spell('other')));
`;

describe('bearerTokens', () => {
  it('keeps no token in the clear', () => {
    const argv = ['--expose-gc', '--input-type=module', '--eval', SCRIPT];
    const { stdout, stderr } = spawnSync(process.execPath, argv, { cwd: ROOT, encoding: 'utf8' });
    expect(stderr).toBe('');
    const [held, answers] = stdout.trim().split('\n');
    expect(JSON.parse(held!)).toEqual({ kept: true, first: false, last: false });
    expect(answers).toBe('2 undefined');
  });

  const client: Client = { id: '1001', secrets: 'a secret of 32 bytes for testing' };

  it('finds the client of a token in the clear, and of a digest in either case', () => {
    const other = { ...client, id: '1002' };
    const third = { ...client, id: '1003' };
    const lookUp = bearerTokens({
      'AZaz09-._~+/==': client,
      [`sha256:${sha256('second')}`]: other,
      [`sha256:${sha256('third').toUpperCase()}`]: third,
    });
    expect(lookUp('AZaz09-._~+/==')).toBe(client);
    expect(lookUp('second')).toBe(other);
    expect(lookUp('third')).toBe(third);
    // A digest is no token: who has read the configuration cannot use it.
    for (const token of ['', 'AZaz09-._~+/=', sha256('second'), `sha256:${sha256('second')}`]) {
      expect(lookUp(token)).toBeUndefined();
    }
  });

  it.each<[token: string, said: string]>([
    ['undefined', 'A bearer token is undefined: is its variable set?'],
    ['null', 'A bearer token is null: is its variable set?'],
    ['', 'made of letters, digits'],
    ['=', 'made of letters, digits'],
    ['a b', 'made of letters, digits'],
    ['a\n', 'made of letters, digits'],
    ['a=b', 'made of letters, digits'],
    [' a', 'made of letters, digits'],
    ['\u00e9', 'made of letters, digits'],
    ['x'.repeat(4097), 'made of letters, digits'],
    ['sha256:', '64 hex digits'],
    [`sha256:${'0'.repeat(63)}`, '64 hex digits'],
    [`sha256:${'0'.repeat(65)}`, '64 hex digits'],
    [`sha256:${'0'.repeat(63)}g`, '64 hex digits'],
    [`sha256:${'0'.repeat(64)}\n`, '64 hex digits'],
    // Neither is it a digest, nor could a header carry it.
    [`x-sha256:${'0'.repeat(64)}`, 'made of letters, digits'],
  ])('refuses the token %j, and does not repeat it', (token, said) => {
    expect(() => bearerTokens({ [token]: client })).toThrow(ConfigurationError);
    expect(() => bearerTokens({ [token]: client })).toThrow(said);
  });

  it('takes the longest token, and refuses one that stands there twice, and none', () => {
    expect(bearerTokens({ ['x'.repeat(4096)]: client })('x'.repeat(4096))).toBe(client);
    const twice = { t: client, [`sha256:${sha256('t')}`]: { ...client, id: '2' } };
    expect(() => bearerTokens(twice)).toThrow('A bearer token is listed twice.');
    expect(() => bearerTokens({})).toThrow('bearerTokens needs at least one token.');
  });

  it('checks every client', () => {
    const bad = { ...client, id: 'a b' };
    expect(() => bearerTokens({ t: client, u: bad })).toThrow(ConfigurationError);
  });
});

describe('compileClient', () => {
  const client = { id: '1001', secrets: 'a secret of 32 bytes for testing' };

  it('requires a signature of whoever is not a sandbox client', () => {
    const key = { key: client.secrets, notAfter: Infinity };
    expect(compileClient(client)).toEqual({ id: '1001', secrets: [key], isSandbox: false });
    expect(compileClient({ ...client, signature: 'required' }).isSandbox).toBe(false);
    expect(compileClient({ ...client, signature: undefined as never }).isSandbox).toBe(false);
    expect(compileClient({ ...client, signature: 'optional' }).isSandbox).toBe(true);
  });

  it.each(['Optional', '', 'none', false, true, 0])('refuses the policy %j', (signature) => {
    const make = () => compileClient({ ...client, signature: signature as never });
    expect(make).toThrow("A client's signature policy is 'required' or 'optional'.");
  });

  it.each(['', 'a b', 'a\n', '\u00e9', 'x'.repeat(256), 7, undefined, null, ['1001']])(
    'refuses the id %j',
    (id) => {
      const make = () => compileClient({ ...client, id: id as string });
      expect(make).toThrow(ConfigurationError);
      expect(make).toThrow('A client id must be 1 to 255 visible ASCII characters.');
    },
  );

  it('takes the longest id', () => {
    expect(compileClient({ ...client, id: '~'.repeat(255) }).id).toBe('~'.repeat(255));
  });

  it('checks an object once, and again when something else was put into it', () => {
    const changing: { -readonly [Name in keyof Client]: Client[Name] } = { ...client };
    const first = compileClient(changing);
    expect(compileClient(changing)).toBe(first);
    expect(compileClient({ ...client })).not.toBe(first);

    changing.secrets = 'another secret of 32 bytes, here';
    expect(compileClient(changing).secrets[0]?.key).toBe(changing.secrets);
    changing.id = '1002';
    expect(compileClient(changing).id).toBe('1002');
    changing.signature = 'optional';
    expect(compileClient(changing).isSandbox).toBe(true);
    changing.signature = 'required';
    const last = compileClient(changing);
    expect(last.isSandbox).toBe(false);
    expect(compileClient(changing)).toBe(last);

    changing.secrets = '';
    expect(() => compileClient(changing)).toThrow(ConfigurationError);
  });
});
