import type { SigningSecret } from '../signature.ts';
import { withoutValues } from '../without-values.ts';
import type { CompiledClient } from './clients.ts';
import type { ReceiveResult, Settings } from './options.ts';
import { type Outcome, reasonOf } from './process.ts';
import type { Refusal } from './responses.ts';

/** What a request was found to be, for whoever listens. */
export interface About {
  client?: CompiledClient;
  signedWith?: SigningSecret | undefined;
  outcome?: Outcome;
  error?: unknown;
}

/** Tells the host how a request was answered. */
export function report(
  status: number,
  refusal: Refusal | null,
  about: About,
  onResult: Settings['onResult'],
): void {
  if (onResult === undefined) return;
  const { client, signedWith = null, outcome, error } = about;
  const result: ReceiveResult = {
    status,
    code: refusal?.code ?? null,
    clientId: client?.id ?? null,
    eventId: outcome?.eventId ?? null,
    type: outcome?.type ?? null,
    signedWith,
    replayed: outcome?.verdict === 'duplicate',
    stale: outcome?.verdict === 'stale',
    warnings: (refusal === null ? outcome?.warnings : undefined) ?? [],
    reason: refusal === null ? null : reasonOf(refusal),
  };
  try {
    const heard = onResult(
      error === undefined ? result : { ...result, error: withoutValues(error, 'host') },
    );
    if (heard instanceof Promise) heard.catch(() => undefined);
  } catch {
    // A listener's fault must not turn a committed event into an error.
  }
}
