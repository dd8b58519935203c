import type { Fault } from '../errors.ts';
import type { SignedRequest } from './request.ts';
import { judgeStatus, type Judgement, parseRetryAfter } from './answer.ts';
import { type AnswerBody, readBounded, type Reading } from './body.ts';
import type { Deadlines, Timed } from '../deadlines.ts';

/**
 * What is used of `fetch`: the platform's, or one of the host's own, through a proxy or with client
 * certificates for instance. It must not follow redirects when it is told `manual`, and must stop when
 * the signal says so.
 */
export type FetchLike = (
  url: string,
  init: SignedRequest & { readonly redirect: 'manual'; readonly signal: AbortSignal },
) => Promise<FetchedResponse>;

/** What is used of a `Response`. */
export interface FetchedResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AnswerBody;
}

/** What one attempt came to. */
export interface Attempt {
  readonly judgement: Judgement;
  /** `null` where there was no answer, or not the whole of it. */
  readonly status: number | null;
  /** The receiver's `code`, or that of the network error. */
  readonly reasonCode: string | null;
  /** What the receiver said, bounded. */
  readonly reason: string | null;
  readonly faults: readonly Fault[];
  /** The event had been processed before. */
  readonly isReplayed: boolean;
  /** In milliseconds, where the answer asks for a delay. */
  readonly retryAfter: number | undefined;
}

/** How much of an answer is read, in bytes; ours are below 64 KiB. */
const MAX_RESPONSE = 65_536;

/** What bounds an attempt. */
export interface AttemptOptions {
  readonly fetch: FetchLike;
  /** For the whole of it, from the connection to the last byte of the answer, in milliseconds. */
  readonly timeout: number;
  readonly deadlines: Deadlines;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Sends a request once, and says what it came to. */
export function makeAttempt(
  url: string,
  request: SignedRequest,
  options: AttemptOptions,
  done: (attempt: Attempt) => void,
): void {
  if (options.signal?.aborted === true) done(failedAttempt('retry', 'ABORTED'));
  else void new Exchange(options, done).run(url, request);
}

/**
 * One request and its answer. It ends by itself, at the deadline or when the caller gives up, whichever is
 * first; a fetch of the host's own may not know the signal.
 */
class Exchange implements Timed {
  place = 0;
  deadline = 0;
  readonly #options: AttemptOptions;
  readonly #controller = new AbortController();
  #done: ((attempt: Attempt) => void) | undefined;
  #reading: Reading | undefined;
  #onAbort: (() => void) | undefined;

  constructor(options: AttemptOptions, done: (attempt: Attempt) => void) {
    this.#options = options;
    this.#done = done;
  }

  async run(url: string, request: SignedRequest): Promise<void> {
    const { fetch, now } = this.#options;
    const { signal } = this.#controller;
    this.#begin();
    try {
      const response = await fetch(url, { ...request, redirect: 'manual', signal });
      const text = await this.#read(response);
      this.#end(attemptOf(response, text, now()));
    } catch (error) {
      this.#end(failedAttempt('retry', codeOf(error)));
    }
  }

  onPassed(): void {
    this.#giveUp('TIMEOUT', new DOMException('The attempt took too long.', 'TimeoutError'));
  }

  #begin(): void {
    const { deadlines, timeout, signal } = this.#options;
    deadlines.begin(this, timeout);
    if (signal === undefined) return;
    this.#onAbort = () => {
      this.#giveUp('ABORTED', signal.reason);
    };
    signal.addEventListener('abort', this.#onAbort);
  }

  #read({ status, body }: FetchedResponse): Promise<string> {
    // What a fetch of the host's own gives instead is no verdict on the event.
    if (!Number.isInteger(status)) throw new TypeError('The answer has no status.');
    // Also where nothing is done with it: an unread answer keeps the connection from being used again,
    // and one that breaks off may not be the receiver's.
    this.#reading = readBounded(body, MAX_RESPONSE, judgeStatus(status) !== 'delivered');
    // Of a fetch that does not know the signal.
    if (this.#controller.signal.aborted) this.#reading.cancel();
    return this.#reading.text;
  }

  #giveUp(reasonCode: string, reason: unknown): void {
    const reading = this.#reading;
    this.#end(failedAttempt('retry', reasonCode));
    this.#controller.abort(reason);
    reading?.cancel();
  }

  #end(attempt: Attempt): void {
    const done = this.#done;
    // It was given up before.
    if (done === undefined) return;
    this.#done = undefined;
    const { deadlines, signal } = this.#options;
    deadlines.end(this);
    if (this.#onAbort !== undefined) signal?.removeEventListener('abort', this.#onAbort);
    // Or what has outlived one collection keeps the streams of later answers from the next.
    this.#reading = undefined;
    done(attempt);
  }
}

/** @param now - Milliseconds since 1970. */
function attemptOf({ status, headers }: FetchedResponse, text: string, now: number): Attempt {
  const judgement = judgeStatus(status);
  const said = judgement === 'delivered' ? undefined : readAnswer(text);
  return {
    judgement,
    status,
    reasonCode: said?.code ?? null,
    reason: said?.message ?? null,
    faults: said?.faults ?? NONE,
    isReplayed: headers.get('idempotent-replayed') === 'true',
    retryAfter: parseRetryAfter(headers.get('retry-after'), now),
  };
}

const NONE: readonly Fault[] = [];

interface Answer {
  readonly code: string;
  readonly message: string;
  readonly faults: readonly Fault[];
}

const LONGEST = 1_000;
const MOST_FAULTS = 20;

/**
 * An error in the form of this contract. Anything else, the page of a proxy for instance, is nobody's
 * reason: it may be of any size, and may repeat the request.
 */
function readAnswer(text: string): Answer | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { status, code, message, errors } = (value ?? {}) as Record<string, unknown>;
  if (status !== 'error' || typeof message !== 'string') return undefined;
  if (typeof code !== 'string' || !/^[a-z][a-z_]{0,63}$/.test(code)) return undefined;
  const faults = (Array.isArray(errors) ? (errors as unknown[]) : [])
    .slice(0, MOST_FAULTS)
    .flatMap((error): Fault[] => {
      const { path, message } = (error ?? {}) as Record<string, unknown>;
      if (typeof path !== 'string' || typeof message !== 'string') return [];
      return [{ path: path.slice(0, LONGEST), message: message.slice(0, LONGEST) }];
    });
  return { code, message: message.slice(0, LONGEST), faults };
}

/** An attempt that got no answer. */
export function failedAttempt(judgement: Judgement, reasonCode: string): Attempt {
  return {
    judgement,
    status: null,
    reasonCode,
    reason: null,
    faults: [],
    isReplayed: false,
    retryAfter: undefined,
  };
}

/** `ECONNREFUSED`, say. Messages of network errors are not used: they may hold what was sent. */
function codeOf(error: unknown): string {
  for (let cause = error; typeof cause === 'object' && cause !== null;) {
    const { code, name, cause: next } = cause as Record<string, unknown>;
    // A fetch of the host's own may have a shorter deadline.
    if (name === 'TimeoutError') return 'TIMEOUT';
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return code;
    cause = next;
  }
  return 'NETWORK_ERROR';
}
