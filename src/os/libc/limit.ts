// This process's own resource limits: prlimit(2).
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

/** This process's own limit. */
export function ownLimit(resource: number): ResourceLimit {
  const previous = Buffer.alloc(16);
  prlimit(0, resource, null, previous);
  return { soft: limitValue(previous.readBigUInt64LE(0)), hard: limitValue(previous.readBigUInt64LE(8)) };
}

/** Sets a limit of this process: of all its threads at once. */
export function setOwnLimit(resource: number, limit: ResourceLimit): number {
  const wanted = Buffer.alloc(16);
  wanted.writeBigUInt64LE(limitWord(limit.soft), 0);
  wanted.writeBigUInt64LE(limitWord(limit.hard), 8);
  return errnoOf(prlimit(0, resource, wanted, null));
}
