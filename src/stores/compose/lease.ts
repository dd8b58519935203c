import type { Claim, IdempotencyStore } from '../types.ts';

/**
 * A claim that is renewed, every third of its lease, until it is stopped.
 *
 * It is **kept** at first. Where a renewal says that it is not held any more it is **lost**, and the
 * signal is aborted. It is **let go** when the caller's own signal is aborted: the work may hang,
 * and the lease must end for the event to be processed elsewhere.
 */
export class Lease {
  readonly #idempotency: IdempotencyStore;
  readonly #claim: Claim;
  readonly #duration: number;
  readonly #outer: AbortSignal | undefined;
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  #isLost = false;

  /** @param duration - Milliseconds. */
  constructor(
    idempotency: IdempotencyStore,
    claim: Claim,
    duration: number,
    outer: AbortSignal | undefined,
  ) {
    this.#idempotency = idempotency;
    this.#claim = claim;
    this.#duration = duration;
    this.#outer = outer;
    if (outer?.aborted === true) this.#letGo();
    else {
      outer?.addEventListener('abort', this.#letGo);
      this.#renewLater();
    }
  }

  /** Aborted where the claim is lost or let go. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether a renewal has said that it is not held any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Renews it no more; the claim itself stays as it is. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#letGo);
  }

  readonly #letGo = (): void => {
    this.stop();
    this.#controller.abort();
  };

  #renewLater(): void {
    this.#timer = setTimeout(() => void this.#renew(), this.#duration / 3);
  }

  async #renew(): Promise<void> {
    let isHeld = true;
    try {
      isHeld = await this.#idempotency.renew(this.#claim, this.#duration);
    } catch {
      // Nobody knows whether it is held: the next renewal tells, or completing it.
    }
    if (this.#isStopped) return;
    if (isHeld) this.#renewLater();
    else {
      this.#isLost = true;
      this.#letGo();
    }
  }
}
