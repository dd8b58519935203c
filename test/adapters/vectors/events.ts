import { SAMPLE_CURL_BODY } from '../../support/document.ts';
import { event, json, QUOTA, refused, sample, signed, type Vector } from './kit.ts';

const INVALID = refused(400, 'invalid_envelope');
const retried = { 'retry-after': '5' };
const asClient = (id: string) => ({ authorization: `Bearer token-${id}` });
/** An event on a row of its own. */
const about = (appointment: string, changes: object = {}, headers = {}) =>
  event({ ...changes, data: { ...sample.data, his_appointment_id: appointment } }, headers);
/** An event that the store of these vectors has something to say to. */
const judged = (value: string) =>
  event({ type: 'service.created', data: { his_service_id: 'S1', value }, operation: 'created' });
const unmapped = (id: string) => event({ event_id: id }, asClient('1002'));

/** What is wrong with an event, or with what was there before it. */
export const EVENTS: readonly Vector[] = [
  ...['[]', 'null', '7', '"text"', '{}'].map((body): Vector => ({
    name: `an envelope that is ${body}`,
    request: signed(body),
    ...INVALID,
  })),
  {
    name: 'payment.successful with operation failed',
    request: event({ type: 'payment.successful', operation: 'failed' }),
    ...INVALID,
  },
  { name: 'a type nobody knows', request: event({ type: 'patient.created' }), ...INVALID },
  { name: 'a type that is inherited', request: event({ type: 'constructor' }), ...INVALID },
  {
    name: 'the flat form from a client that is no sandbox',
    request: signed(SAMPLE_CURL_BODY),
    ...INVALID,
  },
  ...[
    '',
    ' ',
    'evt 1',
    'evt\t1',
    'evt\n1',
    'evt_1\u0000',
    // Those that look like ASCII: Cyrillic е, full-width digits, zero width, bidi, combining.
    '\u0435vt_123456',
    'evt_１２３４５６',
    'evt_\u200b123456',
    '\u202eevt_123456',
    'evt_123456\u0301',
    'evt_123456\u00a0',
    'x'.repeat(256),
    7,
    null,
    ['evt_1'],
    { $ne: null },
  ].map((id): Vector => ({
    name: `an event_id that is ${JSON.stringify(id).slice(0, 40)}`,
    request: event({ event_id: id }),
    ...(typeof id === 'string' && id.includes('\0') ? refused(400, 'invalid_json') : INVALID),
    rows: { appointment: 0 },
  })),
  ...[
    '!',
    '~'.repeat(255),
    "';DROP/**/TABLE/**/his_events;--",
    '../../etc/passwd',
    '__proto__',
    '{{7*7}}',
  ].map((id): Vector => ({
    name: `an event_id that is ${JSON.stringify(id).slice(0, 40)}`,
    request: event({ event_id: id }),
    status: 200,
    rows: { appointment: 1 },
  })),
  {
    name: 'an event_id that differs in letter case only: another event',
    before: [about('A1', { event_id: 'evt_a' })],
    request: about('A2', { event_id: 'EVT_A' }),
    status: 200,
    rows: { appointment: 2 },
  },
  {
    name: 'an event_id of another client: another event',
    before: [about('A1', { event_id: 'evt_a' })],
    request: about('A1', { event_id: 'evt_a' }, asClient('1003')),
    status: 200,
    rows: { appointment: 2 },
  },
  {
    name: 'an event_id that was used for other content',
    before: [about('A1')],
    request: about('A2'),
    ...refused(409, 'event_id_conflict'),
    rows: { appointment: 1 },
  },
  {
    name: 'a key that differs in letter case only: another row',
    before: [about('a1', { event_id: 'e1' })],
    request: about('A1', { event_id: 'e2' }),
    status: 200,
    rows: { appointment: 2 },
  },

  ...[
    '2025-06-01T00:15:00.001Z',
    '2025-06-01T01:00:00Z',
    '9999-12-31T23:59:59Z',
    '2025-06-01T05:45:01+05:30',
  ].map((timestamp): Vector => ({
    name: `a timestamp in the future: ${timestamp}`,
    request: event({ timestamp }),
    ...refused(422, 'timestamp_in_future'),
    rows: { appointment: 0 },
  })),
  ...['2025-06-01T00:15:00Z', '2025-06-01T05:45:00+05:30', '1970-01-01T00:00:00Z'].map(
    (timestamp): Vector => ({
      name: `a timestamp within the skew of clocks: ${timestamp}`,
      request: event({ timestamp }),
      status: 200,
    }),
  ),
  ...['tomorrow', '2025-01-08', '2025-01-08T12:00:00', '2025-02-30T12:00:00Z', 1736337600].map(
    (timestamp): Vector => ({
      name: `a timestamp that is none: ${String(timestamp)}`,
      request: event({ timestamp }),
      ...INVALID,
    }),
  ),

  {
    name: 'no mapping',
    request: event({}, asClient('1002')),
    ...refused(422, 'mapping_not_found'),
  },
  {
    name: 'a field that cannot be stored',
    request: json({ ...sample, data: { ...sample.data, his_appointment_id: '' } }),
    ...refused(422, 'transform_failed'),
  },
  {
    name: 'a row that the table refuses',
    request: judged('refused by the table'),
    ...refused(422, 'constraint_failed'),
  },
  {
    name: 'an event that is in work elsewhere',
    request: judged('in work elsewhere'),
    ...refused(503, 'in_progress'),
    headers: retried,
  },
  {
    name: 'a store that is away',
    request: judged('unreachable'),
    ...refused(500, 'storage_unavailable'),
    headers: retried,
  },
  {
    name: 'a quarantine that is full: the sender keeps the event',
    before: Array.from({ length: QUOTA }, (_, i) => ({
      ...unmapped(`e${String(i)}`),
      status: 422,
    })),
    request: unmapped('one more'),
    ...refused(503, 'overloaded'),
    headers: retried,
  },
  {
    name: 'a quarantine that is full: what it holds may come again',
    before: Array.from({ length: QUOTA }, (_, i) => ({
      ...unmapped(`e${String(i)}`),
      status: 422,
    })),
    request: unmapped('e0'),
    ...refused(422, 'mapping_not_found'),
  },
  {
    name: "a quarantine that is full: another client's is not",
    before: Array.from({ length: QUOTA }, (_, i) => ({
      ...unmapped(`e${String(i)}`),
      status: 422,
    })),
    request: event({ type: 'patient.created' }, asClient('1003')),
    ...INVALID,
  },
];
