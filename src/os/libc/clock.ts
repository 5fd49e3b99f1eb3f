// The clock that the start times of processes are kept by.
import { bound } from '../libc.ts';

const clockGettime = bound<(clock: number, time: Buffer) => number>(
  'int clock_gettime(int clock, void *time)',
);

const CLOCK_BOOTTIME = 7;

const timespec = Buffer.alloc(16);

/** Nanoseconds since boot, suspended or not, as the kernel counts the start times of processes. */
export function sinceBootNs(): bigint {
  clockGettime(CLOCK_BOOTTIME, timespec);
  return timespec.readBigInt64LE(0) * 1_000_000_000n + timespec.readBigInt64LE(8);
}
