/**
 * `npm run bench [-- GROUP …] [--rounds N] [--json FILE] [--docs] [--brief] [--keys N] [--only TEXT]`: speed as ratios
 * against baselines that run beside it. It judges nothing by absolute times.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchBacklog } from './backlog.ts';
import { benchBoss } from './boss.ts';
import { benchGrowth } from './growth.ts';
import { benchHttp } from './http.ts';
import { describe, describeMachine, revision } from './machine.ts';
import { benchMapping } from './mapping.ts';
import { benchPipeline } from './pipeline.ts';
import { makePlan, type Plan } from './plan.ts';
import { publish, type Report } from './report/publish.ts';
import { type Group, GROUPS, isGroup } from './row.ts';
import { benchScale } from './scale.ts';
import { benchSender } from './sender.ts';
import { benchSignature } from './signature.ts';
import { benchSize } from './size.ts';
import { benchStart } from './start.ts';
import { benchStores } from './stores.ts';

const BENCHES: Readonly<Record<Group, (plan: Plan) => Promise<void>>> = {
  signature: benchSignature,
  pipeline: benchPipeline,
  mapping: benchMapping,
  http: benchHttp,
  stores: benchStores,
  sender: async (plan) => {
    await benchSender(plan);
    await benchBoss(plan);
  },
  scale: benchScale,
  start: benchStart,
  size: benchSize,
  backlog: benchBacklog,
  growth: benchGrowth,
};

/** What fills queues and tables takes minutes, and is measured by name only. */
const BY_NAME: readonly Group[] = ['backlog', 'growth'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    json: { type: 'string' },
    keys: { type: 'string' },
    only: { type: 'string' },
    brief: { type: 'boolean' },
    docs: { type: 'boolean' },
  },
});
const plan = makePlan({
  brief: values.brief,
  rounds: wholeNumber('rounds', values.rounds),
  keys: wholeNumber('keys', values.keys),
  only: values.only,
});
const groups = groupsOf(positionals, plan);
if (values.docs === true && plan.brief) fail('What ran in brief is nothing to publish.');
const machine = await describeMachine();
console.log(`${describe(machine)}\n`);
for (const group of groups) await BENCHES[group](plan);

const count = (verdict: string): string =>
  String(plan.rows.filter((row) => row.verdict === verdict).length);
console.log(
  plan.brief
    ? `${String(plan.rows.length)} rows ran, and were not judged`
    : `${count('met')} bars met, ${count('missed')} missed, ${count('shown')} rows only shown`,
);
const when = { date: new Date().toISOString().slice(0, 10), revision: revision() };
const report: Report = { machine, rows: plan.rows.map((row) => ({ ...row, ...when })) };
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.docs === true) await publish(report);

/** Those asked for, in their usual order; without a name all that take no minutes, in brief all. */
function groupsOf(names: readonly string[], { brief }: Plan): readonly Group[] {
  const unknown = names.find((name) => !isGroup(name) && name !== 'all');
  if (unknown !== undefined) {
    fail(`There is no group ${unknown}. Groups: ${GROUPS.join(', ')}; or all.`);
  }
  if (names.includes('all') || (names.length === 0 && brief)) return GROUPS;
  return GROUPS.filter((group) =>
    names.length === 0 ? !BY_NAME.includes(group) : names.includes(group),
  );
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text)) fail(`--${name} is a whole number from 1 on, not ${text}.`);
  return Number(text);
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
