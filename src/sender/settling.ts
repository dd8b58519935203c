import type { Clock } from './clock.ts';
import { type LifecycleListener, tell } from './lifecycle.ts';
import type { Outbox, Settlement } from './outbox.ts';

/** What settling works with. */
export interface SettlingSettings {
  readonly outbox: Pick<Outbox, 'settle'>;
  /** So many settlements at once are worth a transaction of their own. */
  readonly concurrency: number;
  readonly onLifecycle: LifecycleListener;
  readonly clock: Clock;
  /** Nothing else is begun: what there is is written without waiting, and not for ever. */
  readonly isStopping: () => boolean;
  /** Told when many were written, so that there may be room for more. */
  readonly onRoom: () => void;
  /** Told when the outbox has an event again that is due. */
  readonly onDue: () => void;
}

/** So many settlements go into one transaction. */
const MAX_BATCH = 500;
/** How long settlements wait for company, in milliseconds: a transaction each would cost more. */
const LINGER = 5;
/** How long an outbox that failed is left alone, in milliseconds. */
export const OUTBOX_DELAY = 1_000;
/** How often a dispatcher that stops tries to reach its outbox. */
const LAST_TRIES = 3;

/** Keeps settlements until the outbox has taken them: in batches, one after another. */
export class Settling {
  readonly #settings: SettlingSettings;
  #unsettled: Settlement[] = [];
  #writing: Promise<void> | undefined;

  constructor(settings: SettlingSettings) {
    this.#settings = settings;
  }

  /** Whether so many wait that no event should be claimed until the outbox takes them. */
  get isJammed(): boolean {
    return this.#unsettled.length >= MAX_BATCH;
  }

  add(settlements: readonly Settlement[]): void {
    for (const settlement of settlements) this.#unsettled.push(settlement);
    void this.ended();
  }

  /** Resolves once none are left, or a dispatcher that stops has given them up. */
  ended(): Promise<void> {
    return (this.#writing ??= this.#write());
  }

  async #write(): Promise<void> {
    const { outbox, clock, onLifecycle, isStopping, onRoom, onDue } = this.#settings;
    await this.#linger();
    let failures = 0;
    while (this.#unsettled.length > 0) {
      const batch = this.#unsettled.slice(0, MAX_BATCH);
      const now = clock.now();
      try {
        await outbox.settle(batch, { now });
        this.#unsettled = this.#unsettled.slice(batch.length);
        failures = 0;
        if (batch.length === MAX_BATCH) onRoom();
        if (batch.some((settlement) => isDue(settlement, now))) onDue();
      } catch (error) {
        tell(onLifecycle, { kind: 'outbox_failed', error });
        // The claims end by themselves, and the events are sent again.
        if (isStopping() && ++failures >= LAST_TRIES) break;
        await clock.sleep(OUTBOX_DELAY, new AbortController().signal);
      }
    }
    // In the same breath as the last look, so that nothing comes between them.
    this.#writing = undefined;
  }

  async #linger(): Promise<void> {
    const { isStopping, concurrency } = this.#settings;
    const isEnough = isStopping() || this.#unsettled.length >= concurrency;
    await new Promise<void>((resolve) => setTimeout(resolve, isEnough ? 0 : LINGER));
  }
}

function isDue(settlement: Settlement, now: number): boolean {
  return settlement.outcome === 'retry' && settlement.dueAt <= now;
}
