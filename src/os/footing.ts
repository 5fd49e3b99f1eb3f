// What any daemon needs of the place that it is started in, looked at before it touches anything.
import { readlinkSync } from 'node:fs';
import { LEAST_OPEN_FILES } from '../base/open-files.ts';
import { phraseOf } from '../base/fault.ts';
import { currentBootId } from './boot-id.ts';
import { ownLimit, RESOURCES } from './libc/limit.ts';

/** What keeps a daemon from working here; null: nothing known. */
export function missingFooting(): string | null {
  return procTrouble() ?? bootTrouble() ?? openFilesTrouble();
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

/** Nobody could tell then whether what an earlier daemon has written down is of this boot. */
function bootTrouble(): string | null {
  try {
    currentBootId();
    return null;
  } catch (error) {
    return `"/proc/sys" does not tell the id of the boot (${phraseOf(error)}), expected a whole proc file system`;
  }
}

function openFilesTrouble(): string | null {
  const { soft } = ownLimit(RESOURCES.nofile);
  if (soft >= LEAST_OPEN_FILES) return null;
  return `the limit on open files is ${soft}, expected at least ${LEAST_OPEN_FILES}`;
}

/**
 * Node finds no directory to start a unit in where its own was removed. Leaves one that was for the root, where a daemon
 * in the background stands anyway, and says so; null: it is there.
 */
export function leaveRemovedDirectory(): string | null {
  try {
    process.cwd();
    return null;
  } catch {
    process.chdir('/');
    return 'going on in "/": the working directory was removed';
  }
}
