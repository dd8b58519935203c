import { ConfigurationError } from '../errors.ts';
import type { RequestBody } from './body.ts';
import type { RequestHeaders } from './headers.ts';
import type { EventFilter, StoredEvent } from '../stores/types.ts';
import type { ReplayOptions, ReplayReport } from './replay.ts';
import type { ReceiverResponse } from './responses.ts';
import type { EventSummary, RevealOptions, RevealTarget } from './reveal.ts';

/** A request, as an adapter hands it over. */
export interface ReceiverRequest {
  readonly method: string;
  readonly headers: RequestHeaders;
  /** The exact bytes or a stream of them. Anything else was parsed before, and is refused. */
  readonly body: RequestBody | object | string | null | undefined;
}

/** The receiving end of the webhook; see {@link createReceiver}. */
export interface Receiver {
  /** Answers one request. It never rejects. */
  receive(request: ReceiverRequest): Promise<ReceiverResponse>;
  /**
   * Resolves once the store has the tables the mappings need. Await it when the service starts,
   * so that a table that is missing is known before the first event; `receive` does so by itself.
   *
   * @throws SchemaError if the database does not fit the mappings.
   * @throws StorageError if it cannot be reached; a later call tries again.
   */
  ready(): Promise<void>;
  /** The stored events that match, by client and id, without their bodies. */
  find(filter?: EventFilter): AsyncIterable<EventSummary>;
  /**
   * Shows a stored event with its body, once it is written down who looks at it.
   *
   * @returns `undefined` where there is none; its `body` is `null` where that was erased.
   * @throws ConfigurationError where the actor has no name, or there is no audit trail.
   * @throws StorageError where it cannot be written down; nothing is shown then.
   */
  reveal(target: RevealTarget, options: RevealOptions): Promise<StoredEvent | undefined>;
  /**
   * Processes stored events again, under the mappings of now: quarantine, or with `force` all; once it is
   * written down who does.
   *
   * @throws ConfigurationError where there is no audit trail.
   * @throws StorageError where it cannot be written down; nothing was done then.
   */
  replay(options?: ReplayOptions): Promise<ReplayReport>;
  /** Answers new requests with 503, finishes those in work, and closes the store. */
  close(): Promise<void>;
}

/**
 * For adapters: refuses what is no receiver when it is mounted, not when an event arrives.
 *
 * @throws ConfigurationError
 */
export function assertReceiver(receiver: unknown): asserts receiver is Receiver {
  if (typeof (receiver as Partial<Receiver> | null | undefined)?.receive !== 'function') {
    throw new ConfigurationError('An adapter needs a receiver: createReceiver({ … }).');
  }
}
