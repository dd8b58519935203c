/** What an answer means for the event and for the endpoint. */
export type Judgement =
  /** 2xx: the event is with the receiver. */
  | 'delivered'
  /** The endpoint cannot take it now; the same event will do later. */
  | 'retry'
  /** The endpoint is at fault, or how it is called; no event will do. */
  | 'pause'
  /** This event is at fault. */
  | 'reject';

const RETRYABLE: ReadonlySet<number> = new Set([408, 425, 429]);

/** Wrong token, wrong address, wrong way to call: nothing about an event. */
const ENDPOINT_FAULTS: ReadonlySet<number> = new Set([401, 403, 404, 405, 410, 415]);

/** What a sender does with an answer. */
export function judgeStatus(status: number): Judgement {
  if (status >= 200 && status < 300) return 'delivered';
  if (status >= 500 || RETRYABLE.has(status)) return 'retry';
  // A redirect, which a runtime may show as status 0, leads somewhere nobody has vouched for.
  if (status < 400 || ENDPOINT_FAULTS.has(status)) return 'pause';
  return 'reject';
}

/**
 * Whether the same event may be sent again later: after 408, 425, 429 and 5xx. A network error and a
 * timeout may be retried as well, and have no answer.
 *
 * @example
 * ```ts
 * import { isRetryable, signRequest } from '@buktor/his-webhook';
 *
 * const response = await fetch('https://api.buktor.com/his/receive', signRequest({ event, token, secret }));
 * if (isRetryable(response)) console.log('later');
 * ```
 */
export function isRetryable(response: { readonly status: number }): boolean {
  return judgeStatus(response.status) === 'retry';
}

/**
 * Reads a `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
 *
 * @param now - Milliseconds since 1970.
 * @returns Milliseconds from now, 0 for a date that has passed; `undefined` where it is neither.
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000;
  // What Date.parse makes of other forms differs between machines, and their zones.
  if (!/^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} [\d:]{8} GMT$/.test(text))
    return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
