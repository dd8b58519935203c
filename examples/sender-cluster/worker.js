import { pgBossOutbox } from '@buktor/his-webhook/outboxes/pg-boss';
import { createSender } from '@buktor/his-webhook/sender';
import { PgBoss } from 'pg-boss';

// Any number of these may run, on any number of machines: each event is claimed by one of them at a time.
const {
  DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/postgres',
  BOSS_SCHEMA = 'pgboss',
  HIS_URL = 'http://127.0.0.1:8080/his/receive',
  HIS_TOKEN = 'demo-token',
  HIS_SECRET = 'your_shared_secret',
  WORKER = '1',
} = process.env;

const boss = new PgBoss({ connectionString: DATABASE_URL, schema: BOSS_SCHEMA });
boss.on('error', console.error);
await boss.start();

const sender = createSender({
  url: HIS_URL,
  token: HIS_TOKEN,
  secret: HIS_SECRET,
  outbox: pgBossOutbox({ boss, schema: BOSS_SCHEMA }),
  concurrency: 4,
  pollInterval: 100,
  onLifecycle: (event) => {
    if (event.kind === 'delivered') console.log(`worker ${WORKER} delivered`, event.eventId);
    if (event.kind === 'dead_letter') console.log(`worker ${WORKER} gave up`, event.eventId);
    if (event.kind === 'outbox_failed') console.error(event.error);
    // In earnest somebody is called: nothing is lost, a probe goes out now and then, and once the token or the
    // secret is right, events go out again.
    if (event.kind === 'paused') {
      console.error(
        `worker ${WORKER} is refused whatever it sends:`,
        event.status,
        event.reasonCode,
      );
      // The other worker may have said so first, and nobody listens any more.
      process.send?.('paused', () => undefined);
    }
  },
});
sender.start();

// What is under way is finished, and what is claimed is handed back.
for (const signal of ['disconnect', 'SIGTERM']) {
  process.once(signal, () => {
    void sender.stop().then(() => boss.stop());
  });
}
