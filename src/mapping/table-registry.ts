import type { JsonValue } from '../events.ts';
import { COERCE } from './coerce.ts';
import { compileDate, compileDatetime } from './datetime.ts';
import type { FieldType } from './document.ts';
import { type FieldDraft, type MappingDraft, type Placed, placeOf } from './inherit.ts';
import type { Report } from './report.ts';
import type { Rule } from './rule.ts';
import { columnFault, type TableSpec } from './tables.ts';

/** What writes a column: a rule of a field, or a constant. */
type Writer = RuleWriter | { readonly constant: Placed<JsonValue>; readonly column: string };

interface RuleWriter {
  readonly draft: MappingDraft;
  readonly field: FieldDraft;
  readonly rule: Rule;
}

/** A column as the mappings so far write it. */
interface Column {
  readonly name: string;
  /** Whoever wrote it first. */
  readonly first: Writer;
  /** The first field that wrote it. */
  field: RuleWriter | undefined;
  readonly constants: Writer[];
  /** The number of the mapping that wrote it last. */
  mapping: number;
}

/** A table as the mappings so far write it. */
interface Table {
  readonly name: string;
  readonly place: string;
  readonly key: readonly string[];
  /** By lower case, because SQLite does not tell `A` from `a`. */
  readonly columns: Map<string, Column>;
  /** The same by their names, which is how they are nearly always found. */
  readonly byName: Map<string, Column>;
}

/**
 * Gathers the tables of all mappings, and holds the mappings of one table against each other. A
 * mapping is opened, then its columns are written one by one.
 */
export class TableRegistry {
  readonly #tables = new Map<string, Table>();
  readonly #report: Report;
  #mapping = 0;
  #table: Table = { name: '', place: '', key: [], columns: new Map(), byName: new Map() };
  #draft: MappingDraft | undefined;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Begins a mapping onto a table; `place` is where that is named. */
  open(name: string, key: readonly string[], place: string, draft: MappingDraft): void {
    const folded = name.toLowerCase();
    const known = this.#tables.get(folded);
    this.#mapping++;
    this.#draft = draft;
    this.#table = known ?? { name, place, key, columns: new Map(), byName: new Map() };
    if (known === undefined) this.#tables.set(folded, this.#table);
    else this.#compare(known, name, key, place);
  }

  /** Adds a column that a field of the mapping writes. */
  write(field: FieldDraft, rule: Rule): void {
    const table = this.#table;
    const column = table.byName.get(rule.to) ?? this.#addColumn(rule.to, this.#writer(field, rule));
    if (column === undefined) return;
    if (column.mapping === this.#mapping) {
      this.#reportTwice(column.name, this.#writer(field, rule));
      return;
    }
    column.mapping = this.#mapping;
    const other = column.field;
    if (other !== undefined && other.rule.type === rule.type) return;
    // A key is text whatever its type.
    if (table.key.includes(rule.to)) return;
    if (other === undefined) {
      column.field = this.#writer(field, rule);
      for (const constant of column.constants) this.#compareConstant(column, constant);
    } else {
      const types = `${typeName(rule)} here and ${typeName(other.rule)} in ${placeOfWriter(other)}`;
      this.#fault(this.#writer(field, rule), `column ${rule.to} has ${types}`);
    }
  }

  /** Adds a column that a constant of the mapping writes. */
  writeConstant(name: string, constant: Placed<JsonValue>): void {
    const writer: Writer = { constant, column: name };
    const column = this.#table.byName.get(name) ?? this.#addColumn(name, writer);
    if (column === undefined) return;
    if (column.mapping === this.#mapping) {
      this.#reportTwice(name, writer);
      return;
    }
    column.mapping = this.#mapping;
    if (this.#table.key.includes(name)) return;
    column.constants.push(writer);
    this.#compareConstant(column, writer);
  }

  /** Whether the mapping that was opened last writes a column. */
  isWritten(name: string): boolean {
    return this.#table.byName.get(name)?.mapping === this.#mapping;
  }

  /** The columns that the mapping that was opened last writes. */
  written(): readonly string[] {
    return [...this.#table.byName.keys()].filter((name) => this.isWritten(name));
  }

  specs(): readonly TableSpec[] {
    return [...this.#tables.values()].map(({ name: table, key, columns }) => {
      const others = [...columns.values()].filter(({ name }) => !key.includes(name));
      const types = others.flatMap(({ name, field }) =>
        field?.rule.type === undefined ? [] : [[name, field.rule.type] as const],
      );
      return {
        table,
        key,
        columns: others.map(({ name }) => name),
        ...(types.length === 0 ? {} : { types: Object.fromEntries(types) }),
      };
    });
  }

  #compare(known: Table, name: string, key: readonly string[], place: string): void {
    if (known.name !== name) {
      this.#report.fault(place, `table ${name} is spelled ${known.name} in ${known.place}`);
    }
    if (!sameNames(known.key, key)) {
      const here = `(${key.join(', ')}) here and (${known.key.join(', ')}) in ${known.place}`;
      this.#report.fault(place, `the key of table ${name} is ${here}`);
    }
  }

  /** A column that is not known by this name; `undefined`, and a fault, where it cannot be. */
  #addColumn(name: string, writer: Writer): Column | undefined {
    const { columns, byName } = this.#table;
    const folded = name.toLowerCase();
    const known = columns.get(folded);
    const fault =
      columnFault(name) ??
      (known === undefined || known.mapping === this.#mapping
        ? undefined
        : `column ${name} is spelled ${known.name} in ${placeOfWriter(known.first)}`);
    if (fault !== undefined) this.#fault(writer, fault);
    else if (known !== undefined) this.#reportTwice(name, writer);
    if (fault !== undefined || known !== undefined) return undefined;
    const column = { name, first: writer, field: undefined, constants: [], mapping: NaN };
    columns.set(folded, column);
    byName.set(name, column);
    return column;
  }

  /** A column must be written once; that a field comes before it is known. */
  #reportTwice(name: string, writer: Writer): void {
    const folded = name.toLowerCase();
    const draft = this.#draft as MappingDraft;
    for (const field of draft.fields) {
      for (const rule of field.rules) {
        if (rule.to.toLowerCase() !== folded) continue;
        const other = placeOf(draft, field, rule);
        this.#fault(writer, `column ${name} is written twice, also by ${other}`);
        return;
      }
    }
  }

  #writer(field: FieldDraft, rule: Rule): RuleWriter {
    return { draft: this.#draft as MappingDraft, field, rule };
  }

  #compareConstant({ name, field }: Column, constant: Writer): void {
    if (field?.rule.type === undefined || !('constant' in constant)) return;
    if (isOfType(constant.constant.value, field.rule.type)) return;
    this.#fault(constant, `column ${name} has ${typeName(field.rule)} in ${placeOfWriter(field)}`);
  }

  #fault(writer: Writer, message: string): void {
    this.#report.fault(placeOfWriter(writer), message);
  }
}

function placeOfWriter(writer: Writer): string {
  return 'rule' in writer
    ? placeOf(writer.draft, writer.field, writer.rule)
    : writer.constant.place;
}

function typeName({ type }: Rule): string {
  return type === undefined ? 'no type' : `the type ${type}`;
}

/** Whether a constant is what a field of that type would store. */
function isOfType(value: JsonValue, type: FieldType): boolean {
  if (value === null || type === 'json') return true;
  const coerced =
    type === 'date'
      ? compileDate('iso')(value)
      : type === 'datetime'
        ? compileDatetime({ format: 'iso', offset: 'use', disambiguation: 'reject' })(
            value,
            undefined,
          )
        : COERCE[type](value);
  return coerced === value;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
