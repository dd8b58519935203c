import { expect } from 'vitest';
import type { ReceiveResult, ReceiverOptions } from '../../src/receiver/options.ts';
import { createReceiver } from '../../src/receiver/receiver.ts';
import type { Receiver, ReceiverRequest } from '../../src/receiver/types.ts';
import type { EventStore } from '../../src/stores/types.ts';
import { expectNoMarker, findMarker, printed } from './canary.ts';
import { CLIENTS, MAPPINGS, markedHeaders, NOW, SCHEMAS } from './events.ts';

/** A receiver, and what it has told its host. */
export interface Observed {
  readonly receiver: Receiver;
  readonly results: ReceiveResult[];
}

export function receiverOn(store: EventStore, options: Partial<ReceiverOptions> = {}): Observed {
  const results: ReceiveResult[] = [];
  const receiver = createReceiver({
    clients: CLIENTS,
    mappings: MAPPINGS,
    dataSchemas: SCHEMAS,
    store,
    limits: { bodyTimeout: 100 },
    now: () => NOW,
    onResult: (result) => results.push(result),
    ...options,
  });
  return { receiver, results };
}

/** A signed request. */
export function sign(event: object): ReceiverRequest {
  const body = Buffer.from(JSON.stringify(event));
  return { method: 'POST', headers: markedHeaders(body), body };
}

/** Sends a request, and looks through everything that is heard of it. */
export async function expectSilent(
  { receiver, results }: Observed,
  request: ReceiverRequest,
  code: string | null,
): Promise<ReceiveResult> {
  results.length = 0;
  const output = await printed(async () => {
    const response = await receiver.receive(request);
    expectNoMarker(response, 'the answer');
  });
  expect(results).toHaveLength(1);
  const [result] = results as [ReceiveResult];
  expect(result.code).toBe(code);
  expectNoMarker(result, 'onResult');
  expect(findMarker(output), 'what is printed').toBeUndefined();
  return result;
}

/** Looks through what the inbox shows of its entries beside their bodies. @returns How many they are. */
export async function expectSilentInbox(store: EventStore): Promise<number> {
  let entries = 0;
  for await (const { body, ...entry } of store.find({})) {
    expect(body === null || body instanceof Uint8Array).toBe(true);
    entries++;
    expectNoMarker(entry, 'the inbox');
  }
  return entries;
}
