/**
 * Senders and receivers that are killed, and a network between them that fails: what is left is held
 * against what was enqueued.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSchema } from '../support/databases.ts';
import { type Running, startProcess } from '../support/spawn.ts';
import type { ChaosEngine } from './engine.ts';
import { judge, type Judgement } from './judge.ts';
import { makeEvent, MAPPINGS, pick, randomFrom, SECRET, type SentEvent } from './load.ts';
import { type HostileNetwork, type Mischief, startNetwork } from './network.ts';
import { type LiveReceiver, startReceiver, stopReceivers } from './receivers.ts';

/** What a run is to do. */
export interface DeliveryOptions {
  readonly engine: ChaosEngine;
  readonly events: number;
  /** Rows that the events are about. */
  readonly rows: number;
  readonly senders: number;
  readonly receivers: number;
  /** Milliseconds between two kills, on average; one in three is a receiver. */
  readonly killEvery: number;
  readonly seed: number;
  /** A queue on Postgres that the senders share, by pg-boss; otherwise each has a file of its own. */
  readonly isShared?: boolean;
  /** No more senders are killed than so many. */
  readonly mostSenderKills?: number;
  /** What the senders do wrong, to see that it is noticed. */
  readonly mutant?: DeliveryMutant;
  readonly onProgress?: (done: number) => void;
}

/**
 * Faults that a sender is given: `early-settle` takes an event for delivered when it is claimed,
 * `apart` enqueues outside of the transaction that writes the row.
 */
export type DeliveryMutant = 'early-settle' | 'apart';

/** What a run came to. */
export interface DeliveryReport extends Judgement {
  readonly sent: number;
  readonly acknowledged: number;
  /** Transactions that were rolled back, each with an event that must never arrive. */
  readonly ghosts: number;
  readonly senderKills: number;
  readonly receiverKills: number;
  readonly mischief: Readonly<Record<Mischief, number>>;
  readonly faults: readonly string[];
}

/** Longer than any run of this machine; a run that hangs must end. */
const GIVE_UP_AFTER = 15 * 60_000;
const CLIENTS = ['1001', '1002'] as const;

/** Runs it until every event is delivered, and judges what is left. */
export async function runDelivery(options: DeliveryOptions): Promise<DeliveryReport> {
  const { engine, seed, mostSenderKills = Infinity, onProgress } = options;
  const random = randomFrom(seed);
  const folder = mkdtempSync(join(tmpdir(), 'his-chaos-'));
  const database = await engine.create(MAPPINGS.tables);
  const schema = options.isShared === true ? await createSchema('his_chaos_boss') : undefined;
  const faults: string[] = [];
  const kills = { sender: 0, receiver: 0 };
  const receivers: (LiveReceiver | undefined)[] = [];
  let network: HostileNetwork | undefined;
  const senders: SenderProcess[] = [];
  const over = new AbortController();
  try {
    for (let n = 0; n < options.receivers; n++) {
      receivers.push(await startReceiver(engine, database.env));
    }
    network = await startNetwork(
      () => receivers.flatMap((receiver) => receiver?.port ?? []),
      randomFrom(seed + 1),
    );
    const histories = historiesOf(options, random);
    for (const [n, history] of histories.entries()) {
      const file = join(folder, `events-${String(n)}.ndjson`);
      writeFileSync(file, history.map(({ request: { body } }) => `${String(body)}\n`).join(''));
      senders.push(
        new SenderProcess({
          CHAOS_OUTBOX: join(folder, `outbox-${String(n)}.db`),
          CHAOS_BOSS: schema?.name ?? '',
          CHAOS_SENDER: String(n),
          CHAOS_EVENTS: file,
          CHAOS_URL: `http://127.0.0.1:${String(network.port)}/his/receive`,
          CHAOS_TOKEN: `token-${clientOf(n, options)}`,
          CHAOS_SECRET: SECRET,
          CHAOS_MUTANT: options.mutant ?? '',
        }),
      );
    }

    const killing = (async () => {
      for (;;) {
        await sleep(options.killEvery * (0.5 + random()), undefined, { signal: over.signal });
        if (random() < 1 / 3) {
          const n = Math.floor(random() * receivers.length);
          const victim = receivers[n];
          receivers[n] = undefined;
          if (victim !== undefined) await stopReceivers([victim], 'SIGKILL');
          kills.receiver++;
          receivers[n] = await startReceiver(engine, database.env);
        } else if (kills.sender < mostSenderKills) {
          if (await pick(random, senders).kill()) kills.sender++;
        }
      }
    })();
    const { passed } = network;
    const progress = setInterval(() => {
      onProgress?.(Math.min(options.events - 1, passed()));
    }, 1_000);
    await Promise.race([
      Promise.all(senders.map((sender) => sender.drained)),
      sleep(GIVE_UP_AFTER, undefined, { signal: over.signal }).then(() => {
        faults.push('the outboxes were not drained in time');
      }),
      killing,
    ]).catch((error: unknown) => {
      faults.push(String(error));
    });
    clearInterval(progress);
    over.abort();
    await killing.catch(() => undefined);
    onProgress?.(options.events);

    faults.push(...senders.flatMap((sender) => sender.faults));
    const events = histories.flat().filter(({ change }) => !change.eventId.startsWith('ghost'));
    // An outbox that is empty says that all of it was acknowledged.
    for (const event of events) event.fresh = 1;
    await stopReceivers(receivers.filter((receiver) => receiver !== undefined));
    return {
      ...(await judge(database, MAPPINGS.tables, events)),
      sent: events.length,
      acknowledged: senders.every((sender) => sender.isDrained) ? events.length : 0,
      ghosts: histories.flat().length - events.length,
      senderKills: kills.sender,
      receiverKills: kills.receiver,
      mischief: network.counts,
      faults,
    };
  } finally {
    over.abort();
    await Promise.all(senders.map((sender) => sender.end()));
    network?.close();
    await stopReceivers(
      receivers.filter((receiver) => receiver !== undefined),
      'SIGKILL',
    );
    await database.close();
    await schema?.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Half of the senders for one client, half for another, unless they send each other's events. */
const clientOf = (sender: number, { isShared = false }: DeliveryOptions): string =>
  CLIENTS[isShared ? 0 : sender % 2]!;

/** What each sender has to say; one event in twenty is rolled back. */
function historiesOf(options: DeliveryOptions, random: () => number): readonly SentEvent[][] {
  const { events, rows, senders, isShared = false } = options;
  const rowsOfOne = isShared ? rows : rows / CLIENTS.length;
  const start = Date.UTC(2025, 0, 8);
  const histories = Array.from({ length: senders }, (): SentEvent[] => []);
  for (let n = 0; n < events; n++) {
    const sender = n % senders;
    const moment = start + n * 20 + Math.floor((random() - 0.5) * 4_000);
    const make = (id: string): SentEvent =>
      makeEvent({
        id,
        client: clientOf(sender, options),
        resource: 'appointment',
        operation: pick(random, ['created', 'updated', 'updated', 'updated', 'deleted']),
        at: new Date(moment).toISOString(),
        key: { appointment_id: String(Math.floor(random() * rowsOfOne)) },
        values: { [pick(random, ['status', 'room', 'note'])]: `${id} Zoë` },
      });
    histories[sender]!.push(make(`evt_${String(n)}`));
    if (random() < 0.05) histories[sender]!.push(make(`ghost_${String(n)}`));
  }
  return histories;
}

/** A sender that is started again whenever it is killed, until it has drained its outbox. */
class SenderProcess {
  readonly faults: string[] = [];
  readonly drained: Promise<void>;
  isDrained = false;
  readonly #env: Readonly<Record<string, string>>;
  #process: Running;
  #isOver = false;
  #settle: () => void = () => undefined;

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
    this.drained = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#process = this.#start();
  }

  /** Kills it, wherever it is; `false` where it has nothing to do any more. */
  async kill(): Promise<boolean> {
    if (this.isDrained) return false;
    return (await this.#process.stop('SIGKILL')) === null;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#process.stop('SIGKILL');
  }

  #start(): Running {
    const child = startProcess(process.execPath, ['test/chaos/sender.ts'], this.#env);
    void child.exit.then((code) => {
      const output = child.output();
      const dead = /^\{"kind":"(dead_letter|paused)".*$/m.exec(output);
      if (dead !== null) this.faults.push(dead[0]);
      if (this.#isOver) return;
      if (code === null) {
        this.#process = this.#start();
        return;
      }
      if (code !== 0 || !/^Drained \{"queued":0,"dead":0\}$/m.test(output)) {
        this.faults.push(`a sender ended with ${String(code)}:\n${output}`);
      }
      this.isDrained = true;
      this.#settle();
    });
    return child;
  }
}
