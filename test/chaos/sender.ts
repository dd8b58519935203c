/**
 * A hospital's system that is killed: a process of its own that writes its rows and enqueues their
 * events in one transaction, and delivers them. It goes on where it was killed.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSender } from '../../src/sender/sender.ts';
import { openQueue } from './queues.ts';

const {
  CHAOS_URL = '',
  CHAOS_TOKEN = '',
  CHAOS_SECRET = '',
  CHAOS_EVENTS = '',
  CHAOS_MUTANT = '',
} = process.env;

const bodies = readFileSync(CHAOS_EVENTS, 'utf8').split('\n').filter(Boolean);
const queue = await openQueue();
const { outbox } = queue;
if (CHAOS_MUTANT === 'early-settle') {
  const claim = outbox.claim.bind(outbox);
  outbox.claim = async (options) => {
    const claimed = await claim(options);
    const delivered = claimed.map((event) => ({ claimed: event, outcome: 'delivered' }) as const);
    await outbox.settle(delivered, options);
    return claimed;
  };
}
const sender = createSender({
  url: CHAOS_URL,
  token: CHAOS_TOKEN,
  secret: CHAOS_SECRET,
  outbox,
  timeout: 1_000,
  pollInterval: 50,
  retry: { initialDelay: 20, maxDelay: 500 },
  probe: { initialDelay: 20, maxDelay: 200 },
  onLifecycle: (event) => {
    // What is dead or paused here is a fault of the library's.
    if (event.kind === 'dead_letter' || event.kind === 'paused') console.log(JSON.stringify(event));
  },
});
sender.start();

for (let n = await queue.written(); n < bodies.length; n++) {
  const isGhost = (JSON.parse(bodies[n]!) as { event_id: string }).event_id.startsWith('ghost');
  await queue.write(n, !isGhost, (transaction) =>
    sender.enqueue(bodies[n]!, CHAOS_MUTANT === 'apart' ? {} : { transaction }),
  );
  // A system that only writes would never be killed between two deliveries.
  if (n % 20 === 0) await sleep(5);
}
console.log('Written');
for (let counts = await sender.count(); counts.queued > 0; counts = await sender.count()) {
  await sleep(20);
}
await sender.stop();
console.log(`Drained ${JSON.stringify(await sender.count())}`);
await queue.close();
