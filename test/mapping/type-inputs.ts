import type { JsonValue } from '../../src/events.ts';
import type { FieldRuleDocument, FieldType } from '../../src/mapping/document.ts';

/** The members of a field's rule that say how its value is read; `timezone` is a name here. */
export type TypeRule = Pick<FieldRuleDocument, 'format' | 'disambiguation' | 'offset'> & {
  readonly timezone?: string;
};

/** What a type makes of values, with the rule beside it; tests run it, and the docs show it. */
export interface TypeInputs {
  readonly accepted: readonly (readonly [input: JsonValue, rule: TypeRule, result: JsonValue])[];
  readonly refused: readonly (readonly [input: JsonValue, rule: TypeRule, reason?: string])[];
}

const INDIA: TypeRule = { timezone: 'Asia/Kolkata' };
const NEW_YORK: TypeRule = { timezone: 'America/New_York' };
const NOT_ISO = 'must be an ISO 8601 date-time, as YYYY-MM-DDTHH:mm:ss';
const NOT_REAL = 'must be a date and time that exist';
const CLOCK_CHANGE = 'must be a local time that no clock change skips or repeats';
const OUT_OF_RANGE = 'must be within the years 0000 to 9999 in UTC';
const NOT_SECONDS = 'must be the seconds since 1970, with 9 digits of a fraction at most';
const NOT_MILLIS = 'must be the milliseconds since 1970, without a fraction';

const NOT_STRING = 'must be a string, or an integer below 2^53';
const NOT_INTEGER = 'must be an integer below 2^53, as a number or in plain digits';
const NOT_NUMBER = 'must be a number that a double can hold, or the digits of one';
const NOT_DECIMAL = 'must be a decimal in plain digits, or a number';
const NOT_BOOLEAN = 'must be true or false';

export const TYPE_INPUTS: Readonly<Record<FieldType, TypeInputs>> = {
  string: {
    accepted: [
      ['007', {}, '007'],
      ['', {}, ''],
      [' a\n', {}, ' a\n'],
      [7, {}, '7'],
      [-0, {}, '0'],
      [9007199254740991, {}, '9007199254740991'],
    ],
    refused: [
      [1.5, {}, NOT_STRING],
      [9007199254740992, {}, NOT_STRING],
      [true, {}, NOT_STRING],
      [['a'], {}, NOT_STRING],
      [{}, {}, NOT_STRING],
    ],
  },
  integer: {
    accepted: [
      [7, {}, 7],
      [-0, {}, 0],
      ['7', {}, 7],
      ['-12', {}, -12],
      ['0', {}, 0],
      ['9007199254740991', {}, 9007199254740991],
    ],
    refused: [
      ['007', {}, NOT_INTEGER],
      ['1.0', {}, NOT_INTEGER],
      ['1e3', {}, NOT_INTEGER],
      ['0x10', {}, NOT_INTEGER],
      ['+7', {}, NOT_INTEGER],
      [' 7', {}, NOT_INTEGER],
      ['', {}, NOT_INTEGER],
      ['9007199254740992', {}, NOT_INTEGER],
      [1.5, {}, NOT_INTEGER],
      [true, {}, NOT_INTEGER],
    ],
  },
  number: {
    accepted: [
      [1.5, {}, 1.5],
      ['1.50', {}, 1.5],
      ['1e3', {}, 1000],
      ['-0', {}, 0],
      ['0.1', {}, 0.1],
    ],
    refused: [
      ['0.1000000000000000000001', {}, NOT_NUMBER],
      ['9007199254740993', {}, NOT_NUMBER],
      ['1e999', {}, NOT_NUMBER],
      ['007', {}, NOT_NUMBER],
      ['.5', {}, NOT_NUMBER],
      ['1,5', {}, NOT_NUMBER],
      ['NaN', {}, NOT_NUMBER],
      ['', {}, NOT_NUMBER],
      [false, {}, NOT_NUMBER],
    ],
  },
  decimal: {
    accepted: [
      ['120.50', {}, '120.50'],
      ['0.1000000000000000000000000000001', {}, '0.1000000000000000000000000000001'],
      ['-7', {}, '-7'],
      [120.5, {}, '120.5'],
      [1e-7, {}, '0.0000001'],
      [1.25e-9, {}, '0.00000000125'],
      [-1e21, {}, '-1000000000000000000000'],
      [1.5e300, {}, `15${'0'.repeat(299)}`],
      [-0, {}, '0'],
    ],
    refused: [
      ['007.50', {}, NOT_DECIMAL],
      ['1e3', {}, NOT_DECIMAL],
      ['1,50', {}, NOT_DECIMAL],
      ['€ 1.50', {}, NOT_DECIMAL],
      ['.5', {}, NOT_DECIMAL],
      ['5.', {}, NOT_DECIMAL],
      ['', {}, NOT_DECIMAL],
      [true, {}, NOT_DECIMAL],
    ],
  },
  boolean: {
    accepted: [
      [true, {}, true],
      [false, {}, false],
      ['true', {}, true],
      ['false', {}, false],
    ],
    refused: [
      [1, {}, NOT_BOOLEAN],
      [0, {}, NOT_BOOLEAN],
      ['TRUE', {}, NOT_BOOLEAN],
      ['yes', {}, NOT_BOOLEAN],
      ['', {}, NOT_BOOLEAN],
    ],
  },
  json: {
    accepted: [
      [{ a: [1, null] }, {}, { a: [1, null] }],
      ['text', {}, 'text'],
      [1.5, {}, 1.5],
    ],
    refused: [],
  },
  date: {
    accepted: [
      ['2025-03-02', {}, '2025-03-02'],
      ['2024-02-29', {}, '2024-02-29'],
      ['2000-02-29', {}, '2000-02-29'],
      ['0000-01-01', {}, '0000-01-01'],
      ['2025-03-02T10:30:45', {}, '2025-03-02'],
      ['2025-03-02 23:59', {}, '2025-03-02'],
      ['2025-03-02T23:59:59-11:00', {}, '2025-03-02'],
      ['2025-03-02T00:00:00+14:00', {}, '2025-03-02'],
      ['9999-12-31T23:59:59-01:00', {}, '9999-12-31'],
      ['02.03.2025', { format: 'dd.MM.yyyy' }, '2025-03-02'],
      ['3/2/2025', { format: 'M/d/yyyy' }, '2025-03-02'],
      ['02-MAR-2025', { format: 'dd-MMM-yyyy' }, '2025-03-02'],
      ['20250302', { format: 'yyyyMMdd' }, '2025-03-02'],
      ['02/03/2025 23:30 -11:00', { format: 'dd/MM/yyyy HH:mm XXX' }, '2025-03-02'],
    ],
    refused: [
      ['2026-02-30', {}, NOT_REAL],
      ['2025-02-29', {}, NOT_REAL],
      ['1900-02-29', {}, NOT_REAL],
      ['2025-04-31', {}, NOT_REAL],
      ['2025-13-01', {}, NOT_REAL],
      ['2025-00-01', {}, NOT_REAL],
      ['2025-01-00', {}, NOT_REAL],
      ['2025-03-02T24:00', {}, NOT_REAL],
      ['02.03.2025', {}, 'must be a date as YYYY-MM-DD, or an ISO 8601 date-time'],
      ['2025-3-2', {}],
      ['20250302', {}],
      ['2025-03-02T', {}],
      ['2025-03-02 ', {}],
      [' 2025-03-02', {}],
      ['+002025-03-02', {}],
      ['２０２５-03-02', {}],
      ['', {}],
      [20250302, {}, 'must be a string'],
      [true, {}],
      [['2025-03-02'], {}],
      [{ year: 2025 }, {}],
      ['2025-03-02', { format: 'dd.MM.yyyy' }, 'must be written as dd.MM.yyyy'],
      ['30.02.2026', { format: 'dd.MM.yyyy' }, NOT_REAL],
      ['2.3.2025', { format: 'dd.MM.yyyy' }],
      ['02.03.25', { format: 'dd.MM.yyyy' }],
      ['02.03.2025 ', { format: 'dd.MM.yyyy' }],
      [20250302, { format: 'yyyyMMdd' }],
    ],
  },
  datetime: {
    accepted: [
      ['2025-03-02T10:30:45Z', {}, '2025-03-02T10:30:45Z'],
      ['2025-03-02T10:30:45+05:30', {}, '2025-03-02T05:00:45Z'],
      ['2025-03-02T10:30:45+0530', {}, '2025-03-02T05:00:45Z'],
      ['2025-03-02T10:30:45+05', {}, '2025-03-02T05:30:45Z'],
      ['2025-03-02T10:30-00:00', {}, '2025-03-02T10:30:00Z'],
      ['2025-03-02t10:30:45z', {}, '2025-03-02T10:30:45Z'],
      ['2025-03-02 10:30:45.120Z', {}, '2025-03-02T10:30:45.12Z'],
      ['2025-03-02T10:30:45,000000001Z', {}, '2025-03-02T10:30:45.000000001Z'],
      ['2025-03-02T10:30:45.000Z', {}, '2025-03-02T10:30:45Z'],
      ['2025-01-01T00:30+01:00', {}, '2024-12-31T23:30:00Z'],
      ['1969-12-31T23:59:59.5Z', {}, '1969-12-31T23:59:59.5Z'],
      ['0000-01-01T00:00:00Z', {}, '0000-01-01T00:00:00Z'],
      ['9999-12-31T23:59:59.999999999Z', {}, '9999-12-31T23:59:59.999999999Z'],
      ['2025-03-02T10:30:45', INDIA, '2025-03-02T05:00:45Z'],
      ['2025-03-02T10:30', INDIA, '2025-03-02T05:00:00Z'],
      ['2025-03-02T10:30:45.5+01:00', INDIA, '2025-03-02T09:30:45.5Z'],
      ['2025-03-02T10:30:45Z', { ...INDIA, offset: 'ignore' }, '2025-03-02T05:00:45Z'],
      ['2025-03-02T10:30:45-07:00', { ...INDIA, offset: 'ignore' }, '2025-03-02T05:00:45Z'],
      ['2025-03-02T10:30:45', { timezone: 'UTC' }, '2025-03-02T10:30:45Z'],
      // The clock goes from 02:00 to 03:00: 02:30 does not exist.
      ['2025-03-09T02:30:00', NEW_YORK, '2025-03-09T07:30:00Z'],
      ['2025-03-09T02:30:00', { ...NEW_YORK, disambiguation: 'later' }, '2025-03-09T07:30:00Z'],
      ['2025-03-09T02:30:00', { ...NEW_YORK, disambiguation: 'earlier' }, '2025-03-09T06:30:00Z'],
      ['2025-03-09T03:00:00', { ...NEW_YORK, disambiguation: 'reject' }, '2025-03-09T07:00:00Z'],
      // The clock goes from 02:00 back to 01:00: 01:30 is twice.
      ['2025-11-02T01:30:00', NEW_YORK, '2025-11-02T05:30:00Z'],
      ['2025-11-02T01:30:00', { ...NEW_YORK, disambiguation: 'later' }, '2025-11-02T06:30:00Z'],
      ['2025-11-02T01:30:00', { ...NEW_YORK, disambiguation: 'earlier' }, '2025-11-02T05:30:00Z'],
      [
        '2025-11-02T01:30:00-05:00',
        { ...NEW_YORK, disambiguation: 'reject' },
        '2025-11-02T06:30:00Z',
      ],
      ['2025-11-02T02:00:00', { ...NEW_YORK, disambiguation: 'reject' }, '2025-11-02T07:00:00Z'],
      // 45 minutes short of UTC by 30 seconds, until 1972.
      ['1970-01-01T00:00:00', { timezone: 'Africa/Monrovia' }, '1970-01-01T00:44:30Z'],
      // A day that was skipped.
      ['2011-12-30T12:00:00', { timezone: 'Pacific/Apia' }, '2011-12-30T22:00:00Z'],
      [1740890645, { format: 'epoch-seconds' }, '2025-03-02T04:44:05Z'],
      ['1740890645', { format: 'epoch-seconds' }, '2025-03-02T04:44:05Z'],
      [1740890645.25, { format: 'epoch-seconds' }, '2025-03-02T04:44:05.25Z'],
      ['1740890645.123456789', { format: 'epoch-seconds' }, '2025-03-02T04:44:05.123456789Z'],
      ['1740890645.000', { format: 'epoch-seconds' }, '2025-03-02T04:44:05Z'],
      [-0.25, { format: 'epoch-seconds' }, '1969-12-31T23:59:59.75Z'],
      ['-1.001', { format: 'epoch-seconds' }, '1969-12-31T23:59:58.999Z'],
      ['-1.0', { format: 'epoch-seconds' }, '1969-12-31T23:59:59Z'],
      [0, { format: 'epoch-seconds' }, '1970-01-01T00:00:00Z'],
      [1740890645120, { format: 'epoch-millis' }, '2025-03-02T04:44:05.12Z'],
      ['1740890645000', { format: 'epoch-millis' }, '2025-03-02T04:44:05Z'],
      [-1, { format: 'epoch-millis' }, '1969-12-31T23:59:59.999Z'],
      ['02.03.2025 10:30', { ...INDIA, format: 'dd.MM.yyyy HH:mm' }, '2025-03-02T05:00:00Z'],
      ['20250302103045+0530', { format: 'yyyyMMddHHmmssXX' }, '2025-03-02T05:00:45Z'],
      ['Mar 2, 2025 12:05 am', { ...INDIA, format: 'MMM d, yyyy h:mm a' }, '2025-03-01T18:35:00Z'],
    ],
    refused: [
      ['2025-03-02T10:30:45', {}, 'has no offset, and no zone is known'],
      ['2025-03-02T10:30:45Z', { offset: 'ignore' }, 'has no offset, and no zone is known'],
      ['2025-03-09T02:30:00', { ...NEW_YORK, disambiguation: 'reject' }, CLOCK_CHANGE],
      ['2025-11-02T01:30:00', { ...NEW_YORK, disambiguation: 'reject' }, CLOCK_CHANGE],
      ['2025-03-02', INDIA, NOT_ISO],
      ['2025-03-02T10', INDIA, NOT_ISO],
      ['2025-03-02T24:00', INDIA, NOT_REAL],
      ['2025-03-02T24:61', INDIA, NOT_REAL],
      ['2025-03-02T10:60', INDIA, NOT_REAL],
      ['2025-03-02T10:30:60', INDIA, NOT_REAL],
      ['2016-12-31T23:59:60Z', {}, NOT_REAL],
      ['2026-02-30T10:30', INDIA, NOT_REAL],
      ['2025-02-29T10:30', INDIA, NOT_REAL],
      ['2025-13-01T10:30', INDIA, NOT_REAL],
      ['2025-03-02T10:30:45.1234567890', INDIA, NOT_ISO],
      ['2025-03-02T10:30:45.', INDIA, NOT_ISO],
      ['2025-03-02T10:30.5', INDIA, NOT_ISO],
      ['2025-03-02T10:30:45+24:00', {}, NOT_ISO],
      ['2025-03-02T10:30:45+05:60', {}, NOT_ISO],
      ['2025-03-02T10:30:45+5:30', {}, NOT_ISO],
      ['2025-03-02T10:30:45+05:30:00', {}, NOT_ISO],
      ['2025-03-02T10:30:45\u221205:30', {}, NOT_ISO],
      ['2025-03-02T10:30:45Z[Asia/Kolkata]', {}, NOT_ISO],
      ['2025-03-02  10:30', INDIA, NOT_ISO],
      ['2025-03-02\u000010:30', INDIA, NOT_ISO],
      ['2025-03-02T10:30:45 Z', {}, NOT_ISO],
      ['2025-03-02T10:30:45Z\n', {}, NOT_ISO],
      ['10:30', INDIA, NOT_ISO],
      ['', INDIA, NOT_ISO],
      ['0000-01-01T00:00:00+00:01', {}, OUT_OF_RANGE],
      ['9999-12-31T23:59:59-00:01', {}, OUT_OF_RANGE],
      ['9999-12-31T23:59:59', NEW_YORK, OUT_OF_RANGE],
      [1740890645, {}, 'must be a string'],
      [true, INDIA, 'must be a string'],
      [['2025-03-02T10:30:45Z'], {}, 'must be a string'],
      [{}, {}, 'must be a string'],
      [253402300800, { format: 'epoch-seconds' }, OUT_OF_RANGE],
      [-62167219201, { format: 'epoch-seconds' }, OUT_OF_RANGE],
      ['9'.repeat(400), { format: 'epoch-seconds' }, OUT_OF_RANGE],
      [1e300, { format: 'epoch-seconds' }, NOT_SECONDS],
      ['1740890645.1234567890', { format: 'epoch-seconds' }, NOT_SECONDS],
      [1e-7, { format: 'epoch-seconds' }, NOT_SECONDS],
      ['007', { format: 'epoch-seconds' }, NOT_SECONDS],
      ['+7', { format: 'epoch-seconds' }, NOT_SECONDS],
      ['7.', { format: 'epoch-seconds' }, NOT_SECONDS],
      ['1e3', { format: 'epoch-seconds' }, NOT_SECONDS],
      ['', { format: 'epoch-seconds' }, NOT_SECONDS],
      [true, { format: 'epoch-seconds' }, NOT_SECONDS],
      [1740890645120.5, { format: 'epoch-millis' }, NOT_MILLIS],
      ['1740890645120.5', { format: 'epoch-millis' }, NOT_MILLIS],
      ['0x10', { format: 'epoch-millis' }, NOT_MILLIS],
      [253402300800000, { format: 'epoch-millis' }, OUT_OF_RANGE],
      ['02.03.2025 24:00', { ...INDIA, format: 'dd.MM.yyyy HH:mm' }, NOT_REAL],
      [
        '02.03.2025',
        { ...INDIA, format: 'dd.MM.yyyy HH:mm' },
        'must be written as dd.MM.yyyy HH:mm',
      ],
      ['02.03.2025 0:30 AM', { ...INDIA, format: 'dd.MM.yyyy h:mm a' }],
      ['02.03.2025 13:30 PM', { ...INDIA, format: 'dd.MM.yyyy h:mm a' }],
    ],
  },
};
