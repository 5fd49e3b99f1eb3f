// Descriptors that this process was given and a daemon in the background is not to hold on.
import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** As open(2) has it on x64 and arm64. */
const O_CLOEXEC = 0o2000000;

/**
 * What whoever started this holds open for itself, such as a lock, is not the daemon's to hold on. Node marks those below
 * 16 to be closed by an exec, as it does all that it opens; a script's `200>lock` is left.
 */
export function closeInherited(): void {
  for (const fd of openDescriptors()) if (fd > 2 && !closesByExec(fd)) closeSync(fd);
}

function openDescriptors(): readonly number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    // Without /proc no daemon starts, which says so.
    return [];
  }
}

/** Also of one that is not open any more, as that which listed them. */
function closesByExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return flags === undefined || (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
  } catch {
    return true;
  }
}
