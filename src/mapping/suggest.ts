import { distance } from 'fastest-levenshtein';

/** Longer names are nobody's slip of the finger, and comparing them takes quadratic time. */
const LONGEST = 64;

/**
 * What somebody may have meant who wrote a name that is not known, as the end of a message; empty
 * where nothing is near.
 */
export function didYouMean(name: string, known: Iterable<string>): string {
  const best = closest(name, known);
  return best === undefined ? '' : `; did you mean ${JSON.stringify(best)}?`;
}

function closest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > LONGEST) return undefined;
  const folded = name.toLowerCase();
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    if (candidate.length > LONGEST) continue;
    // `Kolkata` means `Asia/Kolkata`, and is far from it in letters.
    const isLastPart = folded !== '' && other.endsWith(`/${folded}`);
    const apart = isLastPart ? 0 : distance(folded, other);
    if (apart < least && apart < Math.max(name.length, 2)) {
      best = candidate;
      least = apart;
    }
  }
  return best;
}
