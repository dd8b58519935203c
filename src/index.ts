/**
 * The receiver, the pure functions it is made of, errors and types.
 *
 * @module @buktor/his-webhook
 */

export {
  type Envelope,
  EVENT_TYPES,
  type EventType,
  type HisEvent,
  type HisEventOf,
  type JsonObject,
  type JsonValue,
  type OperationOf,
  RECEIVE_PATHS,
  type Resource,
  serializeEvent,
} from './events.ts';
export {
  type ExpiringSecret,
  generateSignature,
  type Secret,
  type Secrets,
  verifySignature,
} from './signature.ts';
export { parseStrictJson, type StrictJsonResult } from './json.ts';
export { type EnvelopeOptions, type EnvelopeResult, validateEnvelope } from './envelope.ts';
export { mergeChanges, type Version, type VersionedValues } from './merge.ts';
export {
  type AnyHisWebhookError,
  ConfigurationError,
  type ErrorCode,
  type Fault,
  HisWebhookError,
  MappingDocumentError,
  SchemaError,
  StorageError,
} from './errors.ts';
export type {
  ClientDocument,
  EventMappingDocument,
  FieldDocument,
  FieldRuleDocument,
  FieldType,
  MappingDocument,
  TimezoneDocument,
  ValueMapDocument,
} from './mapping/document.ts';
export {
  type ClientMappings,
  type CompiledField,
  type CompiledMapping,
  compileMappings,
  type CompileOptions,
  type MappingSet,
} from './mapping/compile.ts';
export type { Reader } from './mapping/path.ts';
export type { TableSpec } from './mapping/tables.ts';
export { resolveMapping } from './mapping/resolve.ts';
export { transformFields, type TransformResult } from './mapping/transform.ts';
export { createReceiver } from './receiver/receiver.ts';
export type { Receiver, ReceiverRequest } from './receiver/types.ts';
export type {
  MappingLookup,
  ReceiverLimits,
  ReceiverOptions,
  ReceiveResult,
} from './receiver/options.ts';
export type { DataSchemas } from './receiver/data-schemas.ts';
export type { RequestBody } from './receiver/body.ts';
export type { RequestHeaders } from './receiver/headers.ts';
export type { ReceiverResponse, ResponseCode } from './receiver/responses.ts';
export type { ReplayOptions, ReplayReport } from './receiver/replay.ts';
export { bearerTokens, type Client, type ClientLookup } from './receiver/clients.ts';
export { signRequest, type SignedRequest, type SignRequestOptions } from './sender/request.ts';
export { type ComposedStoreOptions, composeStores } from './stores/compose.ts';
export type {
  ApplyVerdict,
  BodyForm,
  Change,
  Claim,
  ClaimRequest,
  ClaimResult,
  EventFilter,
  EventState,
  EventStore,
  IdempotencyStore,
  Inbox,
  InboxStore,
  PersistenceStore,
  QuarantineVerdict,
  RefusedEvent,
  ReplayedEntry,
  RowChange,
  StoredEvent,
  StoreOptions,
  Verdict,
} from './stores/types.ts';
