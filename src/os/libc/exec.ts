// execve(2).
import { bound, errnoOf } from '../libc.ts';

const execve = bound<
  (path: string, argv: readonly (string | null)[], envp: readonly (string | null)[]) => number
>('int execve(const char *path, const char **argv, const char **envp)');

/** execve(2): returns only when it failed. It ends every other thread; descriptors that are close-on-exec close. */
export function execute(path: string, argv: readonly string[], environment: readonly string[]): number {
  return errnoOf(execve(path, [...argv, null], [...environment, null]));
}
