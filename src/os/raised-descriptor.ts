// Descriptors that every unit has and that live long go above a number that leaves the low ones to what comes and goes
// (see open-files-limit.ts).
import { closeSync } from 'node:fs';
import { duplicateFd, duplicateFdAside } from './libc/descriptor.ts';
import { ownLimit, RESOURCES } from './libc/limit.ts';

const LOWEST_FD = 1024;
/** Of the low descriptors, what is used up by what lives long where there are no others left. */
const MOST_OF_LOW = 0.75;

/**
 * Takes `fd` over; where the limit does not allow it, it stays where it is, but for the last of the low ones: without them
 * the daemon could not be asked what is wrong. Throws EMFILE then.
 */
export function raisedFd(fd: number): number {
  const raised = duplicateFd(fd, LOWEST_FD);
  const isLow = raised.errno !== 0;
  if (isLow && fd < MOST_OF_LOW * Math.min(LOWEST_FD, ownLimit(RESOURCES.nofile).soft)) return fd;
  closeSync(fd);
  if (isLow) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  return raised.fd;
}

/**
 * Has room made for raised descriptors on a thread of the pool. To enlarge the table of a process that has threads, the
 * kernel waits for an RCU grace period (expand_fdtable() in fs/file.c), and the first raisedFd() would with it.
 */
export async function makeRoomForRaised(): Promise<void> {
  const copy = await duplicateFdAside(2, LOWEST_FD);
  if (copy !== null) closeSync(copy);
}
