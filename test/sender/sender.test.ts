import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ConfigurationError, DeliveryError, EventError, StorageError } from '../../src/errors.ts';
import type { Envelope } from '../../src/events.ts';
import { memoryOutbox } from '../../src/outboxes/memory.ts';
import type { FetchedResponse, FetchLike } from '../../src/sender/attempt.ts';
import { buildEvent } from '../../src/sender/event.ts';
import type { SenderEvent } from '../../src/sender/lifecycle.ts';
import type { SenderOptions } from '../../src/sender/options.ts';
import type { DeadLetter, Outbox } from '../../src/sender/outbox.ts';
import { createSender, type Sender } from '../../src/sender/sender.ts';
import { verifySignature } from '../../src/signature.ts';
import { ManualClock } from '../support/clock.ts';

const URL = 'https://api.buktor.example/his/receive';
const SECRET = 'a shared secret of thirty-two by';

/** What the endpoint of a test answers. */
type Answer = number | { status: number; headers?: Record<string, string>; body?: string } | Error;

function responseOf(answer: Exclude<Answer, Error>): FetchedResponse {
  const {
    status,
    headers = {},
    body = '{}',
  } = typeof answer === 'number' ? { status: answer } : answer;
  return {
    status,
    headers: { get: (name) => headers[name] ?? null },
    body: (async function* () {
      await Promise.resolve();
      yield new TextEncoder().encode(body);
    })(),
  };
}

/** A sender whose endpoint, time and chance belong to the test. */
class Bench {
  readonly clock = new ManualClock();
  readonly outbox: Outbox;
  readonly told: SenderEvent[] = [];
  /** Every attempt: which event, when, with what. */
  readonly attempts: { readonly id: string; readonly at: number; readonly token: string }[] = [];
  readonly requests: Parameters<FetchLike>[] = [];
  readonly sender: Sender;
  answer: (id: string, attempt: number) => Answer | Promise<Answer> = () => 200;

  constructor(options: Partial<SenderOptions> = {}) {
    this.outbox = options.outbox ?? memoryOutbox();
    this.sender = createSender({
      url: URL,
      token: 'demo-token',
      secret: SECRET,
      clock: this.clock,
      random: () => 0,
      fetch: async (url, init) => {
        this.requests.push([url, init]);
        const { event_id: id } = JSON.parse(init.body as string) as { event_id: string };
        const token = init.headers['Authorization']!.slice('Bearer '.length);
        this.attempts.push({ id, at: this.clock.now(), token });
        const answer = await this.answer(id, this.attemptsOf(id).length);
        if (answer instanceof Error) throw answer;
        return responseOf(answer);
      },
      onLifecycle: (event) => this.told.push(event),
      ...options,
      outbox: this.outbox,
    });
    onTestFinished(() => this.sender.stop());
  }

  /** When an event was tried, in milliseconds since the first time. */
  attemptsOf(id: string): number[] {
    const times = this.attempts.filter((attempt) => attempt.id === id).map(({ at }) => at);
    return times.map((at) => at - times[0]!);
  }

  kinds(): string[] {
    return this.told.map(({ kind }) => kind);
  }

  async enqueue(count: number, prefix = 'e'): Promise<void> {
    for (let n = 0; n < count; n++) await this.sender.enqueue(eventOf(`${prefix}${String(n)}`));
  }

  async deadLetters(): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for await (const letter of this.sender.deadLetters()) letters.push(letter);
    return letters;
  }
}

const eventOf = (
  event_id: string,
  data: object = { his_appointment_id: 'A1' },
): Envelope<object> => ({
  event_id,
  timestamp: '2025-03-02T10:30:45Z',
  type: 'appointment.created',
  data,
});

const rejection = async (promise: Promise<unknown>): Promise<DeliveryError> => {
  const error: unknown = await promise.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DeliveryError);
  return error as DeliveryError;
};

describe('send', () => {
  it('sends the signed bytes, and resolves with the receipt', async () => {
    const bench = new Bench({ clientId: '1001' });
    const event = buildEvent({ type: 'appointment.created', data: { his_status: 'Zoë' } });
    const sent = await bench.sender.send({ ...event, timestamp: '2025-03-02T10:30:45Z' });
    expect(sent).toEqual({
      eventId: event.event_id,
      status: 200,
      isReplayed: false,
      attempts: 1,
    });
    const [url, { method, headers, body, redirect }] = bench.requests[0]!;
    expect([url, method, redirect]).toEqual([URL, 'POST', 'manual']);
    expect(headers).toMatchObject({
      'Content-Type': 'application/json',
      Authorization: 'Bearer demo-token',
      'Client-ID': '1001',
    });
    expect(verifySignature(body, headers['Buktor-Signature'], SECRET)).toBe(true);
    expect(bench.told).toEqual([
      {
        kind: 'delivered',
        eventId: event.event_id,
        type: 'appointment.created',
        attempts: 1,
        status: 200,
        duration: 0,
        isReplayed: false,
      },
    ]);
  });

  it('sends a body that was serialised before, byte for byte', async () => {
    const bench = new Bench();
    const body = ` { "type":"payment.failed", "data" : {}, "timestamp": "2025-03-02T10:30:45Z","event_id":"e1"} `;
    bench.answer = () => ({ status: 200, headers: { 'idempotent-replayed': 'true' } });
    expect(await bench.sender.send(body)).toMatchObject({ eventId: 'e1', isReplayed: true });
    expect(bench.requests[0]![1].body).toBe(body);
  });

  it('refuses a faulty event at once, with paths, and sends nothing', async () => {
    const bench = new Bench();
    const faulty = { ...eventOf('e1'), timestamp: 'today', type: 'appointment.moved' };
    const error: unknown = await bench.sender.send(faulty).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(EventError);
    expect((error as EventError).faults.map(({ path }) => path)).toEqual(['/timestamp', '/type']);
    await expect(bench.sender.enqueue(faulty)).rejects.toThrow(EventError);
    expect(bench.requests).toEqual([]);
    expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
  });

  it('retries with the same bytes on the schedule, until it is delivered', async () => {
    const bench = new Bench();
    const answers: Answer[] = [503, new TypeError('fetch failed'), 429, 408, 200];
    bench.answer = (_, attempt) => answers[attempt - 1]!;
    const sending = bench.sender.send(eventOf('e1'));
    await bench.clock.pass(20_000);
    expect(await sending).toMatchObject({ attempts: 5 });
    expect(bench.attemptsOf('e1')).toEqual([0, 1_000, 3_000, 7_000, 15_000]);
    const bodies = bench.requests.map(([, { body }]) => body);
    expect(new Set(bodies).size).toBe(1);
    expect(bench.kinds()).toEqual([...Array<string>(4).fill('attempt_failed'), 'delivered']);
  });

  it('gives up when the time it was given is over', async () => {
    const bench = new Bench();
    bench.answer = () => 503;
    const sending = rejection(bench.sender.send(eventOf('e1'), { retryFor: 5_000 }));
    await bench.clock.pass(10_000);
    const error = await sending;
    expect(error).toMatchObject({ kind: 'unavailable', status: 503, attempts: 3 });
    expect(bench.attemptsOf('e1')).toEqual([0, 1_000, 3_000]);
    expect(bench.told.at(-1)).toMatchObject({ kind: 'attempt_failed', retryAt: null });
  });

  it('waits for as long as the answer asks, or does not where that is too long', async () => {
    const bench = new Bench();
    bench.answer = (_, attempt) =>
      attempt === 1
        ? { status: 429, headers: { 'retry-after': 'Sun, 02 Mar 2025 10:31:05 GMT' } }
        : { status: 503, headers: { 'retry-after': '3600' } };
    const sending = rejection(bench.sender.send(eventOf('e1')));
    await bench.clock.pass(30_000);
    expect(await sending).toMatchObject({ attempts: 2 });
    expect(bench.attemptsOf('e1')).toEqual([0, 20_000]);
  });

  it.each([
    [422, 'rejected'],
    [409, 'rejected'],
    [418, 'rejected'],
    [401, 'endpoint'],
    [302, 'endpoint'],
  ] as const)('does not retry after %d: %s', async (status, kind) => {
    const bench = new Bench();
    const body = JSON.stringify({
      status: 'error',
      code: 'transform_failed',
      message: 'The reason.',
      errors: [{ path: '/data/x', message: 'is required' }, { path: 1 }, null],
    });
    bench.answer = () => ({ status, body });
    const error = await rejection(bench.sender.send(eventOf('e1')));
    expect(error).toMatchObject({ kind, status, attempts: 1, reasonCode: 'transform_failed' });
    expect(error.reason).toBe('The reason.');
    expect(error.faults).toEqual([{ path: '/data/x', message: 'is required' }]);
    expect(bench.requests).toHaveLength(1);
  });

  it('says which network error it was', async () => {
    const bench = new Bench();
    const cause = Object.assign(new Error('secret detail'), { code: 'ECONNREFUSED' });
    bench.answer = () => new TypeError('fetch failed', { cause });
    const error = await rejection(bench.sender.send(eventOf('e1'), { retryFor: 0 }));
    expect(error).toMatchObject({ status: null, reasonCode: 'ECONNREFUSED' });
    expect(error.message).toBe(
      'The event could not be delivered yet: no answer (ECONNREFUSED) after 1 attempt.',
    );
  });

  it('ends when the caller gives up, whether it waits or is under way', async () => {
    const bench = new Bench();
    bench.answer = () => 503;
    const waiting = new AbortController();
    const first = rejection(bench.sender.send(eventOf('e1'), { signal: waiting.signal }));
    await wait(20);
    waiting.abort();
    expect(await first).toMatchObject({ status: 503, attempts: 1 });

    bench.answer = () => new Promise<Answer>(() => undefined);
    const underWay = new AbortController();
    const second = rejection(bench.sender.send(eventOf('e2'), { signal: underWay.signal }));
    await wait(20);
    underWay.abort();
    expect(await second).toMatchObject({ status: null, reasonCode: 'ABORTED' });
    expect(bench.sender.state).toBe('open');
  });

  it('makes no more attempts at the same time than it may', async () => {
    const bench = new Bench({ concurrency: 3 });
    let running = 0;
    let most = 0;
    bench.answer = async () => {
      most = Math.max(most, ++running);
      await wait(1);
      running--;
      return 200;
    };
    await bench.enqueue(10, 'q');
    bench.sender.start();
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => bench.sender.send(eventOf(`s${String(n)}`))),
    );
    await bench.sender.stop();
    expect(most).toBe(3);
    expect(bench.attempts.length).toBeGreaterThanOrEqual(20);
  });

  it('asks for the token before every attempt, and retries while it cannot be had', async () => {
    let calls = 0;
    const bench = new Bench({
      token: () => {
        if (++calls === 1) return Promise.reject(new Error('token service: demo-token'));
        return calls === 2 ? 'first' : 'second';
      },
    });
    bench.answer = (_, attempt) => (attempt === 1 ? 503 : 200);
    const sending = bench.sender.send(eventOf('e1'));
    await bench.clock.pass(10_000);
    await sending;
    expect(bench.attempts.map(({ token }) => token)).toEqual(['first', 'second']);
    expect(bench.told[0]).toMatchObject({ reasonCode: 'CREDENTIALS_UNAVAILABLE', status: null });
  });

  it.each([
    ['hangs', () => new Promise<string>(() => undefined)],
    [
      'throws',
      (): string => {
        throw new Error('no');
      },
    ],
  ])('is not held up by what keeps the token where that %s', async (_, token) => {
    const bench = new Bench({ token, timeout: 30, concurrency: 1 });
    const errors = ['e1', 'e2'].map((id) =>
      rejection(bench.sender.send(eventOf(id), { retryFor: 0 })),
    );
    for (const error of errors) {
      expect(await error).toMatchObject({ reasonCode: 'CREDENTIALS_UNAVAILABLE', status: null });
    }
    expect(bench.requests).toEqual([]);
    await bench.sender.stop();
  });

  it('is sent within what is left of the deadline when the token is late', async () => {
    let sentAt = 0;
    const bench = new Bench({ token: () => wait(600, 'late'), timeout: 900 });
    bench.answer = () => {
      sentAt = performance.now();
      return new Promise<Answer>(() => undefined);
    };
    const start = performance.now();
    const error = await rejection(bench.sender.send(eventOf('e1'), { retryFor: 0 }));
    expect(error).toMatchObject({ reasonCode: 'TIMEOUT' });
    expect(bench.requests).toHaveLength(1);
    // However late the machine is, the answer is waited for no longer than the token was.
    expect(performance.now() - sentAt).toBeLessThan(sentAt - start);
  });

  it('asks nobody and sends nothing when the caller has given up, and leaves the line', async () => {
    const token = vi.fn(() => 'demo-token');
    const bench = new Bench({ concurrency: 1, token });
    let answer = (): void => undefined;
    bench.answer = () =>
      new Promise<Answer>((resolve) => {
        answer = () => {
          resolve(200);
        };
      });
    const first = bench.sender.send(eventOf('e1'));
    const caller = new AbortController();
    const waiting = rejection(bench.sender.send(eventOf('e2'), { signal: caller.signal }));
    const last = bench.sender.send(eventOf('e3'));
    const late = rejection(bench.sender.send(eventOf('e4'), { signal: AbortSignal.abort() }));
    expect(await late).toMatchObject({ reasonCode: 'ABORTED', status: null });
    caller.abort();
    expect(await waiting).toMatchObject({ reasonCode: 'ABORTED', status: null });
    await vi.waitFor(() => {
      expect(bench.requests).toHaveLength(1);
    });
    bench.answer = () => 200;
    answer();
    await Promise.all([first, last]);
    expect(bench.attempts.map(({ id }) => id)).toEqual(['e1', 'e3']);
    expect(token).toHaveBeenCalledTimes(2);
    const free = rejection(bench.sender.send(eventOf('e5'), { signal: AbortSignal.abort() }));
    expect(await free).toMatchObject({ reasonCode: 'ABORTED' });
    expect(bench.attempts).toHaveLength(2);
    expect(await bench.sender.send(eventOf('e6'))).toMatchObject({ attempts: 1 });
  });

  it('ends while the token is being asked for', async () => {
    const bench = new Bench({ token: () => new Promise<string>(() => undefined) });
    const caller = new AbortController();
    const sending = rejection(bench.sender.send(eventOf('e1'), { signal: caller.signal }));
    caller.abort();
    expect(await sending).toMatchObject({ reasonCode: 'ABORTED' });
    expect(bench.sender.state).toBe('open');
  });

  it.each([
    ['undefined', () => undefined],
    ['blank', () => ' '],
    ['a number', () => 7],
  ])('is paused by a secret that came as %s', async (_, secret) => {
    const bench = new Bench({ secret: secret as () => string });
    const error = await rejection(bench.sender.send(eventOf('e1')));
    expect(error).toMatchObject({ kind: 'endpoint', reasonCode: 'CREDENTIALS_INVALID' });
    expect(bench.attempts).toEqual([]);
  });

  it('is paused by a token that cannot stand in a header', async () => {
    const bench = new Bench({ token: () => 'a\r\nX-Evil: 1' });
    const error = await rejection(bench.sender.send(eventOf('e1')));
    expect(error).toMatchObject({ kind: 'endpoint', reasonCode: 'CREDENTIALS_INVALID' });
    expect(bench.sender.state).toBe('paused');
    expect(bench.requests).toEqual([]);
  });
});

describe('enqueue', () => {
  it('delivers what is queued once it is started, and no sooner', async () => {
    const bench = new Bench();
    await bench.enqueue(40);
    await wait(20);
    expect(bench.attempts).toEqual([]);
    bench.sender.start();
    bench.sender.start();
    await vi.waitFor(async () => {
      expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
    });
    expect(bench.attempts.map(({ id }) => id)).toEqual(
      Array.from({ length: 40 }, (_, n) => `e${String(n)}`),
    );
    // One that comes while there is nothing to do is delivered at once.
    await bench.sender.enqueue(eventOf('late'));
    await vi.waitFor(() => {
      expect(bench.attemptsOf('late')).toEqual([0]);
    });
    await bench.sender.stop();
    await bench.sender.enqueue(eventOf('later'));
    await wait(20);
    expect(bench.attemptsOf('later')).toEqual([]);
  });

  it('retries on the schedule with the same bytes, over all of the horizon, and then no more', async () => {
    const horizon = 72 * 3_600_000;
    const bench = new Bench({
      retry: { horizon, maxDelay: 8 * 3_600_000 },
      pollInterval: 1_000_000,
      probe: { failureThreshold: 1_000 },
    });
    bench.answer = () => 500;
    await bench.enqueue(1);
    bench.sender.start();
    await bench.clock.pass(80 * 3_600_000);
    const times = bench.attemptsOf('e0');
    expect(times.length).toBeGreaterThan(20);
    expect(times.at(-1)).toBeGreaterThanOrEqual(horizon);
    expect(times.at(-2)).toBeLessThan(horizon);
    for (const [index, time] of times.slice(1, 16).entries()) {
      const backoff = time - times[index]!;
      expect(backoff).toBeGreaterThanOrEqual(Math.min(1_000 * 2 ** index, 8 * 3_600_000));
    }
    expect(await bench.deadLetters()).toMatchObject([
      { eventId: 'e0', attempts: times.length, reason: { kind: 'expired', status: 500 } },
    ]);
    expect(bench.told.at(-1)).toMatchObject({ kind: 'dead_letter', reason: 'expired' });
    expect(new Set(bench.requests.map(([, { body }]) => body)).size).toBe(1);
  });

  it('lets an event that is refused die with the reason, and delivers it once it is redriven', async () => {
    const bench = new Bench();
    const body = '{"status":"error","code":"mapping_not_found","message":"No mapping."}';
    bench.answer = (id, attempt) => (id === 'e1' && attempt === 1 ? { status: 422, body } : 200);
    await bench.enqueue(3);
    bench.sender.start();
    await vi.waitFor(async () => {
      expect(await bench.sender.count()).toEqual({ queued: 0, dead: 1 });
    });
    expect(await bench.deadLetters()).toMatchObject([
      {
        eventId: 'e1',
        attempts: 1,
        reason: {
          kind: 'rejected',
          status: 422,
          code: 'mapping_not_found',
          message: 'No mapping.',
        },
      },
    ]);
    expect(bench.told).toContainEqual({
      kind: 'dead_letter',
      reason: 'rejected',
      eventId: 'e1',
      type: 'appointment.created',
      attempts: 1,
      status: 422,
      reasonCode: 'mapping_not_found',
    });
    expect(await bench.sender.redrive()).toBe(1);
    await vi.waitFor(async () => {
      expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
    });
    expect(bench.attemptsOf('e1')).toHaveLength(2);
  });

  it('goes on with its neighbours while one event fails again and again', async () => {
    const bench = new Bench();
    bench.answer = (id) => (id === 'e0' ? 500 : 200);
    await bench.enqueue(30);
    bench.sender.start();
    await bench.clock.pass(120_000);
    expect(await bench.sender.count()).toEqual({ queued: 1, dead: 0 });
    expect(bench.sender.state).toBe('open');
    expect(bench.attemptsOf('e0').length).toBeGreaterThanOrEqual(6);
  });
});

describe('an outage', () => {
  it('costs a probe now and then, and not the attempts of every event', async () => {
    const bench = new Bench({ pollInterval: 30_000 });
    bench.answer = () => new TypeError('fetch failed');
    await bench.enqueue(2_000);
    bench.sender.start();
    await bench.clock.pass(3_600_000);
    expect(bench.sender.state).toBe('broken');
    // Sixteen were under way when it broke; then a probe a minute.
    expect(bench.attempts.length).toBeLessThan(16 + 6 + 61);
    expect(bench.attempts.length).toBeGreaterThan(50);
    expect(bench.kinds().filter((kind) => kind === 'broken')).toHaveLength(1);

    bench.answer = () => 200;
    await bench.clock.pass(120_000);
    expect(bench.kinds().filter((kind) => kind === 'opened')).toHaveLength(1);
    // What was tried meanwhile waits for its own turn, a quarter of an hour at the most.
    await bench.clock.pass(900_000);
    expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
  });

  it('does not stop what is left when the first probe succeeds', async () => {
    const bench = new Bench({ concurrency: 2, probe: { failureThreshold: 2 } });
    let isDown = true;
    bench.answer = () => (isDown ? 503 : 200);
    await bench.enqueue(6);
    bench.sender.start();
    await bench.clock.pass(500);
    expect(bench.sender.state).toBe('broken');
    isDown = false;
    await bench.clock.pass(5_000);
    expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
  });
});

describe('a token that expires', () => {
  it('in the middle of a backlog of 5,000 kills no event; its renewal goes on without a restart', async () => {
    let token = 'old';
    const bench = new Bench({ token: () => token });
    let isRevoked = false;
    bench.answer = () => {
      if (bench.attempts.length === 2_000) isRevoked = true;
      const isValid = bench.attempts.at(-1)!.token === 'new' || !isRevoked;
      return isValid
        ? 200
        : { status: 401, body: '{"status":"error","code":"unauthorized","message":"no"}' };
    };
    await bench.enqueue(5_000);
    bench.sender.start();
    await bench.clock.pass((24 * 3_600_000) / 48);
    expect(bench.sender.state).toBe('paused');
    expect(bench.told.filter(({ kind }) => kind === 'paused')).toEqual([
      { kind: 'paused', status: 401, reasonCode: 'unauthorized' },
    ]);
    const { queued, dead } = await bench.sender.count();
    expect([queued, dead]).toEqual([5_000 - 1_999, 0]);

    token = 'new';
    await bench.clock.pass(60_000);
    await vi.waitFor(async () => {
      await bench.clock.pass(1_000);
      expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
    });
    expect(await bench.deadLetters()).toEqual([]);
    expect(bench.told.filter(({ kind }) => kind === 'paused')).toHaveLength(1);
    expect(bench.told.filter(({ kind }) => kind === 'opened')).toHaveLength(1);
    expect(new Set(bench.attempts.map(({ id }) => id)).size).toBe(5_000);
  });

  it('is tried at once when the host says that it is renewed', async () => {
    let token = 'old';
    const bench = new Bench({ token: () => token });
    bench.answer = () => (token === 'new' ? 200 : 403);
    await bench.enqueue(3);
    bench.sender.start();
    await bench.clock.pass(600_000);
    expect(bench.sender.state).toBe('paused');
    token = 'new';
    bench.sender.resume();
    await vi.waitFor(async () => {
      expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
    });
  });

  it('counts as no attempt of an event', async () => {
    const bench = new Bench({ pollInterval: 30_000 });
    bench.answer = (_, attempt) => (attempt < 30 ? 401 : attempt === 30 ? 503 : 200);
    await bench.enqueue(1);
    bench.sender.start();
    await bench.clock.pass(40 * 60_000);
    expect(bench.told.at(-1)).toMatchObject({ kind: 'delivered', attempts: 2 });
  });
});

describe('the dispatcher', () => {
  it('goes on as soon as a send leaves it room', async () => {
    const bench = new Bench({ concurrency: 2, pollInterval: 1_000_000 });
    const answers: (() => void)[] = [];
    bench.answer = (id) =>
      id.startsWith('q')
        ? 200
        : new Promise<Answer>((resolve) =>
            answers.push(() => {
              resolve(200);
            }),
          );
    const sends = ['s1', 's2'].map((id) => bench.sender.send(eventOf(id)));
    await bench.enqueue(3, 'q');
    bench.sender.start();
    await wait(20);
    expect(bench.attempts.map(({ id }) => id)).toEqual(['s1', 's2']);
    answers[0]!();
    await vi.waitFor(async () => {
      expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
    });
    answers[1]!();
    await Promise.all(sends);
  });

  it('is not held up by a clock that is set back', async () => {
    let offset = 0;
    const bench: Bench = new Bench({
      probe: { failureThreshold: 1 },
      clock: {
        now: () => bench.clock.now() + offset,
        sleep: (milliseconds, signal) => bench.clock.sleep(milliseconds, signal),
      },
    });
    // As another process would, so that nobody is told.
    const enqueue = (eventId: string): Promise<void> =>
      bench.outbox.enqueue(
        { eventId, type: 'appointment.created', body: JSON.stringify(eventOf(eventId)) },
        { now: bench.clock.now() + offset },
      );
    bench.sender.start();
    await bench.clock.pass(2_000);
    offset -= 3_600_000;
    bench.answer = () => 503;
    await enqueue('e1');
    await bench.clock.pass(2_000);
    expect(bench.sender.state).toBe('broken');

    offset -= 3_600_000;
    bench.answer = () => {
      offset -= 1_000;
      return 200;
    };
    await enqueue('e2');
    await bench.clock.pass(10_000);
    expect(bench.sender.state).toBe('open');
    expect(bench.told.find(({ kind }) => kind === 'delivered')).toMatchObject({ duration: 0 });
  });
});

describe('stop', () => {
  it('finishes what is under way, puts back what is not, and can be started again', async () => {
    const bench = new Bench({ concurrency: 4 });
    const answers: (() => void)[] = [];
    bench.answer = () =>
      new Promise<Answer>((resolve) =>
        answers.push(() => {
          resolve(200);
        }),
      );
    await bench.enqueue(20);
    bench.sender.start();
    await vi.waitFor(() => {
      expect(answers).toHaveLength(4);
    });
    let isStopped = false;
    const stopping = bench.sender.stop().then(() => {
      isStopped = true;
    });
    await wait(30);
    expect(isStopped).toBe(false);
    for (const answer of answers) answer();
    await stopping;
    expect(await bench.sender.count()).toEqual({ queued: 16, dead: 0 });
    // Nobody has to wait until a claim ends.
    const { clock } = bench;
    const free = await bench.outbox.claim({ limit: 100, lease: 1, now: clock.now() });
    expect(free).toHaveLength(16);

    bench.answer = () => 200;
    bench.sender.start();
    await bench.clock.pass(2_000);
    expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
  });

  it('begins nothing that it claims while it stops', async () => {
    const outbox = memoryOutbox();
    const claim = outbox.claim.bind(outbox);
    let isAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => (isAsked = resolve));
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    outbox.claim = async (options) => {
      isAsked();
      await answered;
      return claim(options);
    };
    const bench = new Bench({ outbox });
    await bench.enqueue(3);
    bench.sender.start();
    await asked;
    const stopping = bench.sender.stop();
    answer();
    await stopping;
    expect(bench.attempts).toEqual([]);
    // Nobody has to wait until the claims end.
    expect(await claim({ limit: 9, lease: 1, now: bench.clock.now() })).toHaveLength(3);
  });

  it('waits for those that are sending now, and not for those that come later', async () => {
    const bench = new Bench();
    const answers: (() => void)[] = [];
    bench.answer = () =>
      new Promise<Answer>((resolve) =>
        answers.push(() => {
          resolve(200);
        }),
      );
    const sent = ['e1', 'e2', 'e3'].map((id) => bench.sender.send(eventOf(id)));
    let stopped = 0;
    const stopping = [bench.sender.stop(), bench.sender.stop()].map(async (stop) => {
      await stop;
      stopped++;
    });
    const later = bench.sender.send(eventOf('e4'));
    expect(answers).toHaveLength(4);
    answers[1]!();
    answers[0]!();
    await Promise.all(sent.slice(0, 2));
    await wait(5);
    expect(stopped).toBe(0);
    answers[2]!();
    await Promise.all(stopping);
    answers[3]!();
    expect(await later).toMatchObject({ eventId: 'e4' });
  });

  it('lets no send retry any more', async () => {
    const bench = new Bench();
    bench.answer = () => 503;
    const sending = rejection(bench.sender.send(eventOf('e1')));
    await wait(20);
    await bench.sender.stop();
    expect(await sending).toMatchObject({ attempts: 1 });
    bench.answer = () => 200;
    expect(await bench.sender.send(eventOf('e1'))).toMatchObject({ attempts: 1 });
  });
});

describe('an outbox that fails', () => {
  class FailingOutbox {
    readonly failing = new Set<string>();
    readonly calls: string[] = [];

    wrap(outbox: Outbox): Outbox {
      return new Proxy(outbox, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]): unknown => {
            this.calls.push(String(name));
            if (this.failing.has(String(name))) return Promise.reject(new StorageError('gone'));
            return Reflect.apply(member, target, args);
          };
        },
      });
    }
  }

  it('is tried again, and loses nothing', async () => {
    const failing = new FailingOutbox();
    const bench = new Bench({ outbox: failing.wrap(memoryOutbox()) });
    await bench.enqueue(3);
    failing.failing.add('claim');
    bench.sender.start();
    await bench.clock.pass(5_000);
    expect(bench.attempts).toEqual([]);
    expect(bench.kinds().filter((kind) => kind === 'outbox_failed').length).toBeGreaterThan(3);
    expect(bench.kinds().length).toBeLessThan(10);
    failing.failing.clear();
    failing.failing.add('settle');
    await bench.clock.pass(5_000);
    expect(await bench.sender.count()).toEqual({ queued: 3, dead: 0 });
    failing.failing.clear();
    await bench.clock.pass(2_000);
    expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
    expect(bench.attempts).toHaveLength(3);
  });

  it('is asked for no more events than it may take the settlements of', async () => {
    const failing = new FailingOutbox();
    const bench = new Bench({ outbox: failing.wrap(memoryOutbox()) });
    await bench.enqueue(2_000);
    failing.failing.add('settle');
    bench.sender.start();
    await bench.clock.pass(10_000);
    const { length } = bench.attempts;
    expect(length).toBeGreaterThanOrEqual(500);
    expect(length).toBeLessThan(1_000);
    failing.failing.clear();
    await bench.clock.pass(10_000);
    expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
    expect(bench.attempts).toHaveLength(2_000);
  });

  it('does not keep stop() for ever', async () => {
    const failing = new FailingOutbox();
    const bench = new Bench({ outbox: failing.wrap(memoryOutbox()) });
    await bench.enqueue(1);
    failing.failing.add('settle');
    bench.sender.start();
    await vi.waitFor(() => {
      expect(bench.attempts).toHaveLength(1);
    });
    const stopping = bench.sender.stop();
    await bench.clock.pass(10_000);
    await stopping;
    failing.failing.clear();
    await bench.clock.pass(60_000);
    bench.sender.start();
    await bench.clock.pass(2_000);
    expect(await bench.sender.count()).toEqual({ queued: 0, dead: 0 });
    expect(bench.attempts).toHaveLength(2);
  });

  it('has its claims extended while an attempt takes its time', async () => {
    const failing = new FailingOutbox();
    const bench = new Bench({ outbox: failing.wrap(memoryOutbox()), timeout: 60 });
    bench.answer = () => wait(150).then(() => 200);
    await bench.enqueue(1);
    bench.sender.start();
    await vi.waitFor(() => {
      expect(failing.calls).toContain('extend');
    });
  });
});

describe('listeners', () => {
  it('may fail', async () => {
    const bench = new Bench({
      onLifecycle: vi
        .fn()
        .mockImplementationOnce(() => {
          throw new Error('no');
        })
        .mockImplementation(() => Promise.reject(new Error('no'))),
    });
    await bench.sender.send(eventOf('e1'));
    await bench.sender.send(eventOf('e2'));
  });
});

describe('createSender', () => {
  const create = (options: object): (() => unknown) => {
    return () => createSender({ url: URL, token: 't', secret: 's', ...options });
  };

  it.each([
    'https://api.buktor.com/his/receive',
    'http://localhost:8080/his/receive',
    'http://127.0.0.1:8080/',
    'http://127.9.9.9/',
    'http://2130706433/',
    'http://[::1]:8080/',
    'http://api.localhost/',
    new globalThis.URL('https://a.example/'),
  ])('takes %s', (url) => {
    expect(create({ url })).not.toThrow();
  });

  it.each([
    ['http://api.buktor.com/his/receive', "must begin with https://: patients' data"],
    ['http://127.0.0.1.evil.example/', "must begin with https://: patients' data"],
    ['http://localhost.evil.example/', "must begin with https://: patients' data"],
    ['http://[::ffff:8.8.8.8]/', "must begin with https://: patients' data"],
    ['ftp://api.buktor.com/', 'must begin with https://'],
    ['api.buktor.com', 'must be a URL'],
    ['https://user:pass@api.buktor.com/', 'no user name and password'],
    ['https://user@api.buktor.com/', 'no user name and password'],
  ])('refuses %s', (url, message) => {
    expect(create({ url })).toThrow(message);
    expect(create({ url })).toThrow(ConfigurationError);
  });

  it('takes http: for other hosts where it is told to', () => {
    expect(create({ url: 'http://his.internal/', allowInsecure: true })).not.toThrow();
  });

  it.each([
    { token: '' },
    { token: 'a b' },
    { token: 'a\r\nX: 1' },
    { token: 7 },
    { secret: '' },
    { secret: '  ' },
    { clientId: 'a\nb' },
    { concurrency: 0 },
    { concurrency: 1.5 },
    { timeout: 0 },
    { timeout: 2 ** 31 },
    { pollInterval: -1 },
    { maxBodyBytes: 0 },
    { maxClockSkew: NaN },
    { types: ['Nope'] },
    { retry: { retries: 3 } },
    { probe: { every: 3 } },
    { probe: { failureThreshold: 0 } },
    { outbox: {} },
    { fetch: 'https' },
    { onLifecycle: {} },
    { random: 4 },
    { retries: 3 },
  ])('refuses %o', (options) => {
    expect(create(options)).toThrow(ConfigurationError);
  });

  it('says what is missing where there is no outbox', async () => {
    const sender = createSender({ url: URL, token: 't', secret: 's' });
    await expect(sender.enqueue(eventOf('e1'))).rejects.toThrow('has no outbox');
    await expect(sender.redrive()).rejects.toThrow('has no outbox');
    await expect(sender.count()).rejects.toThrow('has no outbox');
    expect(() => {
      sender.start();
    }).toThrow('has no outbox');
    expect(() => sender.deadLetters()).toThrow('has no outbox');
    await sender.stop();
  });

  it('refuses a signal that is none, before anything is sent', async () => {
    const bench = new Bench();
    const sending = bench.sender.send(eventOf('e1'), { signal: {} as AbortSignal });
    await expect(sending).rejects.toThrow('signal must be an AbortSignal.');
    expect(bench.requests).toEqual([]);
  });

  it('refuses options of send and enqueue that it does not know', async () => {
    const { sender } = new Bench();
    await expect(sender.send(eventOf('e1'), { retries: 3 } as never)).rejects.toThrow(
      ConfigurationError,
    );
    await expect(sender.send(eventOf('e1'), { retryFor: -1 })).rejects.toThrow(ConfigurationError);
    await expect(sender.enqueue(eventOf('e1'), { now: 3 } as never)).rejects.toThrow(
      ConfigurationError,
    );
  });
});
