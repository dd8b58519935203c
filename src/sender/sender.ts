import { audited, HOST } from '../audit.ts';
import { checkMembers } from '../configuration.ts';
import { ConfigurationError } from '../errors.ts';
import type { Envelope } from '../events.ts';
import { DirectDelivery, type Receipt, type SendOptions } from './direct.ts';
import { Dispatcher } from './dispatcher.ts';
import { Endpoint } from './endpoint.ts';
import { checkBody, type PreparedEvent, prepareEvent } from './event.ts';
import type { EndpointState } from './gate.ts';
import { checkSenderOptions, type SenderOptions, type SenderSettings } from './options.ts';
import type { DeadLetter, DeadLetterFilter, Outbox, OutboxCounts } from './outbox.ts';

/** Options of {@link Sender.enqueue}. */
export interface EnqueueOptions<Transaction> {
  /** The caller's own transaction, that the event is queued with, or not at all. */
  readonly transaction?: Transaction;
}

/** Who does something to dead letters. */
export interface ActorOptions {
  /**
   * As the host knows them: 1 to 200 characters.
   * @default 'host'
   */
  readonly actor?: string;
}

/** That an event is queued. */
export interface QueueReceipt {
  readonly eventId: string;
}

/** The sending end of the webhook. */
export interface Sender<Transaction = never> {
  /**
   * Delivers an event now.
   *
   * @param event - The envelope, or its body as it was serialised before.
   * @returns Once the receiver has it.
   * @throws EventError at once, where no receiver would take it; nothing is sent.
   * @throws DeliveryError where it was not delivered.
   */
  send(event: Envelope<object> | string, options?: SendOptions): Promise<Receipt>;
  /**
   * Hands an event over to the outbox, which sees it delivered, whatever happens in between.
   *
   * @returns Once it is durable: with a transaction of the caller's, once that commits.
   * @throws EventError at once, where no receiver would take it. With a transaction the error is thrown
   *   by the call itself, not by its promise, so that a transaction of a synchronous database rolls back.
   * @throws ConfigurationError where there is no outbox.
   */
  enqueue(
    event: Envelope<object> | string,
    options?: EnqueueOptions<Transaction>,
  ): Promise<QueueReceipt>;
  /** Begins to deliver what is queued, until {@link stop}. */
  start(): void;
  /** Finishes what is under way, and no more. What is queued stays queued; the outbox stays open. */
  stop(): Promise<void>;
  /** Lets the next probe go out at once: the token is renewed, or the endpoint is mended. */
  resume(): void;
  /** Whether events go to the endpoint, or wait because it fails. */
  readonly state: EndpointState;
  /** Events that are not sent any more, with the receiver's reason, the oldest first. */
  deadLetters(filter?: DeadLetterFilter): AsyncIterable<DeadLetter>;
  /**
   * Queues dead letters again, once it is written down who does.
   *
   * @returns How many.
   * @throws StorageError where it cannot be written down; nothing was done then.
   */
  redrive(filter?: DeadLetterFilter, options?: ActorOptions): Promise<number>;
  /**
   * Removes dead letters for good, once it is written down who does.
   *
   * @returns How many.
   * @throws StorageError where it cannot be written down; nothing was done then.
   */
  discard(filter: DeadLetterFilter, options?: ActorOptions): Promise<number>;
  /** How many events wait in the outbox. */
  count(): Promise<OutboxCounts>;
}

/**
 * Makes the sending end of the webhook.
 *
 * `send` delivers now; `enqueue` hands an event over and forgets it. Both sign the exact bytes that are
 * sent, retry with exponential backoff and jitter, honour `Retry-After`, and send the same bytes with
 * the same `event_id` again, so that the receiver knows a repeat.
 *
 * @example
 * ```ts
 * import { buildEvent } from '@buktor/his-webhook';
 * import { sqliteOutbox } from '@buktor/his-webhook/outboxes/sqlite';
 * import { createSender } from '@buktor/his-webhook/sender';
 *
 * const sender = createSender({
 *   url: 'https://api.buktor.com/his/receive',
 *   token,
 *   secret,
 *   outbox: sqliteOutbox({ path: 'outbox.db' }),
 * });
 * sender.start();
 * await sender.enqueue(
 *   buildEvent({ type: 'appointment.created', data: { his_appointment_id: 'A123' } }),
 * );
 * ```
 *
 * @throws ConfigurationError for an option that could never work.
 */
export function createSender<Transaction = never>(
  options: SenderOptions<Transaction>,
): Sender<Transaction> {
  return new WebhookSender(checkSenderOptions(options));
}

class WebhookSender<Transaction> implements Sender<Transaction> {
  readonly #settings: SenderSettings<Transaction>;
  readonly #endpoint: Endpoint;
  readonly #dispatcher: Dispatcher | undefined;
  readonly #direct: DirectDelivery;

  constructor(settings: SenderSettings<Transaction>) {
    const { outbox, timeout, retry } = settings;
    this.#settings = settings;
    this.#endpoint = new Endpoint({ ...settings, maxRetryAfter: retry.maxRetryAfter });
    this.#direct = new DirectDelivery({
      ...settings,
      endpoint: this.#endpoint,
      prepare: (event) => this.#prepare(event),
    });
    if (outbox !== undefined) {
      const lease = 3 * timeout;
      this.#dispatcher = new Dispatcher({ ...settings, endpoint: this.#endpoint, outbox, lease });
    }
  }

  get state(): EndpointState {
    return this.#endpoint.gate.state;
  }

  send(event: Envelope<object> | string, options?: SendOptions): Promise<Receipt> {
    return this.#direct.deliver(event, options);
  }

  enqueue(
    event: Envelope<object> | string,
    options: EnqueueOptions<Transaction> = {},
  ): Promise<QueueReceipt> {
    const { transaction } = options;
    const queue = (): Promise<QueueReceipt> => {
      checkMembers('enqueue', options, ['transaction']);
      const prepared = this.#prepare(event);
      const now = this.#settings.clock.now();
      return this.#outbox.enqueue(prepared, { now, transaction }).then(() => {
        this.#dispatcher?.wake();
        return { eventId: prepared.eventId };
      });
    };
    // A transaction that is not awaited must hear of a fault before it commits.
    return transaction === undefined ? Promise.resolve().then(queue) : queue();
  }

  start(): void {
    if (this.#dispatcher === undefined) throw new ConfigurationError(NO_OUTBOX);
    this.#dispatcher.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#dispatcher?.stop(), this.#direct.stop()]);
  }

  resume(): void {
    this.#endpoint.gate.hurry();
    this.#dispatcher?.wake();
  }

  deadLetters(filter: DeadLetterFilter = {}): AsyncIterable<DeadLetter> {
    return this.#outbox.deadLetters(filter);
  }

  async redrive(filter: DeadLetterFilter = {}, options: ActorOptions = {}): Promise<number> {
    const redriven = await this.#audited('redrive', filter, options, () =>
      this.#outbox.redrive(filter, { now: this.#settings.clock.now() }),
    );
    this.#dispatcher?.wake();
    return redriven;
  }

  async discard(filter: DeadLetterFilter, options: ActorOptions = {}): Promise<number> {
    return this.#audited('discard', filter, options, () => this.#outbox.discard(filter));
  }

  async count(): Promise<OutboxCounts> {
    return this.#outbox.count();
  }

  #audited(
    action: 'redrive' | 'discard',
    filter: DeadLetterFilter,
    options: ActorOptions,
    act: () => Promise<number>,
  ): Promise<number> {
    // A misspelt filter would mean all of them.
    checkMembers(action, filter, FILTER);
    checkMembers(action, options, ['actor']);
    const { clock } = this.#settings;
    return audited({
      trail: this.#settings.audit ?? this.#outbox.audit,
      action,
      actor: options.actor ?? HOST,
      target: filter,
      now: () => clock.now(),
      act,
      outcomeOf: (events) => ({ events }),
    });
  }

  get #outbox(): Outbox<Transaction> {
    const { outbox } = this.#settings;
    if (outbox === undefined) throw new ConfigurationError(NO_OUTBOX);
    return outbox;
  }

  #prepare(event: Envelope<object> | string): PreparedEvent {
    const now = this.#settings.clock.now();
    return typeof event === 'string'
      ? checkBody(event, this.#settings, now)
      : prepareEvent(event, this.#settings, now);
  }
}

const FILTER: readonly (keyof DeadLetterFilter)[] = ['eventId', 'type', 'code'];

const NO_OUTBOX = 'This sender has no outbox; createSender({ …, outbox: sqliteOutbox({ path }) }).';
