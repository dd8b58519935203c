import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** A process that was started. */
export interface Running {
  /** Everything it has printed. */
  output(): string;
  /** Waits until it has printed something, and gives what matched. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Its exit code, once it has ended; `null` where a signal ended it. */
  readonly exit: Promise<number | null>;
  /** Ends it, and gives its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a process; whoever calls ends it. */
export function startProcess(
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
  // Whatever ends this process, a test that ran out of time for instance, ends that one too.
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  const exit = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      exited = true;
      process.off('exit', kill);
      for (const listener of listeners) listener();
      resolve(code);
    });
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
    exit,
    stop: (signal = 'SIGTERM') => {
      if (!exited) child.kill(signal);
      return exit;
    },
  };
}
