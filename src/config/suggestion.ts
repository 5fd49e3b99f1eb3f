// "Did you mean": the one candidate that a slip of the fingers makes into what was written.
import { closestMatch } from 'leven';
import { areSwapped } from '../base/swapped-letters.ts';

/** null when nothing is near enough: a third of the letters may differ, or two be in each other's place. */
export function suggestion(name: string, candidates: readonly string[]): string | null {
  if (name.length > 200) return null;
  const sameLetters = candidates.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  const maxDistance = Math.max(1, Math.floor(name.length / 3));
  const swapped = candidates.find((candidate) => areSwapped(name, candidate));
  return sameLetters ?? swapped ?? closestMatch(name, candidates, { maxDistance }) ?? null;
}
