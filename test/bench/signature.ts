/** `verifySignature` against the least that verifies, and against the libraries of others. */
import { verify } from '@octokit/webhooks-methods';
import { verifySignature } from '@buktor/his-webhook';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { bareVerify } from './baselines/hmac.ts';
import { SECRET, type SignedBody, signedEvents } from './events.ts';
import { compare } from './micro.ts';
import type { Plan } from './plan.ts';

/** A body, and the headers that two libraries of one family want with it. */
interface Enveloped extends SignedBody {
  readonly headers: Readonly<Record<string, string>>;
}

export async function benchSignature(plan: Plan): Promise<void> {
  const group = 'signature';
  const events = signedEvents(64);
  const ours = ({ body, signature }: SignedBody): boolean =>
    must(verifySignature(body, signature, SECRET));
  await compare(
    {
      group,
      name: 'verifySignature / bare createHmac and timingSafeEqual',
      bar: 1.15,
      inputs: events,
      ours,
      baseline: ({ body, signature }) => must(bareVerify(body, signature)),
    },
    plan,
  );
  await compare(
    {
      group,
      name: 'verifySignature / @octokit/webhooks-methods verify',
      bar: 1.05,
      inputs: events.map((event) => ({ ...event, prefixed: `sha256=${event.signature}` })),
      ours,
      baseline: async ({ text, prefixed }) => must(await verify(SECRET, text, prefixed)),
      note: 'theirs gets the body as a string that is there already',
    },
    plan,
  );

  const whsec = `whsec_${Buffer.from(SECRET).toString('base64')}`;
  const standard = new StandardWebhook(whsec);
  const svix = new SvixWebhook(whsec);
  const enveloped = events.map((event, n): Enveloped => {
    const id = `msg_${String(n)}`;
    const now = new Date();
    return {
      ...event,
      headers: {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': standard.sign(id, now, event.text),
      },
    };
  });
  for (const [name, verify] of [
    [
      'standardwebhooks verify',
      ({ text, headers }: Enveloped) => standard.verify(text, headers, { jsonParse: false }),
    ],
    [
      'svix verify',
      ({ text, headers }: Enveloped) => {
        svix.verify(text, headers);
      },
    ],
  ] as const) {
    await compare(
      {
        group,
        name: `verifySignature / ${name}`,
        bar: 0.4,
        inputs: enveloped,
        ours,
        baseline: (event) => {
          // It throws where the signature does not hold.
          verify(event);
          return true;
        },
        note: 'neither side parses',
      },
      plan,
    );
  }
}

function must(isValid: boolean): true {
  if (!isValid) throw new Error('the signature does not hold');
  return true;
}
