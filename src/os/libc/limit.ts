// This process's own resource limits: prlimit(2), which a seccomp filter may refuse; /proc tells them then.
import { readFileSync } from 'node:fs';
import { bound, errnoOf } from '../libc.ts';

const prlimit = bound<
  (pid: number, resource: number, wanted: Buffer | null, previous: Buffer | null) => number
>('int prlimit(int pid, int resource, void *wanted, void *previous)');

const RLIM_INFINITY = 0xffffffffffffffffn;

/** Numbers of asm-generic/resource.h, which x86-64 and arm64 both use. */
export const RESOURCES = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const;

/** Infinity stands for RLIM_INFINITY. */
export interface ResourceLimit {
  readonly soft: number;
  readonly hard: number;
}

function limitValue(value: bigint): number {
  return value === RLIM_INFINITY ? Infinity : Number(value);
}

function limitWord(value: number): bigint {
  return value === Infinity ? RLIM_INFINITY : BigInt(value);
}

/** This process's own limit; where nobody tells it, none. */
export function ownLimit(resource: number): ResourceLimit {
  const previous = Buffer.alloc(16);
  if (prlimit(0, resource, null, previous) !== 0) return listedLimit(resource);
  return { soft: limitValue(previous.readBigUInt64LE(0)), hard: limitValue(previous.readBigUInt64LE(8)) };
}

/** Of /proc/self/limits, which has a head and then a line for each in the order of their numbers (fs/proc/base.c). */
function listedLimit(resource: number): ResourceLimit {
  let line: string | undefined;
  try {
    line = readFileSync('/proc/self/limits', 'latin1').split('\n')[resource + 1];
  } catch {
    // As said above.
  }
  const [, soft = NaN, hard = NaN] = (/^.{25} (\S+) +(\S+)/.exec(line ?? '') ?? []).map(Number);
  return { soft: Number.isNaN(soft) ? Infinity : soft, hard: Number.isNaN(hard) ? Infinity : hard };
}

/** Sets a limit of this process: of all its threads at once. */
export function setOwnLimit(resource: number, limit: ResourceLimit): number {
  const wanted = Buffer.alloc(16);
  wanted.writeBigUInt64LE(limitWord(limit.soft), 0);
  wanted.writeBigUInt64LE(limitWord(limit.hard), 8);
  return errnoOf(prlimit(0, resource, wanted, null));
}
