import { EventError } from '../errors.ts';

/** @throws EventError for bytes that are no UTF-8: a sender takes text. */
export function toText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new EventError([{ path: '', message: 'is not valid UTF-8' }]);
  }
}
