// What an exception of node's says where the program stands in a directory that was removed, for people.

/** One sentence without a full stop; null for every other exception. */
export function directoryFailure(error: unknown): string | null {
  return error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd'
    ? 'cannot find the working directory: it was removed, expected one that relative paths begin in'
    : null;
}
