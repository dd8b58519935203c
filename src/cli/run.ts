import { readFile } from 'node:fs/promises';
import { HisWebhookError } from '../errors.ts';
import { dev, DEV_USAGE } from './dev.ts';
import { type Io, UsageError } from './io.ts';
import { keygen, KEYGEN_USAGE } from './keygen.ts';
import { mapping, MAPPING_USAGE } from './mapping.ts';
import { send, SEND_USAGE } from './send.ts';
import { sign, SIGN_USAGE } from './sign.ts';
import { verify, VERIFY_USAGE } from './verify.ts';

const USAGE = `his-webhook <command>

  dev      run a receiver on an embedded database, to try things out
  keygen   make a shared secret and a bearer token
  sign     print the signature of a body
  verify   check the signature of a body
  send     sign an event, or a file of them, and deliver it
  mapping  check, explain, test and compare mapping documents

his-webhook <command> --help explains a command.
`;

interface Command {
  readonly usage: string;
  run(args: readonly string[], io: Io): Promise<number> | number;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  dev: { run: dev, usage: DEV_USAGE },
  keygen: { run: keygen, usage: KEYGEN_USAGE },
  sign: { run: sign, usage: SIGN_USAGE },
  verify: { run: verify, usage: VERIFY_USAGE },
  send: { run: send, usage: SEND_USAGE },
  mapping: { run: mapping, usage: MAPPING_USAGE },
};

/**
 * Runs a command.
 *
 * @returns The exit code: 0 if it did what it was asked, 1 if the answer is no, 2 if it was called
 *   wrongly or with something it cannot work with.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const [name = '--help', ...args] = argv;
  if (name === '--version') {
    io.out(`${await packageVersion()}\n`);
    return 0;
  }
  if (name === '--help' || name === '-h') {
    io.out(USAGE);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    io.err(`Unknown command: ${name}\n\n${USAGE}`);
    return 2;
  }
  if (args.includes('--help') || args.includes('-h')) {
    io.out(command.usage);
    return 0;
  }
  try {
    return await command.run(args, io);
  } catch (error) {
    if (isParseError(error)) io.err(`${error.message}\n\n${command.usage}`);
    else if (error instanceof UsageError || error instanceof HisWebhookError) {
      const cause = error.cause instanceof Error ? ` ${error.cause.message}` : '';
      io.err(`${error.message}${cause}\n`);
    } else throw error;
    return 2;
  }
}

async function packageVersion(): Promise<string> {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}

function isParseError(error: unknown): error is Error {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS');
}
