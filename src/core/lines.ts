// Cuts a stream of byte chunks into lines, wherever the chunks happen to be cut.
// Knows bytes only: never decodes, never looks at anything but the newline.

/** A longer line is handed on in pieces of exactly this many bytes and a last, shorter one: the convention of CRI runtimes. */
export const PIECE_BYTES = 16 * 1024;

const NEWLINE = 10;

/**
 * Receives `source[start, end)`, a line or a piece of one without its newline; `last` is false when more of the same
 * line follows. The bytes are borrowed: they are overwritten after the call.
 */
export type EmitPiece = (source: Uint8Array, start: number, end: number, last: boolean) => void;

export const NOTHING_CARRIED: Uint8Array = new Uint8Array(0);

/**
 * Emits every line that `carry` followed by `chunk` completes, and returns what is to be passed as `carry` next time:
 * a copy, at most `maxPiece` bytes. The pieces depend on the bytes alone, not on where the chunks were cut: a piece
 * that is not the last is emitted only when a byte beyond it is known, so no line ends with an empty piece.
 */
export function splitLines(
  carry: Uint8Array,
  chunk: Uint8Array,
  maxPiece: number,
  emit: EmitPiece,
): Uint8Array {
  let start = 0;
  if (carry.length > 0) {
    const newline = chunk.indexOf(NEWLINE);
    if (newline === -1 && carry.length + chunk.length <= maxPiece) return longerCarry(carry, chunk);
    const joined = joinedBytes(carry, chunk, newline === -1 ? chunk.length : newline);
    if (newline === -1) return emitBeginning(joined, 0, joined.length, maxPiece, emit);
    emitLine(joined, 0, joined.length, maxPiece, emit);
    start = newline + 1;
  }
  for (;;) {
    const newline = chunk.indexOf(NEWLINE, start);
    if (newline === -1) break;
    if (newline - start <= maxPiece) emit(chunk, start, newline, true);
    else emitLine(chunk, start, newline, maxPiece, emit);
    start = newline + 1;
  }
  return emitBeginning(chunk, start, chunk.length, maxPiece, emit);
}

export function newlinesIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

function emitLine(source: Uint8Array, start: number, end: number, maxPiece: number, emit: EmitPiece): void {
  let at = start;
  for (; end - at > maxPiece; at += maxPiece) emit(source, at, at + maxPiece, false);
  emit(source, at, end, true);
}

function emitBeginning(
  source: Uint8Array,
  start: number,
  end: number,
  maxPiece: number,
  emit: EmitPiece,
): Uint8Array {
  let at = start;
  for (; end - at > maxPiece; at += maxPiece) emit(source, at, at + maxPiece, false);
  return at === end ? NOTHING_CARRIED : joinedBytes(NOTHING_CARRIED, source.subarray(at, end), end - at);
}

/** How much is in use of a buffer that was made with room for more. */
const usedBytes = new WeakMap<ArrayBufferLike, number>();

/** Written behind `carry` where there is room, so that a line of many chunks is not copied anew for each of them. */
function longerCarry(carry: Uint8Array, chunk: Uint8Array): Uint8Array {
  const length = carry.length + chunk.length;
  let { buffer } = carry;
  // Another count: somebody has gone on from this carry before.
  if (usedBytes.get(buffer) !== carry.length || buffer.byteLength < length) {
    buffer = new ArrayBuffer(2 * length);
    new Uint8Array(buffer).set(carry);
  }
  new Uint8Array(buffer).set(chunk, carry.length);
  usedBytes.set(buffer, length);
  return new Uint8Array(buffer, 0, length);
}

function joinedBytes(first: Uint8Array, second: Uint8Array, secondLength: number): Uint8Array {
  const joined = new Uint8Array(first.length + secondLength);
  joined.set(first, 0);
  joined.set(second.subarray(0, secondLength), first.length);
  return joined;
}
