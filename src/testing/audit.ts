import type { AuditEntry, AuditTrail } from '../audit.ts';

/**
 * Adds entries to an audit trail as a receiver and a sender do: several at once, the same `id` for begin and
 * end, with and without a target. Rejects where one is not taken.
 */
export async function fillTrail(trail: AuditTrail): Promise<void> {
  const begun: AuditEntry = {
    id: '7a2f4c1e-0000-4000-8000-000000000000',
    at: '2026-01-01T00:00:00.000Z',
    actor: "Zoë O'Hara",
    action: 'replay',
    target: { clientId: '1001', force: true },
    outcome: null,
  };
  await Promise.all([
    trail.append(begun),
    trail.append({ ...begun, id: '7a2f4c1e-0000-4000-8000-000000000001', target: {} }),
  ]);
  await trail.append({ ...begun, outcome: { applied: 1, refused: 0 } });
}
