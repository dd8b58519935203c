/**
 * Makes a finding small: takes away pieces, halves at first and bytes in the end, and then makes
 * letters plain, for as long as it fails in the same way.
 *
 * @param fails - Whether an input fails in the way that was found.
 * @param tries - The most inputs that are tried.
 */
export async function shrink(
  input: Uint8Array,
  fails: (input: Uint8Array) => Promise<boolean>,
  tries: number = 5_000,
): Promise<Uint8Array> {
  let best = input;
  let left = tries;
  const accept = async (candidate: Uint8Array): Promise<boolean> => {
    if (left-- <= 0 || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    let isSmaller = true;
    while (isSmaller && left > 0) {
      isSmaller = false;
      for (let start = 0; start < best.length; start += size) {
        const parts = [best.subarray(0, start), best.subarray(start + size)];
        if (await accept(Buffer.concat(parts))) isSmaller = true;
      }
    }
  }
  for (let index = 0; index < best.length; index++) {
    for (const plain of [0x30, 0x61, 0x20]) {
      const copy = Uint8Array.from(best);
      if (copy[index] === plain) break;
      copy[index] = plain;
      if (await accept(copy)) break;
    }
  }
  return best;
}
