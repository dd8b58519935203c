import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ROOT, type Running, startProcess } from './spawn.ts';

export { ROOT, type Running };

/** A folder that goes when the test does. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Starts a Node process that runs until its test is over. */
export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string = ROOT,
): Running {
  return startCommand(process.execPath, args, env, cwd);
}

/** Starts a process that runs until its test is over. */
export function startCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string = ROOT,
): Running {
  const running = startProcess(command, args, env, cwd);
  onTestFinished(async () => {
    await running.stop('SIGKILL');
  });
  return running;
}

/** Runs a command to its end. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { input?: string | Uint8Array; env?: Record<string, string>; cwd?: string } = {},
): { status: number | null; stdout: string; stderr: string } {
  const { input, env, cwd = ROOT } = options;
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    ...(input === undefined ? {} : { input }),
  });
  if (result.error !== undefined) throw result.error;
  return result;
}

/** Why a test that needs a command is skipped; under CI a missing one is a failure. */
export function missingCommand(...commands: string[]): string | false {
  for (const command of commands) {
    if (spawnSync(command, ['--version']).error === undefined) continue;
    if (process.env['CI']) throw new Error(`${command} is missing`);
    return `no ${command} on this machine`;
  }
  return false;
}
