// Long computations in steps: at each `yield` whoever runs one may let others have their turn. It is pure all the same:
// what it works on is handed in and must not change until it is done.

/** Gives its result when it is over. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Runs to the end in one go. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** One step an item. */
export function* each<T>(items: Iterable<T>, act: (item: T) => void): Steps<void> {
  for (const item of items) {
    yield;
    act(item);
  }
}

const PIECE_CHARACTERS = 64 * 1024;

/** The texts joined to pieces, none much longer than that and one text: to be written one by one. One step a text. */
export function* pieces(texts: Iterable<string>): Steps<readonly string[]> {
  const full: string[] = [];
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length >= PIECE_CHARACTERS) {
      full.push(piece);
      piece = '';
    }
    yield;
  }
  return [...full, piece];
}
