import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ROOT } from '../support/spawn.ts';

/** Nanoseconds of processor time a `process.nextTick` takes after full collections that found none. */
async function timeOfTick(first: string): Promise<number> {
  const code = `${first}
    const spin = (count) => new Promise((resolve) => {
      const next = (left) => (left > 0 ? process.nextTick(next, left - 1) : resolve());
      next(count);
    });
    await spin(50);
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      gc();
    }
    await spin(100_000);
    const before = process.cpuUsage();
    await spin(500_000);
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 500);`;
  const args = ['--expose-gc', '--input-type=module', '--eval', code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  return Number(stdout);
}

// Once V8 remembers by itself, node.ts need not.
it('keeps the shape of ticks, which V8 would forget at a full collection', async () => {
  const without = await timeOfTick('');
  const withAdapter = await timeOfTick(`await import('./src/receiver/node.ts');`);
  expect(without / withAdapter).toBeGreaterThan(2);
});
