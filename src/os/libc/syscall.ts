// syscall(2), for what the oldest libc that we run on has no function of its own.
import { bound } from '../libc.ts';

/** The same on x86-64 and arm64 (asm-generic/unistd.h; both tables agree from 424 on). */
export const SYSTEM_CALLS = {
  pidfd_send_signal: 424,
  pidfd_open: 434,
  close_range: 436,
  openat2: 437,
} as const;

export const syscall = bound<(number: number, a: number, b: number, c: number, d: number) => number | bigint>(
  'long syscall(long number, long a, long b, long c, long d)',
);
