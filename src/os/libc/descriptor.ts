// Copies of descriptors, and whether an exec closes them: fcntl(2), dup2(2).
import { bound, calledAside, errnoOf, fdResult } from '../libc.ts';
import type { FdResult } from '../libc.ts';

const fcntl = bound<(fd: number, command: number, argument: number) => number>(
  'int fcntl(int fd, int command, long argument)',
);
const dup2 = bound<(fd: number, place: number) => number>('int dup2(int fd, int place)');

const F_DUPFD = 0;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const F_DUPFD_CLOEXEC = 1030;

/** A close-on-exec copy of `fd` on the lowest free descriptor that is at least `lowest`. */
export function duplicateFd(fd: number, lowest: number): FdResult {
  return fdResult(fcntl(fd, F_DUPFD_CLOEXEC, lowest));
}

/** The same on a thread of the pool; null where it cannot be. */
export async function duplicateFdAside(fd: number, lowest: number): Promise<number | null> {
  const copy = await calledAside(fcntl, fd, F_DUPFD_CLOEXEC, lowest);
  return copy === -1 ? null : copy;
}

/** A copy of `fd` that an exec leaves open, on the lowest free descriptor that is at least `lowest`. */
export function inheritableFd(fd: number, lowest: number): FdResult {
  return fdResult(fcntl(fd, F_DUPFD, lowest));
}

/** Closes `place` and has it lead where `fd` does, across an exec too; nobody sees it closed. The errno, or 0. */
export function putInPlaceOf(fd: number, place: number): number {
  return errnoOf(dup2(fd, place));
}

/** Whether an exec closes `fd`. */
export function setCloseOnExec(fd: number, closes: boolean): number {
  return errnoOf(fcntl(fd, F_SETFD, closes ? FD_CLOEXEC : 0));
}
