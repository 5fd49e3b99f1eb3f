// What the kernel that runs the tests can tell.
import { release } from 'node:os';

const [major = 0, minor = 0] = release().split('.').map(Number);

/** How a process ended, to one that is not its parent (PIDFD_INFO_EXIT); else only who looks before its parent does. */
export const TELLS_EXITS = major > 6 || (major === 6 && minor >= 15);
