import type { Clock } from './clock.ts';
import type { Endpoint } from './endpoint.ts';
import type { RetryPolicy } from './backoff.ts';
import { type LifecycleListener, tell } from './lifecycle.ts';
import type { ClaimedEvent, Outbox } from './outbox.ts';
import { OUTBOX_DELAY, Settling } from './settling.ts';
import { ended, type Placed, Underway } from '../underway.ts';
import { handBack, settlementOf } from './verdict.ts';

/** What a dispatcher works with. */
export interface DispatcherSettings {
  readonly endpoint: Endpoint;
  readonly outbox: Pick<Outbox, 'claim' | 'extend' | 'settle'>;
  readonly retry: RetryPolicy;
  readonly concurrency: number;
  /** How long a claim lasts unless it is extended, in milliseconds. */
  readonly lease: number;
  /** How long an attempt may take, in milliseconds. */
  readonly timeout: number;
  /** How often an empty outbox is looked into, in milliseconds. */
  readonly pollInterval: number;
  readonly onLifecycle: LifecycleListener;
  readonly clock: Clock;
  readonly random: () => number;
}

interface Held extends Placed {
  readonly event: ClaimedEvent;
  /** When the claim ends, by this side's clock. */
  until: number;
}

/**
 * For how long events are claimed ahead, in milliseconds, and how many times the concurrency that may be at
 * most: a fast endpoint would wait for the outbox, and behind a slow one other senders have more use for them.
 */
const LOOK_AHEAD = 50;
const MAX_LOOK_AHEAD = 16;
/** What ends a pause; an error of its own for each would cost more than the rest of it. */
const WOKEN = 'woken';

/**
 * Takes events out of an outbox and sees them delivered.
 *
 * Events are **held** once they are claimed, **in flight** while an attempt is made, and then **to be
 * settled**. What is held or in flight is claimed again and again before its claim ends. What is to be
 * settled is kept until the outbox has taken it. Whatever a crash interrupts is claimed by somebody else
 * when the claim has ended, and may so be sent twice, which the receiver notices.
 */
export class Dispatcher {
  readonly #settings: DispatcherSettings;
  readonly #held: Held[] = [];
  readonly #inFlight = new Underway<Held>();
  readonly #settling: Settling;
  /** Until then there is nothing due in the outbox, as far as is known. */
  #emptyUntil = 0;
  /** When events were last claimed. */
  #lookedAt = 0;
  #stopping: AbortController | undefined;
  #running: Promise<void> | undefined;
  /** How often it was woken, so that what comes while it looks is not missed. */
  #wakes = 0;
  #endPause: () => void = () => undefined;
  /** Of the last attempts, in milliseconds. */
  #meanDuration = LOOK_AHEAD;

  constructor(settings: DispatcherSettings) {
    this.#settings = settings;
    this.#settling = new Settling({
      ...settings,
      isStopping: () => this.#isStopping,
      onRoom: () => {
        this.#look();
      },
      onDue: () => {
        this.wake();
      },
    });
    settings.endpoint.whenFree(() => {
      this.#goOn();
    });
  }

  start(): void {
    if (this.#stopping?.signal.aborted === false) return;
    const stopping = new AbortController();
    this.#stopping = stopping;
    const before = this.#running ?? Promise.resolve();
    this.#running = before.then(() => this.#run(stopping.signal));
  }

  /** Finishes what is in flight, hands back what is held, and waits until the outbox knows. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.wake();
    await this.#running;
  }

  /** There may be something to do. */
  wake(): void {
    this.#emptyUntil = 0;
    this.#look();
  }

  #look(): void {
    this.#wakes++;
    this.#endPause();
  }

  async #run(stop: AbortSignal): Promise<void> {
    const heartbeat = setInterval(() => {
      void this.#extend();
    }, this.#settings.lease / 3);
    while (!stop.aborted) {
      const wakes = this.#wakes;
      const delay = await this.#step();
      if (delay > 0 && wakes === this.#wakes) await this.#pause(delay);
    }
    this.#release();
    await ended(this.#inFlight);
    clearInterval(heartbeat);
    await this.#settling.ended();
  }

  /** Does what can be done now. @returns How long to wait for more, in milliseconds. */
  async #step(): Promise<number> {
    const { endpoint, outbox, lease, pollInterval, clock } = this.#settings;
    const { gate } = endpoint;
    if (gate.state !== 'open') this.#release();
    this.#begin();

    const now = clock.now();
    const isOpen = gate.state === 'open';
    const reach = this.#reach;
    const limit = isOpen
      ? reach - this.#held.length
      : gate.allowance(1, now) * (endpoint.free > 0 ? 1 : 0);
    // Asked for in large bites: whatever little comes is begun at once.
    const isHungry = isOpen ? this.#isHungry : limit > 0;
    // A clock that was set back is not to hold up the queue until it is where it was.
    if (now < this.#lookedAt) this.#emptyUntil = 0;
    // An outbox that hands out events and takes no settlements would have them sent over and over.
    if (!isHungry || this.#settling.isJammed || now < this.#emptyUntil) return this.#delay(now);
    this.#lookedAt = now;
    const wakes = this.#wakes;
    try {
      const claimed = await outbox.claim({ limit, lease, now });
      for (const event of claimed) this.#held.push({ event, until: now + lease, place: 0 });
      this.#begin();
      if (claimed.length === limit) return 0;
      if (wakes === this.#wakes) this.#emptyUntil = clock.now() + pollInterval;
      return this.#delay(clock.now());
    } catch (error) {
      tell(this.#settings.onLifecycle, { kind: 'outbox_failed', error });
      this.#emptyUntil = clock.now() + OUTBOX_DELAY;
      return OUTBOX_DELAY;
    }
  }

  /** How many events to hold. */
  get #reach(): number {
    const ahead = Math.round(LOOK_AHEAD / this.#meanDuration);
    return this.#settings.concurrency * Math.min(MAX_LOOK_AHEAD, Math.max(1, ahead));
  }

  get #isHungry(): boolean {
    return this.#held.length < this.#reach / 2;
  }

  #delay(now: number): number {
    const { endpoint, pollInterval } = this.#settings;
    const { probeAt = 0 } = endpoint.gate;
    const due = Math.max(this.#emptyUntil, probeAt) - now;
    // What is in flight wakes it when it ends.
    return due > 0 ? due : pollInterval;
  }

  /** Waits for the time, or until something ends or comes. */
  async #pause(milliseconds: number): Promise<void> {
    const pause = new AbortController();
    this.#endPause = () => {
      pause.abort(WOKEN);
    };
    await this.#settings.clock.sleep(milliseconds, pause.signal);
    this.#endPause = () => undefined;
  }

  /** Goes on when an attempt has ended: at once with what is held, which is cheaper than a round of its own. */
  #goOn(): void {
    this.#begin();
    if (this.#isHungry || this.#settings.endpoint.gate.state !== 'open') this.#look();
  }

  /** Begins as many attempts as may be made. */
  #begin(): void {
    if (this.#held.length === 0 || this.#isStopping) return;
    const { endpoint, timeout, clock } = this.#settings;
    const now = clock.now();
    let allowed = endpoint.gate.allowance(endpoint.free, now);
    while (allowed > 0) {
      const held = this.#held.shift();
      if (held === undefined) return;
      // It could be somebody else's before the answer is here. It is claimed again by itself.
      if (held.until - now < timeout) continue;
      allowed--;
      this.#inFlight.add(held);
      void this.#deliver(held);
    }
  }

  async #deliver(held: Held): Promise<void> {
    const attempt = await this.#settings.endpoint.attempt(held.event);
    this.#meanDuration += (attempt.duration - this.#meanDuration) / 16;
    this.#settling.add([settlementOf(held.event, attempt, this.#settings)]);
    this.#inFlight.delete(held);
  }

  /** Hands back what is held: somebody else may have more luck. */
  #release(): void {
    if (this.#held.length === 0) return;
    const now = this.#settings.clock.now();
    this.#settling.add(this.#held.splice(0).map(({ event }) => handBack(event, now)));
  }

  async #extend(): Promise<void> {
    const { outbox, lease, clock } = this.#settings;
    const all = [...this.#held, ...this.#inFlight];
    if (all.length === 0) return;
    const now = clock.now();
    try {
      await outbox.extend(
        all.map(({ event }) => event),
        { lease, now },
      );
      for (const held of all) held.until = now + lease;
    } catch (error) {
      // The next beat comes before the claims end.
      tell(this.#settings.onLifecycle, { kind: 'outbox_failed', error });
    }
  }

  get #isStopping(): boolean {
    return this.#stopping?.signal.aborted !== false;
  }
}
