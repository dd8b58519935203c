import { generateSignature, serializeEvent } from '@buktor/his-webhook';

const {
  HIS_URL = 'http://127.0.0.1:8080/his/receive',
  HIS_TOKEN = 'demo-token',
  HIS_SECRET = 'your_shared_secret',
} = process.env;

// Serialise once: what is signed must be, byte for byte, what is sent, at every retry.
const body = serializeEvent({
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
});

const response = await fetch(HIS_URL, {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    Authorization: `Bearer ${HIS_TOKEN}`,
    'Buktor-Signature': generateSignature(body, HIS_SECRET),
  },
  body,
});
console.log(response.status, await response.text());
