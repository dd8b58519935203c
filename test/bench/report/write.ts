/** `npm run bench:docs`: the pages anew, of the figures that are there. */
import { readReport, writePages } from './publish.ts';

await writePages(readReport());
