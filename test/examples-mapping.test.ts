import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type JsonObject, resourceOf } from '../src/events.ts';
import { compileMappings } from '../src/mapping/compile.ts';
import { resolveMapping } from '../src/mapping/resolve.ts';
import { transformFields } from '../src/mapping/transform.ts';
import type { Transform } from '../src/mapping/transforms.ts';
import { listCorpus, missingCorpus, readCorpus } from './support/corpora.ts';
import { ROOT, runCommand } from './support/process.ts';

const FOLDER = join(ROOT, 'examples/mapping');
const COMMAND = join(ROOT, 'dist/cli/main.js');
const transforms = (await import(join(FOLDER, 'transforms.js'))) as Record<string, Transform>;
const mappings = compileMappings(readFileSync(join(FOLDER, 'his-json-mapping.json')), {
  types: ['slot.created', 'slot.updated'],
  transforms: { ...transforms },
});

/** Event type by FHIR resource. */
const TYPES: Readonly<Record<string, string>> = {
  Appointment: 'appointment.created',
  Schedule: 'schedule.created',
  Slot: 'slot.created',
  Location: 'location.created',
  HealthcareService: 'service.created',
  PaymentNotice: 'payment.successful',
};

function map(file: string): JsonObject {
  const resource = JSON.parse(readCorpus(`fhir-r4/${file}.json`).toString()) as JsonObject;
  const type = TYPES[resource['resourceType'] as string]!;
  const mapping = resolveMapping(mappings, 'fhir-hospital', type)!;
  const result = transformFields(mapping, resource);
  return result.ok
    ? { table: mapping.table, ...result.key, ...result.values }
    : { errors: result.errors as unknown as JsonObject[] };
}

const missing = missingCorpus('fhir-r4');
if (missing !== false) console.log(`examples of FHIR are skipped: ${missing}`);

describe.skipIf(missing !== false)("examples/mapping, on FHIR's own examples", () => {
  it('maps every one of them', () => {
    const files = listCorpus('fhir-r4').filter((name) => name.endsWith('.json'));
    expect(files.length).toBeGreaterThanOrEqual(18);
    for (const file of files) {
      expect(map(file.replace(/\.json$/, '')), file).not.toHaveProperty('errors');
    }
  });

  it.each<[string, JsonObject]>([
    [
      'Appointment-example',
      {
        table: 'appointment',
        buktor_appointment_id: 'example',
        buktor_source: 'FHIR',
        buktor_status: 'CONFIRMED',
        buktor_starts_at: '2013-12-10T09:00:00Z',
        buktor_ends_at: '2013-12-10T11:00:00Z',
        buktor_booked_on: '2013-10-10',
        buktor_priority: 5,
        buktor_kind: 'FOLLOWUP',
        buktor_note: 'Discussion on the results of your recent MRI',
        buktor_patient_id: 'example',
        buktor_doctor_id: 'example',
        buktor_location_id: '1',
      },
    ],
    [
      'Schedule-example',
      {
        table: 'schedule',
        buktor_schedule_id: 'example',
        buktor_is_active: true,
        buktor_location_id: '1',
        buktor_specialty: '408480009',
        buktor_starts_at: '2013-12-25T09:15:00Z',
        buktor_ends_at: '2013-12-25T09:30:00Z',
        buktor_note:
          'The slots attached to this schedule should be specialized to cover immunizations within the clinic',
      },
    ],
    [
      'Slot-1',
      {
        table: 'slot',
        buktor_slot_id: '1',
        buktor_schedule_id: 'example',
        buktor_is_free: false,
        buktor_starts_at: '2013-12-25T09:00:00Z',
        buktor_ends_at: '2013-12-25T09:15:00Z',
      },
    ],
    [
      'Location-1',
      {
        table: 'location',
        buktor_location_id: '1',
        buktor_name: 'South Wing, second floor',
        buktor_is_active: true,
        buktor_phone: '2328',
        buktor_city: 'Den Burg',
        buktor_postal_code: '9105 PZ',
        buktor_latitude: 42.25475478,
        buktor_longitude: -83.6945691,
      },
    ],
    [
      'HealthcareService-example',
      {
        table: 'service',
        buktor_service_id: 'example',
        buktor_name: 'Consulting psychologists and/or psychology services',
        buktor_is_active: true,
        buktor_category: '8',
        buktor_location_id: '1',
        buktor_note:
          'Providing Specialist psychology services to the greater Den Burg area, many years of experience dealing with PTSD issues',
      },
    ],
    [
      'PaymentNotice-77654',
      {
        table: 'payment',
        buktor_payment_id: '77654',
        buktor_amount: '12500',
        buktor_currency: 'USD',
        buktor_paid_on: '2014-08-15',
        buktor_status: 'PAID',
        buktor_request: 'http://benefitsinc.com/fhir/claim/12345',
      },
    ],
  ])('%s', (file, row) => {
    expect(map(file)).toEqual(row);
  });
});

describe('examples/mapping', () => {
  const OPTIONS = ['--transforms', 'transforms.js', '--types', 'slot.created,slot.updated'];
  const run = (...args: string[]) =>
    runCommand(process.execPath, [COMMAND, 'mapping', ...args, ...OPTIONS], { cwd: FOLDER });

  it('passes its cases', () => {
    const { status, stdout } = run('test', 'his-json-mapping.json', 'cases');
    expect(stdout).toMatch(/\n10 passed, 0 failed\n$/);
    expect(status).toBe(0);
  });

  it('has a case for every resource of FHIR that it maps', () => {
    const tried = readdirSync(join(FOLDER, 'cases')).map((file) => {
      const text = readFileSync(join(FOLDER, 'cases', file), 'utf8');
      const { client, event } = JSON.parse(text) as { client: string; event: { type: string } };
      return `${client} ${resourceOf(event.type)}`;
    });
    for (const type of Object.values(TYPES)) {
      expect(tried).toContain(`fhir-hospital ${resourceOf(type)}`);
    }
  });

  it('has no fault, and its samples show what is left over', () => {
    const { stdout } = run('check', 'his-json-mapping.json', '--samples', 'samples.ndjson');
    expect(stdout).toContain('client fhir-hospital, appointment.created: 1 event\n');
    expect(stdout).toContain('  never used  /resourceType\n');
    expect(stdout).toContain('client city-clinic, payment.failed: 1 event, declined\n');
    expect(stdout).toMatch(/\n0 errors, 0 warnings; 2 clients, 6 tables: /);
  });
});
