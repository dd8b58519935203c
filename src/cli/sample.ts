import type { HisEvent } from '../events.ts';
import type { MappingDocument } from '../mapping/document.ts';

/** The sample request of the HIS Webhook document, section 2. */
export const SAMPLE_EVENT: HisEvent = {
  event_id: 'evt_123456',
  timestamp: '2025-01-08T12:00:00Z',
  type: 'appointment.created',
  operation: 'created',
  data: {
    his_appointment_id: 'A123',
    his_patient_id: 'P456',
    his_doctor_id: 'D789',
    his_status: 'confirmed',
    his_created_at: '2025-03-02T10:30:45',
  },
  source: 'HIS',
};

/** The body of the document's cURL, section 7, byte for byte. */
export const SAMPLE_CURL_BODY: string =
  '{"event_type": "appointment.created", "his_appointment_id": "A123", "his_patient_id": "P456", "his_doctor_id": "D789", "his_status": "confirmed", "his_created_at": "2025-03-02T10:30:45"}';

/** The sample mapping of the document, section 4, for a client. */
export function sampleMapping(clientId: string): MappingDocument {
  return {
    clients: {
      [clientId]: {
        mappings: {
          'appointment.created': {
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
}
