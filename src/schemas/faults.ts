import type { Fault } from '../errors.ts';
import { escapePointer, showable } from '../mapping/path.ts';

/** The most faults of one event that are listed; a note follows where there are more. */
export const MAX_FAULTS = 100;

/** What ajv reports. Its messages are made of the schema, its params also of the data's keys. */
export interface Violation {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
  /** Set where it is the name of a member that is at fault. */
  readonly propertyName?: string;
}

/** Ajv's report in the words of this package: each fault once, and none repeats a value. */
export function toFaults(violations: readonly Violation[]): readonly Fault[] {
  const faults = new Map<string, Fault>();
  for (const violation of violations) {
    const fault = show(toFault(violation));
    const id = `${fault.path} ${fault.message}`;
    if (faults.has(id)) continue;
    if (faults.size === MAX_FAULTS) {
      return [...faults.values(), { path: '', message: 'has more faults than are listed' }];
    }
    faults.set(id, fault);
  }
  return [...faults.values()];
}

function toFault(violation: Violation): Fault {
  const { keyword, params, propertyName } = violation;
  const member = (name: unknown): string =>
    `${violation.instancePath}/${escapePointer(String(name))}`;
  if (propertyName !== undefined) {
    return { path: member(propertyName), message: `its name ${describe(violation)}` };
  }
  switch (keyword) {
    case 'required':
      return { path: member(params['missingProperty']), message: 'is required' };
    case 'dependentRequired':
    case 'dependencies':
      return {
        path: member(params['missingProperty']),
        message: `is required where ${String(params['property'])} is present`,
      };
    case 'additionalProperties':
      return { path: member(params['additionalProperty']), message: 'is not allowed' };
    case 'unevaluatedProperties':
      return { path: member(params['unevaluatedProperty']), message: 'is not allowed' };
    case 'propertyNames':
      return { path: member(params['propertyName']), message: 'has a name that is not allowed' };
    default:
      return { path: violation.instancePath, message: describe(violation) };
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
};

function describe({ keyword, params, message = 'does not fit its schema' }: Violation): string {
  switch (keyword) {
    case 'type': {
      const types = [params['type']].flat().map((type) => TYPES[String(type)] ?? String(type));
      return `must be ${types.join(' or ')}`;
    }
    case 'false schema':
      return 'is not allowed';
    default:
      return message.replace('must NOT', 'must not');
  }
}

function show(fault: Fault): Fault {
  const path = showable(fault.path);
  return path === fault.path
    ? fault
    : { path, message: 'has a fault under a name that is too long or not fit to be shown' };
}
