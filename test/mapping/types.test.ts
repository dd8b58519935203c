import { describe, expect, it } from 'vitest';
import { COERCE } from '../../src/mapping/coerce.ts';
import { Refused } from '../../src/mapping/values.ts';
import { TYPE_INPUTS } from './type-inputs.ts';

describe.each(['string', 'integer', 'number', 'decimal', 'boolean', 'json'] as const)(
  '%s',
  (type) => {
    const { accepted, refused } = TYPE_INPUTS[type];

    it.each(accepted)('takes %j', (input, _, result) => {
      const stored = COERCE[type](input);
      expect(stored).toEqual(result);
      // What is stored is taken again as it is.
      expect(COERCE[type](result)).toEqual(result);
      expect(Object.is(stored, -0)).toBe(false);
    });

    it.each(refused.map(([input, , reason]) => ({ input, reason })))(
      'refuses $input',
      ({ input, reason }) => {
        expect(COERCE[type](input)).toEqual(new Refused(reason!));
      },
    );
  },
);
