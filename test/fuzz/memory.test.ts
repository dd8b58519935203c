import { expect, it } from 'vitest';
import { runCommand } from '../support/process.ts';

it('holds on to nothing over 100,000 requests', { timeout: 120_000 }, () => {
  const { status, stdout, stderr } = runCommand(process.execPath, [
    '--expose-gc',
    'test/fuzz/memory.ts',
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const used = [...stdout.matchAll(/^\d+ requests: (\d+) KiB$/gm)].map(([, kib]) => Number(kib));
  expect(used).toHaveLength(5);
  // 80,000 requests lie between: were one entry of a map kept of every eighth, it would be a MiB.
  expect(used.at(-1)! - used[0]!).toBeLessThan(400);
});
