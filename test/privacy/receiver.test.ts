import { describe, expect, it } from 'vitest';
import { StorageError } from '../../src/errors.ts';
import type { ReceiverOptions } from '../../src/receiver/options.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import { expectNoMarker, findMarker, marker, rejection, textOf } from './canary.ts';
import { markedEvent } from './events.ts';
import { expectSilent, expectSilentInbox, receiverOn, sign } from './observe.ts';
import { CASES } from './requests.ts';

async function first<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new Error('There is none.');
}

describe('what becomes of a request shows nothing of it', () => {
  it('and the markers are found where they are', () => {
    const error = new Error('outer', { cause: { rows: [{ deep: marker() }] } });
    expect(findMarker(textOf(error))).toBeDefined();
    expect(findMarker(textOf({ [marker()]: 1 }))).toBeDefined();
    expect(findMarker(Buffer.from(marker()).toString('hex'))).toBeDefined();
    for (const before of ['', 'a', 'ab']) {
      expect(findMarker(Buffer.from(before + marker()).toString('base64'))).toBeDefined();
    }
  });

  it.each(CASES.map((one) => [one.name, one] as const))('%s', async (_, { request, code }) => {
    const store = memoryStore();
    const made = receiverOn(store);
    await expectSilent(made, request(), code);
    const isKept = !/^(method|unsupp|unauth|payload|request|body|client)/.test(code ?? '');
    expect(await expectSilentInbox(store)).toBe(isKept ? 1 : 0);
    await made.receiver.close();
  });

  it('event_id_conflict, duplicates and late events', async () => {
    const store = memoryStore();
    const made = receiverOn(store);
    const first = markedEvent();
    await expectSilent(made, sign(first), null);
    expect((await expectSilent(made, sign(first), null)).replayed).toBe(true);
    await expectSilent(made, sign({ ...first, data: markedEvent()['data'] }), 'event_id_conflict');
    const { event_id: _, ...late } = first;
    const older = { ...late, event_id: 'evt_older', timestamp: '2024-01-08T12:00:00Z' };
    expect((await expectSilent(made, sign(older), null)).stale).toBe(true);
    expectNoMarker(await made.receiver.replay({ force: true }), 'the report of a replay');
    await expectSilentInbox(store);
  });

  it('overloaded: no room in quarantine, and shutting down', async () => {
    const made = receiverOn(memoryStore({ quarantineQuota: 0 }));
    await expectSilent(made, sign(markedEvent({}, { type: 'location.created' })), 'overloaded');
    await made.receiver.close();
    await expectSilent(made, sign(markedEvent()), 'overloaded');
  });

  it('in_progress', async () => {
    const made = receiverOn({
      ...memoryStore(),
      commit: (batch) => Promise.resolve(batch.map(() => 'in_progress' as const)),
    });
    await expectSilent(made, sign(markedEvent()), 'in_progress');
  });

  /** What functions and stores of a host's may throw, made of what they were given. */
  const THROWN: Readonly<Record<string, (value: string) => unknown>> = {
    'an Error': (value) => new Error(`no such thing: ${value}`),
    'an Error of many lines': (value) => new Error(`${value}\n    at ${value} (x.js:1:1)`),
    'an Error with a cause and members': (value) =>
      Object.assign(new Error('failed', { cause: new Error(value) }), { query: value, value }),
    'an Error of a changed message': (value) => {
      const error = new Error(value);
      error.message = 'changed';
      return error;
    },
    'an Error with a name and a code': (value) =>
      Object.assign(new Error('x'), { name: value, code: value }),
    'an AggregateError': (value) => new AggregateError([new Error(value)], ''),
    'a system error': (value) =>
      Object.assign(new Error(`ENOENT: no such file, open '/${value}'`), {
        code: 'ENOENT',
        syscall: 'open',
        path: `/${value}`,
      }),
    'a text': (value) => value,
    'an object': (value) => ({ message: value }),
  };

  const PLACES: Readonly<
    Record<string, (fail: (value: string) => never) => Partial<ReceiverOptions>>
  > = {
    clients: (fail) => ({ clients: (token) => fail(token) }),
    'clients that reject': (fail) => ({
      clients: (token) => Promise.resolve().then(() => fail(token)),
    }),
    mappings: (fail) => ({ mappings: () => fail(marker()) }),
    dataSchemas: (fail) => ({
      dataSchemas: { types: [], validate: (_, data) => fail(JSON.stringify(data)) },
    }),
    store: (fail) => ({
      store: { ...memoryStore(), commit: ([change]) => fail(String(change!.body)) },
    }),
    'a store that wraps': (fail) => ({
      store: {
        ...memoryStore(),
        commit: () =>
          Promise.resolve()
            .then(() => fail(marker()))
            .catch((cause: unknown) => {
              throw new StorageError('The store failed.', { cause });
            }),
      },
    }),
  };

  describe.each(Object.keys(PLACES))('storage_unavailable: %s', (place) => {
    it.each(Object.keys(THROWN))('throws %s', async (what) => {
      const options = PLACES[place]!((value) => {
        throw THROWN[what]!(value);
      });
      const made = receiverOn(memoryStore(), options);
      const { error } = await expectSilent(made, sign(markedEvent()), 'storage_unavailable');
      expect(error).toBeInstanceOf(Error);
    });
  });

  it('a replay that fails', async () => {
    const store = memoryStore();
    const made = receiverOn(store);
    await expectSilent(made, sign(markedEvent()), null);
    const broken = receiverOn({
      ...store,
      commit: ([change]) => Promise.reject(new Error(String(change!.body))),
    }).receiver;
    const error = await rejection(broken.replay({ force: true }));
    expect(error).toBeInstanceOf(Error);
    expectNoMarker(error, 'a failed replay');
  });

  it('a look at the inbox that fails', async () => {
    const store = memoryStore();
    await expectSilent(receiverOn(store), sign(markedEvent()), null);
    const { receiver } = receiverOn({
      ...store,
      async *find(filter) {
        for await (const { body } of store.find(filter))
          throw new Error(Buffer.from(body!).toString());
        yield* [];
      },
    });
    const { eventId } = await first(receiverOn(store).receiver.find());
    const reveal = receiver.reveal({ clientId: '1001', eventId }, { actor: 'Zoë' });
    for (const [name, look] of Object.entries({ find: first(receiver.find()), reveal })) {
      const error = await rejection(look);
      expect(error).toBeInstanceOf(Error);
      expectNoMarker(error, name);
    }
  });
});
