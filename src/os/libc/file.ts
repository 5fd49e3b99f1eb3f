// Files: the lock on one, one without a name, and what can be had of one without waiting for a disk.
import { constants as fileConstants } from 'node:fs';
import { constants } from 'node:os';
import { addressOf, believed, bound, boundIfOffered, errnoOf, fdResult } from '../libc.ts';
import type { FdResult } from '../libc.ts';
import { SYSTEM_CALLS } from './syscall.ts';

const flock = bound<(fd: number, operation: number) => number>('int flock(int fd, int operation)');
const memfdCreate = bound<(name: string, flags: number) => number>(
  'int memfd_create(const char *name, unsigned int flags)',
);
const openat2 = bound<
  (number: number, directory: number, path: string, how: Buffer, size: number) => number | bigint
>('long syscall(long number, long directory, const char *path, void *how, size_t size)');
// glibc has it since 2.26, musl since 1.2.5: elsewhere nothing is known to be at hand.
const preadv2 = boundIfOffered<
  (fd: number, vector: Buffer, count: number, offset: number, flags: number) => number | bigint
>('long preadv2(int fd, void *vector, int count, long offset, int flags)');

const O_CLOEXEC = 0o2000000;
const RWF_NOWAIT = 0x08;
const LOCK_EX_NB = 2 | 4;

/** flock(2), exclusive, without waiting: EWOULDBLOCK when another open description holds it. */
export function lockFile(fd: number): number {
  return believed(() => ({ errno: errnoOf(flock(fd, LOCK_EX_NB)) }), [constants.errno.EWOULDBLOCK]).errno;
}

/** memfd_create(2): a file without a name, which an exec leaves open. */
export function openMemoryFile(name: string): FdResult {
  return fdResult(memfdCreate(name, 0));
}

/** struct open_how of linux/openat2.h: flags, mode, resolve. */
const OPEN_AT_HAND = ((): Buffer => {
  const [RESOLVE_NO_XDEV, RESOLVE_NO_SYMLINKS, RESOLVE_CACHED] = [0x01, 0x04, 0x20];
  const { O_RDONLY, O_NOCTTY, O_NONBLOCK } = fileConstants;
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_CACHED), 16);
  return how;
})();

/**
 * Opens a file of an open directory for reading if the kernel has all that this takes in memory: on a local file system
 * it never waits for a disk. null where it has not, where a symbolic link or a mount is in the way, for any error, and
 * before Linux 5.12, which introduced RESOLVE_CACHED. The caller owns the descriptor.
 */
export function openAtHand(directoryFd: number, name: string): number | null {
  const fd = Number(openat2(SYSTEM_CALLS.openat2, directoryFd, name, OPEN_AT_HAND, OPEN_AT_HAND.length));
  return fd < 0 ? null : fd;
}

const AT_HAND = Buffer.alloc(64 * 1024);
const AT_HAND_VECTOR = Buffer.alloc(16);
AT_HAND_VECTOR.writeBigUInt64LE(addressOf(AT_HAND), 0);
AT_HAND_VECTOR.writeBigUInt64LE(BigInt(AT_HAND.length), 8);

/**
 * The first `length` bytes of a file if they are all in memory: never waits for a disk. null when they are not, when it
 * has fewer, when they are more than 64 KiB, and where the file system cannot say (overlayfs, tmpfs).
 */
export function bytesAtHand(fd: number, length: number): Buffer | null {
  if (length > AT_HAND.length) return null;
  if (preadv2 === null || Number(preadv2(fd, AT_HAND_VECTOR, 1, 0, RWF_NOWAIT)) < length) return null;
  return Buffer.from(AT_HAND.subarray(0, length));
}
