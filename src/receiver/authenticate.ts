import { isInForce, matchSecret } from '../signature.ts';
import type { CompiledClient } from './clients.ts';
import type { Delivery } from './draft.ts';
import type { ReceiverHeaders } from './headers.ts';
import type { About } from './report.ts';
import { REFUSALS, type Refusal } from './responses.ts';

/** Why a body is not one of the client's, where it is not. */
export function authenticate(
  { body, receivedAt }: Delivery,
  headers: ReceiverHeaders,
  client: CompiledClient,
  about: About,
): Refusal | undefined {
  const signature = headers['buktor-signature'];
  const signedWith =
    typeof signature === 'string'
      ? matchSecret(body, signature, client.secrets, receivedAt)
      : undefined;
  about.signedWith = signedWith;
  if (!isInForce(signedWith) && !(signature === undefined && client.isSandbox)) {
    return REFUSALS.unauthorized;
  }
  const claimed = headers['client-id'];
  return claimed === undefined || claimed === client.id ? undefined : REFUSALS.clientMismatch;
}
