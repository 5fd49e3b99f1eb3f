// koffi has descriptors 1 and 2 synced when the process ends (fsync(2) in its last words), and stands still for good where
// that fails: a daemon whose output lies on a failing disk would never end. So files are let go of before that. Nothing
// else can fail: on a terminal, a pipe and /dev/null fsync(2) is EINVAL, with which it goes on.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { putInPlaceOf } from './libc/descriptor.ts';

/** To be called once, before the end of the process is near. */
export function endWithoutSync(): void {
  process.once('exit', () => {
    for (const fd of [1, 2]) letGoOfFile(fd);
  });
}

function letGoOfFile(fd: number): void {
  try {
    if (!fstatSync(fd).isFile()) return;
    const nullFd = openSync('/dev/null', 'r+');
    putInPlaceOf(nullFd, fd);
    closeSync(nullFd);
  } catch {
    // Closed, or no descriptor left: it is synced then.
  }
}
