import type { Secret } from '../signature.ts';
import { warnOfShortSecret } from '../weak-secrets.ts';
import type { Attempt, FetchLike } from './attempt.ts';
import { failedAttempt, makeAttempt } from './attempt.ts';
import type { Clock } from './clock.ts';
import type { PreparedEvent } from './event.ts';
import { EndpointGate, type ProbePolicy } from './gate.ts';
import { type LifecycleListener, tell } from './lifecycle.ts';
import { signRequest } from './request.ts';

/** A value, or what is asked for it before every attempt: a renewed token takes effect by itself. */
export type Provided<T> = T | (() => T | Promise<T>);

/** Whose secret it is, in a warning. */
export const SECRET_OWNER = 'The shared secret of a sender';

/** What an endpoint is reached with. */
export interface EndpointSettings {
  readonly url: string;
  readonly token: Provided<string>;
  readonly secret: Provided<Secret>;
  /** Nothing of worth is behind the secret, so it may be short. */
  readonly isTrial: boolean;
  readonly clientId: string | undefined;
  readonly fetch: FetchLike;
  readonly timeout: number;
  readonly concurrency: number;
  readonly probe: ProbePolicy;
  readonly maxRetryAfter: number;
  readonly onLifecycle: LifecycleListener;
  readonly clock: Clock;
  readonly random: () => number;
}

/** An attempt, and when it was made. */
export interface TimedAttempt extends Attempt {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly duration: number;
}

/**
 * Where events go: makes attempts, at most `concurrency` at the same time, tells its gate what they
 * came to, and the host when the gate changes.
 */
export class Endpoint {
  readonly gate: EndpointGate;
  readonly #settings: EndpointSettings;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(settings: EndpointSettings) {
    this.#settings = settings;
    this.#free = settings.concurrency;
    this.gate = new EndpointGate(settings.probe, settings.random);
  }

  /** How many attempts may begin without waiting. */
  get free(): number {
    return this.#waiting.length > 0 ? 0 : this.#free;
  }

  /** Sends an event once; it never rejects. */
  async attempt(event: PreparedEvent, signal?: AbortSignal): Promise<TimedAttempt> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    const { clock, maxRetryAfter, onLifecycle } = this.#settings;
    const pass = this.gate.enter();
    const startedAt = clock.now();
    try {
      const attempt = await this.#send(event, signal);
      const now = clock.now();
      const { judgement, status, reasonCode, retryAfter = 0 } = attempt;
      // A caller that gave up says nothing of the endpoint.
      const said = signal?.aborted === true && status === null ? undefined : judgement;
      const state = this.gate.leave(pass, said, now, Math.min(retryAfter, maxRetryAfter));
      if (state === 'open') tell(onLifecycle, { kind: 'opened' });
      else if (state !== undefined) tell(onLifecycle, { kind: state, status, reasonCode });
      return { ...attempt, startedAt, duration: now - startedAt };
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  async #send({ body }: PreparedEvent, signal: AbortSignal | undefined): Promise<Attempt> {
    const { url, isTrial, clientId, fetch, timeout, clock } = this.#settings;
    let token: string;
    let secret: Secret;
    try {
      token = await provide(this.#settings.token);
      secret = await provide(this.#settings.secret);
    } catch {
      // Whatever keeps them may be back in a moment. Its message may hold them, and is not repeated.
      return failedAttempt('retry', 'CREDENTIALS_UNAVAILABLE');
    }
    let request;
    try {
      request = signRequest({ event: body, token, secret, ...(clientId && { clientId }) });
    } catch {
      return failedAttempt('pause', 'CREDENTIALS_INVALID');
    }
    if (!isTrial) warnOfShortSecret(secret, SECRET_OWNER);
    return makeAttempt(url, request, { fetch, timeout, signal, now: () => clock.now() });
  }
}

function provide<T extends string | Uint8Array>(source: Provided<T>): T | Promise<T> {
  return typeof source === 'function' ? source() : source;
}
