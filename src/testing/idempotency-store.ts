import assert from 'node:assert/strict';
import type { Claim, ClaimRequest, ClaimResult, IdempotencyStore } from '../stores/types.ts';
import { casesOf, type Closable, type ConformanceCase, type Rule } from './suite.ts';

/** A fresh store, and its time. */
export interface IdempotencyStoreHarness extends Closable {
  readonly store: IdempotencyStore;
  /**
   * How long the leases are whose end the suite waits for, in milliseconds: long enough that the
   * store surely does two operations meanwhile, also on a slow day. A second does for a server.
   */
  readonly lease: number;
  /** Lets at least so many milliseconds pass, by the clock of the store. */
  readonly elapse: (milliseconds: number) => Promise<void>;
}

/** Makes harnesses; each has a store of its own that knows no event. */
export type OpenIdempotencyStore = () => Promise<IdempotencyStoreHarness>;

/** A lease that does not end while the suite runs. */
const LONG = 600_000;

const EVENT: ClaimRequest = {
  clientId: '1001',
  eventId: 'e1',
  digest: 'a'.repeat(64),
  lease: LONG,
};
const OTHER_CONTENT = 'b'.repeat(64);

function claimOf(result: ClaimResult): Claim {
  assert.equal(result.status, 'claimed');
  return result.claim;
}

async function claim(
  { store }: IdempotencyStoreHarness,
  request: Partial<ClaimRequest> = {},
): Promise<Claim> {
  return claimOf(await store.claim({ ...EVENT, ...request }));
}

async function status(
  { store }: IdempotencyStoreHarness,
  request: Partial<ClaimRequest> = {},
): Promise<ClaimResult['status']> {
  return (await store.claim({ ...EVENT, ...request })).status;
}

/** Claims an event for a lease that ends, and lets it end. */
async function claimUntilLost(
  harness: IdempotencyStoreHarness,
  request: Partial<ClaimRequest> = {},
): Promise<Claim> {
  const lost = await claim(harness, { ...request, lease: harness.lease });
  await harness.elapse(harness.lease);
  return lost;
}

/**
 * What every {@link IdempotencyStore} must do, one case a rule; each throws where the store is wrong.
 *
 * @example
 * ```ts
 * import test from 'node:test';
 * import { memoryIdempotency } from '@buktor/his-webhook/stores/memory';
 * import { idempotencyStoreSuite } from '@buktor/his-webhook/testing';
 *
 * const suite = idempotencyStoreSuite(() => {
 *   let now = 0;
 *   const elapse = (milliseconds: number) => Promise.resolve(void (now += milliseconds));
 *   return Promise.resolve({ store: memoryIdempotency({ now: () => now }), lease: 1_000, elapse });
 * });
 * for (const { name, run } of suite) test(name, run);
 * ```
 */
export function idempotencyStoreSuite(open: OpenIdempotencyStore): readonly ConformanceCase[] {
  return casesOf(RULES, open, (open) => open());
}

const RULES: readonly Rule<IdempotencyStoreHarness>[] = [
  {
    name: 'gives an event to exactly one of many that claim it at once',
    async run(harness) {
      for (const eventId of ['e1', 'e2', 'e3']) {
        const all = await Promise.all(
          Array.from({ length: 50 }, () => status(harness, { eventId })),
        );
        const others = all.filter((result) => result !== 'claimed');
        assert.deepEqual(
          others,
          Array.from({ length: 49 }, () => 'in_progress'),
        );
      }
    },
  },
  {
    name: 'calls an event in progress while it is claimed, whatever the content',
    async run(harness) {
      const { clientId, eventId, token } = await claim(harness);
      assert.deepEqual([clientId, eventId], [EVENT.clientId, EVENT.eventId]);
      assert.ok(token.length > 0);
      assert.equal(await status(harness), 'in_progress');
      assert.equal(await status(harness, { digest: OTHER_CONTENT }), 'in_progress');
      assert.equal(await status(harness, { force: true }), 'in_progress');
    },
  },
  {
    name: 'tells a duplicate from a conflict once an event is completed',
    async run(harness) {
      assert.equal(await harness.store.complete(await claim(harness)), true);
      assert.equal(await status(harness), 'duplicate');
      assert.equal(await status(harness, { digest: OTHER_CONTENT }), 'conflict');
      assert.equal(await status(harness, { digest: OTHER_CONTENT, force: true }), 'conflict');
      assert.equal(await status(harness), 'duplicate');
    },
  },
  {
    name: 'lets an event be claimed anew once its claim is released, with any content',
    async run(harness) {
      const first = await claim(harness);
      assert.equal(await harness.store.release(first), true);
      const second = await claim(harness, { digest: OTHER_CONTENT });
      assert.notEqual(second.token, first.token);
      assert.equal(await harness.store.complete(second), true);
      assert.equal(await status(harness, { digest: OTHER_CONTENT }), 'duplicate');
      assert.equal(await status(harness), 'conflict');
    },
  },
  {
    name: 'lets an event be claimed anew once the lease has ended',
    async run(harness) {
      const first = await claimUntilLost(harness);
      const second = await claim(harness);
      assert.notEqual(second.token, first.token);
      assert.equal(await status(harness), 'in_progress');
    },
  },
  {
    name: 'refuses what comes late from a claim whose lease has ended, and does nothing',
    async run(harness) {
      const { store } = harness;
      const lost = await claimUntilLost(harness);
      assert.equal(await store.renew(lost, LONG), false);
      assert.equal(await store.complete(lost), false);
      assert.equal(await store.release(lost), false);
      assert.equal(await status(harness, { digest: OTHER_CONTENT }), 'claimed');
    },
  },
  {
    name: 'refuses what comes late while another holds the event, and leaves it to the other',
    async run(harness) {
      const { store } = harness;
      const lost = await claimUntilLost(harness);
      const held = await claim(harness, { digest: OTHER_CONTENT });
      assert.equal(await store.renew(lost, 1), false);
      assert.equal(await store.complete(lost), false);
      assert.equal(await store.release(lost), false);
      await harness.elapse(1);
      assert.equal(await status(harness), 'in_progress');
      assert.equal(await store.complete(held), true);
      assert.equal(await status(harness, { digest: OTHER_CONTENT }), 'duplicate');
    },
  },
  {
    name: 'ends a claim once: nothing more comes of it once it was completed or released',
    async run(harness) {
      const { store } = harness;
      const completed = await claim(harness);
      assert.equal(await store.complete(completed), true);
      assert.equal(await store.renew(completed, LONG), false);
      assert.equal(await store.release(completed), false);
      assert.equal(await store.complete(completed), false);
      assert.equal(await status(harness), 'duplicate');

      const released = await claim(harness, { eventId: 'e2' });
      assert.equal(await store.release(released), true);
      assert.equal(await store.renew(released, LONG), false);
      assert.equal(await store.complete(released), false);
      assert.equal(await store.release(released), false);
      assert.equal(await status(harness, { eventId: 'e2' }), 'claimed');
    },
  },
  {
    name: 'makes a lease last from its renewal on',
    async run(harness) {
      const { store, lease, elapse } = harness;
      const prolonged = await claim(harness, { lease });
      const shortened = await claim(harness, { eventId: 'e2' });
      assert.equal(await store.renew(prolonged, LONG), true);
      assert.equal(await store.renew(shortened, lease), true);
      await elapse(lease);
      assert.equal(await status(harness), 'in_progress');
      assert.equal(await status(harness, { eventId: 'e2' }), 'claimed');
      assert.equal(await store.complete(prolonged), true);
    },
  },
  {
    name: 'gives a completed event to one that forces it, with the same content',
    async run(harness) {
      const { store } = harness;
      await store.complete(await claim(harness));
      const forced = await claim(harness, { force: true });
      assert.equal(await status(harness, { force: true }), 'in_progress');
      assert.equal(await store.complete(forced), true);
      assert.equal(await status(harness), 'duplicate');
      assert.equal(await status(harness, { eventId: 'e2', force: true }), 'claimed');
    },
  },
  {
    name: 'keeps a forced event completed where the claim is released, or its lease ends',
    async run(harness) {
      const { store } = harness;
      await store.complete(await claim(harness));
      assert.equal(await store.release(await claim(harness, { force: true })), true);
      assert.equal(await status(harness), 'duplicate');
      await claimUntilLost(harness, { force: true });
      assert.equal(await status(harness), 'duplicate');
      assert.equal(await status(harness, { digest: OTHER_CONTENT }), 'conflict');
      assert.equal(await status(harness, { force: true }), 'claimed');
    },
  },
  {
    name: 'keeps clients apart that use the same ids, and tells apart ids by every byte',
    async run(harness) {
      const names: [string, string][] = [
        ['1001', 'e1'],
        ['1002', 'e1'],
        ['1001', 'E1'],
        ['1001', 'e1:'],
        ['1001:', 'e1'],
        ['1001:e1', 'e1'],
        ['1001', 'e1:e1'],
        ['1001', '{e1}'],
        ['{1001}', 'e1'],
        ['1001', '%3A'],
        ['1001', ':'],
        ['1001', '*'],
        ['1001', '"},"'],
      ];
      for (const [clientId, eventId] of names) {
        const held = await claim(harness, { clientId, eventId });
        assert.equal(await status(harness, { clientId, eventId }), 'in_progress');
        assert.equal(await harness.store.complete(held), true);
      }
      for (const [clientId, eventId] of names) {
        assert.equal(await status(harness, { clientId, eventId }), 'duplicate');
      }
    },
  },
];
