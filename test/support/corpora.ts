import { existsSync, readdirSync, readFileSync } from 'node:fs';

const root = new URL('../../../shared/corpora/', import.meta.url);

/**
 * Whether a corpus of public test vectors is beside the checkout; the reason to skip where not.
 * Under CI a missing one is a failure.
 */
export function missingCorpus(name: string): string | false {
  if (existsSync(new URL(`${name}/`, root))) return false;
  if (process.env['CI']) throw new Error(`the corpus ${name} is missing`);
  return `no ../shared/corpora/${name} beside this checkout`;
}

/** The bytes of a corpus file. */
export function readCorpus(path: string): Buffer {
  return readFileSync(new URL(path.split('/').map(encodeURIComponent).join('/'), root));
}

/** The file names in a corpus folder. */
export function listCorpus(path: string): string[] {
  return readdirSync(new URL(`${path}/`, root));
}
