import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server of a test's own. */
export interface OwnServer {
  readonly port: number;
  readonly start: () => void;
  /** At once, as in a crash. */
  readonly stop: () => void;
  /** Stops it, and leaves nothing behind. */
  readonly remove: () => void;
}

const FOLDER = '/usr/lib/postgresql';
const BINARIES = existsSync(FOLDER)
  ? readdirSync(FOLDER).map((version) => join(FOLDER, version, 'bin'))
  : [];
const bin = BINARIES.find((folder) => existsSync(join(folder, 'initdb')));

/** Why tests that stop a PostgreSQL are skipped; under CI a missing one is a failure. */
export const missingCluster: string | false = missing(bin !== undefined, 'no initdb');

/** Why tests behind a PgBouncer are skipped; under CI a missing one is a failure. */
export const missingPgBouncer: string | false = missing(
  spawnSync('pgbouncer', ['--version']).error === undefined,
  'no pgbouncer',
);

function missing(isThere: boolean, what: string): string | false {
  if (isThere) return false;
  if (process.env['CI']) throw new Error(`${what} on this machine`);
  console.warn(`There is ${what} on this machine: its tests are skipped.`);
  return what;
}

/** Neither server runs as root. */
const user = process.getuid?.() === 0 ? userIds('postgres') : undefined;

function userIds(name: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

function run(command: string, args: readonly string[], cwd: string): void {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe', ...user });
  if (result.status !== 0) {
    throw new Error(`${command} failed: ${result.stderr || result.stdout || String(result.error)}`);
  }
}

function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-server-'));
  chmodSync(folder, 0o700);
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  return folder;
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        resolve(true);
        socket.destroy();
      });
      socket.once('error', () => {
        resolve(false);
      });
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody listens on ${String(port)}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A PostgreSQL of its own, running. */
export async function startCluster(): Promise<OwnServer> {
  if (bin === undefined) throw new Error('no initdb');
  const folder = ownFolder();
  const port = await freePort();
  const data = join(folder, 'data');
  const control = (...args: string[]) => {
    run(join(bin, 'pg_ctl'), ['-D', data, '-w', '-l', join(folder, 'log'), ...args], folder);
  };
  run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], folder);
  const start = () => {
    control('-o', `-p ${String(port)} -k ${folder} -h 127.0.0.1`, 'start');
  };
  const stop = () => {
    control('-m', 'immediate', 'stop');
  };
  start();
  return {
    port,
    start,
    stop,
    remove: () => {
      if (existsSync(join(data, 'postmaster.pid'))) stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A PgBouncer in transaction mode before a PostgreSQL. */
export async function startPgBouncer(target: string): Promise<OwnServer> {
  const { hostname, port: targetPort, username, pathname } = new URL(target);
  const folder = ownFolder();
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  const pidFile = join(folder, 'pid');
  writeFileSync(
    config,
    `[databases]
* = host=${hostname} port=${targetPort || '5432'} user=${username} dbname=${pathname.slice(1)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${String(port)}
unix_socket_dir =
auth_type = any
admin_users = ${username}
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits
pidfile = ${pidFile}
logfile = ${join(folder, 'log')}
`,
    { mode: 0o644 },
  );
  const start = () => {
    run('pgbouncer', ['-d', config], folder);
  };
  const stop = () => {
    const pid = spawnSync('cat', [pidFile], { encoding: 'utf8' }).stdout.trim();
    if (pid !== '') process.kill(Number(pid), 'SIGKILL');
  };
  start();
  await answers(port);
  return {
    port,
    start,
    stop,
    remove: () => {
      stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
