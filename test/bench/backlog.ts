/** What a long queue costs: memory while it is drained, and time until the first event leaves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SAMPLE_EVENT } from '../../src/cli/sample.ts';
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import { buildEvent } from '../../src/sender/event.ts';
import { createSender } from '../../src/sender/sender.ts';
import { startProcess } from '../support/spawn.ts';
import type { Plan } from './plan.ts';

/** What draining came to. */
export interface Drained {
  /** Milliseconds until the first event was delivered. */
  readonly start: number;
  /** The most that the process held, in bytes. */
  readonly memory: number;
}

/** A server, and outboxes in files. */
export interface Backlogs {
  /** Makes an outbox with so many events; gives its file. */
  fill(events: number): Promise<string>;
  drain(file: string, count: number, concurrency?: number): Promise<Drained>;
  close(): Promise<void>;
}

/**
 * V8 keeps garbage for as long as it may, and may the longer, the longer a process runs. With a heap of a
 * fixed size it is the same on both sides, and what is left is what is held.
 */
const FIXED_HEAP = ['--max-semi-space-size=4', '--max-old-space-size=64'];

export async function openBacklogs(): Promise<Backlogs> {
  const folder = mkdtempSync(join(tmpdir(), 'his-backlog-'));
  const sink = startProcess(process.execPath, ['test/bench/sink.ts']);
  const [, url = ''] = await sink.printed(/Listening on (http:.*)/);
  let files = 0;
  return {
    async fill(events) {
      const path = join(folder, `${String(++files)}.db`);
      const outbox = sqliteOutbox({ path });
      const sender = createSender({
        url,
        token: 'demo-token',
        secret: 'your_shared_secret',
        outbox,
      });
      for (let n = 0; n < events; n += 500) {
        const page = Array.from({ length: Math.min(500, events - n) }, () =>
          sender.enqueue(buildEvent({ type: 'appointment.created', data: SAMPLE_EVENT.data })),
        );
        await Promise.all(page);
      }
      await outbox.close();
      return path;
    },
    async drain(file, count, concurrency = 16) {
      const args = ['test/bench/drain.ts', file, url, String(count), String(concurrency)];
      const child = startProcess(process.execPath, [...FIXED_HEAP, ...args]);
      const [line] = await child.printed(/^\{.*\}$/m);
      await child.exit;
      return JSON.parse(line) as Drained;
    },
    async close() {
      await sink.stop('SIGKILL');
      rmSync(folder, { recursive: true });
    },
  };
}

/** Measures a short queue and a long one in turns. */
export async function benchBacklog(plan: Plan): Promise<void> {
  const [short, long] = [plan.volume(2_000, 20), plan.volume(200_000, 200)];
  const backlogs = await openBacklogs();
  try {
    const full = await backlogs.fill(long);
    const starts: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
    const rounds = plan.rounds(15);
    for (let round = 0; round < rounds; round++) {
      starts.baseline.push((await backlogs.drain(await backlogs.fill(1), 1, 1)).start);
      starts.ours.push((await backlogs.drain(full, 1, 1)).start);
      plan.progress('starting on a long queue', round + 1, rounds);
    }
    plan.tell({
      group: 'backlog',
      name: `start until the first delivery, ${thousands(long)} queued / this one only`,
      unit: 'ms',
      ...starts,
      direction: 'at most',
      bar: 2,
    });

    const memory: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
    const drains = plan.rounds(3);
    for (let round = 0; round < Math.min(drains, 3); round++) {
      for (const [side, count] of [
        ['baseline', short],
        ['ours', long],
      ] as const) {
        const drained = await backlogs.drain(await backlogs.fill(count), count);
        memory[side].push(drained.memory / 2 ** 20);
      }
      plan.progress('draining a long queue', round + 1, drains);
    }
    plan.tell({
      group: 'backlog',
      name: `memory while draining ${thousands(long)} events / while draining ${thousands(short)}`,
      unit: 'MiB',
      ...memory,
      values: memory.ours.map((most, i) => most - memory.baseline[i]!),
      scale: 'MiB',
      direction: 'at most',
      bar: 30,
      note: 'what is judged is the difference',
    });
  } finally {
    await backlogs.close();
  }
}

const thousands = (count: number): string => count.toLocaleString('en-GB');
