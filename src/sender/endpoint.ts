import type { Secret } from '../signature.ts';
import { warnOfShortSecret } from '../weak-secrets.ts';
import { type Attempt, failedAttempt, type FetchLike, makeAttempt } from './attempt.ts';
import type { Clock } from './clock.ts';
import {
  type Credentials,
  type Provided,
  provideCredentials,
  SECRET_OWNER,
} from './credentials.ts';
import type { PreparedEvent } from './event.ts';
import { EndpointGate, type ProbePolicy } from './gate.ts';
import { type LifecycleListener, tell } from './lifecycle.ts';
import { signRequest } from './request.ts';

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
  readonly #now: () => number;
  /** Those that wait for their turn; each is told whether it has come. */
  readonly #line: ((hasTurn: boolean) => void)[] = [];
  #free: number;
  #onFree: () => void = () => undefined;

  constructor(settings: EndpointSettings) {
    this.#settings = settings;
    this.#now = () => settings.clock.now();
    this.#free = settings.concurrency;
    this.gate = new EndpointGate(settings.probe, settings.random);
  }

  /** How many attempts may begin without waiting. */
  get free(): number {
    return this.#line.length > 0 ? 0 : this.#free;
  }

  /** Tells, whenever an attempt has ended, that another may begin without waiting. */
  whenFree(listener: () => void): void {
    this.#onFree = listener;
  }

  /** Sends an event once; it never rejects. */
  async attempt(event: PreparedEvent, signal?: AbortSignal): Promise<TimedAttempt> {
    if (this.#free > 0) this.#free--;
    else if (!(await this.#standInLine(signal))) {
      return { ...failedAttempt('retry', 'ABORTED'), startedAt: this.#now(), duration: 0 };
    }
    const { maxRetryAfter, onLifecycle } = this.#settings;
    const pass = this.gate.enter();
    const startedAt = this.#now();
    try {
      const attempt = await this.#send(event, signal);
      const now = this.#now();
      const { judgement, status, reasonCode, retryAfter = 0 } = attempt;
      // A caller that gave up says nothing of the endpoint.
      const said = isAborted(signal) && status === null ? undefined : judgement;
      const state = this.gate.leave(pass, said, now, Math.min(retryAfter, maxRetryAfter));
      if (state === 'open') tell(onLifecycle, { kind: 'opened' });
      else if (state !== undefined) tell(onLifecycle, { kind: state, status, reasonCode });
      // The clock may have been set back.
      return { ...attempt, startedAt, duration: Math.max(0, now - startedAt) };
    } finally {
      const next = this.#line.shift();
      if (next !== undefined) next(true);
      else {
        this.#free++;
        this.#onFree();
      }
    }
  }

  /** Waits for a turn; `false` where the caller has given up. */
  #standInLine(signal: AbortSignal | undefined): Promise<boolean> {
    if (isAborted(signal)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const giveUp = (): void => {
        this.#line.splice(this.#line.indexOf(end), 1);
        end(false);
      };
      const end = (hasTurn: boolean): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve(hasTurn);
      };
      signal?.addEventListener('abort', giveUp);
      this.#line.push(end);
    });
  }

  #send({ body }: PreparedEvent, signal: AbortSignal | undefined): Promise<Attempt> {
    const { token, secret, timeout } = this.#settings;
    return typeof token === 'function' || typeof secret === 'function'
      ? this.#sendWithProvided(body, signal)
      : this.#sendWith({ token, secret }, body, timeout, signal);
  }

  async #sendWithProvided(body: string, signal: AbortSignal | undefined): Promise<Attempt> {
    const { token, secret, timeout, isTrial } = this.#settings;
    const start = performance.now();
    let credentials: Credentials;
    try {
      credentials = await provideCredentials({ token, secret }, timeout, signal);
    } catch {
      // Whatever keeps them may be back in a moment. Its message may hold them, and is not repeated.
      return failedAttempt('retry', isAborted(signal) ? 'ABORTED' : 'CREDENTIALS_UNAVAILABLE');
    }
    if (!isTrial) warnOfShortSecret(credentials.secret, SECRET_OWNER);
    const left = Math.max(1, timeout - (performance.now() - start));
    return this.#sendWith(credentials, body, left, signal);
  }

  #sendWith(
    { token, secret }: Credentials,
    body: string,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<Attempt> {
    const { url, clientId, fetch } = this.#settings;
    let request;
    try {
      request = signRequest({ event: body, token, secret, ...(clientId && { clientId }) });
    } catch {
      return Promise.resolve(failedAttempt('pause', 'CREDENTIALS_INVALID'));
    }
    return makeAttempt(url, request, { fetch, timeout, signal, now: this.#now });
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
