// How much of a unit's output the beginning of a batch stands for, and how much the rest. Does no I/O.
import type { Batch } from './batch.ts';
import { payloadOf } from './format.ts';
import { moved } from './positions.ts';
import type { Positions } from './positions.ts';

/** Where the streams stand once the first `end` bytes of the batch are in the log; `end` is the end of a line. */
export function coverageOf(batch: Batch, end: number): Positions {
  let positions = batch.from;
  let startsAt = 0;
  for (const mark of batch.marks) {
    if (mark.end > end) {
      // In the middle of what came of one chunk, which is of one stream.
      const part = payloadOf(batch.format, batch.bytes.subarray(startsAt, end));
      return moved(positions, mark.stream, part.bytes);
    }
    positions = moved(positions, mark.stream, mark.position - positions[mark.stream]);
    startsAt = mark.end;
  }
  return positions;
}

/** Lines and bytes of the output that are not in the log when only the first `written` bytes of the batch are. */
export function unwrittenOf(
  batch: Batch,
  written: number,
): { readonly lines: number; readonly bytes: number } {
  const { lines, bytes } = payloadOf(batch.format, batch.bytes.subarray(written));
  // An unended last line has a newline in the log that is not in the output.
  return { lines, bytes: Math.min(bytes, batch.payloadBytes) };
}
