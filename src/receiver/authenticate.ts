import { isInForce, matchSecret } from '../signature.ts';
import type { CompiledClient } from './clients.ts';
import type { Delivery } from './draft.ts';
import { headerValues, type RequestHeaders } from './headers.ts';
import type { About } from './report.ts';
import { REFUSALS, type Refusal } from './responses.ts';

/** Why a body is not one of the client's, where it is not. */
export function authenticate(
  { body, receivedAt }: Delivery,
  headers: RequestHeaders,
  client: CompiledClient,
  about: About,
): Refusal | undefined {
  const signatures = headerValues(headers, 'buktor-signature');
  const signedWith =
    signatures.length === 1
      ? matchSecret(body, signatures[0], client.secrets, receivedAt)
      : undefined;
  about.signedWith = signedWith;
  if (!isInForce(signedWith) && !(signatures.length === 0 && client.isSandbox)) {
    return REFUSALS.unauthorized;
  }
  const claimed = headerValues(headers, 'client-id');
  return claimed.length > 1 || claimed.some((id) => id !== client.id)
    ? REFUSALS.clientMismatch
    : undefined;
}
