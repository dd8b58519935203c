import {
  compileMappings,
  generateSignature,
  resolveMapping,
  transformFields,
  validateEnvelope,
  verifySignature,
} from '@buktor/his-webhook';

const body =
  '{"event_id":"evt_1","timestamp":"2025-01-08T12:00:00Z","type":"appointment.created","data":{"his_appointment_id":"A123","his_status":"confirmed"}}';
const signature = generateSignature(body, 'your_shared_secret');
console.log(verifySignature(body, signature, 'your_shared_secret')); // true

const result = validateEnvelope(JSON.parse(body));
if (!result.ok) throw new Error(JSON.stringify(result.errors)); // [{ path, message }]

const mappings = compileMappings({
  clients: {
    1001: {
      mappings: {
        'appointment.created': {
          fields: {
            his_appointment_id: 'buktor_appointment_id',
            his_status: { to: 'buktor_status', required: true },
          },
        },
      },
    },
  },
});
const mapping = resolveMapping(mappings, '1001', result.event.type);
if (mapping) console.log(transformFields(mapping, result.event.data));
// {
//   ok: true,
//   key: { buktor_appointment_id: 'A123' },
//   values: { buktor_status: 'confirmed' }
// }
