import { createHmac } from 'node:crypto';
import { compileMappings, type MappingDocument, type MappingSet } from '@buktor/his-webhook';

export const SECRET = 'a shared secret of thirty-two by';
export const TOKEN = 'demo-token';
export const CLIENT = '1001';

/** The five fields of the document's sample, for created and updated appointments. */
const DOCUMENT: MappingDocument = {
  clients: {
    [CLIENT]: {
      mappings: {
        'appointment.*': {
          fields: {
            his_appointment_id: 'buktor_appointment_id',
            his_patient_id: 'buktor_patient_id',
            his_doctor_id: 'buktor_doctor_id',
            his_status: 'buktor_status',
            his_created_at: 'buktor_created_at',
          },
        },
      },
    },
  },
};

export const MAPPINGS: MappingSet = compileMappings(DOCUMENT);

/** A body with its signature. */
export interface SignedBody {
  readonly body: Buffer;
  /** The same as text, for libraries that ask for it. */
  readonly text: string;
  readonly signature: string;
}

/** Rows that the events of a load are about. */
export const ROWS = 20_000;

/**
 * The n-th event of a hospital, of about so many bytes. Beyond the least it has what hospitals send along
 * with a visit, observations with notes, of which the mapping takes nothing.
 */
export function hospitalEvent(n: number, bytes = 0): string {
  const data: Record<string, unknown> = {
    his_appointment_id: `A${String(n % ROWS)}`,
    his_patient_id: `P${String(n % 4_001)}`,
    his_doctor_id: `D${String(n % 53)}`,
    his_status: STATUSES[n % STATUSES.length],
    his_created_at: new Date(DAY + n * 1_000).toISOString().slice(0, 19),
  };
  const event = {
    event_id: `0193a1b2-${hex(n, 12).slice(0, 4)}-7000-8000-${hex(n, 12)}`,
    timestamp: new Date(DAY + n).toISOString(),
    type: n < ROWS ? 'appointment.created' : 'appointment.updated',
    data,
    source: 'HIS',
  };
  let length = JSON.stringify(event).length;
  const observations: unknown[] = [];
  while (length + OBSERVATION_BYTES <= bytes) {
    const observation = observationOf(n + observations.length);
    length += JSON.stringify(observation).length + 1;
    observations.push(observation);
    data['his_observations'] = observations;
  }
  return JSON.stringify(event);
}

const DAY = Date.UTC(2025, 0, 8);
const STATUSES = ['confirmed', 'arrived', 'done', 'cancelled'];
const NOTES = [
  'Measured at rest, seated, left arm.',
  'Nüchtern; Wert vom Labor bestätigt.',
  'Patient says: "no pain since Tuesday".\nTo be repeated in two weeks.',
];
/** What one more takes at most. */
const OBSERVATION_BYTES = 260;

function observationOf(n: number): object {
  return {
    id: `OBS-${String(100_000 + n)}`,
    code: ['8480-6', '8462-4', '8867-4', '2339-0'][n % 4],
    value: Number((40 + ((n * 7) % 900) / 7).toFixed(2)),
    unit: ['mm[Hg]', 'mm[Hg]', '/min', 'mg/dL'][n % 4],
    abnormal: n % 5 === 0,
    at: new Date(DAY - n * 60_000).toISOString(),
    range: { low: 60, high: 140 },
    by: n % 3 === 0 ? null : `N${String(n % 17)}`,
    note: NOTES[n % NOTES.length],
  };
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');

/** Signs a body as the document says. */
export function sign(text: string): SignedBody {
  const body = Buffer.from(text);
  return { body, text, signature: createHmac('sha256', SECRET).update(body).digest('hex') };
}

/** So many different events of about so many bytes each, signed. */
export const signedEvents = (count: number, bytes = 0): readonly SignedBody[] =>
  Array.from({ length: count }, (_, n) => sign(hospitalEvent(n, bytes)));
