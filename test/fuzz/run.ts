/**
 * Fuzzing with coverage guidance, on this package's own code.
 *
 * npm run fuzz -- --seconds 600 --target json --seed 7
 *
 * Without a target, all of them share the time. What is learnt is kept in the corpus folder (--corpus), and
 * a finding is shrunk and written to a file there. The same seed and corpus give the same inputs, up to
 * --runs. An input may take --limit milliseconds; --planted takes targets of another file.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { cover } from './coverage.ts';
import { fuzz, type Target } from './loop.ts';
import { watch } from './watchdog.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '300' },
    runs: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    corpus: { type: 'string', default: join(tmpdir(), 'his-webhook-fuzz') },
    limit: { type: 'string', default: '10000' },
    planted: { type: 'string' },
  },
});

/** Loaded after the counters are in place. */
async function load(url: string): Promise<readonly Target[]> {
  cover(url);
  return ((await import(url)) as { TARGETS: readonly Target[] }).TARGETS;
}

const all = await (values.planted === undefined
  ? import('./targets.ts').then(({ TARGETS }) => TARGETS)
  : load(pathToFileURL(values.planted).href));
const targets = all.filter(({ name }) => values.target === undefined || name === values.target);
if (targets.length === 0) {
  throw new Error(`--target is one of ${all.map(({ name }) => name).join(', ')}`);
}
const seed = Number(values.seed);
const bounds = {
  milliseconds: (Number(values.seconds) * 1_000) / targets.length,
  runs: Number(values.runs),
};

function save(folder: string, input: Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(file, input);
  return file;
}

function saved(folder: string): readonly Uint8Array[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file)));
}

console.log(`seed ${String(seed)}, corpus in ${values.corpus}`);
for (const target of targets) {
  const folder = join(values.corpus, target.name);
  const findings = join(values.corpus, 'findings', target.name);
  const dog = watch(findings, Number(values.limit));
  const { runs, covered, branches, corpus, finding } = await fuzz(
    target,
    [...target.seeds, ...saved(folder)],
    seed,
    bounds,
    dog.begin,
    (input) => save(folder, input),
  );
  await dog.end();
  console.log(
    `fuzz       ${target.name}: ${String(runs)} runs, ${String(covered)} of ${String(branches)} branches, ${String(corpus.length)} inputs kept`,
  );
  if (finding === undefined) continue;
  const file = save(findings, finding.input);
  console.log(`FOUND in ${target.name}: ${finding.error.stack ?? finding.error.message}`);
  console.log(
    `input: ${JSON.stringify(Buffer.from(finding.input).toString('latin1'))}\nin ${file}`,
  );
  process.exitCode = 1;
}
