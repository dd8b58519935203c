import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { getEventListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DeliveryError } from '../../src/errors.ts';
import type { FetchLike } from '../../src/sender/attempt.ts';
import { createSender, type Sender } from '../../src/sender/sender.ts';
import type { SenderOptions } from '../../src/sender/options.ts';

const EVENT = {
  event_id: 'e1',
  timestamp: '2025-03-02T10:30:45Z',
  type: 'appointment.created',
  data: { his_patient_name: 'CANARY-PATIENT', his_note: 'x'.repeat(50) },
};

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/his/receive`;
}

/** A server that answers as a test wants, with the sender that goes there. */
async function senderTo(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
  options: Partial<SenderOptions> = {},
): Promise<Sender> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      answer(request, response, body);
    });
  });
  const url = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
  });
  return createSender({ url, token: 'CANARY-TOKEN', secret: 'CANARY-SECRET', ...options });
}

/** A sender to a server that speaks in bytes. */
async function senderToBytes(
  speak: (socket: Socket) => void,
  options: Partial<SenderOptions> = {},
): Promise<Sender> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    onTestFinished(() => {
      socket.destroy();
    });
    socket.once('data', () => {
      speak(socket);
    });
  });
  return createSender({
    url: await listen(server),
    token: 'CANARY-TOKEN',
    secret: 's',
    ...options,
  });
}

async function failure(sender: Sender): Promise<DeliveryError> {
  const error: unknown = await sender.send(EVENT, { retryFor: 0 }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DeliveryError);
  return error as DeliveryError;
}

describe("the platform's fetch", () => {
  it('reaches a server, and uses its connection again after every kind of answer', async () => {
    const sockets = new Set<Socket>();
    const statuses = Array<number[]>(6).fill([200, 422, 503, 401]).flat();
    let index = 0;
    const sender = await senderTo((request, response) => {
      sockets.add(request.socket);
      response.writeHead(statuses[index++]!, { 'content-type': 'application/json' });
      response.end('{"status":"error","code":"overloaded","message":"later"}');
    });
    for (const status of statuses) {
      if (status === 200) expect(await sender.send(EVENT)).toMatchObject({ status });
      else expect((await failure(sender)).status).toBe(status);
    }
    // One may still be on its way back into the pool when the next request begins.
    expect(sockets.size).toBeLessThanOrEqual(3);
  });

  it('follows no redirect', async () => {
    let visits = 0;
    const sender = await senderTo((request, response) => {
      visits++;
      response.writeHead(request.url === '/other' ? 200 : 307, { location: '/other' });
      response.end();
    });
    expect(await failure(sender)).toMatchObject({ kind: 'endpoint', status: 307 });
    expect(visits).toBe(1);
    expect(sender.state).toBe('paused');
  });

  it.each([
    ['refused', 'ECONNREFUSED'],
    ['reset', 'ECONNRESET'],
  ])('is told from an answer where the connection is %s', async (_, code) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.resetAndDestroy());
    });
    const url = await listen(server);
    if (code === 'ECONNREFUSED') await new Promise((resolve) => server.close(resolve));
    const sender = createSender({ url, token: 't', secret: 's' });
    const error = await failure(sender);
    expect(error).toMatchObject({ kind: 'unavailable', status: null });
    expect(['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET']).toContain(error.reasonCode);
  });

  it.each([
    ['says nothing', () => undefined],
    [
      'never ends its answer',
      (socket: Socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n');
        const drip = setInterval(() => socket.write('x'), 5);
        socket.on('close', () => {
          clearInterval(drip);
        });
      },
    ],
  ])('is cut off at the deadline by a server that %s', async (_, speak) => {
    const sender = await senderToBytes(speak, { timeout: 120 });
    expect(await failure(sender)).toMatchObject({ status: null, reasonCode: 'TIMEOUT' });
  });

  it('takes no answer that breaks off for one: the event is sent again', async () => {
    const sender = await senderToBytes((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"status":"succ');
    });
    expect(await failure(sender)).toMatchObject({ kind: 'unavailable', status: null });
  });

  it('reads no more of an answer than it must', async () => {
    let sent = 0;
    const sender = await senderTo((_, response) => {
      response.writeHead(500);
      const chunk = Buffer.alloc(65_536, 'x');
      const more = (): void => {
        while (!response.destroyed && sent < 1e9) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    expect(await failure(sender)).toMatchObject({ status: 500, reasonCode: null, reason: null });
    expect(sent).toBeLessThan(50_000_000);
  });
});

describe('what an answer says', () => {
  const reasonOf = async (body: string): Promise<[string | null, string | null, number]> => {
    const sender = await senderTo((_, response) => {
      response.writeHead(422);
      response.end(body);
    });
    const { reasonCode, reason, faults } = await failure(sender);
    return [reasonCode, reason, faults.length];
  };

  it.each([
    ['<html>', '<html>no</html>'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a success', '{"status":"success","message":"m","code":"c"}'],
    ['no code', '{"status":"error","message":"m"}'],
    ['a code that is none', '{"status":"error","message":"m","code":"CANARY <script>"}'],
    ['a message that is none', '{"status":"error","message":{},"code":"c"}'],
  ])('is nothing where it is not in our form: %s', async (_, body) => {
    expect(await reasonOf(body)).toEqual([null, null, 0]);
  });

  it('is bounded', async () => {
    const errors = Array.from({ length: 100 }, () => ({ path: '/'.repeat(5_000), message: 'm' }));
    const body = { status: 'error', code: 'transform_failed', message: 'm'.repeat(5_000), errors };
    const [code, reason, faults] = await reasonOf(
      JSON.stringify({ ...body, errors: errors.slice(0, 9) }),
    );
    expect([code, reason?.length, faults]).toEqual(['transform_failed', 1_000, 9]);
    expect((await reasonOf(JSON.stringify({ ...body, errors: [] })))[2]).toBe(0);
  });
});

describe('an error', () => {
  it('carries neither token, secret nor payload, even where the endpoint repeats them', async () => {
    const sender = await senderTo((request, response, body) => {
      response.writeHead(422);
      response.end(
        JSON.stringify({
          status: 'error',
          code: 'transform_failed',
          message: `${request.headers.authorization ?? ''} ${body}`,
          errors: [{ path: '/data', message: body }],
        }),
      );
    });
    const error = await failure(sender);
    const shown = [
      inspect(error, { depth: 10, showHidden: true, getters: false }),
      JSON.stringify(error),
      String(error),
      error.stack,
    ].join();
    expect(shown).not.toContain('CANARY');
    // Whoever asks for the receiver's words gets them.
    expect(error.reason).toContain('CANARY-PATIENT');
  });

  it('is kept from what a fetch of the host says', async () => {
    const sender = createSender({
      url: 'https://api.buktor.example/',
      token: 'CANARY-TOKEN',
      secret: 's',
      fetch: (_, init) => Promise.reject(new Error(`${String(init.body)} CANARY-TOKEN`)),
    });
    const error = await failure(sender);
    expect(inspect(error, { showHidden: true, depth: 10 })).not.toContain('CANARY');
    expect(error.reasonCode).toBe('NETWORK_ERROR');
  });

  it('comes in time, also where a fetch of the host does not know the signal', async () => {
    const sender = createSender({
      url: 'https://api.buktor.example/',
      token: 't',
      secret: 's',
      timeout: 50,
      fetch: () => new Promise(() => undefined),
    });
    expect(await failure(sender)).toMatchObject({ reasonCode: 'TIMEOUT' });
  });

  it('leaves no answer running that a fetch of the host goes on with', async () => {
    const bodies: ReadableStream[] = [];
    let cancelled = 0;
    const fetchIn = (delay: number): FetchLike => {
      return async () => {
        await wait(delay);
        const body = new ReadableStream({
          cancel: () => {
            cancelled++;
          },
        });
        bodies.push(body);
        return { status: 200, headers: { get: () => null }, body: body as never };
      };
    };
    const options = { url: 'https://api.buktor.example/', token: 't', secret: 's', timeout: 40 };
    // One whose body never ends, and one that comes when nobody waits for it.
    for (const delay of [0, 80]) {
      const sender = createSender({ ...options, fetch: fetchIn(delay) });
      expect(await failure(sender)).toMatchObject({ reasonCode: 'TIMEOUT' });
    }
    await vi.waitFor(() => {
      expect(cancelled).toBe(2);
    });
    expect(bodies).toHaveLength(2);
  });

  it.each([
    [
      'throws at once',
      () => {
        throw new Error('CANARY');
      },
    ],
    [
      'answers without a status',
      () => Promise.resolve({ statusCode: 200, headers: new Headers(), body: null }),
    ],
  ])('says nothing of the event where a fetch of the host %s', async (_, fetch) => {
    const sender = createSender({
      url: 'https://api.buktor.example/',
      token: 't',
      secret: 's',
      fetch: fetch as never,
    });
    const error = await failure(sender);
    expect(error).toMatchObject({ kind: 'unavailable', reasonCode: 'NETWORK_ERROR' });
  });
});

describe('an attempt', () => {
  it('leaves neither timers nor listeners behind', async () => {
    const { signal } = new AbortController();
    let status = 200;
    const token = (): Promise<string> => Promise.resolve('t');
    const sender = await senderTo(
      (_, response) => {
        response.writeHead(status);
        response.end();
      },
      { token, retry: { initialDelay: 1 } },
    );
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await sender.send(EVENT, { signal });
    const before = timers();
    for (status of [200, 503, 422]) {
      const all = Array.from({ length: 40 }, () =>
        sender.send(EVENT, { signal, retryFor: 5 }).catch(() => undefined),
      );
      await Promise.all(all);
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    // Those of the connections, which are kept.
    expect(timers() - before).toBeLessThan(20);
  });
});
