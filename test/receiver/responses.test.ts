import { describe, expect, it } from 'vitest';
import { failure, REFUSALS, success } from '../../src/receiver/responses.ts';

const COMMON = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
const LATER = { ...COMMON, 'retry-after': '5' };

describe('an answer', () => {
  it("has the document's words where an event was processed, and tells a repeat by a header", () => {
    const body = '{"status":"success","message":"Data received and processed successfully."}';
    expect(success(false)).toEqual({ status: 200, headers: COMMON, body });
    expect(success(true)).toEqual({
      status: 200,
      headers: { ...COMMON, 'idempotent-replayed': 'true' },
      body,
    });
  });

  it.each<[keyof typeof REFUSALS, number, Record<string, string>, RegExp]>([
    ['methodNotAllowed', 405, { ...COMMON, allow: 'POST' }, /POST/],
    ['unsupportedMediaType', 415, COMMON, /application\/json in UTF-8, without a Content-Encoding/],
    ['unauthorized', 401, { ...COMMON, 'www-authenticate': 'Bearer' }, /token or the signature/],
    ['requestTimeout', 408, { ...COMMON, connection: 'close' }, /in time/],
    [
      'bodyAlreadyParsed',
      500,
      COMMON,
      /gone\. Mount .* express\.json\(\), or .* parser keep the bytes/,
    ],
    ['clientMismatch', 403, COMMON, /Client-ID/],
    ['conflict', 409, COMMON, /event_id .* other content/],
    ['inProgress', 503, LATER, /being processed right now\. Send it again later/],
    ['storageUnavailable', 500, LATER, /could not be stored\. Send it again later/],
    ['overloaded', 503, LATER, /Send it again later/],
  ])('%s has its status, its headers and a sentence', (name, status, headers, sentence) => {
    const { code } = REFUSALS[name];
    const answer = failure(REFUSALS[name]);
    expect(answer).toMatchObject({ status });
    expect(answer.headers).toEqual(headers);
    expect(JSON.parse(answer.body)).toEqual({
      status: 'error',
      message: expect.stringMatching(sentence) as string,
      code,
    });
  });

  it('lists faults where there are any', () => {
    const errors = [{ path: '/type', message: 'is missing' }];
    const { status, body } = failure({ code: 'invalid_envelope', message: 'Bad.', errors });
    expect(status).toBe(400);
    expect(JSON.parse(body)).toEqual({
      status: 'error',
      message: 'Bad.',
      code: 'invalid_envelope',
      errors,
    });
  });
});
