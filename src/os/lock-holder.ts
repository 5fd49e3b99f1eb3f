// Who holds a lock that lockFile() was refused, by /proc/locks (proc_locks(5)).
import { fstatSync } from 'node:fs';
import { procText } from './procfs.ts';

/**
 * The pid; null where the kernel does not say, as of a process in another PID namespace. btrfs and overlayfs have another
 * device there than fstat(2) tells: the inode has to do.
 */
export function lockHolder(fd: number): number | null {
  const { ino } = fstatSync(fd);
  const lock = new RegExp(String.raw`^\d+: FLOCK +ADVISORY +(?:READ|WRITE) +(\d+) \S+:${ino} `, 'm');
  const pid = Number(lock.exec(procText('/proc/locks') ?? '')?.[1] ?? 0);
  return pid === 0 ? null : pid;
}
