/** How large the package is: bundled into an application, and installed. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { ROOT } from '../support/spawn.ts';
import type { Plan } from './plan.ts';

const KB = 1_000;

export async function benchSize(plan: Plan): Promise<void> {
  const group = 'size';
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'dist/index.js')],
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    write: false,
    logLevel: 'error',
  });
  const code = outputFiles[0]!.contents;
  plan.tell({
    group,
    name: "'@buktor/his-webhook', bundled with its dependencies, minified and gzipped",
    unit: 'KB',
    ours: [gzipSync(code, { level: 9 }).length / KB],
    scale: 'KB',
    direction: 'at most',
    bar: 45,
    note: `${(code.length / KB).toFixed(0)} KB before gzip`,
  });

  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-bench-'));
  try {
    // The declarations count too, and the benchmark is built without them.
    if (!plan.brief && !existsSync(join(ROOT, 'dist/index.d.ts'))) npm(['run', 'build'], ROOT);
    npm(['pack', '--ignore-scripts', '--pack-destination', folder], ROOT);
    const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))!;
    const { version } = JSON.parse(
      readFileSync(join(ROOT, 'node_modules/stripe/package.json'), 'utf8'),
    ) as { version: string };
    plan.tell({
      group,
      name: `installed with its dependencies, without peers / stripe ${version} installed`,
      unit: 'KB',
      ours: [installedSize(join(folder, tarball)) / KB],
      baseline: [installedSize(`stripe@${version}`) / KB],
      direction: 'at most',
      bar: 0.2,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Bytes of all files that installing a package brings into an empty project. */
function installedSize(what: string): number {
  const project = mkdtempSync(join(tmpdir(), 'his-webhook-bench-'));
  try {
    writeFileSync(join(project, 'package.json'), '{"private":true}');
    npm(
      ['install', '--omit=dev', '--omit=peer', '--ignore-scripts', '--no-audit', '--no-fund', what],
      project,
    );
    const files = readdirSync(join(project, 'node_modules'), {
      recursive: true,
      withFileTypes: true,
    });
    return files
      .filter((file) => file.isFile() && file.name !== '.package-lock.json')
      .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
  } finally {
    rmSync(project, { recursive: true });
  }
}

function npm(args: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${stdout}${stderr}`);
}
