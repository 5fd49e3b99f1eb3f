// posix_spawn(3), as children of the daemon are to begin.
import { bound, boundIfOffered } from '../libc.ts';
import { syscall, SYSTEM_CALLS } from './syscall.ts';

type Word = string | null;

const spawn = bound<
  (
    pid: number[],
    path: string,
    actions: Buffer,
    attributes: Buffer,
    argv: readonly Word[],
    envp: readonly Word[],
  ) => number
>(
  'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
);
const attrInit = bound<(attributes: Buffer) => number>('int posix_spawnattr_init(void *attributes)');
const attrSetFlags = bound<(attributes: Buffer, flags: number) => number>(
  'int posix_spawnattr_setflags(void *attributes, short flags)',
);
const attrSetDefault = bound<(attributes: Buffer, signals: Buffer) => number>(
  'int posix_spawnattr_setsigdefault(void *attributes, void *signals)',
);
const attrSetMask = bound<(attributes: Buffer, signals: Buffer) => number>(
  'int posix_spawnattr_setsigmask(void *attributes, void *signals)',
);
const actionsInit = bound<(actions: Buffer) => number>('int posix_spawn_file_actions_init(void *actions)');
const actionsDestroy = bound<(actions: Buffer) => number>(
  'int posix_spawn_file_actions_destroy(void *actions)',
);
const actionsDup2 = bound<(actions: Buffer, fd: number, target: number) => number>(
  'int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)',
);
const actionsChdir = bound<(actions: Buffer, path: string) => number>(
  'int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)',
);
const sigfillset = bound<(signals: Buffer) => number>('int sigfillset(void *signals)');
const sigemptyset = bound<(signals: Buffer) => number>('int sigemptyset(void *signals)');

// glibc 2.34 has it, musl has not: there, close_range(2) marks the daemon's own descriptors close-on-exec instead.
const addCloseFrom = boundIfOffered<(actions: Buffer, fd: number) => number>(
  'int posix_spawn_file_actions_addclosefrom_np(void *actions, int fd)',
);
// glibc has it since 2.39: elsewhere children are moved to their cgroups.
const attrSetCgroup = boundIfOffered<(attributes: Buffer, fd: number) => number>(
  'int posix_spawnattr_setcgroup_np(void *attributes, int fd)',
);

/** Whether a spawn can be told the child's cgroup; an old kernel may refuse it even so. */
export const SPAWNS_INTO_CGROUP = attrSetCgroup !== null;

const CLOSE_RANGE_CLOEXEC = 4;

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const POSIX_SPAWN_SETCGROUP = 0x100;
/** Larger than posix_spawnattr_t (336) and posix_spawn_file_actions_t (80) of any libc met. */
const OPAQUE_BYTES = 512;

function spawnAttributes(more: number): Buffer {
  const attributes = Buffer.alloc(OPAQUE_BYTES);
  const signals = Buffer.alloc(128);
  attrInit(attributes);
  attrSetFlags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | more);
  sigfillset(signals);
  attrSetDefault(attributes, signals);
  sigemptyset(signals);
  attrSetMask(attributes, signals);
  return attributes;
}

const usualAttributes = spawnAttributes(0);
const enclosingAttributes = attrSetCgroup === null ? usualAttributes : spawnAttributes(POSIX_SPAWN_SETCGROUP);

export interface SpawnPlan {
  readonly path: string;
  readonly argv: readonly string[];
  /** `NAME=value` words. */
  readonly environment: readonly string[];
  readonly directory: string | null;
  /** Become 0, 1 and 2, in this order; none may be overwritten before its turn. */
  readonly fds: readonly [number, number, number];
  /** Of the directory of the cgroup that it begins in; null: this process's own. Not where SPAWNS_INTO_CGROUP is false. */
  readonly cgroupFd: number | null;
}

/**
 * posix_spawn(3): a new session, every signal at its default and unblocked, descriptors 0, 1 and 2 only.
 * `around` runs the call itself, after all preparation that allocates.
 */
export function posixSpawn(
  plan: SpawnPlan,
  around: (call: () => number) => number,
): { readonly pid: number; readonly errno: number } {
  const actions = Buffer.alloc(OPAQUE_BYTES);
  const pid = [0];
  actionsInit(actions);
  try {
    // First, as it may be named by a descriptor.
    if (plan.directory !== null) actionsChdir(actions, plan.directory);
    for (const [target, fd] of plan.fds.entries()) actionsDup2(actions, fd, target);
    if (addCloseFrom !== null) addCloseFrom(actions, 3);
    else syscall(SYSTEM_CALLS.close_range, 3, 0xffffffff, CLOSE_RANGE_CLOEXEC, 0);
    const attributes = plan.cgroupFd === null ? usualAttributes : enclosingAttributes;
    if (plan.cgroupFd !== null) attrSetCgroup?.(attributes, plan.cgroupFd);
    const argv = [...plan.argv, null];
    const environment = [...plan.environment, null];
    const errno = around(() => spawn(pid, plan.path, actions, attributes, argv, environment));
    return { pid: pid[0] ?? 0, errno };
  } finally {
    actionsDestroy(actions);
  }
}
