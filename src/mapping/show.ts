import { isJson, isObject } from './values.ts';

/** Whether values are shown as they are, or only as what kind of thing they are. */
export interface RevealOption {
  /** Values are shown; mind where the output goes, they are patients'. @default false */
  readonly reveal?: boolean;
}

/** A value as text: as JSON where it may be seen, else what kind of value it is and how long. */
export function showValue(value: unknown, reveal: boolean): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (!isJson(value)) return '(not a JSON value)';
  if (reveal) return JSON.stringify(value);
  if (typeof value === 'string') {
    return value === '' ? '(empty text)' : `(text, ${count(value.length, 'character')})`;
  }
  if (typeof value === 'number') return '(number)';
  if (typeof value === 'boolean') return '(true or false)';
  if (isObject(value)) return `(object, ${count(Object.keys(value).length, 'member')})`;
  return `(list, ${count((value as readonly unknown[]).length, 'item')})`;
}

function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}
