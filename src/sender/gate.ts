import type { Judgement } from './answer.ts';
import { backoffDelay } from './backoff.ts';

/** When an endpoint that fails is tried, and when it counts as failing. */
export interface ProbePolicy {
  /** How many attempts must fail one after another until only probes go out. @default 10 */
  readonly failureThreshold: number;
  /** The delay before the first probe, in milliseconds; it doubles with each. @default 1_000 */
  readonly initialDelay: number;
  /** The longest delay between two probes, in milliseconds. @default 60_000 */
  readonly maxDelay: number;
}

/** The policy where none is given. */
export const DEFAULT_PROBE_POLICY: ProbePolicy = Object.freeze({
  failureThreshold: 10,
  initialDelay: 1_000,
  maxDelay: 60_000,
});

/**
 * The states of an endpoint: `open`, events go out; `broken`, it cannot be reached or fails, and events
 * wait but for a probe now and then; `paused`, it refuses whatever it is sent, and they wait as well.
 */
export type EndpointState = 'open' | 'broken' | 'paused';

/** The leave to make one attempt. */
export interface Pass {
  readonly isProbe: boolean;
  /** Which time of the gate the attempt belongs to. */
  readonly epoch: number;
}

/**
 * Whether events may go to an endpoint.
 *
 * It is **open** at first. Where the endpoint cannot be reached, or says 5xx, so many times one after
 * another, it is **broken** (a circuit breaker): the events wait, and one goes out as a probe now and
 * then. Where the endpoint refuses whatever it is sent (an expired token, a wrong address, a redirect)
 * it is **paused** at once, with probes as well. An answer that shows that the endpoint works, also one
 * that refuses the event for its own sake, opens it again. A paused endpoint that cannot be reached stays
 * paused, so that the host is told of the pause once.
 *
 * What attempts say that began before the state changed is old news and changes nothing: the answers
 * still under way when a token is revoked, or renewed.
 */
export class EndpointGate {
  #state: EndpointState = 'open';
  #epoch = 0;
  #failures = 0;
  #probes = 0;
  #probeAt = 0;
  /** When that was said. */
  #postponedAt = 0;
  #isProbing = false;
  readonly #policy: ProbePolicy;
  readonly #random: () => number;

  constructor(policy: ProbePolicy, random: () => number) {
    this.#policy = policy;
    this.#random = random;
  }

  get state(): EndpointState {
    return this.#state;
  }

  /** When the next probe may go out, in milliseconds since 1970; `undefined` while it is open. */
  get probeAt(): number | undefined {
    return this.#state === 'open' ? undefined : this.#probeAt;
  }

  /** How many of `wanted` attempts may begin now. */
  allowance(wanted: number, now: number): number {
    if (this.#state === 'open') return wanted;
    // A clock that was set back is not to hold up the probes until it is where it was.
    const isEarly = now < this.#probeAt && now >= this.#postponedAt;
    return this.#isProbing || isEarly ? 0 : Math.min(1, wanted);
  }

  /** Begins an attempt; while the endpoint is not open it is its probe. */
  enter(): Pass {
    const isProbe = this.#state !== 'open' && !this.#isProbing;
    if (isProbe) this.#isProbing = true;
    return { isProbe, epoch: this.#epoch };
  }

  /**
   * Ends an attempt.
   *
   * @param judgement - `undefined` where it came to nothing, and says nothing of the endpoint.
   * @param retryAfter - Milliseconds before which the endpoint wants no other.
   * @returns The state, where it is a new one.
   */
  leave(
    pass: Pass,
    judgement: Judgement | undefined,
    now: number,
    retryAfter = 0,
  ): EndpointState | undefined {
    if (pass.epoch !== this.#epoch) return undefined;
    if (pass.isProbe) this.#isProbing = false;
    if (judgement === undefined) return undefined;
    if (judgement === 'delivered' || judgement === 'reject') {
      this.#failures = 0;
      return this.#state === 'open' ? undefined : this.#change('open');
    }
    if (judgement === 'pause') {
      if (this.#state !== 'paused') {
        this.#probes = 0;
        this.#postpone(now, 0);
        return this.#change('paused');
      }
    } else if (this.#state === 'open') {
      if (++this.#failures < this.#policy.failureThreshold) return undefined;
      this.#probes = 0;
      this.#postpone(now, retryAfter);
      return this.#change('broken');
    }
    if (pass.isProbe) this.#postpone(now, retryAfter);
    return undefined;
  }

  /** Lets the next probe go out at once: somebody knows that the endpoint is mended. */
  hurry(): void {
    this.#probeAt = 0;
    this.#probes = 0;
  }

  #postpone(now: number, retryAfter: number): void {
    const { initialDelay, maxDelay } = this.#policy;
    const delay = backoffDelay(++this.#probes, { initialDelay, maxDelay }, this.#random);
    this.#probeAt = now + Math.max(delay, retryAfter);
    this.#postponedAt = now;
  }

  #change(state: EndpointState): EndpointState {
    this.#state = state;
    this.#epoch++;
    this.#failures = 0;
    this.#isProbing = false;
    return state;
  }
}
