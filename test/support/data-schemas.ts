/** Stands in every value of {@link VIOLATIONS}, and must be seen nowhere else. */
export const MARKER = 'zq7marker';
export const MARKED_NUMBER = 918_273_645;

const x = MARKER;
const n = MARKED_NUMBER;

/** For every keyword of ajv that can fail: a schema of the member `a`, and a value it refuses. */
export const VIOLATIONS: readonly (readonly [schema: object | boolean, value: unknown])[] = [
  [false, x],
  [{ type: 'integer', $comment: 'c' }, x],
  [{ type: 'string', nullable: true }, n],
  [{ type: ['boolean', 'null'] }, [x]],
  [{ enum: ['y', 'z'] }, x],
  [{ const: 'y' }, x],
  [{ const: { b: [1] } }, { b: [x] }],
  [{ type: 'number', maximum: 1 }, n],
  [{ type: 'number', minimum: 1 }, -n],
  [{ type: 'number', exclusiveMaximum: 1 }, n],
  [{ type: 'number', exclusiveMinimum: 1 }, -n],
  [{ type: 'number', multipleOf: 7 }, n],
  [{ type: 'string', maxLength: 3 }, x],
  [{ type: 'string', minLength: 300 }, x],
  [{ type: 'string', pattern: '^y' }, x],
  [{ type: 'string', format: 'date-time' }, x],
  [{ type: 'string', format: 'email' }, x],
  [{ type: 'string', format: 'date', formatMinimum: '9999-01-01' }, x],
  [{ type: 'string', format: 'date', formatMaximum: '0001-01-01' }, '2025-01-08'],
  [{ type: 'string', format: 'date', formatExclusiveMinimum: '9999-01-01' }, '2025-01-08'],
  [{ type: 'string', format: 'date', formatExclusiveMaximum: '0001-01-01' }, '2025-01-08'],
  [
    { type: 'object', maxProperties: 1 },
    { b: x, c: x },
  ],
  [
    { type: 'object', minProperties: 9 },
    { b: x, c: x },
  ],
  [{ type: 'object', properties: { c: true }, required: ['c'] }, { b: x }],
  [{ type: 'object', dependentRequired: { b: ['c'] } }, { b: x }],
  [{ type: 'object', dependencies: { b: ['c'] } }, { b: x }],
  [{ type: 'object', dependentSchemas: { b: { maxProperties: 0 } } }, { b: x }],
  [{ type: 'object', propertyNames: { pattern: '^y' } }, { b: x }],
  [{ type: 'object', additionalProperties: false }, { b: x }],
  [{ type: 'object', patternProperties: { '^b': { type: 'number' } } }, { b: x }],
  [{ type: 'object', properties: { c: true }, unevaluatedProperties: false }, { b: x }],
  [{ type: 'array', maxItems: 1 }, [x, n]],
  [{ type: 'array', minItems: 9 }, [x, n]],
  [{ type: 'array', uniqueItems: true }, [x, x]],
  [{ type: 'array', uniqueItems: true }, [{ b: n }, { b: n }]],
  [{ type: 'array', items: { type: 'boolean' } }, [x, n]],
  [
    { type: 'array', prefixItems: [{ type: 'null' }], items: false, minItems: 1, maxItems: 1 },
    [x, n],
  ],
  [{ type: 'array', unevaluatedItems: false }, [x, n]],
  [{ type: 'array', contains: { type: 'null' } }, [x, n]],
  [{ type: 'array', contains: true, minContains: 3, maxContains: 4 }, [x, n]],
  [{ not: { type: 'string' } }, x],
  [{ anyOf: [{ type: 'null' }, { type: 'string', maxLength: 2 }] }, x],
  [{ oneOf: [{ type: 'string' }, { type: 'string', minLength: 1 }] }, x],
  [{ allOf: [{ type: 'null' }, { type: 'boolean' }] }, x],
  [{ if: { type: 'string' }, then: { type: 'string', maxLength: 1 } }, x],
  [{ if: { type: 'null' }, else: { type: 'boolean' } }, x],
  [{ $ref: '#/$defs/short' }, x],
  [{ $dynamicRef: '#node' }, x],
];

/** The `data` schema in which a schema of {@link VIOLATIONS} stands. */
export function schemaOfA(schema: object | boolean): object {
  return {
    type: 'object',
    properties: { a: schema },
    $defs: {
      short: { type: 'string', maxLength: 1 },
      node: { $dynamicAnchor: 'node', type: 'object' },
    },
  };
}
