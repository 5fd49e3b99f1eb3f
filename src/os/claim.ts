// Directories that one daemon alone is to write to, beside the one that has its socket (directory-lock.ts). The
// kernel lets go of a claim with the process, however that ends. Where the file system knows no locks, as some in a network
// do, nobody is found.
import { closeSync, constants as fsConstants, fstatSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { lockFile } from './libc/file.ts';
import { lockHolder } from './lock-holder.ts';
import { effectiveUidOf } from './procfs.ts';

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
  const isTaken = errno === constants.errno.EWOULDBLOCK;
  const holderPid = isTaken ? lockHolder(fd) : null;
  closeSync(fd);
  if (!isTaken || (holderPid !== null && isOfAnotherUser(holderPid))) return { ok: true, fd: null };
  return { ok: false, holderPid };
}

function isSameFile(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one), fstatSync(other)];
  return a.ino === b.ino && a.dev === b.dev;
}

/** Anybody may lock a directory that is open to him, and keep us from it; but no daemon of his writes here. */
function isOfAnotherUser(pid: number): boolean {
  const uid = effectiveUidOf(pid);
  return uid !== null && uid !== 0 && uid !== process.geteuid?.();
}
