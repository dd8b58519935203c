/** Bytes of one block; a body that is half as large has one of its own. */
const BLOCK = 65_536;

/** A body that is kept, and where. */
export interface KeptBody {
  readonly block: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Bodies, one behind the other in blocks. Each as a Buffer of its own would keep what Node had read it into,
 * headers and all, and be looked at by every collection.
 */
export class Bodies {
  #block = new Uint8Array(0);
  #end = 0;

  /** Keeps a copy, to be erased when others of its age are: its block stays as long as any of them. */
  keep(bytes: Uint8Array): KeptBody {
    const { length } = bytes;
    if (length > BLOCK / 2) return keepAlone(bytes);
    if (this.#end + length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK);
      this.#end = 0;
    }
    const start = this.#end;
    this.#end = start + length;
    this.#block.set(bytes, start);
    return { block: this.#block, start, end: this.#end };
  }
}

/** Keeps a copy in a block of its own, for as long as it takes. */
export function keepAlone(bytes: Uint8Array): KeptBody {
  return { block: Uint8Array.from(bytes), start: 0, end: bytes.length };
}

/** A copy of a body that is kept. */
export function read({ block, start, end }: KeptBody): Uint8Array {
  return block.slice(start, end);
}

/** Overwrites a body that is kept. */
export function erase({ block, start, end }: KeptBody): void {
  block.fill(0, start, end);
}
