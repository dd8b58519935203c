import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem, type as systemType } from 'node:os';
import { Client } from 'pg';
import { missingPostgres, POSTGRES_URL } from '../support/databases.ts';
import { ROOT } from '../support/spawn.ts';

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory: string;
  readonly system: string;
  readonly node: string;
  readonly sqlite: string;
  /** `null` where there is none. */
  readonly postgres: string | null;
  /** Where SQLite's files are. */
  readonly disk: string;
}

export async function describeMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    system: `${systemType()} ${release().split('-')[0] as string}`,
    node: process.version,
    sqlite: process.versions.sqlite ?? 'unknown',
    postgres: missingPostgres === false ? await describePostgres() : null,
    disk: FILE_SYSTEMS.get(statfsSync(tmpdir()).type) ?? 'unknown file system',
  };
}

/** The machine in one line. */
export function describe(machine: Machine): string {
  const { cpu, cores, memory, system, node, sqlite, postgres, disk } = machine;
  return [
    `${cpu}, ${String(cores)} cores, ${memory}`,
    `${system}, files on ${disk}`,
    `Node ${node}, SQLite ${sqlite}`,
    postgres === null ? 'no PostgreSQL' : `PostgreSQL ${postgres}`,
  ].join('; ');
}

const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs, which is memory: SQLite waits for no disk'],
  [0x794c7630, 'overlayfs'],
  [0x1a, 'apfs'],
]);

const SETTINGS = ['server_version', 'fsync', 'synchronous_commit', 'shared_buffers'] as const;

async function describePostgres(): Promise<string> {
  const client = new Client({ connectionString: POSTGRES_URL });
  await client.connect();
  try {
    const values: string[] = [];
    for (const name of SETTINGS) {
      const { rows } = await client.query<Record<string, string>>(`SHOW ${name}`);
      const value = rows[0]![name]!;
      values.push(name === 'server_version' ? value : `${name}=${value}`);
    }
    return values.join(', ');
  } finally {
    await client.end();
  }
}

/** The commit that was measured, and whether code was changed since. */
export function revision(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const isChanged = git('status', '--porcelain', 'src', 'test/bench', 'package-lock.json') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '-dirty' : ''}`;
  } catch {
    return 'unknown';
  }
}
