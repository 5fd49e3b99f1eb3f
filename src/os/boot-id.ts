// Names the boot of the kernel: pids, start times and the monotonic clock mean something within one boot only.
import { readFileSync } from 'node:fs';

export function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
