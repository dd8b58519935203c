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
  findSigningSecret,
  generateSignature,
  type Secret,
  type Secrets,
  type SigningSecret,
  verifySignature,
} from './signature.ts';
export type { WarningCode } from './weak-secrets.ts';
export { parseStrictJson, type StrictJsonResult } from './json.ts';
export { type EnvelopeOptions, type EnvelopeResult, validateEnvelope } from './envelope.ts';
export { mergeChanges, type Version, type VersionedValues } from './merge.ts';
export {
  type AnyHisWebhookError,
  ConfigurationError,
  DeliveryError,
  type DeliveryFailure,
  type ErrorCode,
  EventError,
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
export { compileMappings, type CompileOptions } from './mapping/compile.ts';
export type {
  ClientMappings,
  CompiledField,
  CompiledMapping,
  ConstantOrigin,
  Convert,
  MappingSet,
  Step,
} from './mapping/types.ts';
export type { Refused } from './mapping/values.ts';
export type { Transform, TransformContext } from './mapping/transforms.ts';
export type { Reader, SourcePath } from './mapping/path.ts';
export type { TableSpec } from './mapping/tables.ts';
export { resolveMapping } from './mapping/resolve.ts';
export { transformFields, type TransformResult } from './mapping/transform.ts';
export {
  type ExplainedColumn,
  type ExplainedStep,
  explainMapping,
  type MappingExplanation,
} from './mapping/explain.ts';
export {
  type Coverage,
  lintMapping,
  type LintOptions,
  type MappingReport,
  type SampleFault,
} from './mapping/lint.ts';
export { diffMappings, type MappingChange } from './mapping/diff.ts';
export type { MappingSample } from './mapping/samples.ts';
export type { RevealOption } from './mapping/show.ts';
export { createReceiver } from './receiver/receiver.ts';
export type { Receiver, ReceiverRequest } from './receiver/types.ts';
export type {
  MappingLookup,
  ReceiverLimits,
  ReceiverOptions,
  ReceiveResult,
} from './receiver/options.ts';
export type { DataSchemas } from './receiver/data-schemas.ts';
export type { MappingSource, PrepareMappings } from './receiver/mapping-source.ts';
export {
  type LoadMappings,
  mappingProvider,
  type ProvidedMappings,
  type ProviderOptions,
} from './receiver/mapping-provider.ts';
export {
  type WatchedMappings,
  watchMappings,
  type WatchOptions,
} from './receiver/watch-mappings.ts';
export type { RequestBody } from './receiver/body.ts';
export type { RequestHeaders } from './receiver/headers.ts';
export type { ReceiverResponse, ResponseCode } from './receiver/responses.ts';
export type { ReplayOptions, ReplayReport } from './receiver/replay.ts';
export type { EventSummary, RevealOptions, RevealTarget } from './receiver/reveal.ts';
export type { AuditAction, AuditEntry, AuditTrail } from './audit.ts';
export { bearerTokens, type Client, type ClientLookup } from './receiver/clients.ts';
export { buildEvent, type EventParts, type EventSources } from './sender/event.ts';
export { backoffDelay, DEFAULT_RETRY_POLICY, type RetryPolicy } from './sender/backoff.ts';
export { isRetryable } from './sender/answer.ts';
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
