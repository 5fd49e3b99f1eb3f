// kill(2), and which signals there are beyond the usual ones.
import { constants } from 'node:os';
import { believed, bound, errnoOf } from '../libc.ts';

const killOfLibc = bound<(pid: number, signal: number) => number>('int kill(int pid, int signal)');
const sigrtmin = bound<() => number>('int __libc_current_sigrtmin()');
const sigrtmax = bound<() => number>('int __libc_current_sigrtmax()');

const REFUSALS = [constants.errno.ESRCH, constants.errno.EPERM];

/** kill(2); a negative pid is a process group, signal 0 only asks. */
export function kill(pid: number, signal: number): number {
  return believed(() => ({ errno: errnoOf(killOfLibc(pid, signal)) }), REFUSALS).errno;
}

/** First and last real-time signal that programs may use: libc keeps some for itself. */
export const REALTIME_SIGNALS = { min: sigrtmin(), max: sigrtmax() } as const;
