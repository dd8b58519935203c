import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The root of the checkout. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** A folder that goes when the test does. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A process that runs until its test is over. */
export interface Running {
  /** Everything it has printed. */
  output(): string;
  /** Waits until it has printed something, and gives what matched. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Ends it, and gives its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a Node process. */
export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string = ROOT,
): Running {
  return startCommand(process.execPath, args, env, cwd);
}

/** Starts a process. */
export function startCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string = ROOT,
): Running {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
  let output = '';
  let exited = false;
  const listeners = new Set<() => void>();
  const onOutput = (chunk: Buffer): void => {
    output += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', onOutput);
  child.stderr.on('data', onOutput);
  const exit = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      exited = true;
      for (const listener of listeners) listener();
      resolve(code);
    });
  });
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    return exit;
  };
  onTestFinished(async () => {
    if (!exited) await stop('SIGKILL');
  });
  return {
    output: () => output,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(output);
          if (match === null && !exited) return;
          listeners.delete(look);
          if (match === null)
            reject(new Error(`exited without printing ${String(pattern)}:\n${output}`));
          else resolve(match);
        };
        listeners.add(look);
        look();
      }),
    stop,
  };
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
