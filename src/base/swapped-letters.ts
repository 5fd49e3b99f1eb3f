// The commonest slip of the fingers, of which an edit distance makes two.

/** Whether two neighbouring characters of the one are in each other's place in the other, and all else is the same. */
export function areSwapped(one: string, other: string): boolean {
  if (one.length !== other.length || one === other) return false;
  let at = 0;
  while (one[at] === other[at]) at += 1;
  return one.slice(0, at) + one.slice(at + 1, at + 2) + one.slice(at, at + 1) + one.slice(at + 2) === other;
}
