import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSchema } from '../support/databases.ts';
import type { ServeAnswer, ServeQuestion } from './serve.ts';
import type { Stored } from './served.ts';
import type { ServerKind } from './servers.ts';
import { startWorker } from './worker.ts';

/** A server under test. */
export interface UnderTest {
  readonly kind: ServerKind;
  readonly pid: number;
  readonly port: number;
  stored(): Promise<Stored | null>;
  /** Ends it, and nothing of it is left. */
  stop(): Promise<void>;
}

/** Starts a server, on a database of its own where it needs one. */
export async function serve(kind: ServerKind): Promise<UnderTest> {
  const { place, remove } = await makePlace(kind);
  return serveAt(kind, place, remove);
}

/** Starts a server on a database that is there. */
export async function serveAt(
  kind: ServerKind,
  place: string,
  remove: () => Promise<void> = () => Promise.resolve(),
): Promise<UnderTest> {
  const worker = startWorker<ServeQuestion, ServeAnswer>('serve.ts', [kind, place]);
  return {
    kind,
    pid: worker.pid,
    port: (await worker.ask({ what: 'port' })) as number,
    stored: async () => (await worker.ask({ what: 'stored' })) as Stored | null,
    async stop() {
      await worker.stop();
      await remove();
    },
  };
}

async function makePlace(
  kind: ServerKind,
): Promise<{ readonly place: string; readonly remove: () => Promise<void> }> {
  if (kind.endsWith('-postgres')) {
    const schema = await createSchema('his_bench');
    return { place: schema.connectionString, remove: schema.drop };
  }
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-bench-'));
  return {
    place: join(folder, 'bench.db'),
    remove() {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}
