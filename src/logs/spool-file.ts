// The file of a spool: places for two records, and behind them bytes from the pipes. Knows nothing of what they mean.
//
// Two promises, which hold for SIGKILL between any two instructions and within any system call:
//
// 1. Bytes leave a pipe by splice(2) alone, to the end of the file: one system call, in which the kernel takes out of
//    the pipe exactly what it has put into the file. So each byte is in one of them, never in both or in neither, and
//    how many were taken is what the file has grown by. (iter_file_splice_write in fs/splice.c)
// 2. The two places for records are used in turn. The valid one with the later number holds; one that a kill has torn
//    fails its sum, and the one before it holds, as if nothing had been done. Numbers go round: a unit that says much in
//    small pieces uses 32 bits of them up in weeks.
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { constants as system } from 'node:os';
import { errnoName } from '../os/errno.ts';
import { spliceToFile } from '../os/libc/pipe.ts';
import { raisedFd } from '../os/raised-descriptor.ts';
import { decodeRecord, encodeRecord, isLater, sequenceAfter } from './spool-record.ts';
import type { SpoolRecord } from './spool-record.ts';

const SLOT_BYTES = 64 * 1024;
/** Where bytes begin, behind the places of two records. Untouched parts of these cost no memory. */
export const BYTES_AT = 2 * SLOT_BYTES;

/** The one that is there. Throws as node:fs does. */
export function openSpoolFile(path: string): SpoolFile {
  return new SpoolFile(raisedFd(openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)));
}

/** An empty one. Throws as node:fs does. */
export function createSpoolFile(path: string): SpoolFile {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  return new SpoolFile(raisedFd(openSync(path, flags, 0o600)));
}

/** Throws what keeps it from doing what is asked, an error for people: then it should be used no more. */
export class SpoolFile {
  readonly #fd: number;
  #sequence = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Where the bytes end. */
  end(): number {
    return Math.max(BYTES_AT, fstatSync(this.#fd).size);
  }

  /** The record that holds, which the next one is to follow; null: there is none. */
  latestRecord(): SpoolRecord | null {
    const slots = [0, SLOT_BYTES].flatMap((at) => {
      const slot = Buffer.alloc(SLOT_BYTES);
      return decodeRecord(slot.subarray(0, readSync(this.#fd, slot, 0, SLOT_BYTES, at))) ?? [];
    });
    const record = slots.sort((a, b) => (isLater(a, b) ? -1 : 1))[0] ?? null;
    if (record !== null) this.#sequence = record.sequence;
    return record;
  }

  writeRecord({ state, kept }: Omit<SpoolRecord, 'sequence'>): void {
    this.#sequence = sequenceAfter(this.#sequence);
    const record = encodeRecord({ sequence: this.#sequence, state, kept });
    const written = writeSync(this.#fd, record, 0, record.length, (this.#sequence % 2) * SLOT_BYTES);
    if (written < record.length) throw new Error('a short write');
  }

  /** Moves what a pipe holds to the end of the bytes, at `at`, and copies it to `into`, as far as it fits. 0: nothing there. */
  takeFrom(pipeFd: number, at: number, into: Buffer): number {
    const { bytes, errno } = spliceToFile(pipeFd, this.#fd, at, into.length);
    if (bytes > 0) this.read(into.subarray(0, bytes), at);
    else if (errno !== 0 && errno !== system.errno.EAGAIN && errno !== system.errno.EINTR)
      throw new Error(errnoName(errno));
    return bytes;
  }

  read(into: Buffer, at: number): void {
    if (readSync(this.#fd, into, 0, into.length, at) < into.length) throw new Error('a short read');
  }

  /** Keeps the records alone. */
  cutToRecords(): void {
    ftruncateSync(this.#fd, BYTES_AT);
  }

  /** It says that nothing is at stake then. */
  empty(): void {
    ftruncateSync(this.#fd, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
