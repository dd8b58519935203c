/** A hospital that sends signed events, and keeps each until it is acknowledged. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../src/events.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingSet } from '../../src/mapping/types.ts';
import { bearerTokens, type ClientLookup } from '../../src/receiver/clients.ts';
import { signRequest } from '../../src/sender/request.ts';
import type { Change } from '../../src/stores/types.ts';
import { changeOf } from '../../src/testing/changes.ts';

export const SECRET = 'a secret of 32 bytes for testing';
const CLIENT_IDS = ['1001', '1002'] as const;

/** The senders. */
export const CLIENTS: ClientLookup = bearerTokens(
  Object.fromEntries(CLIENT_IDS.map((id) => [`token-${id}`, { id, secrets: SECRET }])),
);

/** Resource → the fields of its rows, the key's first; `schedule` has two of these. */
const RESOURCES = {
  appointment: { key: ['appointment_id'], columns: ['status', 'room', 'note'] },
  schedule: { key: ['doctor', 'day'], columns: ['status', 'place'] },
} as const;

/** How both ends understand the events. */
export const MAPPINGS: MappingSet = compileMappings({
  clients: {
    '*': {
      mappings: Object.fromEntries(
        Object.entries(RESOURCES).map(([resource, { key, columns }]) => [
          `${resource}.*`,
          { key, fields: Object.fromEntries([...key, ...columns].map((name) => [name, name])) },
        ]),
      ),
    },
  },
});

/** Random numbers from 0 to 1 that a seed repeats (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of a list. */
export function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}

/** An event as it is sent, what it must do, and what was answered. */
export interface SentEvent {
  /** What the store is to make of it. */
  readonly change: Change;
  readonly request: ReturnType<typeof signRequest>;
  /** Answers with 200 that said it was processed now. */
  fresh: number;
  /** Answers with 200 that said it had been processed before. */
  replayed: number;
}

/** Makes an event. */
export function makeEvent(spec: {
  readonly id: string;
  readonly client: string;
  readonly resource: keyof typeof RESOURCES;
  readonly operation: string;
  readonly at: string;
  readonly key: JsonObject & Readonly<Record<string, string>>;
  readonly values: JsonObject;
}): SentEvent {
  const { id, client, resource, operation, at, key, values } = spec;
  const change = changeOf({ id, client, operation, at, values });
  return {
    change: { ...change, row: { ...change.row!, table: resource, key } },
    request: signRequest({
      event: {
        event_id: id,
        timestamp: at,
        type: `${resource}.${operation}`,
        data: { ...key, ...values },
      },
      token: `token-${client}`,
      secret: SECRET,
    }),
    fresh: 0,
    replayed: 0,
  };
}

/** 2025-01-08, long past for every receiver's clock. */
const START = Date.UTC(2025, 0, 8);

/**
 * Makes the nth event of a random history, whose clock goes on, and often back. Most are about few
 * rows, so that there is much to merge; the others have a row to themselves, where no later event
 * can hide that one is lost.
 */
function randomEvent(random: () => number, n: number): SentEvent {
  const resource = pick(random, ['appointment', 'schedule'] as const);
  const { key, columns } = RESOURCES[resource];
  // Whole seconds tie often, as they do at hospitals.
  const moment = START + n * 20 + Math.floor((random() - 0.5) * 4_000);
  const at = new Date(random() < 0.5 ? Math.floor(moment / 1_000) * 1_000 : moment);
  const values = columns.flatMap((column) =>
    random() < 0.5 ? [[column, random() < 0.1 ? null : `${column} ${String(n)}`] as const] : [],
  );
  const isAlone = random() < 0.25;
  const part = () => (isAlone ? `alone ${String(n)}` : pick(random, ['1', '2', '3']));
  return makeEvent({
    id: `evt_${String(n)}`,
    client: pick(random, CLIENT_IDS),
    resource,
    operation: pick(random, ['created', 'updated', 'updated', 'updated', 'deleted']),
    at: at.toISOString(),
    key: Object.fromEntries(key.map((name) => [name, part()])),
    values: Object.fromEntries(values),
  });
}

const agent = new Agent({ keepAlive: true, maxSockets: 100 });

/** An answer, as far as a sender looks at it. */
export interface Answer {
  readonly status: number;
  readonly isReplay: boolean;
}

/** Sends an event once. */
export function post(port: number, { request: { headers, body } }: SentEvent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: '/his/receive',
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      agent,
      timeout: 15_000,
    });
    outgoing.once('response', (response) => {
      response.resume();
      response.once('end', () => {
        resolve({
          status: response.statusCode!,
          isReplay: response.headers['idempotent-replayed'] === 'true',
        });
      });
      response.once('error', reject);
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer within 15 s')));
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** Events in flight at once. */
const IN_FLIGHT = 64;
/** An event that is not acknowledged after so long, in milliseconds, is given up: the run fails. */
const GIVE_UP_AFTER = 60_000;
/** A run that is not killed in time must not fill the disk. */
const MOST_EVENTS = 200_000;

/** The load of a run: it goes on until it is told to stop. */
export class Load {
  readonly events: SentEvent[] = [];
  /** What no kill excuses. */
  readonly faults: string[] = [];
  retries = 0;
  acknowledged = 0;
  /** The receiver that is up; none while it is down. */
  port: number | undefined;
  readonly #random: () => number;
  #isStopping = false;
  #hasGivenUp = false;
  readonly #workers: Promise<void>[];

  constructor(random: () => number) {
    this.#random = random;
    this.#workers = Array.from({ length: IN_FLIGHT }, () => this.#work());
  }

  /** Answers that said the event had been processed before. */
  get duplicates(): number {
    return this.events.reduce((sum, { replayed }) => sum + replayed, 0);
  }

  /** Begins no more events, and waits until every one is acknowledged. */
  async drain(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers);
  }

  /** Lets go of the events that are not acknowledged: the run has failed. */
  giveUp(): void {
    this.#isStopping = true;
    this.#hasGivenUp = true;
  }

  async #work(): Promise<void> {
    const random = this.#random;
    while (!this.#isStopping && this.events.length < MOST_EVENTS) {
      // Nothing is begun while nobody can answer, or every event would be a retry.
      if (this.port === undefined) {
        await sleep(5);
        continue;
      }
      const event = randomEvent(random, this.events.length);
      this.events.push(event);
      const isTwin = random() < 0.05;
      await Promise.all([this.#deliver(event), ...(isTwin ? [this.#deliver(event)] : [])]);
      if (random() < 0.1) await this.#deliver(pick(random, this.events));
    }
  }

  async #deliver(event: SentEvent): Promise<void> {
    const end = Date.now() + GIVE_UP_AFTER;
    let isRetry = false;
    for (let pause = 5; Date.now() < end && !this.#hasGivenUp; pause = Math.min(100, pause * 2)) {
      const { port } = this;
      if (port === undefined) {
        await sleep(10);
        continue;
      }
      if (isRetry) {
        await sleep(pause * (0.5 + this.#random()));
        this.retries++;
      }
      isRetry = true;
      const answer = await post(port, event).catch(() => undefined);
      if (answer?.status === 200) {
        if (event.fresh + event.replayed === 0) this.acknowledged++;
        if (answer.isReplay) event.replayed++;
        else event.fresh++;
        return;
      }
      if (answer !== undefined && answer.status < 500) {
        this.faults.push(`${event.change.eventId} was answered with ${String(answer.status)}`);
        return;
      }
    }
    this.faults.push(`${event.change.eventId} was not acknowledged in time`);
  }
}
