/** One text for several, so that no two lists of them have the same. */
export function identity(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}
