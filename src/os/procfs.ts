// Reads /proc: one process's facts at a time, null when the process is gone. Decides nothing about trees.
//
// A read fails for a process that is gone, and also where the machine has no memory or no open file left for it: whoever
// took the second for the first would start beside a living process. Those reads are counted.
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { codeOf } from '../base/fault.ts';
import type { ProcessId } from '../model/process.ts';
import { sinceBootNs } from './libc/clock.ts';
import { withSpare } from './spare-descriptor.ts';

export interface ProcessStat {
  readonly pid: number;
  /** Of its first thread. `Z` and `X` are the dead that nobody has reaped yet. */
  readonly state: string;
  readonly parentPid: number;
  readonly group: number;
  readonly session: number;
  readonly threads: number;
  /** Clock ticks since boot. */
  readonly startTicks: number;
  /** Processor time used, user and system. */
  readonly cpuTicks: number;
  /** The same of children that it has waited for, and theirs. */
  readonly reapedTicks: number;
  readonly residentPages: number;
}

const ZERO = 48;

// One buffer for all reads: they are synchronous, and a stat line has to be read thousands of times a second.
let buffer = Buffer.allocUnsafe(8192);

/** What a read fails with that says nothing of its subject. */
const SCARCITIES = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);
/** ESRCH: it died between open and read. */
const ABSENCES = new Set(['ENOENT', 'ESRCH']);

let failures = 0;

/** How many reads have failed so far for want of memory or open files: what was looked at meanwhile was not seen whole. */
export function readsFailed(): number {
  return failures;
}

/** The result of `read`; where that fails the name of the errno, which is counted if it says nothing of what is read. */
export function attempted<T>(read: () => T): { readonly value: T } | { readonly errno: string } {
  try {
    return { value: withSpare(read) };
  } catch (error) {
    const errno = codeOf(error) ?? String(error);
    if (SCARCITIES.has(errno)) failures++;
    return { errno };
  }
}

/**
 * The whole of a file that the kernel writes as text, one byte a character; null when it cannot be read (any more). A
 * file that is one record (single_open) comes whole with the first read that has room for it.
 */
export function procText(path: string, isOneRecord = false): string | null {
  const text = attempted(() => textOf(path, isOneRecord));
  return 'value' in text ? text.value : null;
}

function textOf(path: string, isOneRecord: boolean): string {
  const fd = openSync(path, 'r');
  try {
    let length = 0;
    for (;;) {
      const read = readSync(fd, buffer, length, buffer.length - length, null);
      if (read === 0) return buffer.toString('latin1', 0, length);
      length += read;
      if (isOneRecord && length < buffer.length) return buffer.toString('latin1', 0, length);
      if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    }
  } finally {
    closeSync(fd);
  }
}

/** Takes /proc/PID/stat apart. The second field is the name in parentheses, itself free to hold `) (` and blanks. */
export function parseStat(text: string): ProcessStat | null {
  const nameEnd = text.lastIndexOf(')');
  // Field 3 on; the scan makes no strings, of which a sample of many units would leave too many behind.
  const state = text.charAt(nameEnd + 2);
  let at = nameEnd + 4;
  const number = (): number => {
    let value = 0;
    let digit = text.charCodeAt(at) - ZERO;
    for (; digit >= 0 && digit <= 9; digit = text.charCodeAt(++at) - ZERO) value = value * 10 + digit;
    at += 1;
    return value;
  };
  const skip = (fields: number): void => {
    for (let left = fields; left > 0; left -= 1) at = text.indexOf(' ', at) + 1 || text.length;
  };
  const [parentPid, group, session] = [number(), number(), number()];
  skip(7);
  const cpuTicks = number() + number();
  const reapedTicks = number() + number();
  skip(2);
  const threads = number();
  skip(1);
  const startTicks = number();
  skip(1);
  if (nameEnd < 0 || at >= text.length) return null;
  const residentPages = number();
  return {
    pid: Number.parseInt(text, 10),
    state,
    parentPid,
    group,
    session,
    threads,
    startTicks,
    cpuTicks,
    reapedTicks,
    residentPages,
  };
}

/** null also where it cannot be read. */
export function processStat(pid: number): ProcessStat | null {
  const stat = statOrDoubt(pid);
  return stat === 'unreadable' ? null : stat;
}

/** null when there is no such process; `unreadable` where the kernel does not say. */
function statOrDoubt(pid: number): ProcessStat | 'unreadable' | null {
  const text = attempted(() => textOf(`/proc/${pid}/stat`, true));
  if ('value' in text) return parseStat(text.value);
  return ABSENCES.has(text.errno) ? null : 'unreadable';
}

/** Whether it lives; `unknown` where the kernel does not say, which must never pass for its end. */
export function lifeOf({ pid, startTicks }: ProcessId): 'alive' | 'over' | 'unknown' {
  const stat = statOrDoubt(pid);
  if (stat === 'unreadable') return 'unknown';
  return isAlive(stat) && stat.startTicks === startTicks ? 'alive' : 'over';
}

/**
 * The wait status of a zombie, as waitpid(2) gives it to the parent (proc_pid_stat(5), field 52); null for one that is
 * no zombie (any more), and where the kernel does not let us see it.
 */
export function zombieWaitStatus({ pid, startTicks }: ProcessId): number | null {
  const text = procText(`/proc/${pid}/stat`);
  const stat = text === null ? null : parseStat(text);
  if (text === null || stat === null || stat.startTicks !== startTicks) return null;
  if (stat.state !== 'Z' || isAlive(stat)) return null;
  const status = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[49]);
  // 0 is also what a reader without the right to trace the process is shown.
  return status === 0 && !mayTrace(pid) ? null : status;
}

/** PTRACE_MODE_READ, which the kernel asks for here as it does for the links of a process. */
function mayTrace(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/cwd`);
    return true;
  } catch (error) {
    // A zombie has no directory any more: ENOENT comes after the check of rights.
    return codeOf(error) === 'ENOENT';
  }
}

/** USER_HZ is 100 everywhere. */
export const TICK_MS = 10;

/**
 * What the start time of a process that starts now would be. By the kernel's clock, since in a container of LXC
 * /proc/uptime is the container's (lxcfs), and the start times of processes are not.
 */
export function ticksSinceBoot(): number {
  return Number(sinceBootNs() / 10_000_000n);
}

/**
 * Neither gone nor a zombie. One whose first thread has ended by pthread_exit(3) looks like a zombie, but for the threads
 * that it goes on with.
 */
export function isAlive(stat: ProcessStat | null): stat is ProcessStat {
  return stat !== null && stat.state !== 'X' && (stat.state !== 'Z' || stat.threads > 1);
}

/** By which the kernel judges what it may do; null: it is gone, or cannot be seen. */
export function effectiveUidOf(pid: number): number | null {
  const uid = /^Uid:\t\d+\t(\d+)/m.exec(procText(`/proc/${pid}/status`, true) ?? '')?.[1];
  return uid === undefined ? null : Number(uid);
}

/** How long a process may take to lay out its new memory, on the busiest machine, before it counts as nobody's. */
export const EXEC_PATIENCE_MS = 2000;

/** What a process shows of the environment it was started with. */
export interface Environment {
  /** `NAME=value` entries, each with a NUL behind it; empty where it has none, and where it is not ours to read. */
  readonly text: string;
  /** In the middle of execve(2), or a process that has wiped all; a thread of the kernel and a zombie always. */
  readonly isNameless: boolean;
}

/** An exec may end, and the next begin, between two of a look's reads; not so often in a row. */
const EXECS_IN_A_ROW = 10;

/**
 * In the middle of execve(2) a process shows neither arguments nor environment: fs/binfmt_elf.c sets both once its new
 * memory is laid out, the arguments first. The exec may end between the two reads.
 */
export function initialEnvironmentOf(pid: number): Environment {
  for (let look = 0; look < EXECS_IN_A_ROW; look++) {
    const text = procText(`/proc/${pid}/environ`);
    if (text !== null && text !== '') return { text, isNameless: false };
    if (procText(`/proc/${pid}/cmdline`) === '') return { text: '', isNameless: true };
    if (text === null) break;
  }
  return { text: '', isNameless: false };
}

/** One variable's value; null when it is not set. */
export function variableIn({ text }: Environment, name: string): string | null {
  const at = `\0${text}`.indexOf(`\0${name}=`);
  if (at < 0) return null;
  const end = text.indexOf('\0', at);
  return text.slice(at + name.length + 1, end < 0 ? undefined : end);
}

function words(text: string): number[] {
  return text.split(' ').flatMap((word) => (word === '' ? [] : [Number(word)]));
}

/**
 * Children of one thread, zombies included; null where the kernel has no such file (CONFIG_PROC_CHILDREN).
 * The list of our own children is exact: they leave it when we reap them, newcomers join at its end.
 */
export function childrenOfThread(pid: number, thread: number): readonly number[] | null {
  const text = procText(`/proc/${pid}/task/${thread}/children`);
  return text === null ? null : words(text);
}

/** Children of all threads of a process; may miss one that is forked, or whose sibling dies, at this moment. */
export function childrenOf(stat: ProcessStat): readonly number[] {
  if (stat.threads <= 1) return childrenOfThread(stat.pid, stat.pid) ?? [];
  const threads = attempted(() => readdirSync(`/proc/${stat.pid}/task`));
  if ('errno' in threads) return [];
  return threads.value.flatMap((thread) => childrenOfThread(stat.pid, Number(thread)) ?? []);
}

/** A chain of forks may outrun any number of looks; whoever ends it asks again when its links die. */
const MOST_LISTINGS = 32;

/**
 * Every process of this pid namespace, zombies included. Costs what the machine's processes cost. One that ends between
 * the listing and its own turn may have forked another meanwhile, which no listing has yet: listed until none has.
 */
export function allProcesses(): readonly ProcessStat[] {
  const found = new Map<number, ProcessStat>();
  const look = (pid: number): boolean => {
    const stat = processStat(pid);
    if (stat !== null) found.set(pid, stat);
    return isAlive(stat);
  };
  const lookAtNew = (): boolean => {
    const names = attempted(() => readdirSync('/proc'));
    if ('errno' in names) return true;
    return names.value
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && !found.has(pid))
      .reduce((areAlive, pid) => look(pid) && areAlive, true);
  };
  for (let listing = 0; listing < MOST_LISTINGS && !lookAtNew(); listing++);
  return [...found.values()];
}
