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
import { Deadlines } from '../deadlines.ts';
import type { PreparedEvent } from './event.ts';
import { EndpointGate, type Pass, type ProbePolicy } from './gate.ts';
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
  readonly #deadlines = new Deadlines();
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
  attempt(event: PreparedEvent, signal?: AbortSignal): Promise<TimedAttempt> {
    if (this.#free === 0) return this.#attemptInTurn(event, signal);
    this.#free--;
    return this.#attempt(event, signal);
  }

  async #attemptInTurn(event: PreparedEvent, signal?: AbortSignal): Promise<TimedAttempt> {
    return (await this.#standInLine(signal))
      ? this.#attempt(event, signal)
      : { ...failedAttempt('retry', 'ABORTED'), startedAt: this.#now(), duration: 0 };
  }

  // By callbacks, as everything is that every event comes by: an async function each would cost as much as
  // all that is done in them.
  #attempt({ body }: PreparedEvent, signal: AbortSignal | undefined): Promise<TimedAttempt> {
    const pass = this.gate.enter();
    const startedAt = this.#now();
    return new Promise((resolve, reject) => {
      this.#send(body, signal, (attempt) => {
        try {
          resolve(this.#leave(pass, startedAt, attempt, signal));
        } catch (thrown) {
          // By a clock of the host's own, say.
          const error = thrown as Error;
          reject(error);
        } finally {
          this.#giveTurn();
        }
      });
    });
  }

  #leave(
    pass: Pass,
    startedAt: number,
    attempt: Attempt,
    signal: AbortSignal | undefined,
  ): TimedAttempt {
    const { maxRetryAfter, onLifecycle } = this.#settings;
    const now = this.#now();
    const { judgement, status, reasonCode, retryAfter = 0 } = attempt;
    // A caller that gave up says nothing of the endpoint.
    const said = isAborted(signal) && status === null ? undefined : judgement;
    const state = this.gate.leave(pass, said, now, Math.min(retryAfter, maxRetryAfter));
    if (state === 'open') tell(onLifecycle, { kind: 'opened' });
    else if (state !== undefined) tell(onLifecycle, { kind: state, status, reasonCode });
    // The clock may have been set back.
    return { ...attempt, startedAt, duration: Math.max(0, now - startedAt) };
  }

  #giveTurn(): void {
    const next = this.#line.shift();
    if (next !== undefined) next(true);
    else {
      this.#free++;
      this.#onFree();
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

  #send(body: string, signal: AbortSignal | undefined, done: (attempt: Attempt) => void): void {
    const { token, secret, timeout } = this.#settings;
    if (typeof token === 'function' || typeof secret === 'function') {
      void this.#sendWithProvided(body, signal, done);
    } else this.#sendWith({ token, secret }, body, timeout, signal, done);
  }

  async #sendWithProvided(
    body: string,
    signal: AbortSignal | undefined,
    done: (attempt: Attempt) => void,
  ): Promise<void> {
    const { token, secret, timeout } = this.#settings;
    const start = performance.now();
    let credentials: Credentials;
    try {
      credentials = await provideCredentials({ token, secret }, timeout, signal);
    } catch {
      // Whatever keeps them may be back in a moment. Its message may hold them, and is not repeated.
      done(failedAttempt('retry', isAborted(signal) ? 'ABORTED' : 'CREDENTIALS_UNAVAILABLE'));
      return;
    }
    const left = Math.max(1, timeout - (performance.now() - start));
    this.#sendWith(credentials, body, left, signal, done);
  }

  #sendWith(
    { token, secret }: Credentials,
    body: string,
    timeout: number,
    signal: AbortSignal | undefined,
    done: (attempt: Attempt) => void,
  ): void {
    const { url, clientId, fetch, isTrial } = this.#settings;
    let request;
    try {
      request = signRequest({ event: body, token, secret, ...(clientId && { clientId }) });
      // Of one that was given when the sender was made it was told then.
      if (!isTrial && typeof this.#settings.secret === 'function') {
        warnOfShortSecret(secret, SECRET_OWNER);
      }
    } catch {
      done(failedAttempt('pause', 'CREDENTIALS_INVALID'));
      return;
    }
    const bounds = { fetch, timeout, deadlines: this.#deadlines, signal, now: this.#now };
    makeAttempt(url, request, bounds, done);
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
