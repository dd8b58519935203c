/** Every literal `code` an error of this package can carry; `docs/errors.md` explains each. */
export type ErrorCode =
  'invalid_configuration' | 'invalid_mapping' | 'schema_mismatch' | 'storage_unavailable';

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

/** The union of all errors, discriminated by `code`. */
export type AnyHisWebhookError =
  ConfigurationError | MappingDocumentError | SchemaError | StorageError;

function describeFault({ path, message, line, column }: Fault): string {
  const place = line === undefined ? '' : `${String(line)}:${String(column)} `;
  return `  - ${place}${path === '' ? 'the document' : path}: ${message}`;
}
