import { type Fault, StorageError } from '../errors.ts';
import { parseStrictJson } from '../json.ts';
import type { CompiledMapping, MappingSet } from '../mapping/types.ts';
import { resolveMapping } from '../mapping/resolve.ts';
import type { Change, QuarantineVerdict, RefusedEvent, Verdict } from '../stores/types.ts';
import { checkData } from './data-schemas.ts';
import { isPending, withDeadline } from './deadline.ts';
import {
  DECLINED,
  type Delivery,
  type Draft,
  inBody,
  isoText,
  type MappedRow,
  NONE,
  pointer,
  type ReadDraft,
  readEvent,
  toChange,
  toRow,
} from './draft.ts';
import type { Settings } from './options.ts';
import { REFUSALS, type Refusal } from './responses.ts';

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
