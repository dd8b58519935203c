/** All that the receiver does with a body, against verifying and parsing it. */
import {
  parseStrictJson,
  resolveMapping,
  transformFields,
  validateEnvelope,
  verifySignature,
} from '@buktor/his-webhook';
import Stripe from 'stripe';
import { bareReceive } from './baselines/hmac.ts';
import { CLIENT, MAPPINGS, SECRET, type SignedBody, signedEvents } from './events.ts';
import { compare } from './micro.ts';
import type { Plan } from './plan.ts';

/** By size: the most times the floor it may take. */
const SIZES: readonly [name: string, bytes: number][] = [
  ['2.5 KB', 2_500],
  ['25 KB', 25_000],
  ['250 KB', 250_000],
  ['1 MB', 1_000_000],
];

export async function benchPipeline(plan: Plan): Promise<void> {
  const group = 'pipeline';
  const steps = 'verify, gate, parse, validate, resolve, transform';
  const floor = 'bare HMAC and JSON.parse';
  const small = signedEvents(64);
  const baseline = ({ body, signature }: SignedBody): unknown => bareReceive(body, signature);
  await compare(
    { group, name: `${steps} / ${floor}`, bar: 1.6, inputs: small, ours: pipeline, baseline },
    plan,
  );

  const stripe = new Stripe('sk_test_benchmark');
  const timestamp = Math.floor(Date.now() / 1_000);
  await compare(
    {
      group,
      name: `${steps} / stripe constructEvent, which verifies and parses`,
      bar: 0.95,
      inputs: small.map((event) => ({
        ...event,
        header: stripe.webhooks.generateTestHeaderString({
          payload: event.text,
          secret: SECRET,
          timestamp,
        }),
      })),
      ours: pipeline,
      baseline: ({ body, header }) => stripe.webhooks.constructEvent(body, header, SECRET),
    },
    plan,
  );

  for (const [name, bytes] of [['250 B', 0] as const, ...SIZES]) {
    const inputs = bytes === 0 ? small : signedEvents(bytes >= 250_000 ? 4 : 16, bytes);
    const length = inputs[0]!.body.length;
    await compare(
      {
        group,
        name: `all of that, ${name} / ${floor}, ${name}`,
        bar: 2,
        inputs,
        ours: pipeline,
        baseline,
        note: `${length.toLocaleString('en-GB')} bytes an event`,
      },
      plan,
    );
  }
  await compare(
    {
      group,
      name: 'parseStrictJson / JSON.parse of the bytes',
      inputs: small,
      ours: ({ body }) => parseStrictJson(body),
      baseline: ({ body }) => JSON.parse(body.toString()) as unknown,
    },
    plan,
  );
}

function pipeline({ body, signature }: SignedBody): unknown {
  if (!verifySignature(body, signature, SECRET)) throw new Error('signature');
  const parsed = parseStrictJson(body);
  if (!parsed.ok) throw new Error(parsed.reason);
  const result = validateEnvelope(parsed.value);
  if (!result.ok) throw new Error('envelope');
  const mapping = resolveMapping(MAPPINGS, CLIENT, result.event.type);
  if (!mapping) throw new Error('mapping');
  const fields = transformFields(mapping, result.event.data);
  if (!fields.ok) throw new Error('fields');
  return fields;
}
