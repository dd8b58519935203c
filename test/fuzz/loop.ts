import { countBranches, hits, wordsOfCode } from './coverage.ts';
import { mutate, type Mutation, MUTATION_KINDS, WORDS } from './mutate.ts';
import { Random } from './random.ts';
import { shrink } from './shrink.ts';

/** Something that takes bytes, and must not fail for any. */
export interface Target {
  readonly name: string;
  /** Inputs to begin with. */
  readonly seeds: readonly Uint8Array[];
  /** Throws where a rule is broken; the message says which, and not for what input. */
  readonly check: (input: Uint8Array) => unknown;
}

/** How long to go on. */
export interface Bounds {
  readonly milliseconds: number;
  readonly runs: number;
}

/** What came of it. */
export interface Outcome {
  readonly runs: number;
  /** Branches that were taken, of how many there are. */
  readonly covered: number;
  readonly branches: number;
  readonly corpus: readonly Uint8Array[];
  readonly finding?: { readonly input: Uint8Array; readonly error: Error };
}

const MAX_BYTES = 4096;

/**
 * Feeds a target with inputs that lead it where none has been before: an input that takes a new branch, or
 * one much oftener than any before, is kept, and later inputs are made from what was kept. The same
 * seed and corpus give the same inputs.
 *
 * @param before - Told of every input before it is tried.
 * @param kept - Told of every input that is kept.
 */
export async function fuzz(
  target: Target,
  inputs: readonly Uint8Array[],
  seed: number,
  bounds: Bounds,
  before: (input: Uint8Array) => void,
  kept: (input: Uint8Array) => void,
): Promise<Outcome> {
  const random = new Random(seed);
  const corpus: Uint8Array[] = [];
  const words = [...new Set([...WORDS, ...wordsOfCode()])];
  /** By branch, the magnitudes of hits that were seen, as bits. */
  const seen = new Uint32Array(hits.length);
  const end = performance.now() + bounds.milliseconds;
  let runs = 0;

  const attempt = async (input: Uint8Array): Promise<Error | undefined> => {
    before(input);
    runs++;
    hits.fill(0, 0, countBranches());
    try {
      await target.check(input);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const isNews = (): boolean => {
    let isNew = false;
    for (let branch = 0; branch < countBranches(); branch++) {
      const count = hits[branch]!;
      if (count === 0) continue;
      const magnitude = 1 << (31 - Math.clz32(count));
      if ((seen[branch]! & magnitude) === 0) {
        seen[branch]! |= magnitude;
        isNew = true;
      }
    }
    return isNew;
  };
  const isOver = () => runs >= bounds.runs || performance.now() >= end;
  const outcome = (): Outcome => ({
    runs,
    covered: seen.subarray(0, countBranches()).reduce((sum, bits) => sum + Number(bits !== 0), 0),
    branches: countBranches(),
    corpus,
  });

  for (let turn = 0; turn < inputs.length || !isOver(); turn++) {
    const input = turn < inputs.length ? inputs[turn]! : vary(corpus, words, random);
    const error = await attempt(input);
    if (error !== undefined) {
      const isSame = async (candidate: Uint8Array) =>
        kindOf(await attempt(candidate)) === kindOf(error);
      const smallest = await shrink(input, isSame);
      return {
        ...outcome(),
        finding: { input: smallest, error: (await attempt(smallest)) ?? error },
      };
    }
    if (isNews()) {
      corpus.push(input);
      if (turn >= inputs.length) kept(input);
    }
  }
  return outcome();
}

/** An input that is made from what was kept; what was kept last oftener. */
function vary(corpus: readonly Uint8Array[], words: readonly string[], random: Random): Uint8Array {
  const choose = () => {
    const place = Math.floor(Math.sqrt(random.next()) * corpus.length);
    return corpus[place] ?? new Uint8Array();
  };
  let input = choose();
  if (random.next() < 0.1) {
    const other = choose();
    const cut = random.below(input.length + 1);
    input = Buffer.concat([input.subarray(0, cut), other.subarray(random.below(other.length + 1))]);
  }
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const how = random.pick(MUTATION_KINDS);
    const word = random.next() < 0.1 ? String.fromCharCode(random.below(256)) : random.pick(words);
    const mutation = { ...how, at: random.next(), to: random.next(), word } as Mutation;
    input = mutate(input, mutation);
  }
  return input.subarray(0, MAX_BYTES);
}

function kindOf(error: Error | undefined): string | undefined {
  return error && `${error.name}: ${error.message.split('\n')[0]!.replace(/\d+/g, '#')}`;
}
