import { compileDataSchemas } from '@buktor/his-webhook/schemas';

const dataSchemas = compileDataSchemas(
  {
    'appointment.created': {
      $ref: 'appointment',
      type: 'object',
      required: ['his_appointment_id', 'his_status', 'his_created_at'],
    },
    'appointment.*': { $ref: 'appointment' },
  },
  {
    references: [
      {
        $id: 'appointment',
        type: 'object',
        properties: {
          his_appointment_id: { type: 'string', minLength: 1 },
          his_status: { enum: ['confirmed', 'cancelled', null] },
          his_created_at: { type: 'string', format: 'iso-date-time' },
        },
      },
    ],
  },
);

const data = { his_appointment_id: 'A123', his_status: 'unheard of' };
console.log(dataSchemas.validate('appointment.created', data));
// [
//   { path: '/his_status', message: 'must be one of the allowed values' },
//   { path: '/his_created_at', message: 'is required' }
// ]
console.log(dataSchemas.validate('appointment.updated', { his_status: 'confirmed' })); // []
