import { type Group, numeral } from '../row.ts';
import type { DatedRow, Report } from './publish.ts';

/** What nobody measured here: a country's hospitals, and how full machines are run. */
const ASSUMED = {
  hospitals: 10_000,
  eventsADay: 50_000_000,
  /** The busiest second over the mean one. */
  peak: 20,
  /** Of an event as it is sent. */
  bodyBytes: 1_000,
  bodyDays: 30,
  keyDays: 90,
  /** How much of its processors a service uses at its peak. */
  utilisation: 0.5,
  /** Of the Buktor row an event writes; hospitals update rows many times. */
  updatesPerRow: 5,
  rowBytes: 500,
  busyHour: 3,
  /** Milliseconds. */
  flush: 2,
  roundTrip: 50,
  smallBatch: 10,
} as const;

const DAY = 86_400;
const STAGES = [1, 100, 1_000, 10_000];

/** The page about growing, with every figure taken from a row or from an assumption. */
export function scalingPage({ rows }: Report): string {
  const row = finder(rows);
  const { cite, list } = references();
  const [cpuName, single] = ['2 receivers with 64 connections each', '1 receiver with 64'];
  const receiverCpu = row('scale', `CPU of the receivers an event, ${cpuName}`);
  const postgresCpu = row('scale', `CPU of Postgres an event, ${cpuName}`);
  const scaling = row('scale', `CPU an event, ${cpuName}`);
  const halved = row('scale', 'CPU an event, 2 receivers with 32 connections each');
  const sqlite = row('http', 'Fastify adapter, sqliteStore /');
  const postgres = row('http', 'Fastify adapter, postgresStore /');
  const duplicates = row('http', 'postgresStore, duplicates only');
  const key = row('growth', 'Postgres, an event without its body');
  const growth = row('growth', 'Postgres, commit among');
  const clients = row('mapping', 'loading');
  const lookUp = row('mapping', 'look-up among');
  const outbox = row('sender', 'sqliteOutbox by undici.request');
  const boss = row('sender', 'pgBossOutbox by undici.request');
  const start = row('backlog', 'start until the first delivery');
  const memory = row('backlog', 'memory while draining');

  const receiver = receiverCpu.baseline!;
  const database = postgresCpu.baseline!;
  const { eventsADay, hospitals, peak, utilisation, bodyBytes, bodyDays, keyDays } = ASSUMED;
  const perHospital = eventsADay / hospitals;
  const peakOf = (share: number): number => (share * perHospital * peak) / DAY;
  const coresFor = (microseconds: number, speed: number): number =>
    (microseconds * speed) / 1e6 / utilisation;
  const national = peakOf(hospitals);
  const receivers = Math.ceil(coresFor(receiver, national));
  const bodies = eventsADay * bodyDays * bodyBytes;
  const keys = (days: number): number => eventsADay * days * key.ours;
  const tables = (eventsADay / ASSUMED.updatesPerRow) * 365 * ASSUMED.rowBytes;
  const isReceiverFirst = receiver >= database;

  const stages = STAGES.map((count) => {
    const speed = peakOf(count);
    return [
      numeral(count),
      numeral(count * perHospital),
      numeral((count * perHospital) / DAY),
      numeral(speed),
      cores(coresFor(receiver, speed)),
      cores(coresFor(database, speed)),
      bytes(count * perHospital * (bodyDays * bodyBytes + keyDays * key.ours)),
    ];
  });

  return `# From one hospital to a country

<!-- Made by \`npm run bench:docs\` of benchmarks.json. Do not edit. -->

How many receivers, how much Postgres, and what gives way first. Every figure here is an **assumption** of the
first table, a **row** of [the benchmarks](benchmarks.md) (M1, M2 …, listed [at the end](#what-was-measured)), or arithmetic on the two. The rows
were measured on one small machine: measure yours (\`npm run bench -- scale growth\`), and the arithmetic stays.

## What is assumed

| Assumption | |
| --- | ---: |
| Hospitals | ${numeral(hospitals)} |
| Events a day, all hospitals | ${numeral(eventsADay)} |
| Events a day, one hospital | ${numeral(perHospital)} |
| The busiest second, over the mean one | ${numeral(peak)} × |
| An event's body | ${numeral(bodyBytes)} bytes |
| Bodies are kept (\`bodyRetention\`) | ${numeral(bodyDays)} days |
| Keys are kept (\`prune\`) | ${numeral(keyDays)} days |
| Processors are busy at the peak | ${numeral(100 * utilisation)} % |
| Events about one row | ${numeral(ASSUMED.updatesPerRow)} |
| A row of Buktor's tables, indexes included | ${numeral(ASSUMED.rowBytes)} bytes |
| A busy hour, over the mean one | ${numeral(ASSUMED.busyHour)} × |
| A flush of a network disk | ${numeral(ASSUMED.flush)} ms |
| A round trip from a hospital to the receiver | ${numeral(ASSUMED.roundTrip)} ms |
| Events a commit, where receivers have little to do | ${numeral(ASSUMED.smallBatch)} |

So a country is ${numeral(eventsADay / DAY)} events a second in the mean, and **${numeral(national)} at its peak**. One
hospital is ${numeral(perHospital / DAY)}, and ${numeral(peakOf(1))} at its peak.

## The steps

| Hospitals | Events a day | a second | at the peak | Cores for receivers | Cores for Postgres | Inbox |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${stages.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}

- **One hospital, or a hundred**: one process on \`sqliteStore\` took ${numeral(sqlite.ours)} events a second
  (${cite(sqlite)}), ${numeral(sqlite.ours / peakOf(100))} times the peak of a hundred hospitals. What speaks for
  Postgres then is not speed but a second machine.
- **A thousand**: two receivers on one Postgres, the second so that one may fail or be updated. One receiver took
  ${numeral(postgres.ours)} events a second where Postgres and the load generator ran beside it
  (${cite(postgres)}); a thousand hospitals peak at ${numeral(peakOf(1_000))}.
- **A country**: ${numeral(receivers + 1)} receivers of one core each, one of them to spare, and a Postgres of
  ${numeral(Math.ceil(coresFor(database, national)))} cores with disks as below.

## Receivers

A receiver takes ${numeral(receiver)} µs of processor time an event, Postgres ${numeral(database)} µs (${cite(receiverCpu)}, ${cite(postgresCpu)},
of "${single}"). A receiver is one thread: count a core each, and start as many processes as cores. They share nothing but the database,
need no order among themselves, and any of them takes any event, so a plain load balancer does.
With two receivers instead of one, each as loaded as the one, an event costs ${numeral(scaling.median)} × the processor
time (${cite(scaling)}).

- Batches make this cheap: events that arrive while a commit is under way go into the next, up to
  \`limits.batchSize\` (128). The more is going on, the larger the batches, so a peak costs less an event than a quiet
  hour, and many idle receivers more than a few busy ones: with the same load divided between two, ${numeral(halved.median)} × (${cite(halved)}).
  Run as few as the peak needs.
- **Retries** after an outage are mostly duplicates or old news. Duplicates ran at ${numeral(duplicates.median)} × the speed of new events
  (${cite(duplicates)}). Senders back off with jitter, and 503 with \`Retry-After\` holds them off: what a receiver has queued is bounded by
  \`limits.queueSize\`.
- **Mappings** of ${numeral(20_000)} clients load in ${numeral(clients.ours)} ms (${cite(clients)}), and a look-up among them takes
  ${numeral(lookUp.median)} × that among 20 (${cite(lookUp)}): all hospitals fit into every receiver. \`mappingProvider\` fetches one by one
  where that is too much at once.
- **Connections**: a receiver commits on two and quarantines on others of its pool; a pool of 10 each is ${numeral((receivers + 1) * 10)} connections for a country.
  PgBouncer is fine, and not needed.

## Postgres

- **Processors**: ${numeral(coresFor(database, national))} cores at the peak, by the table above. All processes of Postgres are in it, but the tables were small: vacuum of
  large ones comes on top, at night.
- **Commits**: each waits for the disk. At the peak with full batches of 128 that is ${numeral(national / 128)} a second; with batches of ${numeral(ASSUMED.smallBatch)}, as many receivers with little to do
  make, ${numeral(national / ASSUMED.smallBatch)}. A disk with a write cache that survives a power cut makes either unremarkable; a network disk of ${numeral(ASSUMED.flush)} ms a flush allows ${numeral(1_000 / ASSUMED.flush)} on each connection, and a receiver commits on two.
- **Inbox**: an entry without its body takes ${numeral(key.ours)} bytes, indexes included (${cite(key)}). A day of a country brings ${bytes(keys(1))} of
  entries and ${bytes(eventsADay * bodyBytes)} of bodies: with bodies for ${numeral(bodyDays)} days and keys for ${numeral(keyDays)}, **${bytes(bodies + keys(keyDays))}**. Keys for a whole year
  would be ${bytes(keys(365))}.
- **Does it slow down?** A commit among millions of time-ordered keys took ${numeral(growth.median)} × that among few (${cite(growth)}). What
  matters is that the upper levels of the indexes and the newest pages stay in memory: give \`shared_buffers\` a quarter of the machine's.
- **Buktor's own tables** grow by ${bytes(tables)} a year: 365 days of events, by events about one row.

### Pruning

\`receiver\` erases bodies after \`bodyRetention\` by itself, every hour, in chunks. At ${numeral(eventsADay)} a day that is ${numeral(eventsADay / 24)} an
hour, an UPDATE each: as much work for the disk as the events themselves. Where replays are not worth that, set \`bodyRetention: 0\`, and no
body is written in the first place.

\`store.prune({ keysBefore })\` walks through the table; run it at night, on one receiver. A sender repeats an event for seven days at most (its
\`horizon\`), so keys of ${numeral(keyDays)} days are ample, and an older event that comes again wins no column.
Set \`autovacuum_vacuum_scale_factor = 0.01\` on \`his_events\`: the default waits for a fifth of it to be dead, which is ${numeral(0.2 * eventsADay * keyDays)} entries.

### Partitioning by client

A single \`his_events\` of ${numeral(eventsADay * keyDays)} entries works, but one VACUUM of it is long. Partition it **by hash of the
client**: the client is part of the primary key, so an event stays unique over all partitions (by time it would not, see
[stores](stores.md#growth)). Vacuum then runs on several at once, and an index is a sixteenth as large. In what \`migrations(…)\` prints, add
\`PARTITION BY HASH (client_id)\` to \`CREATE TABLE his_events (…)\`, and make the partitions:

\`\`\`sql
CREATE TABLE his_events_0 PARTITION OF his_events FOR VALUES WITH (MODULUS 16, REMAINDER 0);
CREATE TABLE his_events_1 PARTITION OF his_events FOR VALUES WITH (MODULUS 16, REMAINDER 1);
-- and so on, to REMAINDER 15
\`\`\`

Buktor's tables have the client in their key too, and are partitioned in the same way.

Beyond one Postgres, **divide the hospitals**: nothing in this package spans two clients, so half of them may have a database and receivers
of their own, under a host name of their own. Every figure above is per event, so halves halve it. This is also how a large
hospital is kept from being a small one's bad day.

## Senders

A hospital's own sender has little to do: ${numeral(peakOf(1))} events a second at its peak, where \`sqliteOutbox\` delivered ${numeral(outbox.ours)} a second to a server beside it
(${cite(outbox)}). Latency is what counts over a real network: 16 requests in flight at ${numeral(ASSUMED.roundTrip)} ms each are ${numeral(16_000 / ASSUMED.roundTrip)} a second. A busy hour's outage of the receiver leaves ${numeral((perHospital / 24) * ASSUMED.busyHour)} events queued,
which is nothing: with ${numeral(200_000)} queued, the first delivery comes after ${numeral(start.median)} × the time of an empty queue
(${cite(start)}), and draining them takes ${numeral(memory.median)} MiB more than draining few (${cite(memory)}).

A vendor who hosts many hospitals uses \`pgBossOutbox\`, with workers on several machines. One worker delivered ${numeral(boss.ours)} a second (${cite(boss)}),
so a thousand hospitals' peak of ${numeral(peakOf(1_000))} takes ${numeral(Math.ceil(peakOf(1_000) / boss.ours / utilisation))} at ${numeral(100 * utilisation)} % busy. The table of jobs is the limit there, not the number of workers:
every event is inserted, handed out and deleted, so keep \`keepDelivered\` short, let autovacuum run often on \`pgboss.job\`, and keep
transactions on that database short, since an old snapshot makes every claim step over dead rows.

## What saturates first

1. **${isReceiverFirst ? 'The receivers’ processors' : 'Postgres’ processors'}**: ${numeral(Math.max(receiver, database))} µs an event against ${numeral(Math.min(receiver, database))} µs. ${
    isReceiverFirst
      ? 'That is the good case: add receivers.'
      : 'Add cores, then divide the hospitals: receivers do not help.'
  }
2. **The disk's flushes**, where batches stay small or the disk is far away.
3. **Vacuum of \`his_events\`**, where bodies are erased as fast as they come: partition, or keep none.
4. **Disk space**, only where nobody prunes.
5. Memory, network and connections are far off: ${bytes(national * (bodyBytes + 500))} a second arrive at the peak, headers included.

## What to watch

| Watch | Where | Act when |
| --- | --- | --- |
| Answers by status | \`onResult\` | 503 at all: the queue is full, so the database is slow or receivers are too few; 500: the database is away |
| Time to answer | your HTTP server or load balancer | its 99th percentile passes a second: senders give up after 10 |
| Event loop delay | \`perf_hooks.monitorEventLoopDelay\` | 50 ms and more: another receiver |
| Commits and rows a commit | \`pg_stat_statements\`: calls and rows of the store's statement | rows a call near \`batchSize\`: the database is the limit; near 1: too many receivers |
| Waits for the log | \`pg_stat_activity.wait_event = 'WALSync'\`, \`pg_stat_wal\` | most of the time: the disk |
| Dead entries | \`pg_stat_user_tables.n_dead_tup\` of \`his_events\` and \`pgboss.job\` | beyond a tenth of the live ones: vacuum more often |
| Quarantine | \`store.find({ state: 'quarantined' })\`, by client | it grows: a mapping is missing; at the quota (10,000) that client gets 503 |
| Queued and dead events | \`sender.count()\` | queued grows for an hour; any dead letter |
| Oldest event that is queued | the outbox | a day old: the horizon is seven |

## What was measured

| | group | row of [the benchmarks](benchmarks.md) | | |
| --- | --- | --- | ---: | ---: |
${list()}
`;
}

type Finder = (group: Group, start: string) => DatedRow;

function finder(rows: readonly DatedRow[]): Finder {
  return (group, start) => {
    const row = rows.find((each) => each.group === group && each.name.startsWith(start));
    if (row === undefined) {
      throw new Error(
        `docs/scaling.md needs the row '${start}…': npm run bench -- ${group} --docs`,
      );
    }
    return row;
  };
}

/** Gives every row that is referred to a number, and lists them. */
function references(): { readonly cite: (row: DatedRow) => string; readonly list: () => string } {
  const cited: DatedRow[] = [];
  return {
    cite(row) {
      if (!cited.includes(row)) cited.push(row);
      return `[M${String(cited.indexOf(row) + 1)}](#what-was-measured)`;
    },
    list: () =>
      cited
        .map(({ group, name, ours, baseline, unit, median, scale }, i) => {
          const cells = [
            `M${String(i + 1)}`,
            `\`${group}\``,
            name.replaceAll('|', '\\|'),
            [ours, baseline]
              .filter((value) => value !== null)
              .map(numeral)
              .join(' / ') + ` ${unit}`,
            `${numeral(median)} ${scale}`,
          ];
          return `| ${cells.join(' | ')} |`;
        })
        .join('\n'),
  };
}

const cores = (count: number): string => (count < 0.01 ? '< 0.01' : numeral(count));

function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${numeral(count / 1_000 ** power)} ${units[power]!}`;
}
