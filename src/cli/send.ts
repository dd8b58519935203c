import { parseArgs } from 'node:util';
import { signRequest } from '../sender/request.ts';
import { type Io, readInput, required, UsageError } from './io.ts';

export const SEND_USAGE: string = `his-webhook send [FILE] [options]

Signs a body and sends it once: the exact bytes of FILE, or of standard input. Prints the answer;
the exit code is 0 for a 2xx, 1 for any other answer or none.

  --url URL        where to (HIS_URL, http://127.0.0.1:8080/his/receive)
  --token TOKEN    the bearer token (HIS_TOKEN)
  --secret SECRET  the shared secret (HIS_SECRET)
`;

/** How long an answer may take, and how much of it is shown. */
const TIMEOUT = 30_000;
const SHOWN = 10_000;

/** Sends one event, once. */
export async function send(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      token: { type: 'string' },
      secret: { type: 'string' },
    },
  });
  const url = values.url ?? (io.env['HIS_URL'] || 'http://127.0.0.1:8080/his/receive');
  if (!URL.canParse(url)) throw new UsageError('--url must be a URL.');
  const request = signRequest({
    token: required(io, 'token', values.token, 'HIS_TOKEN'),
    secret: required(io, 'secret', values.secret, 'HIS_SECRET'),
    event: await readInput(io, positionals[0]),
  });
  try {
    const response = await fetch(url, {
      ...request,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const replayed = response.headers.get('idempotent-replayed') === 'true' ? ' (replayed)' : '';
    const text = await response.text();
    io.out(`${String(response.status)}${replayed} ${text.slice(0, SHOWN)}\n`);
    return response.ok ? 0 : 1;
  } catch (error) {
    const { name, cause } = error as { name: string; cause?: { code?: string; message?: string } };
    io.err(`No answer from ${new URL(url).host}: ${cause?.code ?? cause?.message ?? name}\n`);
    return 1;
  }
}
