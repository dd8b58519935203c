import type { Fault } from '../errors.ts';

/** Every `code` an error answer can carry; `docs/errors.md` explains each. */
export type ResponseCode =
  | 'method_not_allowed'
  | 'unsupported_media_type'
  | 'unauthorized'
  | 'payload_too_large'
  | 'request_timeout'
  | 'body_already_parsed'
  | 'client_mismatch'
  | 'invalid_json'
  | 'invalid_envelope'
  | 'timestamp_in_future'
  | 'mapping_not_found'
  | 'transform_failed'
  | 'constraint_failed'
  | 'event_id_conflict'
  | 'in_progress'
  | 'storage_unavailable'
  | 'overloaded';

/** An HTTP answer, for an adapter to hand on as it is. Header names are in lower case. */
export interface ReceiverResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A decision, before it becomes an HTTP answer. */
export interface Refusal {
  readonly code: ResponseCode;
  readonly message: string;
  readonly errors?: readonly Fault[];
}

const STATUS: Readonly<Record<ResponseCode, number>> = {
  method_not_allowed: 405,
  unsupported_media_type: 415,
  unauthorized: 401,
  payload_too_large: 413,
  request_timeout: 408,
  body_already_parsed: 500,
  client_mismatch: 403,
  invalid_json: 400,
  invalid_envelope: 400,
  timestamp_in_future: 422,
  mapping_not_found: 422,
  transform_failed: 422,
  constraint_failed: 422,
  event_id_conflict: 409,
  in_progress: 503,
  storage_unavailable: 500,
  overloaded: 503,
};

const COMMON = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };

const HEADERS: Readonly<Partial<Record<ResponseCode, Readonly<Record<string, string>>>>> = {
  method_not_allowed: { allow: 'POST' },
  unauthorized: { 'www-authenticate': 'Bearer' },
  // The rest of the body is not wanted, so the connection cannot be used again.
  request_timeout: { connection: 'close' },
  storage_unavailable: { 'retry-after': '5' },
  in_progress: { 'retry-after': '5' },
  overloaded: { 'retry-after': '5' },
};

const SUCCESS: ReceiverResponse = {
  status: 200,
  headers: COMMON,
  body: '{"status":"success","message":"Data received and processed successfully."}',
};

const REPLAYED: ReceiverResponse = {
  ...SUCCESS,
  headers: { ...COMMON, 'idempotent-replayed': 'true' },
};

/** The answer to an event that was processed. */
export function success(isReplay: boolean): ReceiverResponse {
  return isReplay ? REPLAYED : SUCCESS;
}

/** The answer to a request that was refused. */
export function failure({ code, message, errors }: Refusal): ReceiverResponse {
  return {
    status: STATUS[code],
    headers: { ...COMMON, ...HEADERS[code] },
    body: JSON.stringify({ status: 'error', message, code, ...(errors ? { errors } : {}) }),
  };
}

/** The refusals that are the same for every request. */
export const REFUSALS: Readonly<Record<CommonRefusal, Refusal>> = {
  methodNotAllowed: { code: 'method_not_allowed', message: 'Events are sent with POST.' },
  unsupportedMediaType: {
    code: 'unsupported_media_type',
    message: 'The body must be application/json in UTF-8, without a Content-Encoding.',
  },
  // One answer for a bad token and a bad signature, so that it does not tell which.
  unauthorized: {
    code: 'unauthorized',
    message: 'The bearer token or the signature is missing or wrong.',
  },
  requestTimeout: { code: 'request_timeout', message: 'The body did not arrive in time.' },
  bodyAlreadyParsed: {
    code: 'body_already_parsed',
    message:
      'The request body was read before the webhook receiver, and its exact bytes are gone. ' +
      'Mount the receiver before body parsers such as express.json(), or let the parser keep ' +
      'the bytes as a Buffer in request.rawBody.',
  },
  clientMismatch: {
    code: 'client_mismatch',
    message: 'The Client-ID header is not that of the bearer token.',
  },
  conflict: {
    code: 'event_id_conflict',
    message: 'This event_id was used before, for an event with other content.',
  },
  inProgress: {
    code: 'in_progress',
    message: 'The same event_id is being processed right now. Send it again later.',
  },
  storageUnavailable: {
    code: 'storage_unavailable',
    message: 'The event could not be stored. Send it again later.',
  },
  overloaded: { code: 'overloaded', message: 'No event can be taken now. Send it again later.' },
};

type CommonRefusal =
  | 'methodNotAllowed'
  | 'unsupportedMediaType'
  | 'unauthorized'
  | 'requestTimeout'
  | 'bodyAlreadyParsed'
  | 'clientMismatch'
  | 'conflict'
  | 'inProgress'
  | 'storageUnavailable'
  | 'overloaded';
