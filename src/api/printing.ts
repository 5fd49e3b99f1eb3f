// A document as JSON, in steps: of thousands of rows, each is one, so that no answer keeps the event loop from the units.
import type { Steps } from '../core/steps.ts';

/** A piece is cut when it has reached this length. */
const PIECE_CHARACTERS = 64 * 1024;
/** Lists stand in a document itself or in what it has as a property; deeper ones are short. */
const DEPTH = 2;

/** What JSON.stringify() gives of it, in pieces. */
export function* printing(document: unknown): Steps<readonly string[]> {
  const pieces: string[] = [];
  let piece = '';
  for (const text of tokens(document, DEPTH)) {
    piece += text;
    if (piece.length >= PIECE_CHARACTERS) {
      pieces.push(piece);
      piece = '';
    }
    yield;
  }
  pieces.push(piece);
  return pieces;
}

function* tokens(value: unknown, depth: number): Generator<string> {
  if (Array.isArray(value)) {
    let before = '[';
    for (const entry of value) {
      yield `${before}${JSON.stringify(entry) ?? 'null'}`;
      before = ',';
    }
    yield before === '[' ? '[]' : ']';
  } else if (depth > 0 && typeof value === 'object' && value !== null) {
    let before = '{';
    for (const [key, property] of Object.entries(value)) {
      if (property === undefined) continue;
      yield `${before}${JSON.stringify(key)}:`;
      yield* tokens(property, depth - 1);
      before = ',';
    }
    yield before === '{' ? '{}' : '}';
  } else yield JSON.stringify(value) ?? 'null';
}
