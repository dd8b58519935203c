import { type MappingDraft, placeOf } from './inherit.ts';
import type { Report } from './report.ts';
import { columnFault, keyNames, NO_KEY, tableFault } from './tables.ts';

/**
 * Checks the names in a mapping of a template. What is in force is checked with the client; but
 * nobody may extend a template, and heirs override what it has.
 */
export function checkNames(draft: MappingDraft, report: Report): void {
  const { table, key, constants, fields } = draft;
  const check = (place: string, fault: string | undefined): void => {
    if (fault !== undefined) report.fault(place, fault);
  };
  if (table !== undefined) check(table.place, tableFault(table.value));
  if (key !== undefined) {
    const names = keyNames(key.value);
    if (names === undefined) report.fault(key.place, NO_KEY);
    for (const name of names ?? []) check(key.place, columnFault(name));
  }
  for (const [column, { place }] of constants) check(place, columnFault(column));
  for (const field of fields) {
    for (const rule of field.rules) check(placeOf(draft, field, rule), columnFault(rule.to));
  }
}
