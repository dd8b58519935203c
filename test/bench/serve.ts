/**
 * A server under test, in a process of its own: `serve.ts KIND [PLACE]`, where the place is the file or the
 * URL of its database.
 */
import type { AddressInfo } from 'node:net';
import type { Stored } from './served.ts';
import { SERVERS, type ServerKind } from './servers.ts';
import { answer } from './worker.ts';

export interface ServeQuestion {
  readonly what: 'port' | 'stored';
}
export type ServeAnswer = number | Stored | null;

const [kind = '', place = ''] = process.argv.slice(2);
const served = await SERVERS[kind as ServerKind](place);
const { port } = (await served.listen()).address() as AddressInfo;

answer(async ({ what }: ServeQuestion): Promise<ServeAnswer> =>
  what === 'port' ? port : served.stored(),
);
