// A document as JSON, in steps: of thousands of rows, each is one, so that no answer keeps the event loop from the units.
import { pieces } from '../core/steps.ts';
import type { Steps } from '../core/steps.ts';

/** Lists stand in a document itself or in what it has as a property; deeper ones are short. */
const DEPTH = 2;

/** What JSON.stringify() gives of it, in pieces. */
export function printing(document: unknown): Steps<readonly string[]> {
  return pieces(tokens(document, DEPTH));
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
