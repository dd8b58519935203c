import assert from 'node:assert/strict';
import { EventError } from '../errors.ts';
import type {
  ClaimedEvent,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterReason,
  Outbox,
  QueuedEvent,
  Settlement,
} from '../sender/outbox.ts';
import { fillTrail } from './audit.ts';
import { casesOf, type Closable, type ConformanceCase, type Rule } from './suite.ts';

/** A fresh outbox, and its time. */
export interface OutboxHarness extends Closable {
  readonly outbox: Outbox;
  /** The time that calls are made at, in milliseconds since 1970. */
  readonly now: () => number;
  /** Lets at least so many milliseconds pass. */
  readonly pass: (milliseconds: number) => Promise<void>;
  /** Lets the claims that are not extended come to their end. */
  readonly lapse: () => Promise<void>;
}

/** Makes harnesses; each has an empty outbox of its own. */
export type OpenOutbox = () => Promise<OutboxHarness>;

/**
 * What every {@link Outbox} must do, one case a rule; each throws where the outbox is wrong.
 *
 * @example
 * ```ts
 * import test from 'node:test';
 * import { memoryOutbox } from '@buktor/his-webhook/outboxes/memory';
 * import { outboxSuite } from '@buktor/his-webhook/testing';
 *
 * const suite = outboxSuite(() => {
 *   let time = Date.now();
 *   const pass = (milliseconds: number) => Promise.resolve(void (time += milliseconds));
 *   return Promise.resolve({
 *     outbox: memoryOutbox(),
 *     now: () => time,
 *     pass,
 *     lapse: () => pass(60_000),
 *   });
 * });
 * for (const { name, run } of suite) test(name, run);
 * ```
 */
export function outboxSuite(open: OpenOutbox): readonly ConformanceCase[] {
  return casesOf(RULES, open, async (open) => new Target(await open()));
}

/** How long claims last in the suite, in milliseconds; {@link OutboxHarness.lapse} outlasts it. */
const LEASE = 30_000;

/** The outbox with what the rules say over and over. */
class Target {
  readonly outbox: Outbox;
  readonly harness: OutboxHarness;

  constructor(harness: OutboxHarness) {
    this.harness = harness;
    this.outbox = harness.outbox;
  }

  get now(): number {
    return this.harness.now();
  }

  async enqueue(...ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.outbox.enqueue(eventOf(id), { now: this.now });
  }

  claim(limit = 10): Promise<readonly ClaimedEvent[]> {
    return this.outbox.claim({ limit, lease: LEASE, now: this.now });
  }

  /** The ids of what can be claimed. */
  async claimIds(limit = 10): Promise<readonly string[]> {
    return (await this.claim(limit)).map(({ eventId }) => eventId);
  }

  settle(...settlements: readonly Settlement[]): Promise<void> {
    return this.outbox.settle(settlements, { now: this.now });
  }

  retry(claimed: ClaimedEvent, delay: number, attempts = 1): Promise<void> {
    const { now } = this;
    return this.settle({
      claimed,
      outcome: 'retry',
      dueAt: now + delay,
      attempts,
      firstAttemptAt: now,
    });
  }

  /** Queues an event, and lets it die. */
  async kill(id: string, reason: DeadLetterReason = REASON): Promise<void> {
    await this.enqueue(id);
    const claimed = await this.claim(1);
    assert.deepEqual(
      claimed.map(({ eventId }) => eventId),
      [id],
    );
    await this.settle({ claimed: claimed[0]!, outcome: 'dead', attempts: 3, reason });
  }

  async deadLetters(filter?: DeadLetterFilter): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for await (const letter of this.outbox.deadLetters(filter)) letters.push(letter);
    return letters;
  }
}

const REASON: DeadLetterReason = {
  kind: 'rejected',
  status: 422,
  code: 'mapping_not_found',
  message: 'No mapping found.',
};

function eventOf(eventId: string, note = 'Zoë 🩺 "quoted" \\ \u2028'): QueuedEvent {
  const type = 'appointment.updated';
  return { eventId, type, body: JSON.stringify({ event_id: eventId, type, data: { note } }) };
}

const RULES: readonly Rule<Target>[] = [
  {
    name: 'hands out what was enqueued, body and all, in its order',
    async run(target) {
      await target.enqueue('e1', 'e2', 'e3');
      const claimed = await target.claim(2);
      assert.deepEqual(
        claimed.map(({ claim, ...event }) => {
          assert.equal(typeof claim, 'string');
          return event;
        }),
        ['e1', 'e2'].map((id) => ({ ...eventOf(id), attempts: 0, firstAttemptAt: null })),
      );
      assert.deepEqual(await target.claimIds(), ['e3']);
    },
  },
  {
    name: 'hands an event to one claim at a time, however many ask at once',
    async run(target) {
      const ids = Array.from({ length: 40 }, (_, index) => `e${String(index)}`);
      await target.enqueue(...ids);
      const claims = await Promise.all(ids.map(() => target.claimIds(3)));
      assert.deepEqual(claims.flat().sort(), [...ids].sort());
      assert.deepEqual(await target.claimIds(), []);
    },
  },
  {
    name: 'forgets an event that was delivered',
    async run(target) {
      await target.enqueue('e1');
      const [claimed] = await target.claim();
      await target.settle({ claimed: claimed!, outcome: 'delivered' });
      await target.harness.lapse();
      assert.deepEqual(await target.claim(), []);
      assert.deepEqual(await target.outbox.count(), { queued: 0, dead: 0 });
    },
  },
  {
    name: 'hands an event out again once its delay is over, and not before, with its attempts',
    async run(target) {
      await target.enqueue('e1');
      const [first] = await target.claim();
      const { now } = target;
      await target.retry(first!, 2_000, 4);
      assert.deepEqual(await target.claim(), []);
      await target.harness.pass(2_500);
      const [second] = await target.claim();
      assert.deepEqual([second?.attempts, second?.firstAttemptAt], [4, now]);
      assert.notEqual(second?.claim, first?.claim);
      assert.equal(second?.body, eventOf('e1').body);
    },
  },
  {
    name: 'hands out what is due first before what is due later',
    async run(target) {
      await target.enqueue('e1', 'e2');
      const claimed = await target.claim();
      await target.retry(claimed[0]!, 2_000);
      await target.retry(claimed[1]!, 1_000);
      await target.harness.pass(2_500);
      assert.deepEqual(await target.claimIds(1), ['e2']);
      assert.deepEqual(await target.claimIds(1), ['e1']);
    },
  },
  {
    name: 'gives an event that is put back at once to whoever asks next, as it was',
    async run(target) {
      await target.enqueue('e1');
      const [claimed] = await target.claim();
      const { now: dueAt } = target;
      const [attempts, firstAttemptAt] = [0, null];
      await target.settle({
        claimed: claimed!,
        outcome: 'retry',
        dueAt,
        attempts,
        firstAttemptAt,
      });
      const [again] = await target.claim();
      assert.deepEqual([again?.attempts, again?.firstAttemptAt], [0, null]);
    },
  },
  {
    name: 'hands an event out again when its claim has come to its end',
    async run(target) {
      await target.enqueue('e1');
      const [first] = await target.claim();
      await target.harness.lapse();
      const [second] = await target.claim();
      assert.equal(second?.eventId, 'e1');
      assert.notEqual(second.claim, first?.claim);
    },
  },
  {
    name: 'changes nothing under a claim that has come to its end',
    async run(target) {
      await target.enqueue('e1');
      const [first] = await target.claim();
      await target.harness.lapse();
      const [second] = await target.claim();
      await target.settle({ claimed: first!, outcome: 'delivered' });
      await target.retry(first!, 0, 7);
      await target.settle({ claimed: first!, outcome: 'dead', attempts: 7, reason: REASON });
      assert.deepEqual(await target.outbox.count(), { queued: 1, dead: 0 });
      assert.deepEqual(await target.claim(), [], 'the second claim holds');
      await target.retry(second!, 0, 1);
      const [third] = await target.claim();
      assert.equal(third?.attempts, 1);
      await target.settle({ claimed: third, outcome: 'delivered' });
      assert.deepEqual(await target.outbox.count(), { queued: 0, dead: 0 });
    },
  },
  {
    name: 'lets a claim that is extended go on',
    async run(target) {
      await target.enqueue('e1', 'e2');
      const claimed = await target.claim();
      await target.harness.pass(20_000);
      await target.outbox.extend([claimed[0]!], { lease: LEASE, now: target.now });
      await target.harness.pass(20_000);
      const again = await target.claimIds();
      assert.ok(!again.includes('e1'), 'the claim of e1 holds');
      await target.settle({ claimed: claimed[0]!, outcome: 'delivered' });
      const { queued } = await target.outbox.count();
      assert.equal(queued, 1);
    },
  },
  {
    name: 'queues an id once, and refuses it with another body',
    async run(target) {
      const { now } = target;
      await Promise.all([1, 2, 3].map(() => target.enqueue('e1')));
      await assert.rejects(
        target.outbox.enqueue(eventOf('e1', 'another'), { now }),
        (error) => error instanceof EventError && !error.message.includes('another body of'),
      );
      const [claimed] = await target.claim();
      assert.equal(claimed?.body, eventOf('e1').body);
      await target.enqueue('e1');
      assert.deepEqual(await target.claim(), []);
      assert.deepEqual(await target.outbox.count(), { queued: 1, dead: 0 });
    },
  },
  {
    name: 'keeps dead letters with their reason, and hands them out no more',
    async run(target) {
      const { now } = target;
      const expired = {
        kind: 'expired',
        status: null,
        code: 'ECONNREFUSED',
        message: null,
      } as const;
      await target.kill('e1');
      await target.kill('e2', expired);
      await target.harness.lapse();
      assert.deepEqual(await target.claim(), []);
      assert.deepEqual(await target.outbox.count(), { queued: 0, dead: 2 });
      const letters = await target.deadLetters();
      const type = 'appointment.updated';
      assert.deepEqual(
        letters.map(({ enqueuedAt, diedAt, ...letter }) => {
          assert.ok(Math.abs(enqueuedAt - now) < 60_000 && Math.abs(diedAt - now) < 60_000);
          return letter;
        }),
        [
          { eventId: 'e1', type, attempts: 3, reason: REASON },
          { eventId: 'e2', type, attempts: 3, reason: expired },
        ],
      );
    },
  },
  {
    name: 'finds, redrives and discards dead letters by id, type and code',
    async run(target) {
      for (const id of ['e1', 'e2', 'e3', 'e4']) {
        await target.kill(id, { ...REASON, code: id === 'e3' ? 'transform_failed' : REASON.code });
      }
      const idsOf = async (filter?: DeadLetterFilter): Promise<string[]> =>
        (await target.deadLetters(filter)).map(({ eventId }) => eventId);
      assert.deepEqual(await idsOf({ code: 'transform_failed' }), ['e3']);
      assert.deepEqual(await idsOf({ eventId: 'e2', type: 'appointment.updated' }), ['e2']);
      assert.deepEqual(await idsOf({ type: 'appointment.created' }), []);

      const { now } = target;
      assert.equal(await target.outbox.redrive({ eventId: 'e2' }, { now }), 1);
      assert.equal(await target.outbox.redrive({ eventId: 'e2' }, { now }), 0);
      const [claimed] = await target.claim();
      assert.deepEqual(
        [claimed?.eventId, claimed?.attempts, claimed?.firstAttemptAt, claimed?.body],
        ['e2', 0, null, eventOf('e2').body],
      );
      assert.equal(await target.outbox.discard({ code: 'transform_failed' }), 1);
      assert.deepEqual(await idsOf(), ['e1', 'e4']);
      assert.equal(await target.outbox.redrive({}, { now: target.now }), 2);
      assert.deepEqual(await target.outbox.count(), { queued: 3, dead: 0 });
    },
  },
  {
    name: 'takes every entry into its audit trail, where it has one',
    async run(target) {
      await target.kill('e1');
      if (target.outbox.audit !== undefined) await fillTrail(target.outbox.audit);
      assert.deepEqual(await target.outbox.count(), { queued: 0, dead: 1 });
    },
  },
  {
    name: 'tries a dead letter again that is enqueued anew, with the body of now',
    async run(target) {
      await target.kill('e1');
      await target.outbox.enqueue(eventOf('e1', 'mended'), { now: target.now });
      const [claimed] = await target.claim();
      assert.equal(claimed?.body, eventOf('e1', 'mended').body);
      assert.equal(claimed.attempts, 0);
      assert.deepEqual(await target.deadLetters(), []);
    },
  },
];
