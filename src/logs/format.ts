// Turns a unit's output into the bytes of its log file: cri, raw or json. Appends to batches; does no I/O.
//
// cri   `2026-11-22T18:51:51.123456789Z stdout F text\n`, the Kubernetes CRI line; a line longer than PIECE_BYTES is
//       several, flagged P but the last.
// raw   the bytes as they came, held back to whole lines where a line is not longer than PIECE_BYTES.
// json  `{"time":…,"stream":…,"text":…}\n`, `"partial":true` where cri says P. Text that is not valid UTF-8 has
//       `"encoding":"base64"` and is base64, so that every byte can be had back.
import { isUtf8 } from 'node:buffer';
import { NOTHING_CARRIED, PIECE_BYTES, newlinesIn, splitLines } from '../core/lines.ts';
import type { EmitPiece } from '../core/lines.ts';
import type { LogFormat } from '../model/unit.ts';
import type { Batch } from './batch.ts';
import type { StreamName } from './stream-name.ts';

/** What is remembered between two chunks of one stream. */
export interface StreamState {
  readonly name: StreamName;
  /** The beginning of a line whose end has not come. */
  carry: Uint8Array;
  /** The last piece emitted was not its line's last. */
  open: boolean;
}

/** Length of all that stands before the text of a cri line: both stream names have six letters. */
export const CRI_PREFIX_BYTES = 40;
const CRI_FLAG_AT = 38;
const NEWLINE = 10;
const PARTIAL_FLAG = 'P'.charCodeAt(0);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const JSON_END = Buffer.from('}\n');
const JSON_PARTIAL_END = Buffer.from(',"partial":true}\n');

export function newStreamState(name: StreamName): StreamState {
  return { name, carry: NOTHING_CARRIED, open: false };
}

/** Appends what `chunk` completes to `batch`, in the batch's format. `stamp` is the time of the whole chunk. */
export function encodeChunk(state: StreamState, chunk: Uint8Array, stamp: string, batch: Batch): void {
  if (batch.format === 'raw') {
    encodeRaw(state, chunk, batch);
    return;
  }
  state.carry = splitLines(state.carry, chunk, PIECE_BYTES, pieceEncoder(state, stamp, batch));
}

/** Appends what is left of a line that has no end: as a whole line, or (`last` false) as a piece to be continued. */
export function encodeRest(state: StreamState, last: boolean, stamp: string, batch: Batch): void {
  const rest = state.carry;
  if (rest.length === 0) return;
  state.carry = NOTHING_CARRIED;
  if (batch.format === 'raw') {
    batch.append(rest, 0, rest.length);
    state.open = true;
    batch.payloadBytes += rest.length;
    if (last) batch.lines += 1;
    return;
  }
  pieceEncoder(state, stamp, batch)(rest, 0, rest.length, last);
  // The end of the line was not in the output.
  if (last) batch.payloadBytes -= 1;
}

/** Ends a line of which some pieces are in the log and the rest never will be; leaves `state` as it is. */
export function encodeBreak(state: Readonly<StreamState>, stamp: string, batch: Batch): void {
  if (!state.open) return;
  if (batch.format === 'raw') batch.appendByte(NEWLINE);
  else encodeOwn(state.name, '', stamp, batch);
}

/** A line of unitd's own on the unit's stderr; it counts as none of the unit's output. */
export function encodeNotice(text: string, stamp: string, batch: Batch): void {
  encodeOwn('stderr', text, stamp, batch);
}

/** The unit's own output that whole formatted lines hold: for what could not be written. */
export function payloadOf(
  format: LogFormat,
  bytes: Buffer,
): { readonly lines: number; readonly bytes: number } {
  if (format === 'raw') return { lines: newlinesIn(bytes), bytes: bytes.length };
  let lines = 0;
  let payload = 0;
  splitLines(NOTHING_CARRIED, bytes, Infinity, (_source, start, end) => {
    const whole = endsWholeLine(format, bytes, end);
    if (whole) lines += 1;
    payload +=
      (whole ? 1 : 0) +
      (format === 'cri' ? end - start - CRI_PREFIX_BYTES : jsonTextBytes(bytes, start, end));
  });
  return { lines, bytes: payload };
}

/** Whether the newline at `newlineAt` ends a line of the unit's, not just a piece of one. */
export function endsWholeLine(format: LogFormat, bytes: Buffer, newlineAt: number): boolean {
  switch (format) {
    case 'raw':
      return true;
    case 'cri': {
      const start = newlineAt === 0 ? 0 : bytes.lastIndexOf(NEWLINE, newlineAt - 1) + 1;
      return bytes[start + CRI_FLAG_AT] !== PARTIAL_FLAG;
    }
    case 'json':
      return !JSON_PARTIAL_END.equals(
        bytes.subarray(Math.max(0, newlineAt + 1 - JSON_PARTIAL_END.length), newlineAt + 1),
      );
  }
}

/** For cri and json. */
function pieceEncoder(state: StreamState, stamp: string, batch: Batch): EmitPiece {
  return batch.format === 'cri' ? criPiece(state, stamp, batch) : jsonPiece(state, stamp, batch);
}

function criPiece(state: StreamState, stamp: string, batch: Batch): EmitPiece {
  const whole = Buffer.from(`${stamp} ${state.name} F `, 'latin1');
  const partial = Buffer.from(`${stamp} ${state.name} P `, 'latin1');
  return (source, start, end, last) => {
    batch.appendLine(last ? whole : partial, source, start, end);
    count(state, batch, end - start, last);
  };
}

function jsonPiece(state: StreamState, stamp: string, batch: Batch): EmitPiece {
  const head = Buffer.from(`{"time":"${stamp}","stream":"${state.name}","text":`);
  return (source, start, end, last) => {
    batch.append(head, 0, head.length);
    if (isPlain(source, start, end)) {
      batch.appendByte(QUOTE);
      batch.append(source, start, end);
      batch.appendByte(QUOTE);
    } else {
      const bytes = Buffer.from(source.buffer, source.byteOffset + start, end - start);
      const text = Buffer.from(
        isUtf8(bytes)
          ? JSON.stringify(bytes.toString('utf8'))
          : `"${bytes.toString('base64')}","encoding":"base64"`,
      );
      batch.append(text, 0, text.length);
    }
    const tail = last ? JSON_END : JSON_PARTIAL_END;
    batch.append(tail, 0, tail.length);
    count(state, batch, end - start, last);
  };
}

/** Stands for itself in a JSON string: most lines do, and then no string need be made of them. */
function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}

function count(state: StreamState, batch: Batch, bytes: number, last: boolean): void {
  state.open = !last;
  batch.payloadBytes += bytes + (last ? 1 : 0);
  if (last) batch.lines += 1;
}

function encodeRaw(state: StreamState, chunk: Uint8Array, batch: Batch): void {
  const before = batch.length;
  const end = chunk.lastIndexOf(NEWLINE) + 1;
  const held = chunk.length - end + (end === 0 ? state.carry.length : 0);
  const takeAll = held > PIECE_BYTES;
  if (end > 0 || takeAll) {
    batch.append(state.carry, 0, state.carry.length);
    batch.append(chunk, 0, takeAll ? chunk.length : end);
    state.open = takeAll;
    batch.lines += newlinesIn(end === chunk.length ? chunk : chunk.subarray(0, end));
    state.carry = takeAll ? NOTHING_CARRIED : Uint8Array.from(chunk.subarray(end));
  } else {
    state.carry = Buffer.concat([state.carry, chunk]);
  }
  batch.payloadBytes += batch.length - before;
}

function encodeOwn(stream: StreamName, text: string, stamp: string, batch: Batch): void {
  const { payloadBytes, lines } = batch;
  if (batch.format === 'raw') {
    const line = Buffer.from(`${text}\n`);
    batch.append(line, 0, line.length);
    return;
  }
  const bytes = Buffer.from(text);
  pieceEncoder(newStreamState(stream), stamp, batch)(bytes, 0, bytes.length, true);
  batch.payloadBytes = payloadBytes;
  batch.lines = lines;
}

function jsonTextBytes(bytes: Buffer, start: number, end: number): number {
  const parsed: unknown = JSON.parse(bytes.toString('utf8', start, end));
  if (typeof parsed !== 'object' || parsed === null || !('text' in parsed) || typeof parsed.text !== 'string')
    return 0;
  return Buffer.byteLength(parsed.text, 'encoding' in parsed ? 'base64' : 'utf8');
}
