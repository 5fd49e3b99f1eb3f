// "Did you mean": the known names that one that was typed comes close to. Loads its tables, so only for what is wrong.
import leven from 'leven';

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

/** Two letters in each other's place are the commonest slip, of which leven makes two: too many for a short name. */
function areSwapped(name: string, other: string): boolean {
  let at = 0;
  while (at < name.length && name[at] === other[at]) at += 1;
  const swapped =
    name.slice(0, at) + name.slice(at + 1, at + 2) + name.slice(at, at + 1) + name.slice(at + 2);
  return name !== other && swapped === other;
}
