// What any daemon needs of the place that it is started in, looked at before it touches anything.
import { readlinkSync } from 'node:fs';
import { ownLimit, RESOURCES } from './libc.ts';

/**
 * The daemon holds 30 without a unit or a client, and 2 to 4 more for each unit; what it reads, writes and asks at once
 * comes on top. A loop of libuv that has found none left for its own spare would turn without end at the next client.
 */
const LEAST_OPEN_FILES = 64;

/** What keeps a daemon from working here; null: nothing known. */
export function missingFooting(): string | null {
  return procTrouble() ?? openFilesTrouble();
}

/** Every process would be taken for gone, or another for it. */
function procTrouble(): string | null {
  let self: string;
  try {
    self = readlinkSync('/proc/self');
  } catch {
    return '"/proc" shows no processes, expected a mounted proc file system';
  }
  if (self === String(process.pid)) return null;
  return `"/proc" is that of another PID namespace (process ${self} there is ${process.pid} here), expected one of its own`;
}

function openFilesTrouble(): string | null {
  const { soft } = ownLimit(RESOURCES.nofile);
  if (soft >= LEAST_OPEN_FILES) return null;
  return `the limit on open files is ${soft}, expected at least ${LEAST_OPEN_FILES}`;
}
