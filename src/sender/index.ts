/**
 * The sending end: sign, deliver, retry, and never lose an event.
 *
 * @module @buktor/his-webhook/sender
 */

export {
  createSender,
  type ActorOptions,
  type EnqueueOptions,
  type QueueReceipt,
  type Sender,
} from './sender.ts';
export type { Receipt, SendOptions } from './direct.ts';
export type { SenderOptions } from './options.ts';
export type { Provided } from './credentials.ts';
export type { EndpointState, ProbePolicy } from './gate.ts';
export type { RetryPolicy } from './backoff.ts';
export type { FetchedResponse, FetchLike } from './attempt.ts';
export type { AnswerBody } from './body.ts';
export type { SignedRequest } from './request.ts';
export type { Clock } from './clock.ts';
export type { AttemptSummary, EventSummary, LifecycleListener, SenderEvent } from './lifecycle.ts';
export type {
  ClaimedEvent,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterReason,
  Outbox,
  OutboxCounts,
  QueuedEvent,
  Settlement,
} from './outbox.ts';
