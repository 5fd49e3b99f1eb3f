// The ends of children: waitid(2), and whose children orphans become.
import { constants } from 'node:os';
import { bound, errnoOf } from '../libc.ts';

const waitidOfLibc = bound<(type: number, id: number, info: Buffer, options: number) => number>(
  'int waitid(int type, unsigned int id, void *info, int options)',
);
const prctl = bound<(option: number, a: number, b: number, c: number, d: number) => number>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);

const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;

const PR_SET_CHILD_SUBREAPER = 36;

/** A child that ended, in the words of siginfo_t: `code` is CLD_EXITED (1), CLD_KILLED (2) or CLD_DUMPED (3). */
export interface DeadChild {
  readonly pid: number;
  readonly code: number;
  readonly status: number;
}

const siginfo = Buffer.alloc(128);

function waitid(type: number, id: number, options: number): DeadChild | null {
  siginfo.fill(0);
  let errno = 0;
  do errno = errnoOf(waitidOfLibc(type, id, siginfo, WEXITED | WNOHANG | options));
  while (errno === constants.errno.EINTR);
  // Offsets of the 64-bit siginfo_t: si_code 8, si_pid 16, si_status 24. si_pid stays 0 when nobody has ended.
  const pid = siginfo.readInt32LE(16);
  if (errno !== 0 || pid === 0) return null;
  return { pid, code: siginfo.readInt32LE(8), status: siginfo.readInt32LE(24) };
}

/** Reaps some dead child of this process; null when there is none. */
export function reapAnyChild(): DeadChild | null {
  return waitid(P_ALL, 0, 0);
}

/** Some dead child of this process, left unreaped; null when there is none. */
export function peekDeadChild(): DeadChild | null {
  return waitid(P_ALL, 0, WNOWAIT);
}

/** Reaps `pid` if it is a dead child; null when it is not. */
export function reapChild(pid: number): DeadChild | null {
  return waitid(P_PID, pid, 0);
}

/** Orphans of this process's descendants become its children (prctl(2), inherited by no child). */
export function becomeSubreaper(): number {
  return errnoOf(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}
