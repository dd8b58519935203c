import { isInForce, matchSecret } from '../signature.ts';
import type { CompiledClient } from './clients.ts';
import type { Delivery } from './draft.ts';
import type { ReceiverHeaders } from './headers.ts';
import type { About } from './report.ts';
import { REFUSALS, type Refusal } from './responses.ts';

/** Why a body is not one of the client's, where it is not. */
export function authenticate(
  { body, receivedAt }: Delivery,
  { signature, clientId }: ReceiverHeaders,
  client: CompiledClient,
  about: About,
): Refusal | undefined {
  const signedWith =
    typeof signature === 'string'
      ? matchSecret(body, signature, client.secrets, receivedAt)
      : undefined;
  about.signedWith = signedWith;
  if (!isInForce(signedWith) && !(signature === undefined && client.isSandbox)) {
    return REFUSALS.unauthorized;
  }
  return clientId === undefined || clientId === client.id ? undefined : REFUSALS.clientMismatch;
}
