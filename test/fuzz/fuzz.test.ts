import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand, scratchFolder } from '../support/process.ts';

function runFuzz(folder: string, ...args: readonly string[]) {
  return runCommand(process.execPath, ['test/fuzz/run.ts', '--corpus', folder, ...args]);
}

/** Bugs that bytes at random would not find in years: each step towards them must be noticed. */
const PLANTED = `
const kept: string[] = [];
export const TARGETS = [
  {
    name: 'throws',
    seeds: [Buffer.from('{"name":"Alice","room":7}')],
    check: (input: Uint8Array): void => {
      const text = Buffer.from(input).toString('latin1');
      if (text[0] === '{') if (text[1] === 'Q') if (text[2] === 'z') if (text[3] === '#') {
        throw new Error('planted ' + String(text.length));
      }
    },
  },
  {
    name: 'loops',
    seeds: [Buffer.from('{}')],
    check: (input: Uint8Array): void => {
      for (let i = 0; input[0] === 0x7b && input[1] === 0x5b; i++) kept[i % 8] = String(i);
    },
  },
];
`;

describe('npm run fuzz', () => {
  it('finds nothing in a few seconds, and remembers what led it further', () => {
    const folder = scratchFolder();
    const { status, stdout, stderr } = runFuzz(folder, '--seconds', '5');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^seed \d+, corpus in /);
    expect(stdout).not.toContain('FOUND');
    expect(status, stdout).toBe(0);
    for (const name of ['json', 'receiver', 'mapping', 'timestamp', 'headers']) {
      const [, runs, covered] = new RegExp(`${name}: (\\d+) runs, (\\d+) of`).exec(stdout)!;
      expect(Number(runs)).toBeGreaterThan(10);
      expect(Number(covered)).toBeGreaterThan(20);
    }
    expect(readdirSync(join(folder, 'json')).length).toBeGreaterThan(0);
  });

  it('gives the same runs for the same seed', () => {
    const run = () => {
      const args = ['--target', 'json', '--runs', '400', '--seed', '7'];
      return runFuzz(scratchFolder(), ...args).stdout.replace(/corpus in .*/, '');
    };
    expect(run()).toBe(run());
  });

  it('finds a bug behind four steps, makes it small and writes it down', () => {
    const folder = scratchFolder();
    const planted = join(folder, 'planted.ts');
    writeFileSync(planted, PLANTED);
    const args = ['--planted', planted, '--target', 'throws', '--seed', '1'];
    const { status, stdout } = runFuzz(folder, ...args, '--seconds', '60');
    expect(status).toBe(1);
    expect(stdout).toContain('FOUND in throws: Error: planted 4');
    const findings = join(folder, 'findings', 'throws');
    expect(readdirSync(findings)).toHaveLength(1);
    expect(readFileSync(join(findings, readdirSync(findings)[0]!), 'latin1')).toBe('{Qz#');
  });

  it('ends an input that hangs, and writes it down', () => {
    const folder = scratchFolder();
    const planted = join(folder, 'planted.ts');
    writeFileSync(planted, PLANTED);
    const args = ['--planted', planted, '--target', 'loops', '--seed', '1', '--limit', '500'];
    const { status, stdout } = runFuzz(folder, ...args, '--seconds', '60');
    expect(status).not.toBe(0);
    expect(stdout).toContain('FOUND an input that takes longer than 500 ms');
    expect(readFileSync(join(folder, 'findings', 'loops', 'hang'), 'latin1')).toMatch(/^\{\[/);
  });
});
