// The working directory of a child that will be somebody else. It is entered with the daemon's rights, before the child is
// that, and whoever may write above it may put a link to elsewhere in its place between a look by name and that. So what
// was looked at is held, and entered.
import { closeSync, constants, openSync } from 'node:fs';
import { firstForbidden, type Credentials } from './access.ts';
import { thrownErrno } from './errno.ts';
import { O_PATH } from './regular-file.ts';
import { withSpare } from './spare-descriptor.ts';

/**
 * Runs `use` with a name of the directory that holds as long as that takes, for this process and what it forks; null: the
 * daemon's own. Gives an errno's name where it cannot be entered by `who` (null: whoever the daemon is).
 */
export function withDirectoryFor<T>(
  who: Credentials | null,
  directory: string | null,
  use: (directory: string | null) => T,
): T | string {
  if (directory === null || who === null) return use(directory);
  let fd: number;
  try {
    fd = withSpare(() => openSync(directory, O_PATH | constants.O_DIRECTORY));
  } catch (error) {
    return thrownErrno(error);
  }
  try {
    const held = `/proc/self/fd/${fd}`;
    return firstForbidden(held, who) === null ? use(held) : 'EACCES';
  } finally {
    closeSync(fd);
  }
}
