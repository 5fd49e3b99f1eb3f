// "Did you mean": the known names that one that was typed comes close to. Loads its tables, so only for what is wrong.
import leven from 'leven';
import { areSwapped } from '../base/swapped-letters.ts';

/** Those that hold it, at most three; else the one that slips of the fingers make into it; none if nothing is near. */
export function nearNames(name: string, candidates: readonly string[]): readonly string[] {
  const sought = name.toLowerCase();
  const inside = candidates.filter((other) => name.length > 2 && other.toLowerCase().includes(sought));
  if (inside.length > 0) return inside.slice(0, 3);
  const maxDistance = Math.max(Math.min(1, name.length - 1), Math.floor(name.length / 3));
  const [best] = candidates
    .map((other) => ({
      other,
      distance: areSwapped(sought, other.toLowerCase())
        ? 1
        : leven(sought, other.toLowerCase(), { maxDistance: maxDistance + 1 }),
      lengths: Math.abs(name.length - other.length),
    }))
    .filter(({ distance }) => distance <= maxDistance)
    .toSorted((one, other) => one.distance - other.distance || one.lengths - other.lengths);
  return best === undefined ? [] : [best.other];
}
