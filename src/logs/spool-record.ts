// The records of a spool: bytes to values and back. Does no I/O; what they mean is said in spool.ts.
import { crc32 } from 'node:zlib';
import type { FileIdentity } from './inspect.ts';
import type { Positions } from './positions.ts';
import type { StreamIndex } from './stream-name.ts';

/** A record of another form is not understood, and says nothing. */
const VERSION = 2;
const HEAD_BYTES = 20;

/** Bytes of one stream in the file, up to `to`. */
export interface Range {
  readonly stream: StreamIndex;
  readonly from: number;
  readonly to: number;
}

/** An append to a log that has been begun. */
export interface Append {
  /** LOGDIR/NAME. */
  readonly directory: string;
  readonly file: FileIdentity;
  /** Of the file before it. */
  readonly size: number;
  readonly length: number;
  /** Up to where the streams are in the log once it is done. */
  readonly after: Positions;
}

export interface SpoolState {
  /** The boot of the kernel that the pipes and the file belong to. */
  readonly boot: string;
  /** Of the first byte that is kept: of `kept`, then the ranges, then the tail. */
  readonly base: Positions;
  /** Up to where the streams are in the log. */
  readonly done: Positions;
  readonly ranges: readonly Range[];
  /** What lies behind `from`, to the end of the file. */
  readonly tail: Omit<Range, 'to'> | null;
  readonly append: Append | null;
  /** Where runs ended, and their unended lines with them; those of which not all is in the log. */
  readonly runEnds: readonly Positions[];
}

export interface SpoolRecord {
  /** 32 bits; after the last number comes 0. */
  readonly sequence: number;
  readonly state: SpoolState;
  /** Of each stream, the bytes that are kept in the record itself. */
  readonly kept: readonly [Buffer, Buffer];
}

export function sequenceAfter(sequence: number): number {
  return (sequence + 1) >>> 0;
}

/** Whether `one` was written after `other`. The records of a file are next to each other, also where numbers go round. */
export function isLater(one: SpoolRecord, other: SpoolRecord): boolean {
  return ((one.sequence - other.sequence) | 0) > 0;
}

export function encodeRecord({ sequence, state, kept }: SpoolRecord): Buffer {
  const text = Buffer.from(JSON.stringify({ version: VERSION, ...state }));
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(sequence, 4);
  head.writeUInt32LE(text.length, 8);
  head.writeUInt32LE(kept[0].length, 12);
  head.writeUInt32LE(kept[1].length, 16);
  const record = Buffer.concat([head, text, ...kept]);
  record.writeUInt32LE(crc32(record.subarray(4)), 0);
  return record;
}

/** null: nothing has been written there, or not all of it. */
export function decodeRecord(bytes: Buffer): SpoolRecord | null {
  if (bytes.length < HEAD_BYTES) return null;
  const textEnd = HEAD_BYTES + bytes.readUInt32LE(8);
  const firstEnd = textEnd + bytes.readUInt32LE(12);
  const end = firstEnd + bytes.readUInt32LE(16);
  if (end > bytes.length || crc32(bytes.subarray(4, end)) !== bytes.readUInt32LE(0)) return null;
  const { version, ...state }: SpoolState & { readonly version: number } = JSON.parse(
    bytes.toString('utf8', HEAD_BYTES, textEnd),
  );
  if (version !== VERSION) return null;
  const kept = [
    Buffer.from(bytes.subarray(textEnd, firstEnd)),
    Buffer.from(bytes.subarray(firstEnd, end)),
  ] as const;
  return { sequence: bytes.readUInt32LE(4), state, kept };
}
