import { parseArgs } from 'node:util';
import { ConfigurationError } from '../errors.ts';
import { DEFAULT_RETRY_POLICY } from '../sender/backoff.ts';
import type { SenderOptions } from '../sender/options.ts';
import { createSender } from '../sender/sender.ts';
import { type Io, readInput, required, UsageError } from './io.ts';
import { sendFile } from './send-file.ts';
import { sendOne, sendRaw } from './send-one.ts';

export const SEND_USAGE: string = `his-webhook send [FILE] [options]
his-webhook send --file EVENTS [--outbox OUTBOX] [options]

Signs an event and sends it: the exact bytes of FILE, or of standard input. It is tried again where
the receiver cannot take it yet. Prints the answer; the exit code is 0 for a 2xx, 1 for any other
answer or none.

  --url URL            where to (HIS_URL, http://127.0.0.1:8080/his/receive)
  --token TOKEN        the bearer token (HIS_TOKEN)
  --secret SECRET      the shared secret (HIS_SECRET)
  --client-id ID       sent as Client-ID: a token that is somebody else's is refused
  --retry-for TIME     how long an event is tried (30s; 7d with --outbox; 0 makes one attempt);
                       seconds, or 30s, 5m, 2h, 3d
  --timeout TIME       how long an attempt may take (10s)
  --insecure           takes http: for hosts that are not this machine
  --raw                sends whatever FILE is, once, and prints the whole answer

With --file, sends the events of a file, one JSON a line ("-": standard input), and prints a table
of what became of them. The exit code is 0 if the receiver has them all, 1 if not, 130 if it was
stopped. It stops by itself where the endpoint refuses whatever it is sent, or goes on failing for
TIME.

  --file EVENTS        the events
  --concurrency N      how many are sent at the same time (16)
  --outbox OUTBOX      goes on where it was stopped or killed when it is called again: events are
                       kept in this SQLite file (patients' data!) until they are delivered, and
                       their ids for 7 days more
`;

/** What `send --raw` waits for an answer, in milliseconds. */
const RAW_TIMEOUT = 30_000;

/** Sends an event, or a file of them. */
export async function send(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      token: { type: 'string' },
      secret: { type: 'string' },
      'client-id': { type: 'string' },
      'retry-for': { type: 'string' },
      timeout: { type: 'string' },
      insecure: { type: 'boolean', default: false },
      raw: { type: 'boolean', default: false },
      file: { type: 'string' },
      concurrency: { type: 'string' },
      outbox: { type: 'string' },
    },
  });
  const { file, outbox, raw, concurrency, insecure: allowInsecure } = values;
  if (positionals.length > (file === undefined ? 1 : 0)) {
    throw new UsageError('send takes one FILE, or --file EVENTS.');
  }
  if (file === undefined && (outbox !== undefined || concurrency !== undefined)) {
    throw new UsageError('--outbox and --concurrency go with --file.');
  }
  if (raw && (file !== undefined || values['retry-for'] !== undefined)) {
    throw new UsageError('--raw makes one attempt, and goes with neither --file nor --retry-for.');
  }
  const retryFor = milliseconds('retry-for', values['retry-for']);
  const timeout = milliseconds('timeout', values.timeout);
  const url = values.url ?? (io.env['HIS_URL'] || 'http://127.0.0.1:8080/his/receive');
  if (!URL.canParse(url)) throw new UsageError('--url must be a URL.');
  const clientId = values['client-id'];
  const options: SenderOptions = {
    url,
    token: required(io, 'token', values.token, 'HIS_TOKEN'),
    secret: required(io, 'secret', values.secret, 'HIS_SECRET'),
    allowInsecure,
    ...(clientId === undefined ? {} : { clientId }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(concurrency === undefined ? {} : { concurrency: Number(concurrency) }),
    retry: {
      // Of `send` retryFor is the bound; of an outbox, the horizon.
      horizon: (outbox === undefined ? undefined : retryFor) ?? longest(retryFor),
    },
  };
  check(options);
  if (file !== undefined) return sendFile({ file, outbox, options, retryFor }, io);
  const body = await readInput(io, positionals[0]);
  return raw
    ? sendRaw(body, { ...options, timeout: timeout ?? RAW_TIMEOUT }, io)
    : sendOne(body, options, retryFor, io);
}

/** Before anything is read or opened. */
function check(options: SenderOptions): void {
  try {
    createSender(options);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new UsageError(error.message.replace('set allowInsecure', 'say --insecure'));
  }
}

function longest(retryFor = 0): number {
  return Math.max(retryFor, DEFAULT_RETRY_POLICY.horizon);
}

const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** `90`, `30s`, `1.5m`, `2h`, `3d`. */
function milliseconds(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit = 's'] = /^(\d{1,9}(?:\.\d{1,3})?)([smhd])?$/.exec(text) ?? [];
  if (number === undefined) {
    throw new UsageError(`--${flag} must be seconds, or a time such as 30s, 5m, 2h or 3d.`);
  }
  return Math.round(Number(number) * UNITS[unit as keyof typeof UNITS] * 1_000);
}
