/** The samples of the HIS Webhook document, as printed there. */

export const SAMPLE_REQUEST = `{
"event_id": "evt_123456",
"timestamp": "2025-01-08T12:00:00Z",
"type": "appointment.created",
"operation": "created",
"data": {
"his_appointment_id": "A123",
"his_patient_id": "P456",
"his_doctor_id": "D789",
"his_status": "confirmed",
"his_created_at": "2025-03-02T10:30:45"
},
"source": "HIS"
}`;

export const SAMPLE_MAPPING = `{
"clients": {
"1001": {
"mappings": {
"appointment.created": {
"fields": {
"his_appointment_id": "buktor_appointment_id",
"his_patient_id": "buktor_patient_id",
"his_doctor_id": "buktor_doctor_id",
"his_status": "buktor_status",
"his_created_at": "buktor_created_at"
}
}
}
}
}
}`;

export const SAMPLE_CURL_BODY =
  '{"event_type": "appointment.created", "his_appointment_id": "A123", "his_patient_id": "P456", "his_doctor_id": "D789", "his_status": "confirmed", "his_created_at": "2025-03-02T10:30:45"}';

export const SUCCESS_BODY = {
  status: 'success',
  message: 'Data received and processed successfully.',
};

/** Section 3's table: event type, operation. */
export const EVENT_TABLE: readonly (readonly [string, string])[] = [
  ['location.created', 'created'],
  ['location.updated', 'updated'],
  ['location.deleted', 'deleted'],
  ['service.created', 'created'],
  ['service.updated', 'updated'],
  ['service.deleted', 'deleted'],
  ['appointment.created', 'created'],
  ['appointment.updated', 'updated'],
  ['appointment.deleted', 'deleted'],
  ['schedule.created', 'created'],
  ['schedule.updated', 'updated'],
  ['schedule.deleted', 'deleted'],
  ['payment.successful', 'successful'],
  ['payment.failed', 'failed'],
];

/** What the sample request leaves in the table, under the sample mapping. */
export const SAMPLE_ROW = {
  client_id: '1001',
  buktor_appointment_id: 'A123',
  buktor_patient_id: 'P456',
  buktor_doctor_id: 'D789',
  buktor_status: 'confirmed',
  buktor_created_at: '2025-03-02T10:30:45',
};
