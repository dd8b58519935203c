import { ConfigurationError } from './errors.ts';

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
