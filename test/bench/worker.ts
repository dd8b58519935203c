/** Processes of the benchmark's own that are asked something and answer. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ROOT } from '../support/spawn.ts';

/** A process that answers one question at a time. */
export interface Worker<Question, Answer> {
  readonly pid: number;
  ask(question: Question): Promise<Answer>;
  /** Ends it. */
  stop(): Promise<void>;
}

type Reply<Answer> =
  { readonly ok: true; readonly answer: Answer } | { readonly ok: false; readonly error: string };

/** Starts a file of this folder as a process of its own. */
export function startWorker<Question extends object, Answer>(
  file: string,
  args: readonly string[] = [],
): Worker<Question, Answer> {
  const child = fork(join(import.meta.dirname, file), args, {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'production' },
    // Not what this process was started with, --expose-gc for one.
    execArgv: [],
  });
  let failed = (_: Error): void => undefined;
  let isOver = false;
  const exit = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      isOver = true;
      failed(new Error(`${file} ended: ${String(code ?? signal)}`));
      resolve();
    });
  });
  // Whatever ends this process ends that one too.
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  return {
    pid: child.pid!,
    ask: (question) =>
      new Promise((resolve, reject) => {
        if (isOver) throw new Error(`${file} has ended`);
        failed = reject;
        child.once('message', (reply: Reply<Answer>) => {
          if (reply.ok) resolve(reply.answer);
          else reject(new Error(`${file}: ${reply.error}`));
        });
        child.send(question);
      }),
    async stop() {
      failed = () => undefined;
      child.kill('SIGKILL');
      process.off('exit', kill);
      await exit;
    },
  };
}

/** In such a process: answers questions until nobody is left to ask. */
export function answer(work: (question: never) => Promise<unknown>): void {
  process.on('message', (question) => {
    work(question as never).then(
      (answer) => process.send!({ ok: true, answer }),
      (error: unknown) => process.send!({ ok: false, error: inspect(error) }),
    );
  });
  process.once('disconnect', () => process.exit());
}
