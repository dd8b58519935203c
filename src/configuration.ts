import { ConfigurationError } from './errors.ts';
import { EVENT_TYPE_PATTERN } from './events.ts';

/**
 * Refuses an option nobody knows: a misspelt one would silently mean its default.
 *
 * @throws ConfigurationError if `options` is no object, or has a member that is not in `known`.
 */
export function checkMembers(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigurationError(`${name} must be an object.`);
  }
  for (const member of Object.keys(options)) {
    if (!known.includes(member)) {
      throw new ConfigurationError(`${name} has no option ${member}; it has ${known.join(', ')}.`);
    }
  }
}

/**
 * Checks the event types a host registers.
 *
 * @throws ConfigurationError for one that is not of the form `resource.operation`.
 */
export function checkTypes(types: readonly string[]): void {
  for (const type of types) {
    if (!EVENT_TYPE_PATTERN.test(type)) {
      throw new ConfigurationError(
        `types: ${JSON.stringify(type)} is not of the form resource.operation.`,
      );
    }
  }
}
