import { eventIdOf, expandShorthand, isShorthand, readEnvelope } from '../envelope.ts';
import { type Envelope, type JsonValue, operationOf } from '../events.ts';
import { type Fault, StorageError } from '../errors.ts';
import { contentDigest, parseStrictJson } from '../json.ts';
import type { CompiledMapping, MappingSet } from '../mapping/types.ts';
import { resolveMapping } from '../mapping/resolve.ts';
import { transformFields } from '../mapping/transform.ts';
import { DELETED_AT, versionOf } from '../merge.ts';
import type {
  BodyForm,
  Change,
  QuarantineVerdict,
  RefusedEvent,
  ReplayedEntry,
  RowChange,
  Verdict,
} from '../stores/types.ts';
import type { Timestamp } from '../timestamp.ts';
import { checkData } from './data-schemas.ts';
import { isPending, withDeadline } from './deadline.ts';
import type { Settings } from './options.ts';
import { REFUSALS, type Refusal } from './responses.ts';

/** An authentic body: its sender is known, and its signature holds (or need not). */
export interface Delivery {
  readonly clientId: string;
  readonly body: Uint8Array;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  /** The flat form of the document's cURL is understood. */
  readonly allowShorthand: boolean;
  /** Apply again what was applied before. */
  readonly force?: boolean;
  /** What this is a replay of. */
  readonly replayOf?: ReplayedEntry;
}

/** What became of a delivery. */
export type Outcome = (
  | {
      readonly verdict:
        'applied' | 'stale' | 'declined' | 'duplicate' | 'in_progress' | 'overloaded';
    }
  | { readonly verdict: 'refused'; readonly refusal: Refusal; readonly kept: QuarantineVerdict }
) & {
  readonly eventId: string | null;
  readonly type: string | null;
  /** What was stored all the same. */
  readonly warnings?: readonly Fault[];
};

/** What the steps have found out about a delivery so far. */
interface Draft {
  readonly delivery: Delivery;
  readonly form: BodyForm;
  readonly eventId: string | null;
  readonly event?: Envelope;
  readonly occurredAt?: Timestamp;
  readonly digest?: string;
  /** Once a mapping was found. */
  mappingVersion?: string;
}

/** What a delivery is processed with. */
export interface Processing {
  readonly settings: Settings;
  /** Makes sure the store has the tables of a mapping set before it is used; `undefined` if it has. */
  readonly prepare: (mappings: MappingSet) => Promise<void> | undefined;
  /** Commits a change; `undefined` where there is no room for it. */
  readonly commit: (change: Change) => Promise<Verdict> | undefined;
  /** Keeps a refused event; `undefined` where there is no room for it. */
  readonly quarantine: (event: RefusedEvent) => Promise<QuarantineVerdict> | undefined;
}

/**
 * Takes a delivery from its bytes to its rows: strict JSON, envelope, clock, mapping, schema,
 * fields, store. What is refused on the way goes to quarantine.
 *
 * Up to the commit nothing is awaited that is there already.
 *
 * @throws (or rejects with) whatever the store or a look-up throws; nothing was acknowledged then.
 */
export function processDelivery(
  delivery: Delivery,
  processing: Processing,
): Promise<Outcome> | Outcome {
  const { settings } = processing;
  const parsed = parseStrictJson(delivery.body);
  if (!parsed.ok) {
    return refuse({ delivery, form: 'envelope', eventId: null }, processing, {
      code: 'invalid_json',
      message: parsed.reason,
    });
  }
  const draft = readEvent(delivery, parsed.value, settings);
  if ('refusal' in draft) return refuse(draft, processing, draft.refusal);

  const ahead = draft.occurredAt.epochMillis - settings.now();
  if (ahead > settings.maxClockSkew) {
    return refuse(draft, processing, {
      code: 'timestamp_in_future',
      message: `The timestamp is ${String(Math.ceil(ahead / 1000))} s ahead of the receiver's clock.`,
    });
  }

  const { clientId } = delivery;
  const found = withDeadline(
    'The mapping look-up',
    settings.limits.lookupTimeout,
    settings.mappings.find(clientId),
  );
  return isPending(found)
    ? found.then((mappings) => mapDraft(draft, mappings, processing))
    : mapDraft(draft, found, processing);
}

function mapDraft(
  draft: ReadDraft,
  mappings: MappingSet | null | undefined,
  processing: Processing,
): Promise<Outcome> | Outcome {
  const { settings, prepare } = processing;
  const { delivery, event } = draft;
  const { clientId } = delivery;
  const mapping = mappings && resolveMapping(mappings, clientId, event.type);
  if (mappings === undefined || mappings === null || mapping === undefined) {
    return refuse(draft, processing, {
      code: 'mapping_not_found',
      message: `No mapping found for event_type '${event.type}' and Client-ID ${clientId}.`,
    });
  }
  draft.mappingVersion = mappings.version;
  const misfits = mapping === null ? NONE : checkData(settings.dataSchemas, event);
  if (misfits.length > 0) {
    return refuse(draft, processing, {
      code: 'transform_failed',
      message: "The event's data does not fit its schema.",
      errors: inBody(draft.form, misfits),
    });
  }
  const mapped = mapping === null ? DECLINED : toRow(mapping, draft);
  if ('errors' in mapped) {
    return refuse(draft, processing, {
      code: 'transform_failed',
      message: 'The event has fields that cannot be stored.',
      errors: mapped.errors,
    });
  }

  const commit = (): Promise<Outcome> | Outcome =>
    commitRow(draft, mappings.version, mapping, mapped, processing);
  return prepare(mappings)?.then(commit) ?? commit();
}

/** What an event comes down to. */
interface MappedRow {
  readonly row: RowChange | null;
  readonly warnings: readonly Fault[];
}

function commitRow(
  draft: ReadDraft,
  mappingVersion: string,
  mapping: CompiledMapping | null,
  { row, warnings }: MappedRow,
  processing: Processing,
): Promise<Outcome> | Outcome {
  const committed = processing.commit(toChange(draft, mappingVersion, row, processing.settings));
  if (committed === undefined) {
    return { verdict: 'overloaded', eventId: draft.eventId, type: draft.event.type };
  }
  return committed.then((verdict) => judge(verdict, draft, mapping, warnings, processing));
}

const NONE: readonly Fault[] = [];
const DECLINED: MappedRow = { row: null, warnings: NONE };

type ReadDraft = Draft & Required<Pick<Draft, 'event' | 'occurredAt' | 'digest'>>;

function readEvent(
  delivery: Delivery,
  value: JsonValue,
  { types }: Settings,
): ReadDraft | (Draft & { readonly refusal: Refusal }) {
  const isFlat = isShorthand(value);
  const form: BodyForm = isFlat && delivery.allowShorthand ? 'shorthand' : 'envelope';
  const candidate =
    isFlat && form === 'shorthand'
      ? expandShorthand(value, delivery.body, delivery.receivedAt)
      : value;
  const result = readEnvelope(candidate, types);
  if (!result.ok) {
    const hint: Fault = {
      path: '',
      message: 'the flat form with event_type is for sandbox clients',
    };
    // In the flat form the type has another name, and it is the sender's that helps.
    const own = result.errors.map((error) =>
      form === 'shorthand' && error.path === '/type' ? { ...error, path: '/event_type' } : error,
    );
    return {
      delivery,
      form,
      eventId: eventIdOf(candidate) ?? null,
      refusal: {
        code: 'invalid_envelope',
        message: 'The body is not a valid event.',
        errors: isFlat && form === 'envelope' ? [hint, ...own] : own,
      },
    };
  }
  const { event, occurredAt } = result;
  return {
    delivery,
    form,
    event,
    eventId: event.event_id,
    occurredAt,
    digest: contentDigest(event.type, event.data),
  };
}

/** Where a field of `data` stands in the body as it was sent. */
function pointer(form: BodyForm, path: string): string {
  return form === 'shorthand' ? path : `/data${path}`;
}

function inBody(form: BodyForm, faults: readonly Fault[]): readonly Fault[] {
  return faults.map(({ path, message }) => ({ path: pointer(form, path), message }));
}

/** The row an event writes, with the tombstone that created and deleted set. */
function toRow(
  mapping: CompiledMapping,
  { event, form, occurredAt }: ReadDraft,
): MappedRow | { readonly errors: readonly Fault[] } {
  const result = transformFields(mapping, event.data);
  if (!result.ok) return { errors: inBody(form, result.errors) };
  const operation = operationOf(event.type);
  const { values } = result;
  return {
    row: {
      table: mapping.table,
      key: result.key,
      values:
        operation === 'created'
          ? { ...values, [DELETED_AT]: null }
          : operation === 'deleted'
            ? { ...values, [DELETED_AT]: occurredAt.utc }
            : values,
      version: versionOf(occurredAt.utc, operation, event.event_id),
    },
    warnings: result.warnings === undefined ? NONE : inBody(form, result.warnings),
  };
}

function toChange(
  { delivery, form, event, occurredAt, digest }: ReadDraft,
  mappingVersion: string,
  row: RowChange | null,
  { bodyRetention }: Settings,
): Change {
  const { replayOf, force } = delivery;
  const change: Change = {
    clientId: delivery.clientId,
    eventId: event.event_id,
    type: event.type,
    occurredAt: occurredAt.utc,
    receivedAt: isoText(delivery.receivedAt),
    digest,
    body: bodyRetention > 0 ? delivery.body : null,
    form,
    mappingVersion,
    row,
  };
  if (replayOf === undefined && force !== true) return change;
  return {
    ...change,
    ...(force === true ? { force } : {}),
    ...(replayOf === undefined ? {} : { replayOf }),
  };
}

let lastMillis = NaN;
let lastText = '';

/** Milliseconds since 1970 as a Date says them; the deliveries of one batch mostly share them. */
function isoText(millis: number): string {
  if (millis !== lastMillis) {
    lastText = new Date(millis).toISOString();
    lastMillis = millis;
  }
  return lastText;
}

/** A store of the host's own may have a fault; what it says must not become a 200 by accident. */
const VERDICTS: ReadonlySet<unknown> = new Set<Verdict>([
  'applied',
  'stale',
  'duplicate',
  'in_progress',
]);

function judge(
  verdict: Verdict,
  draft: ReadDraft,
  mapping: CompiledMapping | null,
  warnings: readonly Fault[],
  processing: Processing,
): Outcome | Promise<Outcome> {
  const { eventId, event } = draft;
  if (verdict === 'conflict') return refuse(draft, processing, REFUSALS.conflict);
  if (isRejection(verdict)) {
    const { rejected, column } = verdict;
    const field = mapping?.fields.find(({ to }) => to === column);
    const subject = column === undefined ? 'The table' : `Column ${column}`;
    return refuse(draft, processing, {
      code: 'constraint_failed',
      message: `${subject} refuses the row: ${rejected}`,
      ...(field === undefined
        ? {}
        : {
            errors: [
              {
                path: pointer(draft.form, field.pointer),
                message: `is refused by column ${field.to}`,
              },
            ],
          }),
    });
  }
  if (!VERDICTS.has(verdict)) throw new StorageError('The store gave a verdict nobody knows.');
  const isDeclined = verdict === 'applied' && mapping === null;
  return { verdict: isDeclined ? 'declined' : verdict, eventId, type: event.type, warnings };
}

function isRejection(verdict: Verdict): verdict is Exclude<Verdict, string> {
  return (
    typeof verdict === 'object' && typeof (verdict as typeof verdict | null)?.rejected === 'string'
  );
}

/** A refusal as text: its message, and every fault on a line of its own. */
export function reasonOf({ message, errors = [] }: Refusal): string {
  const faults = errors.map((fault) => `${fault.path} ${fault.message}`.trim());
  return [message, ...faults].join('\n');
}

/** Hands a body to quarantine, where it waits for a mended mapping or a resend. */
async function refuse(
  draft: Draft,
  { quarantine }: Processing,
  refusal: Refusal,
): Promise<Outcome> {
  const { delivery, form, eventId, event, occurredAt, digest } = draft;
  const type = event?.type ?? null;
  const kept = await quarantine({
    clientId: delivery.clientId,
    eventId,
    type,
    occurredAt: occurredAt?.utc ?? null,
    receivedAt: isoText(delivery.receivedAt),
    digest: digest ?? null,
    body: delivery.body,
    form,
    mappingVersion: draft.mappingVersion ?? null,
    code: refusal.code,
    reason: reasonOf(refusal),
    ...(delivery.replayOf === undefined ? {} : { replayOf: delivery.replayOf }),
  });
  if (kept === undefined) return { verdict: 'overloaded', eventId, type };
  // An event that was applied stays so; but a replay by force is to hear that it could not be again.
  return kept === 'duplicate' && delivery.force !== true
    ? { verdict: 'duplicate', eventId, type }
    : { verdict: 'refused', refusal, kept, eventId, type };
}
