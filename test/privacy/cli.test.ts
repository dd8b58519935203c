import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { expressReceiver } from '../../src/adapters/express.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import { scratchFolder } from '../support/process.ts';
import { expectNoMarker, findMarker, marker, printed } from './canary.ts';
import { markedEvent, markedHeaders, SECRET, TOKEN } from './events.ts';
import { receiverOn } from './observe.ts';
import { CASES } from './requests.ts';

const ENV = { HIS_TOKEN: TOKEN, HIS_SECRET: SECRET };

interface Result {
  readonly code: number | undefined;
  readonly text: string;
}

/** Runs a command, and looks through everything it prints or throws. */
async function expectSilentCommand(
  argv: readonly string[],
  { stdin = '', env = ENV }: { stdin?: string | Uint8Array; env?: Record<string, string> } = {},
): Promise<Result> {
  let text = '';
  let code: number | undefined;
  const output = await printed(async () => {
    try {
      code = await run(argv, {
        env,
        out: (said) => (text += said),
        err: (said) => (text += said),
        stdin: () => Readable.from([Buffer.from(stdin)]),
        columns: () => undefined,
        untilStopped: () => new Promise(() => undefined),
      });
    } catch (error) {
      // What a command throws is printed by Node.
      expectNoMarker(error, argv.join(' '));
    }
  });
  expect(findMarker(text), argv.join(' ')).toBeUndefined();
  expect(findMarker(output), argv.join(' ')).toBeUndefined();
  return { code, text };
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(scratchFolder(), name);
  writeFileSync(path, content);
  return path;
}

const lines = (count: number): string =>
  Array.from({ length: count }, () => `${JSON.stringify(markedEvent())}\n`).join('');

describe('the command line shows nothing of an event', () => {
  let server: Server;
  let url: string;
  const { receiver } = receiverOn(memoryStore());
  beforeAll(async () => {
    const handle = expressReceiver(receiver);
    server = createServer((request, response) => {
      // Half of what is wrong with an endpoint is answered by a proxy, which may repeat the request.
      if (request.url?.startsWith('/proxy') === true) {
        response.writeHead(502);
        request.pipe(response);
      } else handle(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const bodies = CASES.filter(
    ({ code }) => !/^(method|unsupp|unauth|payload|request|body)/.test(code ?? ''),
  )
    .filter(({ name }) => !/field \w+, value [1-7]|schema (?!7\b)\d/.test(name))
    .map(({ name, request }) => [name, request] as const);

  it.each(bodies)('send: %s', async (_, request) => {
    const stdin = request().body as Uint8Array;
    for (const raw of [[], ['--raw']]) {
      const { code, text } = await expectSilentCommand(
        ['send', '--url', `${url}/his/receive`, ...raw],
        { stdin },
      );
      expect(code).toBeLessThan(2);
      expect(text).not.toBe('');
    }
  });

  it('send: nobody answers, a proxy repeats, a token is refused, the mapping is missing', async () => {
    const stdin = JSON.stringify(markedEvent());
    const once = ['send', '--retry-for', '0', '--url'];
    for (const target of [`${url}/proxy`, 'http://127.0.0.1:1/', `${url}/his/receive`]) {
      const env = target.endsWith('receive') ? { ...ENV, HIS_TOKEN: marker() } : ENV;
      expect((await expectSilentCommand([...once, target], { stdin, env })).code).toBe(1);
    }
    for (const env of [{ ...ENV, HIS_TOKEN: `${marker()} \n` }, { HIS_SECRET: SECRET }]) {
      expect((await expectSilentCommand([...once, url], { stdin, env })).code).toBe(2);
    }
  });

  it('send --file, and with --outbox', async () => {
    const bad = [
      marker(),
      `{"a": "${marker()}"`,
      JSON.stringify(markedEvent({}, { type: marker() })),
    ];
    const good = lines(20) + JSON.stringify(markedEvent({}, { type: 'location.created' }));
    const events = file('events.ndjson', `${bad.join('\n')}\n${good}\n`);
    const outbox = join(scratchFolder(), 'outbox.db');
    for (const more of [[], ['--outbox', outbox], ['--outbox', outbox]]) {
      const argv = ['send', '--file', events, '--url', `${url}/his/receive`, '--retry-for', '2s'];
      const { text } = await expectSilentCommand([...argv, ...more]);
      expect(text).toMatch(/invalid/);
    }
    const argv = ['send', '--file', events, '--url', `${url}/proxy`, '--retry-for', '1s'];
    await expectSilentCommand(argv);
  }, 60_000);

  it('sign and verify', async () => {
    const stdin = JSON.stringify(markedEvent());
    const { text } = await expectSilentCommand(['sign'], { stdin });
    expect(text).toMatch(/^[0-9a-f]{64}\n$/);
    for (const signature of [text.trim(), 'a'.repeat(64), marker()]) {
      await expectSilentCommand(['verify', '--signature', signature], { stdin });
    }
    await expectSilentCommand(['sign', join(scratchFolder(), 'none')], { stdin });
  });

  it('mapping check, explain, test and diff', async () => {
    const mapping = (status: object) =>
      JSON.stringify({
        clients: {
          1001: {
            mappings: {
              'appointment.*': { fields: { his_appointment_id: 'id', his_status: status } },
            },
          },
        },
      });
    const one = file('one.json', mapping({ to: 'status', transform: 'quote' }));
    const two = file('two.json', mapping({ to: 'status', type: 'integer' }));
    const transforms = file(
      'transforms.mjs',
      'export const transforms = { quote: (value) => { throw new Error(`no ${value}`); } };',
    );
    const samples = file('samples.ndjson', lines(5));
    const event = file('event.json', JSON.stringify({ client_id: '1001', ...markedEvent() }));
    const broken = file('broken.json', `{"type": "${marker()}", "data": ${marker()}`);
    const use = ['--transforms', transforms];
    await expectSilentCommand([
      'mapping',
      'check',
      one,
      ...use,
      '--samples',
      samples,
      '--client',
      '1001',
    ]);
    for (const what of [event, broken]) {
      await expectSilentCommand(['mapping', 'explain', one, what, ...use]);
      await expectSilentCommand(['mapping', 'explain', two, what]);
    }
    await expectSilentCommand([
      'mapping',
      'diff',
      one,
      two,
      '--samples',
      samples,
      '--client',
      '1001',
      ...use,
    ]);
    const folder = scratchFolder();
    const expected = { table: 'appointment', key: {}, values: {} };
    const data = { client: '1001', event: markedEvent(), expected };
    writeFileSync(join(folder, 'case.json'), JSON.stringify({ ...data, expected: null }));
    writeFileSync(join(folder, 'none.json'), `{"client": "${marker()}"`);
    await expectSilentCommand(['mapping', 'test', one, folder, ...use]);
  });

  it('dev', async () => {
    let stop: () => void = () => undefined;
    let text = '';
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const db = join(scratchFolder(), 'dev.db');
    let begun: (address: string) => void = () => undefined;
    const address = new Promise<string>((resolve) => (begun = resolve));
    const note = (said: string): void => {
      text += said;
      const found = /Listening on (\S+)/.exec(said);
      if (found !== null) begun(found[1]!);
    };
    const output = await printed(async () => {
      const running = run(['dev', '--port', '0', '--db', db], {
        // Its own token is printed in a cURL, to be pasted.
        env: { HIS_TOKEN: 'dev-token', HIS_SECRET: SECRET },
        out: note,
        err: note,
        stdin: () => Readable.from([]),
        columns: () => undefined,
        untilStopped: () => stopped,
      });
      const target = `${await address}/his/receive`;
      for (const { request } of CASES) {
        const { body, headers, method } = request();
        if (method !== 'POST' || !(body instanceof Uint8Array)) continue;
        if (body.length > 100_000) continue;
        const sent = new Headers({ authorization: 'Bearer dev-token' });
        for (const [name, value] of Object.entries(markedHeaders(body, headers))) {
          if (value === undefined || /^(authorization|content-length)$/.test(name)) continue;
          for (const line of [value].flat()) sent.append(name, line);
        }
        const answer = await fetch(target, { method, headers: sent, body: Buffer.from(body) });
        expectNoMarker(await answer.text(), 'the answer');
      }
      stop();
      expect(await running).toBe(0);
    });
    expect(text.split('\n').length).toBeGreaterThan(100);
    expect(findMarker(text), 'what dev prints').toBeUndefined();
    expect(findMarker(output), 'what is printed beside').toBeUndefined();
  });
});
