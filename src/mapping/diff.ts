import { checkMembers } from '../configuration.ts';
import type { JsonObject, JsonValue } from '../events.ts';
import { bySubject, type MappingSample } from './samples.ts';
import { type RevealOption, showValue } from './show.ts';
import { transformFields } from './transform.ts';
import type { CompiledMapping, MappingSet } from './types.ts';

/** One way in which samples come out differently under another version of a document. */
export interface MappingChange {
  /** Whom it concerns, in the order of the documents. */
  readonly clients: readonly string[];
  readonly type: string;
  /** A column; `(event)` for what becomes of the event as a whole, `(error)` and a JSON Pointer for why it is refused. */
  readonly subject: string;
  /** In the first sample that differs: `missing`, or the value: masked unless it was asked for. */
  readonly before: string;
  readonly after: string;
  /** How many samples differ so. */
  readonly events: number;
  /** The first of them, counted from 1. */
  readonly sample: number;
}

/**
 * Compares what two versions of a mapping document make of the same events, before the newer one
 * goes live.
 *
 * @example
 * ```ts
 * import { compileMappings, diffMappings } from '@buktor/his-webhook';
 *
 * const next = compileMappings(document);
 * const samples = [{ clientId: '1001', type: event.type, data: event.data }];
 * for (const { clients, subject, before, after } of diffMappings(mappings, next, samples)) {
 *   console.log(clients, subject, before, '→', after);
 * }
 * ```
 *
 * @throws ConfigurationError for an option that could never work.
 */
export function diffMappings(
  older: MappingSet,
  newer: MappingSet,
  samples: Iterable<MappingSample>,
  options: RevealOption = {},
): readonly MappingChange[] {
  checkMembers('diffMappings', options, ['reveal']);
  const reveal = options.reveal === true;
  return bySubject([older, newer], samples).flatMap(({ clients, type, mappings, events }) => {
    const changes = new Map<string, MappingChange>();
    for (const [sample, data] of events) {
      const before = outputs(mappings[0], data);
      const after = outputs(mappings[1], data);
      for (const subject of new Set([...before.keys(), ...after.keys()])) {
        const [old, young] = [before.get(subject), after.get(subject)];
        if (JSON.stringify(old) === JSON.stringify(young)) continue;
        const known = changes.get(subject);
        changes.set(subject, {
          ...(known ?? {
            clients,
            type,
            subject,
            before: show(subject, old, reveal),
            after: show(subject, young, reveal),
            sample,
          }),
          events: (known?.events ?? 0) + 1,
        });
      }
    }
    return [...changes.values()];
  });
}

/** What becomes of an event, by column. What is said in parentheses is ours and shown as it is. */
function outputs(
  mapping: CompiledMapping | null | undefined,
  data: JsonObject,
): ReadonlyMap<string, JsonValue> {
  if (!mapping) return new Map([['(event)', mapping === null ? 'declined' : 'has no mapping']]);
  const result = transformFields(mapping, data);
  if (!result.ok) {
    return new Map([
      ['(event)', 'refused'],
      ...result.errors.map(({ path, message }) => [`(error) ${path}`, message] as const),
    ]);
  }
  return new Map<string, JsonValue>([
    ['(event)', `stored in ${mapping.table}`],
    ...Object.entries(result.key),
    ...Object.entries(result.values),
  ]);
}

function show(subject: string, value: JsonValue | undefined, reveal: boolean): string {
  return subject.startsWith('(') && typeof value === 'string' ? value : showValue(value, reveal);
}
