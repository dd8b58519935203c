import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/sender/answer.ts';
import { DEFAULT_PROBE_POLICY, EndpointGate } from '../../src/sender/gate.ts';

const gate = (): EndpointGate => new EndpointGate(DEFAULT_PROBE_POLICY, () => 0);

/** Makes an attempt that begins and ends at `now`. */
function attempt(gate: EndpointGate, judgement: Judgement, now: number, retryAfter?: number) {
  return gate.leave(gate.enter(), judgement, now, retryAfter);
}

function broken(at = 0, retryAfter?: number): EndpointGate {
  const failing = gate();
  for (let n = 0; n < 9; n++) expect(attempt(failing, 'retry', at)).toBeUndefined();
  expect(attempt(failing, 'retry', at, retryAfter)).toBe('broken');
  return failing;
}

describe('an endpoint that works', () => {
  it('takes as many attempts as are wanted', () => {
    const open = gate();
    expect(open.state).toBe('open');
    expect(open.allowance(16, 0)).toBe(16);
    expect(open.probeAt).toBeUndefined();
    expect(attempt(open, 'delivered', 0)).toBeUndefined();
  });

  it('may fail now and then: only ten failures one after another break it', () => {
    const open = gate();
    for (let n = 0; n < 100; n++) {
      for (let failure = 0; failure < 9; failure++) attempt(open, 'retry', 0);
      attempt(open, n % 2 === 0 ? 'delivered' : 'reject', 0);
    }
    expect(open.state).toBe('open');
  });
});

describe('an endpoint that is broken', () => {
  it('takes one probe at a time, each after twice the time, up to a minute', () => {
    const failing = broken();
    const probes: number[] = [];
    for (let now = 0; now < 300_000; now += 500) {
      if (failing.allowance(16, now) === 0) continue;
      expect(failing.allowance(16, now)).toBe(1);
      probes.push(now / 1_000);
      const pass = failing.enter();
      expect(failing.allowance(16, now), 'while it is under way').toBe(0);
      expect(failing.leave(pass, 'retry', now)).toBeUndefined();
    }
    expect(probes).toEqual([1, 3, 7, 15, 31, 63, 123, 183, 243]);
  });

  it('is left alone for as long as it asks to be', () => {
    const failing = broken(0, 30_000);
    expect(failing.allowance(1, 29_999)).toBe(0);
    expect(failing.allowance(1, 30_000)).toBe(1);
    attempt(failing, 'retry', 30_000, 90_000);
    expect(failing.probeAt).toBe(120_000);
  });

  it.each(['delivered', 'reject'] as const)(
    'opens when a probe is answered with %s',
    (judgement) => {
      const failing = broken();
      expect(attempt(failing, judgement, 1_000)).toBe('open');
      expect(failing.allowance(16, 1_000)).toBe(16);
      for (let n = 0; n < 9; n++) expect(attempt(failing, 'retry', 0)).toBeUndefined();
    },
  );

  it('does not mind what began before it broke', () => {
    const failing = gate();
    const passes = Array.from({ length: 16 }, () => failing.enter());
    const states = passes.map((pass, index) =>
      failing.leave(pass, index < 14 ? 'retry' : 'delivered', 0),
    );
    expect(states.filter((state) => state !== undefined)).toEqual(['broken']);
    expect(failing.state).toBe('broken');
    expect(failing.probeAt).toBe(1_000);
  });

  it('lets the next probe go where one came to nothing', () => {
    const failing = broken();
    const pass = failing.enter();
    expect(failing.allowance(1, 1_000)).toBe(0);
    expect(failing.leave(pass, undefined, 1_000)).toBeUndefined();
    expect(failing.allowance(1, 1_000)).toBe(1);
  });

  it('takes an attempt beside the probe for what it says, and does not wait longer for it', () => {
    const failing = broken();
    const probe = failing.enter();
    const beside = failing.enter();
    expect([probe.isProbe, beside.isProbe]).toEqual([true, false]);
    failing.leave(beside, 'retry', 1_000);
    expect(failing.probeAt).toBe(1_000);
    const another = failing.enter();
    expect(failing.leave(another, 'delivered', 1_000)).toBe('open');
    expect(failing.leave(probe, 'pause', 1_001), 'old news').toBeUndefined();
  });

  it('becomes paused when it answers that the token is wrong', () => {
    const failing = broken();
    expect(attempt(failing, 'pause', 5_000)).toBe('paused');
    expect(failing.probeAt).toBe(6_000);
  });
});

describe('an endpoint that is paused', () => {
  it('is so at once, is told of once, and stays so while it cannot be reached', () => {
    const paused = gate();
    const inFlight = [paused.enter(), paused.enter()];
    expect(attempt(paused, 'pause', 0)).toBe('paused');
    for (const pass of inFlight) expect(paused.leave(pass, 'pause', 0)).toBeUndefined();
    const judgements: Judgement[] = [
      'pause',
      'retry',
      'pause',
      ...Array<Judgement>(20).fill('retry'),
    ];
    for (const judgement of judgements) {
      expect(attempt(paused, judgement, 0)).toBeUndefined();
      expect(paused.state).toBe('paused');
    }
    expect(attempt(paused, 'delivered', 0)).toBe('open');
  });

  it('is not opened by an answer to what began before the token was revoked', () => {
    const paused = gate();
    const early = paused.enter();
    attempt(paused, 'pause', 0);
    expect(paused.leave(early, 'delivered', 1)).toBeUndefined();
    expect(paused.state).toBe('paused');
  });

  it('is not paused again by an answer to what began before the token was renewed', () => {
    const renewed = gate();
    attempt(renewed, 'pause', 0);
    const early = renewed.enter();
    const probe = renewed.enter();
    expect(renewed.leave(probe, 'delivered', 1)).toBe('open');
    expect(renewed.leave(early, 'pause', 2)).toBeUndefined();
    expect(renewed.state).toBe('open');
  });

  it('is probed at once when somebody knows better', () => {
    const paused = gate();
    attempt(paused, 'pause', 0);
    for (let n = 0; n < 5; n++) attempt(paused, 'pause', 0);
    expect(paused.allowance(1, 5_000)).toBe(0);
    paused.hurry();
    expect(paused.allowance(1, 0)).toBe(1);
    attempt(paused, 'pause', 0);
    expect(paused.probeAt).toBe(1_000);
  });
});
