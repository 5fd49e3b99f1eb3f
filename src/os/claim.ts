// Directories that one daemon alone is to write to, beside the one that has its socket (directory-lock.ts). The
// kernel lets go of a claim with the process, however that ends. Where the file system knows no locks, as some in a network
// do, nobody is found.
import { closeSync, constants as fsConstants, fstatSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { lockFile } from './libc/file.ts';

export type Claim =
  /** `fd` holds it as long as that, or a copy of it, is open, and is the caller's; null: none is to be had. */
  | { readonly ok: true; readonly fd: number | null }
  /** null: the kernel does not say, as of a process in another PID namespace. */
  | { readonly ok: false; readonly holderPid: number | null };

/** `own`: descriptors of directories that this process has claimed already, which may be the same. */
export function claimDirectory(path: string, own: readonly number[]): Claim {
  let fd: number;
  try {
    fd = openSync(path, fsConstants.O_RDONLY | fsConstants.O_DIRECTORY);
  } catch {
    // Whoever writes there tells what is wrong with it.
    return { ok: true, fd: null };
  }
  const errno = own.some((other) => isSameFile(other, fd)) ? 0 : lockFile(fd);
  if (errno === 0) return { ok: true, fd };
  const holderPid = errno === constants.errno.EWOULDBLOCK ? holderOf(fd) : null;
  closeSync(fd);
  return errno === constants.errno.EWOULDBLOCK ? { ok: false, holderPid } : { ok: true, fd: null };
}

function isSameFile(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one), fstatSync(other)];
  return a.ino === b.ino && a.dev === b.dev;
}

/** By /proc/locks (proc_locks(5)), where btrfs and overlayfs have another device than fstat(2): the inode has to do. */
function holderOf(fd: number): number | null {
  const { ino } = fstatSync(fd);
  try {
    const lock = new RegExp(String.raw`^\d+: FLOCK +ADVISORY +WRITE +(\d+) \S+:${ino} `, 'm');
    const pid = Number(lock.exec(readFileSync('/proc/locks', 'latin1'))?.[1] ?? 0);
    return pid === 0 ? null : pid;
  } catch {
    return null;
  }
}
