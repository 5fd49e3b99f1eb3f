// Looks at a log file from outside: which file it is, how its lines are formed, how old it is. Changes nothing.
import { lstat, open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { PIECE_BYTES } from '../core/lines.ts';
import type { LogFormat } from '../model/unit.ts';
import { codeOf } from '../base/fault.ts';
import { directoryTrouble, foreignOwner } from '../os/own-directory.ts';
import { endsWholeLine } from './format.ts';
import { formatOf, HEAD_BYTES, timeOf } from './parse.ts';

/** More than a cri line of ours has. */
const TAIL_BYTES = 2 * PIECE_BYTES;
const NEWLINE = 10;

/** Device and inode: stays the same through a rename, and is not reused while the file is open. */
export type FileIdentity = string;

export function identityOf(status: Stats | null): FileIdentity | null {
  return status === null ? null : `${status.dev}:${status.ino}`;
}

/** null: there is no such file. */
export async function statusOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Why a log's directory cannot be used, as a clause, null where it can: whoever may write there can put a link in the
 * place of a file, and have written or read what that user could not. One that is not there is nobody's.
 */
export async function foreignness(directory: string): Promise<string | null> {
  const status = await statusOf(directory);
  if (status === null) return null;
  // Beside directories of root's, as in /tmp, anybody may put a link to one.
  return foreignOwner(await lstat(directory)) ?? directoryTrouble(status);
}

/** What the file begins with: as much as tells the format of its lines. */
export async function headOf(file: FileHandle): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}

export interface FirstLine {
  readonly format: LogFormat;
  /** When it was written: by its own time, where it has none that there can be by that of the file's creation. */
  readonly atMs: number;
  readonly endsWithNewline: boolean;
}

/** null: there is no such file, or nothing in it. Throws for what is not a regular file. */
export async function firstLineOf(path: string): Promise<FirstLine | null> {
  const status = await statusOf(path);
  if (status === null) return null;
  if (!status.isFile()) throw new Error(`"${path}" is not a regular file`);
  if (status.size === 0) return null;
  const file = await open(path, 'r');
  try {
    const head = await headOf(file);
    const last = Buffer.alloc(1);
    await file.read(last, 0, 1, status.size - 1);
    const format = formatOf(head);
    const writtenMs = Date.parse(timeOf(format, head) ?? '');
    const createdMs = status.birthtimeMs > 0 ? status.birthtimeMs : status.mtimeMs;
    return {
      format,
      atMs: Number.isNaN(writtenMs) ? createdMs : writtenMs,
      endsWithNewline: last[0] === NEWLINE,
    };
  } finally {
    await file.close();
  }
}

/** Whether what is written next begins a line of the unit's, and does not go on with one. */
export async function endsBetweenLines(path: string, format: LogFormat): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    const tail = buffer.subarray(0, bytesRead);
    return tail.length === 0 || (tail.at(-1) === NEWLINE && endsWholeLine(format, tail, tail.length - 1));
  } finally {
    await file.close();
  }
}

/** Whether the file has exactly these bytes at `offset`. */
export async function holdsAt(path: string, offset: number, bytes: Buffer): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const found = Buffer.alloc(bytes.length);
    const { bytesRead } = await file.read(found, 0, found.length, offset);
    return bytesRead === bytes.length && found.equals(bytes);
  } finally {
    await file.close();
  }
}
