import type { Claim, ClaimRequest, ClaimResult } from '../types.ts';
import { identity } from './identity.ts';

interface Held {
  readonly token: string;
  readonly digest: string;
  /** Milliseconds of the clock. */
  readonly until: number;
}

/** Who may process an event, in memory. */
export class MemoryClaims {
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  /** The digests of what was completed; a claim by force leaves them as they are. */
  readonly #completed = new Map<string, string>();
  #count = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  claim({ clientId, eventId, digest, lease, force = false }: ClaimRequest): ClaimResult {
    const id = identity(clientId, eventId);
    const held = this.#held.get(id);
    if (held !== undefined && held.until > this.#now()) return { status: 'in_progress' };
    const completed = this.#completed.get(id);
    if (completed !== undefined && completed !== digest) return { status: 'conflict' };
    if (completed !== undefined && !force) return { status: 'duplicate' };
    const token = String(++this.#count);
    this.#held.set(id, { token, digest, until: this.#now() + lease });
    return { status: 'claimed', claim: { clientId, eventId, token } };
  }

  renew(claim: Claim, lease: number): boolean {
    return this.#whileHeld(claim, (id, held) => {
      this.#held.set(id, { ...held, until: this.#now() + lease });
    });
  }

  complete(claim: Claim): boolean {
    return this.#whileHeld(claim, (id, { digest }) => {
      this.#completed.set(id, digest);
      this.#held.delete(id);
    });
  }

  release(claim: Claim): boolean {
    return this.#whileHeld(claim, (id) => {
      this.#held.delete(id);
    });
  }

  #whileHeld(claim: Claim, change: (id: string, held: Held) => void): boolean {
    const id = identity(claim.clientId, claim.eventId);
    const held = this.#held.get(id);
    if (held?.token !== claim.token || held.until <= this.#now()) return false;
    change(id, held);
    return true;
  }
}
