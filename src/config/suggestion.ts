// "Did you mean": the one candidate that a slip of the fingers makes into what was written.
import { closestMatch } from 'leven';

/** null when nothing is near enough: a third of the letters may differ, or two be in each other's place. */
export function suggestion(name: string, candidates: readonly string[]): string | null {
  if (name.length > 200) return null;
  const sameLetters = candidates.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  const maxDistance = Math.max(1, Math.floor(name.length / 3));
  const swapped = candidates.find((candidate) => areSwapped(name, candidate));
  return sameLetters ?? swapped ?? closestMatch(name, candidates, { maxDistance }) ?? null;
}

/** The commonest slip, which counts as two letters that differ: too many for a short name. */
function areSwapped(name: string, candidate: string): boolean {
  if (name.length !== candidate.length || name === candidate) return false;
  let at = 0;
  while (name[at] === candidate[at]) at += 1;
  return (
    name.slice(0, at) + name.slice(at + 1, at + 2) + name.slice(at, at + 1) + name.slice(at + 2) === candidate
  );
}
