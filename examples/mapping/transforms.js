// What the mapping names as "transform". Each gets a value that is there and is not null, and the
// parameters of the rule. What it throws refuses the event.

/**
 * "Patient/example" → "example"
 *
 * @param {string} reference
 */
export const referenceId = (reference) => reference.slice(reference.lastIndexOf('/') + 1);

/**
 * The id of the first reference to a resource of a type, or null.
 *
 * @param {{ reference?: string }[]} references
 * @param {{ parameters: string }} context
 * @returns {string | null}
 */
export const referenceIdOf = (references, { parameters: type }) => {
  for (const { reference } of references) {
    if (reference?.startsWith(`${type}/`)) return referenceId(reference);
  }
  return null;
};

/**
 * The id of the first participant of a type: `participant[].actor`.
 *
 * @param {{ actor?: { reference?: string } }[]} participants
 * @param {{ parameters: string }} context
 * @returns {string | null}
 */
export const actorId = (participants, context) => {
  const actors = [];
  for (const { actor } of participants) if (actor) actors.push(actor);
  return referenceIdOf(actors, context);
};

/**
 * The value of the first contact point of a system: phone, email, …; or null.
 *
 * @param {{ system?: string, value?: string }[]} telecom
 * @param {{ parameters: string }} context
 * @returns {string | null}
 */
export const contact = (telecom, { parameters: system }) => {
  for (const point of telecom) if (point.system === system) return point.value ?? null;
  return null;
};
