import fc from 'fast-check';
import { BODIES } from './events.ts';
import { authentic, TOKENS } from './host.ts';
import { mutate, type Mutation, MUTATION_KINDS, WORDS } from './mutate.ts';

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const mutation: fc.Arbitrary<Mutation> = fc
  .record({
    // What is still JSON gets further.
    how: fc.oneof(
      { weight: 1, arbitrary: fc.constantFrom(...MUTATION_KINDS) },
      {
        weight: 3,
        arbitrary: fc.constantFrom(...MUTATION_KINDS.filter(({ level }) => level === 'json')),
      },
    ),
    at: place,
    to: place,
    word: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...WORDS) }, fc.string()),
  })
  .map(({ how, ...rest }) => ({ ...how, ...rest }) as Mutation);

/** One of some events, changed in up to five places. */
const mutated = (events: readonly Uint8Array[]) =>
  fc
    .record({
      body: fc.constantFrom(...events),
      mutations: fc.oneof(
        { weight: 2, arbitrary: fc.constant<Mutation[]>([]) },
        { weight: 4, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 1 }) },
        { weight: 1, arbitrary: fc.array(mutation, { minLength: 2, maxLength: 5 }) },
      ),
    })
    .map(({ body, mutations }) => mutations.reduce<Uint8Array>(mutate, body));

/** Any body: noise, JSON of any kind, and mostly what is close to an event. */
const bodiesLike = (events: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 16, arbitrary: mutated(events) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    { weight: 1, arbitrary: fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)) },
  );

/** Bodies of one request. */
export const bodies: fc.Arbitrary<Uint8Array> = bodiesLike(BODIES);

/** A header's value, or several lines of it, or none. */
const values = (likely: readonly string[]): fc.Arbitrary<string | string[] | undefined> => {
  const one = fc.oneof(
    fc.constantFrom(...likely),
    fc.constantFrom(...WORDS),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc
      .tuple(fc.constantFrom(...likely), fc.string({ maxLength: 4 }))
      .map((parts) => parts.join('')),
  );
  return fc.oneof(
    { weight: 4, arbitrary: one },
    { weight: 1, arbitrary: fc.array(one, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
};

const odd = {
  'content-type': values(['application/json', 'application/json; charset=utf-8', 'text/plain']),
  'content-encoding': values(['identity', 'gzip', 'br']),
  'content-length': values(['0', '10', '1048577', '-1']),
  authorization: values(['Bearer token-1001', 'bearer token-sandbox', 'Basic eDp5', 'Bearer ']),
  'buktor-signature': values(['f'.repeat(64), 'é'.repeat(64), `sha256=${'0'.repeat(64)}`, '']),
  'client-id': values(['1001', '1002', '1003', ' 1001']),
  'Client-ID': values(['1001', '1002']),
  accept: values(['*/*']),
};

type OddHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Headers of which one or several are not what they should be. */
const oddHeaders: fc.Arbitrary<OddHeaders> = fc.oneof(
  fc.constantFrom(...Object.entries(odd)).chain(([name, value]) => fc.record({ [name]: value })),
  fc.record(odd, { requiredKeys: [] }),
);

/** A request, as an adapter hands it over. */
export interface FuzzedRequest {
  readonly method: string;
  readonly headers: OddHeaders;
  readonly body: Uint8Array;
  readonly token: string;
}

/** Most requests are authentic, so that the layers behind the signature are reached. */
const requestsWith = (body: fc.Arbitrary<Uint8Array>): fc.Arbitrary<FuzzedRequest> =>
  fc
    .record({
      body,
      token: fc.oneof(
        { weight: 4, arbitrary: fc.constant('token-1001') },
        fc.constantFrom(...Object.keys(TOKENS)),
      ),
      change: fc.oneof({ weight: 5, arbitrary: fc.constant({}) }, oddHeaders),
      method: fc.oneof(
        { weight: 30, arbitrary: fc.constant('POST') },
        fc.constantFrom('GET', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'post', ''),
      ),
    })
    .map(({ body, token, change, method }) => ({
      method,
      headers: { ...authentic(body, token), ...change },
      body,
      token,
    }));

/** One request. */
export const requests: fc.Arbitrary<FuzzedRequest> = requestsWith(bodies);

/** Requests in a row that are about one or two events, so that they meet. */
export const sequences: fc.Arbitrary<FuzzedRequest[]> = fc
  .subarray([...BODIES], { minLength: 1, maxLength: 2 })
  .chain((events) => fc.array(requestsWith(bodiesLike(events)), { minLength: 1, maxLength: 8 }));
