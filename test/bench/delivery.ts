/** What is measured of senders has in common. */
import { type Dispatcher, request } from 'undici';
import { SAMPLE_EVENT } from '../../src/cli/sample.ts';
import { serializeEvent } from '../../src/events.ts';
import type { FetchLike } from '../../src/sender/attempt.ts';
import { buildEvent } from '../../src/sender/event.ts';
import type { Outbox } from '../../src/sender/outbox.ts';
import { signRequest } from '../../src/sender/request.ts';
import { createSender } from '../../src/sender/sender.ts';
import { inFlight } from './workload.ts';

/** How many requests are in flight. */
export const CONCURRENCY = 16;
export const CREDENTIALS = { token: 'demo-token', secret: 'your_shared_secret' };

/** Handles some bodies, and says how many a second. */
export type Way = (bodies: readonly string[]) => Promise<number>;

export const makeBody = (): string =>
  serializeEvent(buildEvent({ type: 'appointment.created', data: SAMPLE_EVENT.data }));

/** A bare loop that posts bodies by `undici.request`. */
export const postBy =
  (url: string, dispatcher: Dispatcher): Way =>
  (bodies) =>
    inFlight(
      bodies,
      async (event) => {
        const { method, headers, body } = signRequest({ event, ...CREDENTIALS });
        const answer = await request(url, { method, headers, body, dispatcher });
        await answer.body.text();
      },
      CONCURRENCY,
    );

/** A sender's `fetch`, by `undici.request`. */
export const fetchBy =
  (dispatcher: Dispatcher): FetchLike =>
  async (url, { method, headers, body, signal }) => {
    const answer = await request(url, { method, headers, body, signal, dispatcher });
    return {
      status: answer.statusCode,
      headers: { get: (name) => answer.headers[name]?.toString() ?? null },
      body: answer.body,
    };
  };

/** Queues bodies, and then delivers them. */
export function drain(url: string, outbox: Outbox<unknown>, fetch?: FetchLike): Way {
  let delivered = (): void => undefined;
  const sender = createSender<unknown>({
    url,
    ...CREDENTIALS,
    concurrency: CONCURRENCY,
    outbox,
    ...(fetch && { fetch }),
    onLifecycle: ({ kind }) => {
      if (kind === 'delivered') delivered();
    },
  });
  return async (bodies) => {
    await Promise.all(bodies.map((event) => sender.enqueue(event)));
    let left = bodies.length;
    const start = performance.now();
    await new Promise<void>((resolve) => {
      delivered = () => {
        if (--left === 0) resolve();
      };
      sender.start();
    });
    // Until the outbox knows of the last one.
    await sender.stop();
    return (bodies.length / (performance.now() - start)) * 1_000;
  };
}
