/**
 * Mutation testing: every small change of the code that decides (`groups.ts`) must fail a test.
 *
 * Run by `npm run mutation`, or `npm run mutation -- envelope merge` for some groups only.
 */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';
import { GROUPS, type MutationGroup } from './groups.ts';

type Options = ConstructorParameters<typeof Stryker>[0];
type MutantResult = Awaited<ReturnType<Stryker['runMutationTest']>>[number];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The least share of mutants that tests must notice, in percent. */
const BAR = 90;

async function mutate({ mutate, tests }: MutationGroup): Promise<readonly MutantResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-mutation-'));
  // Public test vectors are read from beside the checkout, and so from beside its copy.
  symlinkSync(join(ROOT, '../shared'), join(folder, 'shared'));
  const options: Options = {
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
    mutate: [...mutate],
    coverageAnalysis: 'perTest',
    concurrency: 2,
    tempDirName: folder,
    cleanTempDir: 'always',
    // A comment on top of each file would make the generated ones differ.
    disableTypeChecks: false,
    // Some tests start processes with what was built.
    ignorePatterns: ['/coverage', '/docs', '/examples', '/.data'],
    reporters: ['json'],
    jsonReporter: { fileName: join(folder, 'report.json') },
    warnings: false,
    logLevel: 'warn' as never,
    allowConsoleColors: false,
  };
  process.env['MUTATION_TESTS'] = tests.join();
  try {
    return await new Stryker(options).runMutationTest();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Score {
  noticed: number;
  all: number;
}

const percent = ({ noticed, all }: Score): number => (100 * noticed) / all;

function show(result: MutantResult): string {
  const { fileName, location, mutatorName, replacement, status } = result;
  const place = `${relative(ROOT, fileName)}:${String(location.start.line)}:${String(location.start.column)}`;
  const text = replacement.replace(/\s+/g, ' ').slice(0, 100);
  return `  ${status} ${place} ${mutatorName}: ${text}`;
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(GROUPS);
const total: Score = { noticed: 0, all: 0 };
for (const name of names) {
  const group = GROUPS[name];
  if (group === undefined) {
    throw new Error(`there is no group ${name}; there are ${Object.keys(GROUPS).join(', ')}`);
  }
  console.log(`\n== ${name}`);
  const scores = new Map<string, Score>();
  for (const result of await mutate(group)) {
    const isNoticed = result.status === 'Killed' || result.status === 'Timeout';
    if (!isNoticed && result.status !== 'Survived' && result.status !== 'NoCoverage') continue;
    const file = relative(ROOT, result.fileName);
    const score = scores.get(file) ?? { noticed: 0, all: 0 };
    scores.set(file, score);
    for (const one of [score, total]) {
      one.all++;
      if (isNoticed) one.noticed++;
    }
    if (!isNoticed) console.log(show(result));
  }
  for (const [file, score] of scores) {
    console.log(
      `${file}: ${percent(score).toFixed(1)} % (${String(score.noticed)} of ${String(score.all)})`,
    );
  }
}
console.log(
  `\nmutation   ${percent(total).toFixed(1)} % of ${String(total.all)} mutants are noticed  ≥ ${String(BAR)} % ${percent(total) >= BAR ? 'met' : 'MISSED'}`,
);
if (!(percent(total) >= BAR)) process.exitCode = 1;
