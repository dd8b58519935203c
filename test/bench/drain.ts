/**
 * Drains an outbox in a process of its own, and tells how long it took until the first event was
 * delivered (milliseconds) and how much memory it held at most (bytes):
 * `node drain.ts FILE URL COUNT CONCURRENCY`.
 */
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import { createSender } from '../../src/sender/sender.ts';

const [path = '', url = '', count = '', concurrency = ''] = process.argv.slice(2);
let left = Number(count);
let start = 0;
let memory = 0;
const look = (): void => {
  memory = Math.max(memory, process.memoryUsage.rss());
};
setInterval(look, 20);

// What the first request of a process costs has nothing to do with the outbox.
await (await fetch(url, { method: 'POST' })).text();

const began = performance.now();
const outbox = sqliteOutbox({ path });
await new Promise<void>((resolve) => {
  createSender({
    url,
    token: 'demo-token',
    secret: 'your_shared_secret',
    outbox,
    concurrency: Number(concurrency),
    onLifecycle: ({ kind }) => {
      if (kind !== 'delivered') return;
      start ||= performance.now() - began;
      if (--left === 0) resolve();
    },
  }).start();
});
look();
console.log(JSON.stringify({ start, memory }));
process.exit();
