/** Several receivers on one database that are handed the same event at the same moment. */
import type { ChaosEngine } from './engine.ts';
import { judge, type Judgement } from './judge.ts';
import { type LiveReceiver, startReceivers, stopReceivers } from './receivers.ts';
import { type Answer, makeEvent, MAPPINGS, post, type SentEvent } from './load.ts';

const RECEIVERS = 4;
/** How many times one event is sent at once. */
const DELIVERIES = 50;

/** What a race is to do. */
export interface RaceOptions {
  readonly engine: ChaosEngine;
  /** Rounds of identical deliveries, and as many of one id with two contents. */
  readonly rounds: number;
  readonly onProgress?: (done: number) => void;
}

/** What a race came to. */
export interface RaceReport extends Judgement {
  readonly sent: number;
  readonly acknowledged: number;
  readonly duplicates: number;
  readonly faults: readonly string[];
}

/** Runs the rounds, and judges what is in the database after them. */
export async function runRaces({ engine, rounds, onProgress }: RaceOptions): Promise<RaceReport> {
  const database = await engine.create(MAPPINGS.tables);
  let receivers: readonly LiveReceiver[] = [];
  try {
    // All at once, because their look at the tables is a race too.
    receivers = await startReceivers(engine, database.env, RECEIVERS);
    const portOf = (n: number) => receivers[n % RECEIVERS]!.port;
    const events: SentEvent[] = [];
    const faults: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const event = raceEvent(`same-${String(round)}`, 'first');
      events.push(event);
      const answers = await Promise.all(
        Array.from({ length: DELIVERIES }, (_, n) => sendTo(portOf(round + n), event)),
      );
      const found = summarize(answers);
      const wanted = `200, ${'200 replayed, '.repeat(DELIVERIES - 1)}`.slice(0, -2);
      if (found !== wanted) faults.push(`identical deliveries were answered with ${found}`);
      onProgress?.(2 * round + 1);

      const two = ['first', 'second'].map((status) => raceEvent(`two-${String(round)}`, status));
      events.push(...two);
      const [one, other] = await Promise.all(two.map((e, n) => sendTo(portOf(round + n), e)));
      const both = summarize([one!, other!]);
      if (both !== '200, 409') faults.push(`two contents were answered with ${both}`);
      onProgress?.(2 * round + 2);
    }
    await stopReceivers(receivers);
    const judgement = await judge(database, MAPPINGS.tables, events);
    return {
      ...judgement,
      // The content that lost is in quarantine, once a round.
      strange: Math.abs(judgement.strange - rounds),
      sent: rounds * (DELIVERIES + 2),
      acknowledged: events.filter(({ fresh }) => fresh > 0).length,
      duplicates: events.reduce((sum, { replayed }) => sum + replayed, 0),
      faults,
    };
  } finally {
    await stopReceivers(receivers, 'SIGKILL');
    await database.close();
  }
}

function raceEvent(id: string, status: string): SentEvent {
  return makeEvent({
    id,
    client: '1001',
    resource: 'appointment',
    operation: 'updated',
    at: '2025-01-08T12:00:00Z',
    key: { appointment_id: id },
    values: { status },
  });
}

async function sendTo(port: number, event: SentEvent): Promise<Answer> {
  const answer = await post(port, event);
  if (answer.status === 200) {
    if (answer.isReplay) event.replayed++;
    else event.fresh++;
  }
  return answer;
}

/** The answers in words, sorted. */
function summarize(answers: readonly Answer[]): string {
  return answers
    .map(({ status, isReplay }) => `${String(status)}${isReplay ? ' replayed' : ''}`)
    .sort()
    .join(', ');
}
