import { parseArgs } from 'node:util';
import { verifySignature } from '../signature.ts';
import { type Io, readInput, required, UsageError } from './io.ts';

export const VERIFY_USAGE: string = `his-webhook verify [FILE] --signature HEX [--secret SECRET]

Tells whether a Buktor-Signature is that of a body: the exact bytes of FILE, or of standard input.
The exit code is 0 if it is, 1 if it is not.

  --signature HEX  the 64 hex digits of the header
  --secret SECRET  the shared secret (HIS_SECRET)
`;

/** Checks a signature. */
export async function verify(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { secret: { type: 'string' }, signature: { type: 'string' } },
  });
  if (values.signature === undefined) throw new UsageError('--signature is needed.');
  const secret = required(io, 'secret', values.secret, 'HIS_SECRET');
  if (!/^[0-9a-f]{64}$/i.test(values.signature)) {
    io.out('The signature is NOT valid: it must be 64 hex digits and nothing else.\n');
    return 1;
  }
  const isValid = verifySignature(await readInput(io, positionals[0]), values.signature, secret);
  io.out(isValid ? 'The signature is valid.\n' : 'The signature is NOT valid for this body.\n');
  return isValid ? 0 : 1;
}
