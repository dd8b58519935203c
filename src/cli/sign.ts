import { parseArgs } from 'node:util';
import { generateSignature } from '../signature.ts';
import { type Io, readInput, required } from './io.ts';

export const SIGN_USAGE: string = `his-webhook sign [FILE] [--secret SECRET]

Prints the Buktor-Signature of a body: the exact bytes of FILE, or of standard input.

  --secret SECRET  the shared secret (HIS_SECRET)
`;

/** Prints a signature. */
export async function sign(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { secret: { type: 'string' } },
  });
  const secret = required(io, 'secret', values.secret, 'HIS_SECRET');
  io.out(`${generateSignature(await readInput(io, positionals[0]), secret)}\n`);
  return 0;
}
