import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate as nextCheck } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { expressReceiver } from '../../src/adapters/express.ts';
import { afterTurn, turn } from '../../src/receiver/turn.ts';
import { fixture, signedHeaders } from '../support/receiver.ts';

const nextTick = () =>
  new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });

describe('turn', () => {
  it('comes after what was there before, for all who wait, one after another', async () => {
    const order: string[] = [];
    const wait = async (name: string): Promise<void> => {
      await turn();
      order.push(name);
    };
    setImmediate(() => order.push('before'));
    const waiting = [wait('a'), wait('b')];
    process.nextTick(() => order.push('tick'));
    await Promise.all(waiting);
    expect(order).toEqual(['tick', 'before', 'a', 'b']);
  });

  it('needs no clock of a test, which may stop before it has come', async () => {
    vi.useFakeTimers();
    const early = turn();
    afterTurn(() => order.push('after'));
    const order: string[] = [];
    vi.useRealTimers();
    await Promise.all([early, turn()]);
    expect(order).toEqual(['after']);
  });

  it('is another one for who comes later', async () => {
    const first = turn();
    expect(turn()).toBe(first);
    await first;
    expect(turn()).not.toBe(first);
  });
});

describe('afterTurn', () => {
  it('has its go behind all who waited, and before anything that comes later', async () => {
    const order: string[] = [];
    const wait = async (name: string): Promise<void> => {
      await turn();
      setImmediate(() => order.push('later'));
      afterTurn(() => order.push(`after ${name}`));
      await Promise.resolve();
      order.push(name);
    };
    await Promise.all([wait('a'), wait('b')]);
    await nextCheck();
    expect(order.slice(0, 5)).toEqual(['a', 'b', 'after a', 'after b', 'later']);
  });

  it('waits for the next one where none is running', async () => {
    const order: string[] = [];
    afterTurn(() => order.push('after'));
    process.nextTick(() => order.push('tick'));
    await nextCheck();
    expect(order).toEqual(['tick', 'after']);

    // A turn that is over is no longer running.
    await turn();
    await nextTick();
    await nextTick();
    afterTurn(() => order.push('late'));
    await nextTick();
    expect(order).toEqual(['tick', 'after']);
    await nextCheck();
    expect(order).toEqual(['tick', 'after', 'late']);
  });
});

describe('requests that come together', () => {
  it('are committed together, their bodies taken whole', async () => {
    const { receiver, store } = fixture();
    const commit = vi.spyOn(store, 'commit');
    const listened: string[] = [];
    const handle = expressReceiver(receiver);
    const server = createServer((request, response) => {
      vi.spyOn(request, 'on').mockImplementation((name) => {
        listened.push(String(name));
        return request;
      });
      handle(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    onTestFinished(async () => {
      socket.destroy();
      server.close();
      await receiver.close();
    });
    const requests = Array.from({ length: 8 }, (_, i) => {
      const event = { event_id: `e${String(i)}`, timestamp: '2025-01-08T12:00:00Z' };
      const data = { his_appointment_id: `A${String(i)}` };
      const body = JSON.stringify({ ...event, type: 'appointment.created', data });
      const headers = { host: 'x', ...signedHeaders(body), 'content-length': body.length };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
      return `POST /his/receive HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
    });
    let answers = '';
    socket.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    // In one packet, which one turn of the event loop reads.
    socket.write(requests.join(''));
    await vi.waitUntil(() => answers.split('HTTP/1.1 200').length === 9, { interval: 1 });
    expect(commit.mock.calls.map(([batch]) => batch.map(({ eventId }) => eventId))).toEqual([
      ['e0', 'e1', 'e2', 'e3', 'e4', 'e5', 'e6', 'e7'],
    ]);
    // By their turn they are there: nothing has to be listened for.
    expect(listened).toEqual([]);
  });
});
