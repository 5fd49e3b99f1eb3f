// Numbers of users and groups.

/** Ids have 32 bits; all of them set is no account's, but the "as it is" of setresuid(2) and chown(2). */
export const HIGHEST_ID = 4_294_967_294;

/** Whether a text is meant as a number, and no name: that one can have it is not said. */
export function spellsNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

/** The id that a text spells in full; null when it spells none that an account can have. */
export function idIn(text: string): number | null {
  return spellsNumber(text) && Number(text) <= HIGHEST_ID ? Number(text) : null;
}
