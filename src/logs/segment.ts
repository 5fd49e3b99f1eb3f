// One file of a log, open for reading: `current` or a rotated one, compressed or not. Reads blocks, forwards from any
// place and backwards; knows nothing of entries.
//
// A rotated file is compressed and removed while readers are at it. Whoever holds the plain file open reads on; one
// that opens it too late finds the compressed form, whose bytes and offsets are the same.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { codeOf } from '../base/fault.ts';
import { foreignness, identityOf } from './inspect.ts';
import type { FileIdentity } from './inspect.ts';
import { COMPRESSED } from './names.ts';

const BLOCK_BYTES = 256 * 1024;
const NEWLINE = 10;

export interface Segment {
  readonly handle: FileHandle;
  readonly compressed: boolean;
  readonly identity: FileIdentity | null;
  /** Of the last line. */
  readonly modifiedMs: number;
}

/**
 * null: it is gone, in both forms. Throws for what is no regular file, without waiting for what a FIFO may bring, and for
 * a directory that others may write. The caller closes `handle`.
 */
export async function openSegment(directory: string, name: string): Promise<Segment | null> {
  const trouble = await foreignness(directory);
  if (trouble !== null) throw Object.assign(new Error(trouble), { code: 'EACCES', path: directory });
  for (const compressed of [false, true]) {
    const path = join(directory, compressed ? name + COMPRESSED : name);
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') continue;
      throw error;
    }
    try {
      const status = await handle.stat();
      if (!status.isFile())
        throw Object.assign(new Error('it is not a regular file'), { code: 'EINVAL', path });
      return { handle, compressed, identity: identityOf(status), modifiedMs: status.mtimeMs };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
  return null;
}

/** Blocks from `offset` (of the uncompressed bytes) to the end that the file has when it is reached. */
export async function* blocksOf({ handle, compressed }: Segment, offset: number): AsyncGenerator<Buffer> {
  if (!compressed) {
    for (let at = offset; ;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(BLOCK_BYTES), 0, BLOCK_BYTES, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
  const source = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: BLOCK_BYTES });
  const gunzip = createGunzip({ chunkSize: BLOCK_BYTES });
  source.on('error', (error) => gunzip.destroy(error));
  let passed = 0;
  try {
    for await (const chunk of source.pipe(gunzip)) {
      if (!Buffer.isBuffer(chunk)) continue;
      const skip = Math.min(chunk.length, Math.max(0, offset - passed));
      passed += chunk.length;
      if (skip < chunk.length) yield chunk.subarray(skip);
    }
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

/** Lines from the last to the first with the offset each begins at; only of a plain file. The bytes are borrowed. */
export async function* linesBackwards(
  { handle }: Segment,
  end: number,
): AsyncGenerator<{ readonly start: number; readonly line: Buffer }> {
  /** What lies between `at` and the last line handed out, the blocks as they were read: all of one line. */
  let held: Buffer[] = [];
  let at = end;
  while (at > 0) {
    const length = Math.min(BLOCK_BYTES, at);
    at -= length;
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, at);
    // Emptied by someone while it is read.
    if (bytesRead < length) return;
    let rest = buffer;
    for (;;) {
      // The newline that ends a line does not begin it.
      const last = held.length > 0 ? rest.length - 1 : rest.length - 2;
      const newline = last < 0 ? -1 : rest.lastIndexOf(NEWLINE, last);
      if (newline === -1) break;
      const beginning = rest.subarray(newline + 1);
      const line = held.length === 0 ? beginning : Buffer.concat([beginning, ...held.toReversed()]);
      held = [];
      yield { start: at + newline + 1, line };
      rest = rest.subarray(0, newline + 1);
    }
    if (rest.length > 0) held.push(rest);
  }
  if (held.length > 0) yield { start: 0, line: Buffer.concat(held.toReversed()) };
}
