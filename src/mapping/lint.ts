import { type Fault, MappingDocumentError } from '../errors.ts';
import type { JsonObject } from '../events.ts';
import { compileMappings, type CompileOptions } from './compile.ts';
import type { MappingDocument } from './document.ts';
import { isShadowed } from './path.ts';
import { bySubject, type MappingSample } from './samples.ts';
import { readField, transformFields } from './transform.ts';
import type { CompiledMapping, MappingSet } from './types.ts';
import { unmappedFields } from './unmapped.ts';

/** Options of {@link lintMapping}. */
export interface LintOptions extends CompileOptions {
  /** Events as the hospital sends them, to see what the mapping makes of them. */
  readonly samples?: Iterable<MappingSample>;
}

/** A fault that samples have, and how many of them. */
export interface SampleFault extends Fault {
  readonly events: number;
  /** The first sample that has it, counted from 1. */
  readonly sample: number;
}

/** What the samples of one type showed about the mapping that serves one or more clients. */
export interface Coverage {
  /** The clients it serves, in the order of the document. */
  readonly clients: readonly string[];
  readonly type: string;
  readonly status: 'mapped' | 'declined' | 'unmapped';
  /** How many samples there were. */
  readonly events: number;
  /** Columns for which none of them has a value, be it one that is refused. */
  readonly neverFilled: readonly string[];
  /** Source fields that occur and that no rule names, as JSON Pointers into `data`. */
  readonly neverUsed: readonly string[];
  /** Why events would be refused, by JSON Pointer into `data`. */
  readonly failures: readonly SampleFault[];
  /** What is allowed and probably not meant, likewise. */
  readonly warnings: readonly SampleFault[];
}

/** What is to be said of a mapping document. */
export interface MappingReport {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
  /** The compiled document; `undefined` where it has faults. */
  readonly mappings: MappingSet | undefined;
  /** By mapping and type; empty without samples, and where the document has faults. */
  readonly coverage: readonly Coverage[];
}

/**
 * Checks a mapping document, and with samples what it makes of a hospital's events: columns that
 * are never filled, source fields that are never used, values that fail. No value of a sample is in
 * the report.
 *
 * @example
 * ```ts
 * import { lintMapping } from '@buktor/his-webhook';
 *
 * const { faults, warnings } = lintMapping(document);
 * for (const { line, column, path, message } of faults) console.error(line, column, path, message);
 * ```
 *
 * @throws ConfigurationError for an option that could never work; faults of the document are returned.
 */
export function lintMapping(
  document: string | Uint8Array | MappingDocument,
  options: LintOptions = {},
): MappingReport {
  const { samples = [], ...compileOptions } = options;
  try {
    const mappings = compileMappings(document, compileOptions);
    return {
      faults: [],
      warnings: mappings.warnings,
      mappings,
      coverage: bySubject([mappings], samples).map(({ clients, type, mappings: [found], events }) =>
        cover(clients, type, found, events),
      ),
    };
  } catch (error) {
    if (!(error instanceof MappingDocumentError)) throw error;
    return { faults: error.faults, warnings: [], mappings: undefined, coverage: [] };
  }
}

type NumberedData = readonly [sample: number, data: JsonObject];

function cover(
  clients: readonly string[],
  type: string,
  mapping: CompiledMapping | null | undefined,
  events: readonly NumberedData[],
): Coverage {
  const about = { clients, type, events: events.length };
  if (!mapping) {
    const status = mapping === null ? 'declined' : 'unmapped';
    return { ...about, status, neverFilled: [], neverUsed: [], failures: [], warnings: [] };
  }
  const unfilled = new Set(mapping.fields.map(({ to }) => to));
  const unused = new Set<string>();
  const failures = new Tally();
  const warnings = new Tally();
  for (const [sample, data] of events) {
    const result = transformFields(mapping, data);
    if (!result.ok) for (const fault of result.errors) failures.add(fault, sample);
    for (const field of mapping.fields) {
      if (readField(field, data) !== undefined) unfilled.delete(field.to);
    }
    for (const path of unmappedFields(mapping, data)) unused.add(path);
    for (const { paths } of mapping.fields) {
      for (const path of paths.filter((source) => isShadowed(source, data))) {
        const message = `is also there as the flat key ${path.source}, which is read instead`;
        warnings.add({ path: path.pointer, message }, sample);
      }
    }
  }
  return {
    ...about,
    status: 'mapped',
    neverFilled: [...unfilled],
    neverUsed: [...unused],
    failures: failures.all(),
    warnings: warnings.all(),
  };
}

/** Counts equal faults. */
class Tally {
  readonly #faults = new Map<string, SampleFault>();

  add({ path, message }: Fault, sample: number): void {
    const id = `${path}\n${message}`;
    const known = this.#faults.get(id) ?? { path, message, sample, events: 0 };
    this.#faults.set(id, { ...known, events: known.events + 1 });
  }

  all(): readonly SampleFault[] {
    return [...this.#faults.values()];
  }
}
