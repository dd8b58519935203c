import { checkMembers } from '../configuration.ts';
import { withoutValues } from '../without-values.ts';
import type { MappingSet } from '../mapping/types.ts';
import { authenticate } from './authenticate.ts';
import { type BodyResult, isPushed, readBody } from './body.ts';
import { CommitQueue } from './commit-queue.ts';
import { type Client, compileClient, type CompiledClient } from './clients.ts';
import { isPending, withDeadline } from './deadline.ts';
import type { Delivery } from './draft.ts';
import {
  bearerToken,
  contentLength,
  isPlainJson,
  readHeaders,
  type ReceiverHeaders,
} from './headers.ts';
import { checkOptions, type ReceiverOptions, type Settings } from './options.ts';
import { type Outcome, processDelivery, type Processing } from './process.ts';
import { REPLAY_OPTIONS, replayEvents, type ReplayOptions, type ReplayReport } from './replay.ts';
import { type About, report } from './report.ts';
import { failure, REFUSALS, type ReceiverResponse, type Refusal, success } from './responses.ts';
import { type EventSummary, revealEvent, type RevealOptions, type RevealTarget } from './reveal.ts';
import { turn } from './turn.ts';
import type { Receiver, ReceiverRequest } from './types.ts';
import type { EventFilter, QuarantineVerdict, RefusedEvent, StoredEvent } from '../stores/types.ts';

/**
 * Makes the receiving end of the webhook. It knows no framework: hand it to `expressReceiver`,
 * `fastifyReceiver` or `fetchReceiver`.
 *
 * A request is checked in this order: method, media type, bearer token, size, deadline, signature,
 * Client-ID, JSON, envelope, clock, mapping, schema, fields, table. Nothing is read out of the body before
 * its signature holds. 200 is answered once the event is durable, never before.
 *
 * @example
 * ```ts
 * import { bearerTokens, compileMappings, createReceiver } from '@buktor/his-webhook';
 * import { sqliteStore } from '@buktor/his-webhook/stores/sqlite';
 *
 * const receiver = createReceiver({
 *   clients: bearerTokens({ 'demo-token': { id: '1001', secrets: 'your_shared_secret' } }),
 *   mappings: compileMappings(document),
 *   store: sqliteStore({ path: 'buktor.db' }),
 * });
 * await receiver.ready();
 * ```
 *
 * @throws ConfigurationError for an option that could never work.
 */
export function createReceiver(options: ReceiverOptions): Receiver {
  return new WebhookReceiver(checkOptions(options));
}

/** How often bodies past their retention are erased. */
const PRUNE_INTERVAL = 3_600_000;

class WebhookReceiver implements Receiver {
  readonly #settings: Settings;
  readonly #commits: CommitQueue;
  readonly #processing: Processing;
  readonly #prepared = new WeakMap<MappingSet, Promise<void>>();
  readonly #inForce = new WeakSet<MappingSet>();
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #detach: () => void;
  readonly #pruning: ReturnType<typeof setInterval>;
  #ready: Promise<void> | undefined;
  /** How many refused events are on their way into quarantine. */
  #quarantines = 0;
  #isClosing = false;
  #closed: Promise<void> | undefined;
  /** How many requests are being answered, and what is done once there are none. */
  #receiving = 0;
  #whenIdle: () => void = () => undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#commits = new CommitQueue(settings.store, settings.limits);
    this.#processing = {
      settings,
      prepare: (mappings) => (this.#inForce.has(mappings) ? undefined : this.#prepare(mappings)),
      commit: (change) => (this.#commits.isFull ? undefined : this.#commits.commit(change)),
      quarantine: (event) =>
        this.#quarantines >= settings.limits.queueSize ? undefined : this.#quarantine(event),
    };
    // Tracked, so that close() does not close the store under it.
    this.#detach = settings.mappings.attach((mappings) => this.#track(this.#prepare(mappings)));
    this.#pruning = setInterval(() => {
      this.#prune();
    }, PRUNE_INTERVAL);
    this.#pruning.unref();
    // Begun early; whoever awaits ready(), or sends an event, hears of its failure.
    this.ready().then(
      () => {
        this.#prune();
      },
      () => undefined,
    );
  }

  ready(): Promise<void> {
    const { current } = this.#settings.mappings;
    if (current !== undefined) return this.#prepare(current);
    this.#ready ??= this.#prepareStore([]).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async receive({ method, headers, body }: ReceiverRequest): Promise<ReceiverResponse> {
    const about: About = {};
    if (this.#isClosing) return this.#answer(REFUSALS.overloaded, about);
    this.#receiving++;
    try {
      // Most bodies come with their head, and are there by then.
      if (isPushed(body)) await turn();
      if (method !== 'POST') return this.#answer(REFUSALS.methodNotAllowed, about);
      const known = readHeaders(headers);
      if (!isPlainJson(known)) return this.#answer(REFUSALS.unsupportedMediaType, about);
      const found = this.#findClient(known);
      const client = isPending(found) ? await found : found;
      if (client === undefined) return this.#answer(REFUSALS.unauthorized, about);
      about.client = client;

      const { limits } = this.#settings;
      const reading = readBody(body, contentLength(known), limits);
      const read = isPending(reading) ? await reading : reading;
      if (!read.ok) return this.#answer(bodyRefusal(read, limits.bodyBytes), about);
      const delivery: Delivery = {
        clientId: client.id,
        body: read.bytes,
        receivedAt: this.#settings.now(),
        allowShorthand: client.isSandbox,
      };
      const stranger = authenticate(delivery, known, client, about);
      if (stranger !== undefined) return this.#answer(stranger, about);

      const { current } = this.#settings.mappings;
      if (current === undefined || !this.#inForce.has(current)) await this.ready();
      const outcome = processDelivery(delivery, this.#processing);
      return this.#answerOutcome(isPending(outcome) ? await outcome : outcome, about);
    } catch (error) {
      // Whatever it is, the event was not acknowledged, and the sender keeps it.
      about.error = error;
      return this.#answer(REFUSALS.storageUnavailable, about);
    } finally {
      if (--this.#receiving === 0) this.#whenIdle();
    }
  }

  async *find(filter: EventFilter = {}): AsyncGenerator<EventSummary> {
    try {
      await this.ready();
      for await (const { body: _, ...entry } of this.#settings.store.find(filter)) yield entry;
    } catch (error) {
      throw withoutValues(error, 'host');
    }
  }

  async reveal(target: RevealTarget, options: RevealOptions): Promise<StoredEvent | undefined> {
    return this.#track(this.ready().then(() => revealEvent(target, options, this.#settings))).catch(
      (error: unknown) => {
        throw withoutValues(error, 'host');
      },
    );
  }

  async replay(options: ReplayOptions = {}): Promise<ReplayReport> {
    checkMembers('replay', options, REPLAY_OPTIONS);
    return this.#track(
      this.ready().then(() =>
        replayEvents(options, {
          settings: this.#settings,
          prepare: this.#prepare,
          commit: (change) => this.#commits.commit(change),
          quarantine: (event) => this.#quarantine(event),
        }),
      ),
    ).catch((error: unknown) => {
      throw withoutValues(error, 'host');
    });
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#pruning);
    this.#detach();
    if (this.#receiving > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await Promise.allSettled(this.#inFlight);
    await this.#settings.store.close();
  }

  #findClient(
    headers: ReceiverHeaders,
  ): Promise<CompiledClient | undefined> | CompiledClient | undefined {
    const token = bearerToken(headers);
    if (token === undefined) return undefined;
    const { clients, limits } = this.#settings;
    const found = withDeadline('The client look-up', limits.lookupTimeout, clients(token));
    if (isPending(found)) return found.then(compiledOrNone);
    return compiledOrNone(found);
  }

  readonly #prepare = (mappings: MappingSet): Promise<void> => {
    let prepared = this.#prepared.get(mappings);
    if (prepared === undefined) {
      prepared = this.#prepareStore(mappings.tables);
      this.#prepared.set(mappings, prepared);
      prepared.then(
        () => this.#inForce.add(mappings),
        () => this.#prepared.delete(mappings),
      );
    }
    return prepared;
  };

  async #quarantine(event: RefusedEvent): Promise<QuarantineVerdict> {
    const { store, limits } = this.#settings;
    this.#quarantines++;
    try {
      return await withDeadline('The store', limits.storeTimeout, store.quarantine(event));
    } finally {
      this.#quarantines--;
    }
  }

  async #prepareStore(tables: MappingSet['tables']): Promise<void> {
    const { store, limits } = this.#settings;
    await withDeadline('The store', limits.storeTimeout, store.prepare(tables));
  }

  #prune(): void {
    const { store, bodyRetention, now } = this.#settings;
    const bodiesBefore = new Date(now() - bodyRetention);
    // A failure is not lost: the next round erases what this one left.
    Promise.resolve()
      .then(() => store.prune({ bodiesBefore }))
      .catch(() => undefined);
  }

  #answerOutcome(outcome: Outcome, about: About): ReceiverResponse {
    about.outcome = outcome;
    switch (outcome.verdict) {
      case 'overloaded':
        return this.#answer(REFUSALS.overloaded, about);
      case 'in_progress':
        return this.#answer(REFUSALS.inProgress, about);
      case 'refused':
        return this.#answer(
          outcome.kept === 'over_quota' ? REFUSALS.overloaded : outcome.refusal,
          about,
        );
      case 'applied':
      case 'stale':
      case 'declined':
      case 'duplicate':
        report(200, null, about, this.#settings.onResult);
        return success(outcome.verdict === 'duplicate');
    }
  }

  #answer(refusal: Refusal, about: About): ReceiverResponse {
    const response = failure(refusal);
    report(response.status, refusal, about, this.#settings.onResult);
    return response;
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work);
    const done = (): void => {
      this.#inFlight.delete(work);
    };
    work.then(done, done);
    return work;
  }
}

function compiledOrNone(client: Client | null | undefined): CompiledClient | undefined {
  return client ? compileClient(client) : undefined;
}

function bodyRefusal(read: BodyResult & { readonly ok: false }, limit: number): Refusal {
  switch (read.cause) {
    case 'too_large':
      return {
        code: 'payload_too_large',
        message: `The body is larger than ${String(limit)} bytes.`,
      };
    case 'no_bytes':
      return REFUSALS.bodyAlreadyParsed;
    case 'timeout':
    case 'aborted':
      return REFUSALS.requestTimeout;
  }
}
