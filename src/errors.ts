/** Every literal `code` an error of this package can carry; `docs/errors.md` explains each. */
export type ErrorCode =
  | 'invalid_configuration'
  | 'invalid_mapping'
  | 'schema_mismatch'
  | 'storage_unavailable'
  | 'invalid_event'
  | 'delivery_failed';

/** One thing that is wrong, and where: `path` is a JSON Pointer (RFC 6901). */
export interface Fault {
  readonly path: string;
  readonly message: string;
  /** Where it stands in a document that was given as text, counted from 1. */
  readonly line?: number;
  /** In UTF-16 code units, counted from 1. */
  readonly column?: number;
}

/**
 * The base of every error this package throws. Branch on `code`, not on `instanceof`: the code
 * stays the same when an application loads both the ESM and the CommonJS build.
 */
export class HisWebhookError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/**
 * An option that could never work: an empty secret, a bad limit, a malformed token. Thrown when
 * the receiver (or the single function) is given it, never while a hospital's event is handled.
 */
export class ConfigurationError extends HisWebhookError<'invalid_configuration'> {
  constructor(message: string) {
    super('invalid_configuration', message);
  }
}

/** A mapping document that cannot be compiled; `faults` lists everything that is wrong with it. */
export class MappingDocumentError extends HisWebhookError<'invalid_mapping'> {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(
      'invalid_mapping',
      ['The mapping document has faults:', ...faults.map(describeFault)].join('\n'),
    );
    this.faults = faults;
  }
}

/**
 * The database does not have the tables the mappings need; `problems` names everything that is
 * missing or in the way, `sql` the statements that would mend what can be mended by adding.
 */
export class SchemaError extends HisWebhookError<'schema_mismatch'> {
  readonly problems: readonly string[];
  readonly sql: readonly string[];

  constructor(problems: readonly string[], sql: readonly string[]) {
    super(
      'schema_mismatch',
      [
        'The database does not fit the mappings:',
        ...problems.map((problem) => `  - ${problem}`),
        ...(sql.length > 0 ? ['This would add what is missing:', ...sql] : []),
      ].join('\n'),
    );
    this.problems = problems;
    this.sql = sql;
  }
}

/**
 * The store cannot be reached or did not answer in time; nothing was acknowledged and the same
 * event can be sent again. The driver's own error is the `cause`.
 */
export class StorageError extends HisWebhookError<'storage_unavailable'> {
  constructor(message: string, options?: ErrorOptions) {
    super('storage_unavailable', message, options);
  }
}

/**
 * An event that no receiver would take, whatever its mapping is; `faults` lists everything that is
 * wrong with it. Thrown before anything is sent or queued. Nothing in it repeats a value.
 */
export class EventError extends HisWebhookError<'invalid_event'> {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(
      'invalid_event',
      [
        'The event cannot be sent:',
        ...faults.map(({ path, message }) => `  - ${path || 'the event'}: ${message}`),
      ].join('\n'),
    );
    this.faults = faults;
  }
}

/** What a {@link DeliveryError} is made of. */
export interface DeliveryFailure {
  /**
   * Whether the receiver refused the event for its own sake (`rejected`), refuses whatever it is sent
   * (`endpoint`), or could not take it yet (`unavailable`): a network error, a timeout, 429 or 5xx.
   */
  readonly kind: 'rejected' | 'endpoint' | 'unavailable';
  /** The status of the last answer; `null` where there was none. */
  readonly status: number | null;
  /** The receiver's `code`, or that of the network error, such as `ECONNREFUSED`. */
  readonly reasonCode: string | null;
  /** How many attempts were made. */
  readonly attempts: number;
  /** What the receiver said. */
  readonly reason: string | null;
  readonly faults: readonly Fault[];
}

/**
 * An event that was not delivered. It carries neither the token nor the payload, and may be logged;
 * `reason` and `faults`, which are the receiver's own words, are left out when it is printed.
 */
export class DeliveryError extends HisWebhookError<'delivery_failed'> {
  readonly kind: DeliveryFailure['kind'];
  readonly status: number | null;
  readonly reasonCode: string | null;
  readonly attempts: number;
  readonly #reason: string | null;
  readonly #faults: readonly Fault[];

  constructor(failure: DeliveryFailure) {
    const { kind, status, reasonCode, attempts } = failure;
    const answer = status === null ? 'no answer' : `status ${String(status)}`;
    const code = reasonCode === null ? '' : ` (${reasonCode})`;
    super(
      'delivery_failed',
      `${DELIVERY_FAILURES[kind]}: ${answer}${code} after ${String(attempts)} attempt${attempts === 1 ? '' : 's'}.`,
    );
    this.kind = kind;
    this.status = status;
    this.reasonCode = reasonCode;
    this.attempts = attempts;
    this.#reason = failure.reason;
    this.#faults = failure.faults;
  }

  /** What the receiver said, at most 1,000 characters; `null` where it said nothing of the kind. */
  get reason(): string | null {
    return this.#reason;
  }

  /** What is wrong with the event, in the receiver's words. */
  get faults(): readonly Fault[] {
    return this.#faults;
  }
}

const DELIVERY_FAILURES: Readonly<Record<DeliveryFailure['kind'], string>> = {
  rejected: 'The receiver refused the event',
  endpoint: 'The endpoint refuses whatever it is sent',
  unavailable: 'The event could not be delivered yet',
};

/** The union of all errors, discriminated by `code`. */
export type AnyHisWebhookError =
  | ConfigurationError
  | MappingDocumentError
  | SchemaError
  | StorageError
  | EventError
  | DeliveryError;

function describeFault({ path, message, line, column }: Fault): string {
  const place = line === undefined ? '' : `${String(line)}:${String(column)} `;
  return `  - ${place}${path === '' ? 'the document' : path}: ${message}`;
}
