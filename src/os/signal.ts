// Signals exactly the process that is meant, never one that has taken over its pid. Knows no trees.
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import type { ProcessId } from '../model/process.ts';
import type { SignalName } from '../model/unit.ts';
import { pidfdOpen, pidfdSendSignal } from './libc/pidfd.ts';
import { kill } from './libc/signal.ts';
import type { SignalResult } from './ports.ts';
import { lifeOf } from './procfs.ts';
import { signalNumber } from './signal-names.ts';

const { ENOSYS, EPERM, ESRCH } = constants.errno;

function resultOf(errno: number): SignalResult {
  if (errno === 0) return 'sent';
  if (errno === EPERM) return 'denied';
  if (errno === ESRCH) return 'gone';
  throw new Error(`cannot send signal: errno ${errno}, expected EPERM or ESRCH`);
}

/** The number of a signal that was checked when its unit was read. */
export function knownSignalNumber(signal: SignalName): number {
  const number = signalNumber(signal);
  if (number === null)
    throw new RangeError(`cannot send signal "${signal}": it is no signal of this machine`);
  return number;
}

/**
 * Holds the process by a pidfd first and compares its start time then: the pid cannot change hands in between.
 * Where pidfd_open(2) or pidfd_send_signal(2) is missing or forbidden (a seccomp filter), the check goes directly before
 * kill(2), which has the kernel's own word of who may signal whom.
 */
export function signalProcess(process: ProcessId, signal: SignalName): SignalResult {
  const number = knownSignalNumber(signal);
  const { fd, errno } = pidfdOpen(process.pid);
  if (errno === ESRCH) return 'gone';
  try {
    const life = lifeOf(process);
    if (life !== 'alive') return life === 'over' ? 'gone' : 'unknown';
    const byPidfd = errno === 0 ? pidfdSendSignal(fd, number) : ENOSYS;
    const isRefused = byPidfd === ENOSYS || byPidfd === EPERM;
    return resultOf(isRefused ? kill(process.pid, number) : byPidfd);
  } finally {
    if (errno === 0) closeSync(fd);
  }
}
