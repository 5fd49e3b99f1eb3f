// Pipes: named ones, how much they hold and may hold, and the move of their bytes to a file.
import { constants } from 'node:os';
import { believed, bound, errnoOf } from '../libc.ts';

const mkfifoOfLibc = bound<(path: string, mode: number) => number>(
  'int mkfifo(const char *path, unsigned int mode)',
);
const fcntl = bound<(fd: number, command: number, argument: number) => number>(
  'int fcntl(int fd, int command, long argument)',
);
const ioctl = bound<(fd: number, request: number, argument: Buffer) => number>(
  'int ioctl(int fd, unsigned long request, void *argument)',
);
const splice = bound<
  (
    from: number,
    fromOffset: null,
    to: number,
    toOffset: Buffer,
    bytes: number,
    flags: number,
  ) => number | bigint
>('long splice(int from, void *fromOffset, int to, void *toOffset, size_t bytes, unsigned int flags)');

const F_SETPIPE_SZ = 1031;

export function mkfifo(path: string, mode: number): number {
  return believed(() => ({ errno: errnoOf(mkfifoOfLibc(path, mode)) }), [constants.errno.EEXIST]).errno;
}

/** The kernel rounds up to a power of two pages; EPERM beyond /proc/sys/fs/pipe-max-size for the unprivileged. */
export function setPipeSize(fd: number, bytes: number): number {
  return errnoOf(fcntl(fd, F_SETPIPE_SZ, bytes));
}

const SPLICE_F_NONBLOCK = 2;
const spliceOffset = Buffer.alloc(8);
const NOTHING_MOVED = [constants.errno.EAGAIN, constants.errno.EINTR];

/** Moves at most `bytes` from a pipe to `offset` of a file: splice(2). */
export function spliceToFile(
  pipe: number,
  file: number,
  offset: number,
  bytes: number,
): { readonly bytes: number; readonly errno: number } {
  return believed(() => {
    spliceOffset.writeBigInt64LE(BigInt(offset));
    const moved = Number(splice(pipe, null, file, spliceOffset, bytes, SPLICE_F_NONBLOCK));
    return { bytes: Math.max(0, moved), errno: errnoOf(moved) };
  }, NOTHING_MOVED);
}

// include/uapi/asm-generic/ioctls.h, of every architecture that koffi is built for.
const FIONREAD = 0x541b;
const unread = Buffer.alloc(4);

/** How much can be read from a pipe now: FIONREAD, pipe(7); null for what does not say. */
export function bytesInPipe(fd: number): number | null {
  return errnoOf(ioctl(fd, FIONREAD, unread)) === 0 ? unread.readInt32LE() : null;
}
