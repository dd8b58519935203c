import type { MappingDocument } from '../../src/mapping/document.ts';

/** A document that stores `value` in a column. */
export const to = (column: string, more: object = {}): MappingDocument => ({
  clients: {
    1001: {
      mappings: {
        'appointment.created': { fields: { his_appointment_id: 'id', value: column } },
        ...more,
      },
    },
  },
});
export const text = (column: string): string => JSON.stringify(to(column));
export const event = (id: string): object => ({
  event_id: id,
  timestamp: '2025-01-08T12:00:00Z',
  type: 'appointment.created',
  data: { his_appointment_id: id, value: 'v' },
});
