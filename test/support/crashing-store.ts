/**
 * A composed store that never comes to complete an event: it says when it has written the row, and
 * waits until it is killed. Arguments: URL of Redis, prefix, lease.
 */
import { Redis } from 'ioredis';
import { composeStores } from '../../src/stores/compose.ts';
import { memoryPersistence, memoryStore } from '../../src/stores/memory.ts';
import { redisIdempotency } from '../../src/stores/redis.ts';
import { APPOINTMENT, changeOf } from '../../src/testing/changes.ts';

const [url, prefix, lease] = process.argv.slice(2) as [string, string, string];
const store = composeStores({
  idempotency: redisIdempotency({ client: new Redis(url), prefix }),
  persistence: memoryPersistence(),
  inbox: {
    ...memoryStore(),
    record() {
      console.log('applied, not completed');
      return new Promise(() => undefined);
    },
  },
  lease: Number(lease),
});
await store.prepare([APPOINTMENT]);
await store.commit([changeOf({ id: 'e1', values: { status: 'x' } })]);
