import { checkMembers, checkTypes } from '../configuration.ts';
import { ConfigurationError } from '../errors.ts';
import type { Secret } from '../signature.ts';
import { warnOfShortSecret } from '../weak-secrets.ts';
import type { FetchLike } from './attempt.ts';
import { checkRetryPolicy, type RetryPolicy } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Provided, SECRET_OWNER } from './endpoint.ts';
import { DEFAULT_PROBE_POLICY, type ProbePolicy } from './gate.ts';
import type { LifecycleListener } from './lifecycle.ts';
import type { Outbox } from './outbox.ts';
import { signRequest } from './request.ts';

/** Options of `createSender`. */
export interface SenderOptions<Transaction = never> {
  /** Where events go, `https://api.buktor.com/his/receive` for instance. */
  readonly url: string | URL;
  /**
   * The bearer token. A function is asked before every attempt, so that a renewed token takes effect
   * without a restart; it should keep the token itself.
   */
  readonly token: Provided<string>;
  /** The shared secret, or a function as for the token. */
  readonly secret: Provided<Secret>;
  /** Sent as `Client-ID`, so that a token that is somebody else's is refused. */
  readonly clientId?: string;
  /** Where {@link Sender.enqueue} puts events. */
  readonly outbox?: Outbox<Transaction>;
  /** What differs from the default policy, which tries for seven days. */
  readonly retry?: Partial<RetryPolicy>;
  /** When an endpoint that fails is tried. */
  readonly probe?: Partial<ProbePolicy>;
  /** How many attempts are made at the same time. @default 16 */
  readonly concurrency?: number;
  /**
   * How long an attempt may take, from the connection to the last byte of the answer, in milliseconds.
   * @default 10_000
   */
  readonly timeout?: number;
  /** How often an empty outbox is looked into, in milliseconds. @default 1_000 */
  readonly pollInterval?: number;
  /** Event types of your own, beside the 14: `resource.operation`. */
  readonly types?: readonly string[];
  /** The longest body, in bytes; the receiver's default is the same. @default 1_048_576 */
  readonly maxBodyBytes?: number;
  /** How far ahead of the clock a timestamp may be, in milliseconds. @default 900_000 (15 minutes) */
  readonly maxClockSkew?: number;
  /** Takes `http:` for hosts that are not this machine: patients' data would travel in the clear. */
  readonly allowInsecure?: boolean;
  /** Instead of the platform's `fetch`: through a proxy, or with client certificates, for instance. */
  readonly fetch?: FetchLike;
  /** Told of deliveries, failures and the endpoint's state, for logs and metrics. */
  readonly onLifecycle?: LifecycleListener;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Chance, for tests: numbers from 0 up to 1. @default Math.random */
  readonly random?: () => number;
}

/** Options that were checked, with the defaults filled in. */
export interface SenderSettings<Transaction> {
  readonly url: string;
  readonly token: Provided<string>;
  readonly secret: Provided<Secret>;
  /** The endpoint is on this machine, so a secret may be short. */
  readonly isTrial: boolean;
  readonly clientId: string | undefined;
  readonly outbox: Outbox<Transaction> | undefined;
  readonly retry: RetryPolicy;
  readonly probe: ProbePolicy;
  readonly concurrency: number;
  readonly timeout: number;
  readonly pollInterval: number;
  readonly types: readonly string[];
  readonly maxBodyBytes: number;
  readonly maxClockSkew: number;
  readonly fetch: FetchLike;
  readonly onLifecycle: LifecycleListener;
  readonly clock: Clock;
  readonly random: () => number;
}

const OPTIONS = [
  'url',
  'token',
  'secret',
  'clientId',
  'outbox',
  'retry',
  'probe',
  'concurrency',
  'timeout',
  'pollInterval',
  'types',
  'maxBodyBytes',
  'maxClockSkew',
  'allowInsecure',
  'fetch',
  'onLifecycle',
  'clock',
  'random',
];

const MAX_DELAY = 2 ** 31 - 1;

/** @throws ConfigurationError for an option that could never work. */
export function checkSenderOptions<Transaction>(
  options: SenderOptions<Transaction>,
): SenderSettings<Transaction> {
  checkMembers('createSender', options, OPTIONS);
  const { token, secret, clientId, outbox, types = [], probe = {} } = options;
  checkCredentials(token, secret, clientId);
  checkTypes(types);
  checkMembers('probe', probe, Object.keys(DEFAULT_PROBE_POLICY));
  if (outbox !== undefined && typeof (outbox as Partial<typeof outbox>).claim !== 'function') {
    throw new ConfigurationError('outbox must be an outbox: sqliteOutbox({ path }), for instance.');
  }
  for (const name of ['fetch', 'onLifecycle', 'random'] as const) {
    const given: unknown = options[name];
    if (given !== undefined && typeof given !== 'function') {
      throw new ConfigurationError(`${name} must be a function.`);
    }
  }
  const url = checkUrl(options.url, options.allowInsecure === true);
  const isTrial = isLoopback(new URL(url).hostname);
  if (!isTrial && typeof secret !== 'function') warnOfShortSecret(secret, SECRET_OWNER);
  return {
    url,
    token,
    secret,
    isTrial,
    clientId,
    outbox,
    retry: checkRetryPolicy(options.retry ?? {}),
    probe: {
      failureThreshold: count('probe.failureThreshold', probe.failureThreshold ?? 10, 1e6),
      initialDelay: count('probe.initialDelay', probe.initialDelay ?? 1_000),
      maxDelay: count('probe.maxDelay', probe.maxDelay ?? 60_000),
    },
    concurrency: count('concurrency', options.concurrency ?? 16, 1_000),
    timeout: count('timeout', options.timeout ?? 10_000),
    pollInterval: count('pollInterval', options.pollInterval ?? 1_000),
    types,
    maxBodyBytes: count('maxBodyBytes', options.maxBodyBytes ?? 1_048_576, 2 ** 29),
    maxClockSkew: count('maxClockSkew', options.maxClockSkew ?? 900_000, Number.MAX_SAFE_INTEGER),
    // Looked up with each call, so that what is put in its place later is used.
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    onLifecycle: options.onLifecycle ?? (() => undefined),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

function checkUrl(given: string | URL, allowInsecure: boolean): string {
  const text = String(given);
  if (!URL.canParse(text)) throw new ConfigurationError('url must be a URL.');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new ConfigurationError('url must begin with https://');
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConfigurationError(
      'url must have no user name and password: the token says who sends.',
    );
  }
  if (url.protocol === 'http:' && !allowInsecure && !isLoopback(url.hostname)) {
    throw new ConfigurationError(
      "url must begin with https://: patients' data is not to travel in the clear. " +
        'On a network where it may, set allowInsecure.',
    );
  }
  url.hash = '';
  return url.href;
}

/** RFC 6761, section 6.3, and RFC 1122, section 3.2.1.3. The parser writes every IPv4 address in dots. */
function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

function checkCredentials(
  token: Provided<string>,
  secret: Provided<Secret>,
  clientId: string | undefined,
): void {
  signRequest({
    event: '',
    token: typeof token === 'function' ? 'later' : token,
    secret: typeof secret === 'function' ? 'later' : secret,
    ...(clientId === undefined ? {} : { clientId }),
  });
}

function count(name: string, value: number, most = MAX_DELAY): number {
  if (!Number.isSafeInteger(value) || value < 1 || value > most) {
    throw new ConfigurationError(`${name} must be a whole number from 1 to ${String(most)}.`);
  }
  return value;
}
