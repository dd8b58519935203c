import { BODIES } from './vectors/bodies.ts';
import { CREDENTIALS } from './vectors/credentials.ts';
import { DOCUMENT } from './vectors/document.ts';
import { EVENTS } from './vectors/events.ts';
import { JSON_BODIES } from './vectors/json.ts';
import type { Vector } from './vectors/kit.ts';
import { MEDIA_TYPES } from './vectors/media-types.ts';

/** The one table of requests and answers that every adapter is held to, in the order of the checks. */
export const VECTORS: readonly Vector[] = [
  ...DOCUMENT,
  ...MEDIA_TYPES,
  ...CREDENTIALS,
  ...BODIES,
  ...JSON_BODIES,
  ...EVENTS,
];
