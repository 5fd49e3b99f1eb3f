// Processes by a descriptor that no other process can take over, as it can a pid: pidfd_open(2) and what goes with it.
import { constants } from 'node:os';
import { believed, bound, errnoOf, fdResult } from '../libc.ts';
import type { FdResult } from '../libc.ts';
import { syscall, SYSTEM_CALLS } from './syscall.ts';

const ioctl = bound<(fd: number, request: number, argument: Buffer) => number>(
  'int ioctl(int fd, unsigned long request, void *argument)',
);

export function pidfdOpen(pid: number): FdResult {
  return fdResult(Number(syscall(SYSTEM_CALLS.pidfd_open, pid, 0, 0, 0)));
}

const REFUSALS = [constants.errno.ESRCH, constants.errno.EPERM];

export function pidfdSendSignal(fd: number, signal: number): number {
  const send = (): number => Number(syscall(SYSTEM_CALLS.pidfd_send_signal, fd, signal, 0, 0));
  return believed(() => ({ errno: errnoOf(send()) }), REFUSALS).errno;
}

// include/uapi/linux/pidfd.h, Linux 6.13; PIDFD_INFO_EXIT since 6.15. _IOWR(0xFF, 11, struct pidfd_info).
const PIDFD_INFO_BYTES = 64;
const PIDFD_GET_INFO = 0xc000ff0b + PIDFD_INFO_BYTES * 0x10000;
const PIDFD_INFO_EXIT = 8n;

/** The wait status (as of waitpid(2)) of a process that has ended; null where the kernel does not tell. */
export function pidfdWaitStatus(fd: number): number | null {
  const info = Buffer.alloc(PIDFD_INFO_BYTES);
  info.writeBigUInt64LE(PIDFD_INFO_EXIT, 0);
  if (errnoOf(ioctl(fd, PIDFD_GET_INFO, info)) !== 0) return null;
  // mask 0, cgroupid 8, pid 16, tgid 20, ppid 24, six ids 28 to 60, exit_code 60.
  return (info.readBigUInt64LE(0) & PIDFD_INFO_EXIT) === 0n ? null : info.readInt32LE(60);
}
