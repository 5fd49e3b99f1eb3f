// One cgroup v2 directory: its making, its processes, its controls, its removal. Plain file I/O (cgroup-v2.rst of the kernel);
// decides nothing and knows no units. A directory that is gone counts as empty: it can go only without living
// processes.
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { thrownErrno } from './errno.ts';
import { attempted, procText } from './procfs.ts';
import { withSpare } from './spare-descriptor.ts';

/** null, or the name of the errno of mkdir(2). */
export function makeCgroup(cgroup: string): string | null {
  try {
    mkdirSync(cgroup, { mode: 0o755 });
    return null;
  } catch (error) {
    return thrownErrno(error);
  }
}

/** The same; null also where it is there. */
export function ensureCgroup(cgroup: string): string | null {
  const errno = makeCgroup(cgroup);
  return errno === 'EEXIST' ? null : errno;
}

/** null, or the name of the errno that the kernel refused with. */
export function writeControl(cgroup: string, file: string, value: string): string | null {
  try {
    withSpare(() => write(join(cgroup, file), value));
    return null;
  } catch (error) {
    return thrownErrno(error);
  }
}

function write(path: string, value: string): void {
  // Neither created nor truncated: the kernel has the file or has it not. cgroup.kill may not be opened for reading.
  // O_NONBLOCK: since Linux 6.16 a memory limit below what is used does not make the writer take the memory back.
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/**
 * The content of a control file; null when the cgroup is gone, or has no such file. A threaded cgroup does not say who
 * is in it, the one above that its processes belong to does.
 */
export function readControl(cgroup: string, file: string): string | null {
  return procText(`${cgroup}/${file}`);
}

/** The number after `key` in a file of lines `key number`, such as cgroup.events; null when it is not there. */
export function flatValue(text: string | null, key: string): number | null {
  if (text === null) return null;
  const at = `\n${text}`.indexOf(`\n${key} `);
  return at < 0 ? null : Number.parseInt(text.slice(at + key.length + 1), 10);
}

/** Living processes of this cgroup itself, without those below. */
export function processesIn(cgroup: string): readonly number[] {
  const text = readControl(cgroup, 'cgroup.procs');
  if (text === null || text === '') return [];
  // 0 stands for a process of another PID namespace.
  return text
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** The cgroups directly below. */
export function subgroups(cgroup: string): readonly string[] {
  // The names of thirty control files are dear to list; kernfs counts directories as links, as Unix always did.
  const entries = attempted(() =>
    statSync(cgroup).nlink === 2 ? [] : readdirSync(cgroup, { withFileTypes: true }),
  );
  if ('errno' in entries) return [];
  return entries.value.filter((entry) => entry.isDirectory()).map(({ name }) => join(cgroup, name));
}

/** Living processes of this cgroup and of all below it. */
export function processesBelow(cgroup: string): readonly number[] {
  return [...processesIn(cgroup), ...subgroups(cgroup).flatMap(processesBelow)];
}

/** Whether anything lives in it or below it. */
export function isPopulated(cgroup: string): boolean {
  return flatValue(readControl(cgroup, 'cgroup.events'), 'populated') === 1;
}

/** Removes it with all below it; false when something lives there, or the kernel refuses otherwise. */
export function removeCgroup(cgroup: string): boolean {
  // Most have none below, and a look at what is below costs more than the removal.
  if (removed(cgroup)) return true;
  const below = subgroups(cgroup);
  for (const path of below) removeCgroup(path);
  return below.length > 0 && removed(cgroup);
}

function removed(cgroup: string): boolean {
  try {
    rmdirSync(cgroup);
    return true;
  } catch (error) {
    return thrownErrno(error) === 'ENOENT';
  }
}

/** SIGKILL to every process in it and below, also to those that fork at this moment; frozen ones end too. */
export function killCgroup(cgroup: string): void {
  writeControl(cgroup, 'cgroup.kill', '1');
}

/** Lets processes go on that the freezer holds. */
export function thawCgroup(cgroup: string): void {
  writeControl(cgroup, 'cgroup.freeze', '0');
}
