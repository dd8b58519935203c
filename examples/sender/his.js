import { DatabaseSync } from 'node:sqlite';
import { buildEvent } from '@buktor/his-webhook';
import { sqliteOutbox } from '@buktor/his-webhook/outboxes/sqlite';
import { createSender } from '@buktor/his-webhook/sender';

const {
  HIS_URL = 'http://127.0.0.1:8080/his/receive',
  HIS_TOKEN = 'demo-token',
  HIS_SECRET = 'your_shared_secret',
  HIS_DB = 'his.db',
} = process.env;

// The hospital's own database. The outbox is a table in the same file.
const database = new DatabaseSync(HIS_DB);
database.exec(`CREATE TABLE IF NOT EXISTS appointment (
  id TEXT PRIMARY KEY, patient TEXT NOT NULL, doctor TEXT NOT NULL, starts_at TEXT NOT NULL,
  UNIQUE (doctor, starts_at)
)`);

const outbox = sqliteOutbox({ path: HIS_DB });
const sender = createSender({
  url: HIS_URL,
  token: HIS_TOKEN,
  secret: HIS_SECRET,
  outbox,
  // No payload is in what a sender tells, so all of it may be logged.
  onLifecycle: (event) => {
    console.log('sender:', JSON.stringify(event));
  },
});
sender.start();

/**
 * Books an appointment: the row and its event, or neither.
 *
 * @param {string} patient
 * @param {string} doctor
 * @param {Date} startsAt
 */
function book(patient, doctor, startsAt) {
  const id = `A${crypto.randomUUID()}`;
  database.exec('BEGIN IMMEDIATE');
  try {
    const event = buildEvent({
      type: 'appointment.created',
      data: {
        his_appointment_id: id,
        his_patient_id: patient,
        his_doctor_id: doctor,
        his_status: 'confirmed',
      },
    });
    // Queued within the call, by this transaction: there is nothing to wait for before COMMIT.
    void sender.enqueue(event, { transaction: database });
    database
      .prepare('INSERT INTO appointment (id, patient, doctor, starts_at) VALUES (?, ?, ?, ?)')
      .run(id, patient, doctor, startsAt.toISOString());
    database.exec('COMMIT');
    console.log('booked:', id);
  } catch (error) {
    database.exec('ROLLBACK');
    console.log('not booked:', id, error instanceof Error ? error.message : error);
  }
}

const startsAt = new Date();
book('P456', 'D789', startsAt);
// Somebody else's by now. Its event was queued already, and goes with the transaction.
book('P457', 'D789', startsAt);
console.log('waiting:', (await sender.count()).queued);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    // What is under way finishes; what is queued is sent when this program runs again.
    void sender.stop().then(async () => {
      console.log('left for the next time:', (await sender.count()).queued);
      await outbox.close();
      database.close();
    });
  });
}
