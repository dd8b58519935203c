/**
 * The package as users get it: packed, looked at by publint and attw, installed into an empty
 * project, and imported from ESM, CommonJS and TypeScript under every supported Node.
 * Run by `npm run check:package`, which builds first.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = import.meta.dirname;
const NODES = [20, 22, 24, 26];

let passed = 0;
let failed = 0;

function run(
  command: string,
  args: readonly string[],
  cwd: string,
): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  return { ok: status === 0, output: error?.message ?? stdout + stderr };
}

function check(name: string, { ok, output }: { ok: boolean; output: string }): void {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}`);
  if (!ok) console.log(output);
}

function must(result: { ok: boolean; output: string }): string {
  if (!result.ok) throw new Error(result.output);
  return result.output;
}

const project = mkdtempSync(join(tmpdir(), 'his-webhook-package-'));
try {
  must(run('npm', ['pack', '--ignore-scripts', '--pack-destination', project], ROOT));
  const tarball = join(
    project,
    readdirSync(project).find((file) => file.endsWith('.tgz'))!,
  );
  const bin = (name: string) => join(ROOT, 'node_modules/.bin', name);
  check('publint', run(bin('publint'), ['run', '--strict', tarball], ROOT));
  // The profile leaves out TypeScript's node10, which knows no exports map and so no subpaths.
  check(
    'attw',
    run(
      bin('attw'),
      [
        '--profile',
        'node16',
        '--exclude-entrypoints',
        './schemas/envelope.schema.json',
        './schemas/his-json-mapping.schema.json',
        '--',
        tarball,
      ],
      ROOT,
    ),
  );

  writeFileSync(join(project, 'package.json'), '{"name":"empty","private":true}');
  must(run('npm', ['install', '--no-audit', '--no-fund', tarball], project));
  const installed = join(project, 'node_modules/@buktor/his-webhook');
  const scripts = (
    JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { scripts: object }
  ).scripts;
  check('no install script', {
    ok: !Object.keys(scripts).some((name) => /^(pre|post)?install$|^prepare$/.test(name)),
    output: Object.keys(scripts).join(),
  });

  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const tree = Object.entries(lock.packages);
  check('no install script in what comes along', {
    ok: tree.length > 5 && tree.every(([, { hasInstallScript }]) => hasInstallScript !== true),
    output: tree.map(([place]) => place).join('\n'),
  });

  for (const file of ['use.mjs', 'use.cjs']) copyFileSync(join(HERE, file), join(project, file));
  for (const node of NODES) {
    for (const file of ['use.mjs', 'use.cjs']) {
      check(
        `Node ${String(node)}: ${file}`,
        run('npx', ['--yes', '-p', `node@${String(node)}`, 'node', file, String(node)], project),
      );
    }
    const cli = 'node_modules/@buktor/his-webhook/dist/cli/main.js';
    check(
      `Node ${String(node)}: the command line`,
      run('npx', ['--yes', '-p', `node@${String(node)}`, 'node', cli, 'keygen'], project),
    );
  }

  // TypeScript sees the types of both formats, with the strictest of users.
  mkdirSync(join(project, 'types'));
  for (const file of ['use.mts', 'use.cts'])
    copyFileSync(join(HERE, file), join(project, 'types', file));
  must(
    run(
      'npm',
      [
        'install',
        '--no-audit',
        '--no-fund',
        '@types/node@24',
        '@types/express@5',
        'express@5',
        'fastify@5',
      ],
      project,
    ),
  );
  check(
    'types from ESM and CommonJS',
    run(
      bin('tsc'),
      [
        '--noEmit',
        '--strict',
        '--exactOptionalPropertyTypes',
        '--module',
        'nodenext',
        '--types',
        'node',
        '--target',
        'es2023',
        'types/use.mts',
        'types/use.cts',
      ],
      project,
    ),
  );
} finally {
  rmSync(project, { recursive: true, force: true });
}

console.log(`package: ${String(passed)} passed, ${String(failed)} failed`);
process.exitCode = failed === 0 ? 0 : 1;
