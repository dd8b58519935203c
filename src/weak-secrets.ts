import { Buffer } from 'node:buffer';

/** Codes of the process warnings about secrets; `docs/errors.md` explains each. */
export type WarningCode = 'HIS_WEBHOOK_SHORT_SECRET' | 'HIS_WEBHOOK_SECRET_WHITESPACE';

/** What a secret should have at least: as many bytes as SHA-256 puts out (RFC 2104, section 3). */
const ENOUGH_BYTES = 32;

/** A host with many weak clients need not read a line for each. */
const MOST_WARNINGS = 100;

const told = new Set<string>();

/**
 * Warns, once for each owner, of a configured secret that is short enough to be guessed. It works
 * all the same. By `process.emitWarning`, where there is one; the warning does not hold the secret.
 *
 * @param owner - Whose secret it is, as the warning says it.
 */
export function warnOfShortSecret(secret: string | Uint8Array, owner: string): void {
  if (Buffer.byteLength(secret) >= ENOUGH_BYTES) return;
  warn(
    'HIS_WEBHOOK_SHORT_SECRET',
    `${owner} is shorter than ${String(ENOUGH_BYTES)} bytes; \`npx his-webhook keygen\` makes a good one.`,
  );
}

/** Warns likewise of a secret with white space at its ends, as a file's line break is. */
export function warnOfOuterSpace(secret: string | Uint8Array, owner: string): void {
  if (!hasOuterSpace(secret)) return;
  warn(
    'HIS_WEBHOOK_SECRET_WHITESPACE',
    `${owner} begins or ends with white space, which counts. Trim it if that is the line break of a file.`,
  );
}

/** White space at an end of text, or of bytes that are text; in random bytes it means nothing. */
function hasOuterSpace(secret: string | Uint8Array): boolean {
  if (typeof secret === 'string') return secret.trim() !== secret;
  return isSpace(secret[0]) || isSpace(secret.at(-1)) ? secret.every(isText) : false;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

function isText(byte: number): boolean {
  return isSpace(byte) || (byte > 0x20 && byte < 0x7f);
}

function warn(code: WarningCode, message: string): void {
  const warning = `${code} ${message}`;
  if (told.has(warning) || told.size >= MOST_WARNINGS) return;
  told.add(warning);
  // Not every runtime has a process, and not every process emits warnings.
  const runtime: { process?: Partial<Pick<NodeJS.Process, 'emitWarning'>> } = globalThis;
  runtime.process?.emitWarning?.(message, { type: 'SecurityWarning', code });
}
