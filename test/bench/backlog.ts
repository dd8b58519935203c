/** What a long queue costs: memory while it is drained, and time until the first event leaves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SAMPLE_EVENT } from '../../src/cli/sample.ts';
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import { buildEvent } from '../../src/sender/event.ts';
import { createSender } from '../../src/sender/sender.ts';
import { startProcess } from '../support/spawn.ts';
import { quantile } from './workload.ts';

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

/** One row of the benchmark: lower is better. */
export interface BacklogResult {
  readonly group: 'backlog';
  readonly name: string;
  readonly bar: number;
  readonly median: number;
}

const SHORT = 2_000;
const LONG = 200_000;

/** Measures it; prints as it goes. */
export async function benchBacklog(rounds: number): Promise<BacklogResult[]> {
  const backlogs = await openBacklogs();
  const results: BacklogResult[] = [];
  const tell = (name: string, median: number, bar: number, unit: string): void => {
    results.push({ group: 'backlog', name, bar, median });
    const verdict = `≤ ${String(bar)} ${median <= bar ? 'met' : 'MISSED'}`;
    console.log(`backlog    ${name}\n           ${median.toFixed(2)} ${unit}  ${verdict}\n`);
  };
  try {
    const long = await backlogs.fill(LONG);
    const starts: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const short = await backlogs.fill(1);
      const [empty, full] = [await backlogs.drain(short, 1, 1), await backlogs.drain(long, 1, 1)];
      starts.push(full.start / empty.start);
    }
    const start = quantile(starts);
    tell('start until the first delivery: 200,000 queued / this one only', start, 2, '×');

    const differences: number[] = [];
    for (let round = 0; round < 3; round++) {
      const short = await backlogs.drain(await backlogs.fill(SHORT), SHORT);
      const { memory } = await backlogs.drain(await backlogs.fill(LONG), LONG);
      differences.push((memory - short.memory) / 2 ** 20);
    }
    tell('memory while draining 200,000, above that with 2,000', quantile(differences), 30, 'MiB');
    return results;
  } finally {
    await backlogs.close();
  }
}
