// The bytes of a unit file as text: size, encoding and characters are checked here, before any YAML is read.
// It also turns offsets into lines and columns. It must not know what the text means.
import { hash } from 'node:crypto';

/** Larger files are refused unread: no unit needs it, and everything after this costs time in the size. */
export const MAX_FILE_BYTES = 1024 * 1024;

export interface Place {
  readonly line: number;
  readonly column: number;
}

export type SourceText =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      readonly code: string;
      readonly place: Place | null;
      readonly actual: string;
      readonly expected: string;
    };

/** A byte-order mark is taken off, so offsets count from the first character after it. */
export function sourceText(bytes: Uint8Array): SourceText {
  if (bytes.length > MAX_FILE_BYTES) {
    // How many more is not known: os reads no further.
    return {
      ok: false,
      code: 'file-size',
      place: null,
      actual: `the file has more than ${MAX_FILE_BYTES} bytes`,
      expected: 'expected at most that',
    };
  }
  const text = decoded(bytes);
  if (text === null) {
    const before = validPrefix(bytes);
    const byte = bytes[before.length]?.toString(16).padStart(2, '0') ?? '';
    return {
      ok: false,
      code: 'encoding',
      place: placeAt(before.text, before.text.length),
      actual: `byte 0x${byte} is not UTF-8`,
      expected: 'expected a file in UTF-8',
    };
  }
  const nul = text.indexOf('\0');
  if (nul !== -1) {
    const place = placeAt(text, nul);
    return {
      ok: false,
      code: 'nul-byte',
      place,
      actual: 'the file has a NUL byte',
      expected: 'expected text',
    };
  }
  return { ok: true, text };
}

/** 1-based line and column (in UTF-16 units, as editors count) of an offset; \n, \r\n and \r end a line, as in YAML. */
export function placeAt(text: string, offset: number): Place {
  let line = 1;
  let lineStart = 0;
  for (const end of text.slice(0, offset).matchAll(/\r\n?|\n/g)) {
    line += 1;
    lineStart = end.index + end[0].length;
  }
  return { line, column: offset - lineStart + 1 };
}

/** By the bytes, which nobody writes to once they are read: a set is loaded again with most of the same. */
const fingerprints = new WeakMap<Uint8Array, string>();

/** Identity of a file's content: equal fingerprints mean that it need not be parsed again. */
export function fingerprintOf(bytes: Uint8Array): string {
  let fingerprint = fingerprints.get(bytes);
  if (fingerprint === undefined) {
    fingerprint = hash('sha256', bytes, 'hex');
    fingerprints.set(bytes, fingerprint);
  }
  return fingerprint;
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The longest valid beginning of bytes that are not UTF-8 as a whole, by bisection. */
function validPrefix(bytes: Uint8Array): { readonly text: string; readonly length: number } {
  let low = 0;
  let high = bytes.length;
  const streamed = (length: number): string | null => {
    try {
      // stream: an unfinished character at the end is not yet wrong
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
    } catch {
      return null;
    }
  };
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (streamed(middle) === null) high = middle - 1;
    else low = middle;
  }
  const text = streamed(low) ?? '';
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  return { text, length: Math.min(bom + Buffer.byteLength(text), bytes.length - 1) };
}
