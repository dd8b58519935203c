import { diffMappings } from '../mapping/diff.ts';
import { type Io, UsageError } from './io.ts';
import {
  compileFile,
  count,
  inColumns,
  nameClients,
  readArguments,
  readSamples,
} from './mapping-files.ts';

/** Shows what another version of a document would make of the same events. */
export async function mappingDiff(args: readonly string[], io: Io): Promise<number> {
  const options = await readArguments(
    args,
    io,
    'diff',
    ['OLD', 'NEW'],
    ['samples', 'client', 'reveal'],
  );
  const [oldFile = '', newFile = ''] = options.files;
  if (options.samples === undefined) throw new UsageError('--samples is needed.');
  const samples = await readSamples(options.samples, io, options.client);
  const older = await compileFile(oldFile, options.compile, io);
  const newer = await compileFile(newFile, options.compile, io);
  const changes = diffMappings(older.mappings, newer.mappings, samples, {
    reveal: options.reveal,
  });
  let heading = '';
  for (const { clients, type, subject, before, after, events, sample } of changes) {
    const group = `${nameClients(clients)}, ${type}`;
    if (group !== heading) io.out(`${heading === '' ? '' : '\n'}${group}\n`);
    heading = group;
    const times = `${count(events, 'event')}, first: sample ${String(sample)}`;
    io.out(inColumns([[subject, `${before} → ${after} (${times})`]], '  '));
  }
  const samplesText = count(samples.length, 'sample');
  io.out(
    changes.length === 0
      ? `No difference in ${samplesText}.\n`
      : `\n${count(changes.length, 'difference')} in ${samplesText}.\n`,
  );
  return changes.length === 0 ? 0 : 1;
}
