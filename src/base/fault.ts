// What went wrong, for programs and for people: with a system call, or whatever else was thrown.

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For a bug: with the place that it was thrown at. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** `ENOSPC`, …; null where no system call failed. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** `ENOSPC: no space left on device`: the message of a failed system call without the call and its arguments. */
export function phraseOf(error: unknown): string {
  const message = messageOf(error);
  return codeOf(error) === null ? message : (message.split(', ')[0] ?? message);
}

/** Of the file that a failed system call was about; null where it was about an open one. */
export function pathOf(error: unknown): string | null {
  return error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : null;
}
