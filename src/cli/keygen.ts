import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { sha256 } from '../json.ts';
import type { Io } from './io.ts';

export const KEYGEN_USAGE: string = `his-webhook keygen

Prints a new shared secret and a new bearer token, 256 random bits each, and the token's digest,
which is all the receiver needs to be given.
`;

/** Makes a secret and a token. */
export function keygen(args: readonly string[], io: Io): number {
  parseArgs({ args: [...args], options: {} });
  const secret = randomBytes(32).toString('base64url');
  const token = randomBytes(32).toString('base64url');
  io.out(`HIS_SECRET=${secret}\nHIS_TOKEN=${token}\nHIS_TOKEN_DIGEST=sha256:${sha256(token)}\n`);
  return 0;
}
