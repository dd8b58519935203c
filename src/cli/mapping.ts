import type { Io } from './io.ts';
import { mappingCheck } from './mapping-check.ts';
import { mappingDiff } from './mapping-diff.ts';
import { mappingExplain } from './mapping-explain.ts';
import { mappingTest } from './mapping-test.ts';
import { UsageError } from './io.ts';

export const MAPPING_USAGE: string = `his-webhook mapping <command>

  check FILE [--samples EVENTS]
      Reports every fault of a mapping document with its line and column, and warns of what is
      probably not meant. With samples: per client, columns that are never filled, source fields
      that are never used, values that are refused.
  explain FILE --event EVENT [--client ID] [--reveal]
      Shows for each column which source was read, by which rule, and what each step made of it.
  test FILE FOLDER
      Runs the cases of a folder: JSON files { "client", "event", "expected" }.
  diff OLD NEW --samples EVENTS [--reveal]
      Shows what another version of a document would make of the same events, per client.

  --samples EVENTS   one event a line, as it is sent; a member client_id says whose it is
  --client ID        the client of events that do not say whose they are   (HIS_CLIENT)
  --reveal           show values; without it only what kind of value they are
  --transforms FILE  a JavaScript module whose exports are the transforms the host registers
  --types A,B        event types the host registers, beside the 14

The exit code is 0 if all is well, 1 if something was found, 2 if a file cannot be used.
`;

const COMMANDS: Readonly<Record<string, (args: readonly string[], io: Io) => Promise<number>>> = {
  check: mappingCheck,
  explain: mappingExplain,
  test: mappingTest,
  diff: mappingDiff,
};

/** Runs one of the commands about mapping documents. */
export async function mapping(args: readonly string[], io: Io): Promise<number> {
  const [name = '', ...rest] = args;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const words = name === '' ? 'A command is needed' : `Unknown command: mapping ${name}`;
    throw new UsageError(`${words}\n\n${MAPPING_USAGE}`);
  }
  return command(rest, io);
}
