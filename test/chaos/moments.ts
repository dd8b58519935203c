/** A receiver that kills itself where it hurts, if the environment says so. */
import type { Moment } from './engine.ts';

const { CHAOS_DIE: wanted, CHAOS_DIE_AT: at } = process.env;
let passed = 0;

/** Tells that a transaction which claims events is at this moment; it may be the last. */
export function reached(moment: Moment): void {
  if (moment === wanted && ++passed === Number(at)) process.kill(process.pid, 'SIGKILL');
}
