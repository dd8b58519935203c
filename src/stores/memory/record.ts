import { Buffer } from 'node:buffer';
import type { Change, RefusedEvent, StoredEvent } from '../types.ts';

/** Bytes of one block; what is half as large has one of its own. */
const BLOCK = 65_536;

/** An entry as the inbox in memory keeps it. */
export type KeptEvent = RecordedEvent | QuarantinedEvent;

/**
 * What only this event has lies in blocks, one behind the other. As texts, and a Buffer on all that
 * Node had read with it, it was ten objects an event, which every collection looks at and moves.
 */
export class EventBlocks {
  #block = Buffer.alloc(0);
  #end = 0;
  readonly #types = new Map<string, string>();

  /** Keeps what was applied or declined. */
  record(change: Change, attempts: number): RecordedEvent {
    const { digest, occurredAt, body } = change;
    // A character of a text has three bytes at most.
    const room = (digest.length + occurredAt.length) * 3 + (body?.length ?? 0);
    let block = this.#block;
    let start = this.#end;
    if (room > BLOCK / 2) {
      block = Buffer.alloc(room);
      start = 0;
    } else if (start + room > block.length) {
      block = this.#block = Buffer.alloc(BLOCK);
      start = 0;
    }
    const bodyStart = start + block.write(digest + occurredAt, start);
    const end = bodyStart + (body?.length ?? 0);
    if (body !== null) block.set(body, bodyStart);
    if (block === this.#block) this.#end = end;
    const type = this.#sharedType(change.type);
    return new RecordedEvent(change, type, attempts, block, start, bodyStart, end);
  }

  /** One text for all events of a type, each of which was parsed with one of its own. */
  #sharedType(type: string): string {
    const shared = this.#types.get(type);
    if (shared !== undefined) return shared;
    // Receivers know which types there are; whoever else calls may not.
    if (this.#types.size >= 1_000) this.#types.clear();
    this.#types.set(type, type);
    return type;
  }
}

/** An event that was applied or declined. */
export class RecordedEvent {
  readonly clientId: string;
  readonly eventId: string;
  readonly receivedAt: string;
  readonly state: 'applied' | 'declined';
  readonly attempts: number;
  readonly #type: string;
  readonly #form: Change['form'];
  readonly #mappingVersion: string;
  /** Where its digest, its time and its body lie. */
  readonly block: Buffer;
  readonly #start: number;
  readonly #digestLength: number;
  readonly #bodyStart: number;
  readonly #end: number;
  #hasBody: boolean;

  constructor(
    change: Change,
    type: string,
    attempts: number,
    block: Buffer,
    start: number,
    bodyStart: number,
    end: number,
  ) {
    this.clientId = change.clientId;
    this.eventId = change.eventId;
    this.receivedAt = change.receivedAt;
    this.state = change.row === null ? 'declined' : 'applied';
    this.attempts = attempts;
    this.#type = type;
    this.#form = change.form;
    this.#mappingVersion = change.mappingVersion;
    this.block = block;
    this.#start = start;
    this.#digestLength = change.digest.length;
    this.#bodyStart = bodyStart;
    this.#end = end;
    this.#hasBody = change.body !== null;
  }

  get digest(): string {
    return this.#text().slice(0, this.#digestLength);
  }

  get hasBody(): boolean {
    return this.#hasBody;
  }

  /** Overwrites the body: its block stays as long as any other event in it. */
  eraseBody(): void {
    this.block.fill(0, this.#bodyStart, this.#end);
    this.#hasBody = false;
  }

  toStoredEvent(): StoredEvent {
    const text = this.#text();
    return {
      clientId: this.clientId,
      eventId: this.eventId,
      type: this.#type,
      occurredAt: text.slice(this.#digestLength),
      receivedAt: this.receivedAt,
      state: this.state,
      code: null,
      reason: null,
      digest: text.slice(0, this.#digestLength),
      body: this.#hasBody ? Uint8Array.from(this.block.subarray(this.#bodyStart, this.#end)) : null,
      form: this.#form,
      mappingVersion: this.#mappingVersion,
      attempts: this.attempts,
    };
  }

  #text(): string {
    return this.block.toString('utf8', this.#start, this.#bodyStart);
  }
}

/** An event that was refused. It stays as long as it takes, and would hold a block for as long. */
export class QuarantinedEvent {
  readonly state = 'quarantined';
  readonly eventId: string;
  readonly attempts: number;
  readonly hasBody = true;
  readonly #event: Omit<RefusedEvent, 'replayOf'>;

  constructor({ replayOf: _, ...event }: RefusedEvent, eventId: string, attempts: number) {
    this.eventId = eventId;
    this.attempts = attempts;
    this.#event = { ...event, body: Uint8Array.from(event.body) };
  }

  get clientId(): string {
    return this.#event.clientId;
  }

  get receivedAt(): string {
    return this.#event.receivedAt;
  }

  get digest(): string | null {
    return this.#event.digest;
  }

  eraseBody(): void {
    this.#event.body.fill(0);
  }

  toStoredEvent(): StoredEvent {
    const { eventId, state, attempts } = this;
    const body = Uint8Array.from(this.#event.body);
    return { ...this.#event, body, eventId, state, attempts };
  }
}
