import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
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
});
