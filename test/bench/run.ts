/**
 * `npm run bench [-- GROUP …] [--rounds N] [--json FILE] [--keys N]`: speed as ratios against baselines
 * that run beside it. It judges nothing by absolute times.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  compileMappings,
  generateSignature,
  parseStrictJson,
  resolveMapping,
  transformFields,
  validateEnvelope,
  verifySignature,
} from '@buktor/his-webhook';
import { SAMPLE_EVENT, sampleMapping } from '../../src/cli/sample.ts';
import { compare, type Row } from './compare.ts';
import { benchBacklog } from './backlog.ts';
import { benchGrowth } from './growth.ts';
import { benchMapping } from './mapping.ts';
import { benchSender } from './sender.ts';
import { benchStores } from './stores.ts';

const SECRET = 'a shared secret of thirty-two by';

const body = Buffer.from(
  JSON.stringify({ ...SAMPLE_EVENT, event_id: 'evt_0193a1b2c3d47e8f9a0b1c2d3e4f5a6b' }),
);
const signature = generateSignature(body, SECRET);
const mappings = compileMappings(sampleMapping('1001'));

function bareVerify(): boolean {
  const expected = createHmac('sha256', SECRET).update(body).digest();
  return timingSafeEqual(expected, Buffer.from(signature, 'hex'));
}

function pipeline(): unknown {
  if (!verifySignature(body, signature, SECRET)) throw new Error('signature');
  const parsed = parseStrictJson(body);
  if (!parsed.ok) throw new Error(parsed.reason);
  const result = validateEnvelope(parsed.value);
  if (!result.ok) throw new Error('envelope');
  const mapping = resolveMapping(mappings, '1001', result.event.type);
  if (!mapping) throw new Error('mapping');
  return transformFields(mapping, result.event.data);
}

const ROWS: readonly Row[] = [
  {
    group: 'signature',
    name: 'verifySignature / bare createHmac and timingSafeEqual',
    bar: 1.15,
    ours: () => verifySignature(body, signature, SECRET),
    baseline: bareVerify,
  },
  {
    group: 'pipeline',
    name: 'verify, parse, validate, resolve, transform / bare HMAC and JSON.parse',
    bar: 1.6,
    ours: pipeline,
    baseline: () => bareVerify() && (JSON.parse(body.toString()) as unknown),
  },
  {
    group: 'pipeline',
    name: 'parseStrictJson / JSON.parse of the bytes',
    ours: () => parseStrictJson(body),
    baseline: () => JSON.parse(body.toString()) as unknown,
  },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    json: { type: 'string' },
    keys: { type: 'string' },
  },
});
const GROUPS = ['signature', 'pipeline', 'mapping', 'stores', 'sender', 'backlog', 'growth'];
const unknown = positionals.find((group) => !GROUPS.includes(group));
if (unknown !== undefined) {
  throw new Error(`no group ${unknown}; there are ${GROUPS.join(', ')}`);
}
// What fills queues and tables takes minutes, and is measured by name only.
const wanted = positionals.length === 0 ? GROUPS.slice(0, -2) : positionals;
const results: unknown[] = [];

const rows = ROWS.filter(({ group }) => wanted.includes(group));
if (rows.length > 0) {
  const rounds = Number(values.rounds ?? 41);
  console.log(
    `${String(body.length)} bytes an event; ratio: median of ${String(rounds)} rounds (10 % – 90 %)\n`,
  );
  for (const row of rows) {
    const result = compare(row, rounds);
    const { group, name, bar, median, low, high, nanoseconds } = result;
    const verdict =
      bar === undefined ? '' : median <= bar ? `≤ ${String(bar)} met` : `≤ ${String(bar)} MISSED`;
    console.log(`${group.padEnd(10)} ${name}`);
    console.log(
      `           ${median.toFixed(2)} × (${low.toFixed(2)} – ${high.toFixed(2)})  ${(nanoseconds / 1000).toFixed(2)} µs  ${verdict}\n`,
    );
    results.push(result);
  }
}
if (wanted.includes('mapping')) results.push(...(await benchMapping(Number(values.rounds ?? 31))));
if (wanted.includes('stores')) results.push(...(await benchStores(Number(values.rounds ?? 15))));
if (wanted.includes('sender')) results.push(...(await benchSender(Number(values.rounds ?? 15))));
if (wanted.includes('backlog')) {
  results.push(...(await benchBacklog(Number(values.rounds ?? 15))));
}
if (wanted.includes('growth')) {
  const keys = values.keys === undefined ? undefined : Number(values.keys);
  results.push(...(await benchGrowth(Number(values.rounds ?? 300), keys)));
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
