import { Buffer } from 'node:buffer';
import { DeliveryError, EventError } from '../errors.ts';
import type { FetchedResponse, FetchLike } from '../sender/attempt.ts';
import type { SenderEvent } from '../sender/lifecycle.ts';
import type { SenderOptions } from '../sender/options.ts';
import { signRequest } from '../sender/request.ts';
import { createSender } from '../sender/sender.ts';
import type { Io } from './io.ts';
import { StatusLine, whole } from './progress.ts';
import { nameAnswer } from './tally.ts';
import { toText } from './text.ts';

/** How much of an answer is shown. */
const SHOWN = 10_000;

/** Delivers one event, and shows how that goes. */
export async function sendOne(
  bytes: Uint8Array,
  options: SenderOptions,
  retryFor: number | undefined,
  io: Io,
): Promise<number> {
  const tap = new AnswerTap();
  const wait = new Wait(io);
  const sender = createSender({
    ...options,
    fetch: tap.fetch,
    onLifecycle: (event) => {
      if (event.kind === 'attempt_failed') wait.begin(event);
    },
  });
  try {
    const body = toText(bytes);
    const { status, isReplayed } = await sender.send(
      body,
      retryFor === undefined ? {} : { retryFor },
    );
    wait.end();
    io.out(`${String(status)}${isReplayed ? ' (replayed)' : ''} ${readable(tap.answer)}\n`);
    return 0;
  } catch (error) {
    wait.end();
    if (error instanceof EventError) {
      io.err(`${error.message}\nNothing was sent; with --raw it is sent as it is.\n`);
      return 1;
    }
    if (!(error instanceof DeliveryError)) throw error;
    const { status, reasonCode, attempts } = error;
    if (attempts > 1) io.err(`Given up after ${String(attempts)} attempts.\n`);
    if (status === null) noAnswer(options, reasonCode ?? '', io);
    else io.out(`${String(status)} ${readable(tap.answer)}\n`);
    return 1;
  }
}

/** Sends bytes, whatever they are, once. */
export async function sendRaw(event: Uint8Array, options: SenderOptions, io: Io): Promise<number> {
  const { url, token, secret, clientId, timeout = 0 } = options;
  const request = signRequest({
    event,
    token: token as string,
    secret: secret as string,
    ...(clientId === undefined ? {} : { clientId }),
  });
  try {
    const signal = AbortSignal.timeout(timeout);
    const response = await fetch(url, { ...request, redirect: 'manual', signal });
    const replayed = response.headers.get('idempotent-replayed') === 'true' ? ' (replayed)' : '';
    const text = await response.text();
    io.out(`${String(response.status)}${replayed} ${text.slice(0, SHOWN)}\n`);
    return response.ok ? 0 : 1;
  } catch (error) {
    const { name, cause } = error as { name: string; cause?: { code?: string; message?: string } };
    noAnswer(options, cause?.code ?? cause?.message ?? name, io);
    return 1;
  }
}

function noAnswer({ url }: SenderOptions, reason: string, io: Io): void {
  io.err(`No answer from ${new URL(url).host}: ${reason}\n`);
}

/** Keeps the last answer, of which the sender says only what it understands. */
class AnswerTap {
  answer = '';

  readonly fetch: FetchLike = async (url, init): Promise<FetchedResponse> => {
    this.answer = '';
    const { status, headers, body } = await fetch(url, init);
    return { status, headers, body: body === null ? null : this.#keep(body) };
  };

  async *#keep(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) {
      chunks.push(chunk);
      this.answer = Buffer.concat(chunks).toString('utf8');
      yield chunk;
    }
  }
}

const MEMBERS = ['status', 'message', 'code', 'errors'];

/**
 * What the contract says an answer has. Anything else, the page of a proxy for instance, may repeat the
 * request.
 */
function readable(answer: string): string {
  if (answer === '') return '';
  try {
    const value = JSON.parse(answer) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const entries = Object.entries(value).filter(([name]) => MEMBERS.includes(name));
      if (entries.length > 0) return JSON.stringify(Object.fromEntries(entries)).slice(0, SHOWN);
    }
  } catch {
    // See below.
  }
  return `(${whole(Buffer.byteLength(answer))} bytes that are no answer of a receiver; --raw shows them)`;
}

/** Shows an attempt that failed, and how long it is until the next. */
class Wait {
  readonly #status: StatusLine;
  #timer: NodeJS.Timeout | undefined;

  constructor(io: Io) {
    this.#status = new StatusLine(io);
  }

  begin({ attempts, status, reasonCode, retryAt }: SenderEvent & { kind: 'attempt_failed' }): void {
    if (retryAt === null) return;
    const failed = `Attempt ${String(attempts)}: ${nameAnswer(status, reasonCode)}`;
    const describe = (): string => {
      const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1_000));
      return seconds === 0
        ? `${failed}; trying again`
        : `${failed}; the next in ${String(seconds)} s`;
    };
    if (!this.#status.isLive) {
      this.#status.say(describe());
      return;
    }
    const show = (): void => {
      this.#status.show(describe());
    };
    clearInterval(this.#timer);
    this.#timer = setInterval(show, 250);
    show();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#status.clear();
  }
}
