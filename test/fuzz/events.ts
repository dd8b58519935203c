import { EVENT_TYPES, type JsonObject, operationOf, resourceOf } from '../../src/events.ts';
import { SAMPLE_CURL_BODY, SAMPLE_REQUEST } from '../support/document.ts';

/** What hospitals send of each resource: nested, in several languages, with times of every form. */
const DATA: Readonly<Record<string, JsonObject>> = {
  appointment: {
    his_appointment_id: 'A123',
    his_patient_id: 'P456',
    his_status: 'confirmed',
    his_created_at: '2025-03-02T10:30:45',
    starts: '2025-03-30T02:30:00+01:00',
    patient: { name: { family: 'Müller', given: ['Änne', '花子'] }, phones: [{ value: '007' }] },
  },
  schedule: { his_schedule_id: 7, slots: [{ from: '09:00', to: '09:15' }], days: 1735689600 },
  location: { his_location_id: 'L1', 'geo.lat': 52.520008, geo: { lon: 13.404954 }, open: true },
  service: { his_service_id: 'S/9', price: '120.50', code: null },
  payment: { his_payment_id: '0001', amount: '99.90', currency: 'INR', paid: '20250108' },
};

/** An event of each of the 14 types. */
export const EVENTS: readonly JsonObject[] = EVENT_TYPES.map((type, n) => ({
  event_id: `evt_${String(n)}`,
  timestamp: `2025-01-08T12:00:${String(n).padStart(2, '0')}Z`,
  type,
  ...(n % 2 === 0 ? { operation: operationOf(type), source: 'HIS' } : {}),
  // Last, where most mutations of JSON are.
  data: DATA[resourceOf(type)]!,
}));

/** Bodies to begin with: the document's own, and one of each type. */
export const BODIES: readonly Buffer[] = [
  SAMPLE_REQUEST,
  ...EVENTS.map((event, n) => JSON.stringify(event, null, n % 3 === 0 ? 2 : undefined)),
  SAMPLE_CURL_BODY,
].map((text) => Buffer.from(text));
