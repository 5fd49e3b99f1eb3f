// Reads lines of log files back: the counterpart of format.ts. Does no I/O.
import type { LogFormat } from '../model/unit.ts';
import { CRI_PREFIX_BYTES } from './format.ts';
import type { StreamName } from './stream-name.ts';

/** One line of a file: a whole line of the unit's, or (`last` false) a piece of one. */
export interface ParsedLine {
  readonly time: string | null;
  readonly stream: StreamName | null;
  readonly last: boolean;
  readonly text: Buffer;
}

const CRI_PREFIX = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z std(?:out|err) [FP] /;
const JSON_PREFIX = /^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z","stream":"/;
const TIME_BYTES = 30;
const JSON_TIME_AT = '{"time":"'.length;
/** Enough of a line to tell its format. */
export const HEAD_BYTES = 64;
const E = 'e'.charCodeAt(0);
const P = 'P'.charCodeAt(0);

/** By the line's first bytes: raw is what is neither of the others. */
export function formatOf(line: Buffer): LogFormat {
  const head = line.toString('latin1', 0, HEAD_BYTES);
  if (CRI_PREFIX.test(head)) return 'cri';
  return JSON_PREFIX.test(head) ? 'json' : 'raw';
}

/** The time a line of that format begins with, without looking at the rest. */
export function timeOf(format: LogFormat, line: Buffer): string | null {
  switch (format) {
    case 'cri':
      return line.toString('latin1', 0, TIME_BYTES);
    case 'json':
      return line.toString('latin1', JSON_TIME_AT, JSON_TIME_AT + TIME_BYTES);
    case 'raw':
      return null;
  }
}

/** The same memory. */
export function bufferOf(source: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(source.buffer, source.byteOffset + start, end - start);
}

/** Never fails: a line that is not in its file's format (torn by a crash, written by someone else) is taken as raw. */
export function parsedLine(fileFormat: LogFormat, line: Buffer): ParsedLine {
  const format = fileFormat === 'raw' ? 'raw' : formatOf(line);
  if (format === 'cri') {
    return {
      time: timeOf('cri', line),
      stream: line[TIME_BYTES + 4] === E ? 'stderr' : 'stdout',
      last: line[CRI_PREFIX_BYTES - 2] !== P,
      text: line.subarray(CRI_PREFIX_BYTES),
    };
  }
  return (
    (format === 'json' ? parsedJson(line) : null) ?? { time: null, stream: null, last: true, text: line }
  );
}

function parsedJson(line: Buffer): ParsedLine | null {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (!('text' in value && typeof value.text === 'string' && 'stream' in value)) return null;
  return {
    time: timeOf('json', line),
    stream: value.stream === 'stderr' ? 'stderr' : 'stdout',
    last: !('partial' in value && value.partial === true),
    text: Buffer.from(value.text, 'encoding' in value && value.encoding === 'base64' ? 'base64' : 'utf8'),
  };
}
