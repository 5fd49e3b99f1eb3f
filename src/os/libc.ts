// The C library, as thin typed functions: the only file that imports koffi. A failure is an errno number in the
// result (0: none); nothing here retries, decides or throws.
import { constants as fileConstants } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';

const library = koffi.load(null);

const c = {
  spawn: library.func(
    'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
  ),
  attrInit: library.func('int posix_spawnattr_init(void *attributes)'),
  attrSetFlags: library.func('int posix_spawnattr_setflags(void *attributes, short flags)'),
  attrSetDefault: library.func('int posix_spawnattr_setsigdefault(void *attributes, void *signals)'),
  attrSetMask: library.func('int posix_spawnattr_setsigmask(void *attributes, void *signals)'),
  actionsInit: library.func('int posix_spawn_file_actions_init(void *actions)'),
  actionsDestroy: library.func('int posix_spawn_file_actions_destroy(void *actions)'),
  actionsDup2: library.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)'),
  actionsChdir: library.func('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)'),
  sigfillset: library.func('int sigfillset(void *signals)'),
  sigemptyset: library.func('int sigemptyset(void *signals)'),
  sigrtmin: library.func('int __libc_current_sigrtmin()'),
  sigrtmax: library.func('int __libc_current_sigrtmax()'),
  waitid: library.func('int waitid(int type, unsigned int id, void *info, int options)'),
  prctl: library.func(
    'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
  ),
  kill: library.func('int kill(int pid, int signal)'),
  syscall: library.func('long syscall(long number, long a, long b, long c, long d)'),
  openat2: library.func(
    'long syscall(long number, long directory, const char *path, void *how, size_t size)',
  ),
  clockGettime: library.func('int clock_gettime(int clock, void *time)'),
  getpagesize: library.func('int getpagesize()'),
  prlimit: library.func('int prlimit(int pid, int resource, void *wanted, void *previous)'),
  fcntl: library.func('int fcntl(int fd, int command, long argument)'),
  dup2: library.func('int dup2(int fd, int place)'),
  access: library.func('int access(const char *path, int mode)'),
  getxattr: library.func('long getxattr(const char *path, const char *name, void *value, size_t size)'),
  mkfifo: library.func('int mkfifo(const char *path, unsigned int mode)'),
  flock: library.func('int flock(int fd, int operation)'),
  poll: library.func('int poll(void *fds, unsigned long count, int timeout)'),
  eventfd: library.func('int eventfd(unsigned int initial, int flags)'),
  ioctl: library.func('int ioctl(int fd, unsigned long request, void *argument)'),
  execve: library.func('int execve(const char *path, const char **argv, const char **envp)'),
  socket: library.func('int socket(int domain, int type, int protocol)'),
  bind: library.func('int bind(int fd, void *address, unsigned int length)'),
  listen: library.func('int listen(int fd, int backlog)'),
  memfdCreate: library.func('int memfd_create(const char *name, unsigned int flags)'),
  epollCreate: library.func('int epoll_create1(int flags)'),
  epollControl: library.func('int epoll_ctl(int epoll, int operation, int fd, void *event)'),
  epollWait: library.func('int epoll_wait(int epoll, void *events, int count, int timeout)'),
  splice: library.func(
    'long splice(int from, void *fromOffset, int to, void *toOffset, size_t bytes, unsigned int flags)',
  ),
};

/** null where this C library has it not. */
function offered(signature: string): ReturnType<typeof library.func> | null {
  try {
    return library.func(signature);
  } catch {
    return null;
  }
}

// glibc 2.34 has it, musl has not: there, close_range(2) marks the daemon's own descriptors close-on-exec instead.
const addCloseFrom = offered('int posix_spawn_file_actions_addclosefrom_np(void *actions, int fd)');
// glibc has it since 2.39: elsewhere children are moved to their cgroups.
const attrSetCgroup = offered('int posix_spawnattr_setcgroup_np(void *attributes, int fd)');
// glibc has it since 2.26, musl since 1.2.5: elsewhere nothing is known to be at hand.
const preadv2 = offered('long preadv2(int fd, void *vector, int count, long offset, int flags)');
// glibc alone has it, and keeps much.
const mallocTrim = offered('int malloc_trim(size_t pad)');

/** Whether a spawn can be told the child's cgroup; an old kernel may refuse it even so. */
export const SPAWNS_INTO_CGROUP = attrSetCgroup !== null;

// The same on x86-64 and arm64 (asm-generic/unistd.h; both tables agree from 424 on).
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;
const SYS_CLOSE_RANGE = 436;
const SYS_OPENAT2 = 437;
const CLOSE_RANGE_CLOEXEC = 4;

const RWF_NOWAIT = 0x08;

const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const POSIX_SPAWN_SETCGROUP = 0x100;
/** Larger than posix_spawnattr_t (336) and posix_spawn_file_actions_t (80) of any libc met. */
const OPAQUE_BYTES = 512;

const PR_SET_CHILD_SUBREAPER = 36;
const CLOCK_BOOTTIME = 7;
const F_DUPFD = 0;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
const F_SETPIPE_SZ = 1031;
const LOCK_EX_NB = 2 | 4;
const X_OK = 1;
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

// Of two names for one number, the first is the one that manuals use: EAGAIN, not EWOULDBLOCK.
const errnoNames = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** `ENOENT` for 2; `errno 999` for a number that has no name. */
export function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `errno ${errno}`;
}

/**
 * Read by a call of its own, before which V8 may have made others: in Node 24 the first lock that threads contend for has
 * it look for a file that few machines have (absl's cycle clock, tsc_freq_khz), and then this is ENOENT. Once in the life
 * of a process, and only where there is much to do; see believed().
 */
function errnoOf(result: number): number {
  return result < 0 ? koffi.errno() : 0;
}

/** Has what fails otherwise than `expected` asked once more, and gives that. For calls that change nothing if they fail. */
function believed<T extends { readonly errno: number }>(ask: () => T, expected: readonly number[]): T {
  const first = ask();
  return first.errno === 0 || expected.includes(first.errno) ? first : ask();
}

function spawnAttributes(more: number): Buffer {
  const attributes = Buffer.alloc(OPAQUE_BYTES);
  const signals = Buffer.alloc(128);
  c.attrInit(attributes);
  c.attrSetFlags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | more);
  c.sigfillset(signals);
  c.attrSetDefault(attributes, signals);
  c.sigemptyset(signals);
  c.attrSetMask(attributes, signals);
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
  c.actionsInit(actions);
  try {
    // First, as it may be named by a descriptor.
    if (plan.directory !== null) c.actionsChdir(actions, plan.directory);
    for (const [target, fd] of plan.fds.entries()) c.actionsDup2(actions, fd, target);
    if (addCloseFrom !== null) addCloseFrom(actions, 3);
    else c.syscall(SYS_CLOSE_RANGE, 3, 0xffffffff, CLOSE_RANGE_CLOEXEC, 0);
    const attributes = plan.cgroupFd === null ? usualAttributes : enclosingAttributes;
    if (plan.cgroupFd !== null) attrSetCgroup?.(attributes, plan.cgroupFd);
    const argv = [...plan.argv, null];
    const environment = [...plan.environment, null];
    const errno = around(() => c.spawn(pid, plan.path, actions, attributes, argv, environment) as number);
    return { pid: pid[0] ?? 0, errno };
  } finally {
    c.actionsDestroy(actions);
  }
}

/** A child that ended, in the words of siginfo_t: `code` is CLD_EXITED (1), CLD_KILLED (2) or CLD_DUMPED (3). */
export interface DeadChild {
  readonly pid: number;
  readonly code: number;
  readonly status: number;
}

const siginfo = Buffer.alloc(128);

function waitid(type: number, id: number, options: number): DeadChild | null {
  siginfo.fill(0);
  let errno = 0;
  do errno = errnoOf(c.waitid(type, id, siginfo, WEXITED | WNOHANG | options) as number);
  while (errno === constants.errno.EINTR);
  // Offsets of the 64-bit siginfo_t: si_code 8, si_pid 16, si_status 24. si_pid stays 0 when nobody has ended.
  const pid = siginfo.readInt32LE(16);
  if (errno !== 0 || pid === 0) return null;
  return { pid, code: siginfo.readInt32LE(8), status: siginfo.readInt32LE(24) };
}

/** Reaps some dead child of this process; null when there is none. */
export function reapAnyChild(): DeadChild | null {
  return waitid(P_ALL, 0, 0);
}

/** Some dead child of this process, left unreaped; null when there is none. */
export function peekDeadChild(): DeadChild | null {
  return waitid(P_ALL, 0, WNOWAIT);
}

/** Reaps `pid` if it is a dead child; null when it is not. */
export function reapChild(pid: number): DeadChild | null {
  return waitid(P_PID, pid, 0);
}

/** Orphans of this process's descendants become its children (prctl(2), inherited by no child). */
export function becomeSubreaper(): number {
  return errnoOf(c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) as number);
}

const timespec = Buffer.alloc(16);

/** Nanoseconds since boot, suspended or not, as the kernel counts the start times of processes. */
export function sinceBootNs(): bigint {
  c.clockGettime(CLOCK_BOOTTIME, timespec);
  return timespec.readBigInt64LE(0) * 1_000_000_000n + timespec.readBigInt64LE(8);
}

/** Bytes of a page of memory. */
export function pageBytes(): number {
  return c.getpagesize() as number;
}

/** kill(2); a negative pid is a process group, signal 0 only asks. */
export function kill(pid: number, signal: number): number {
  return errnoOf(c.kill(pid, signal) as number);
}

export function pidfdOpen(pid: number): { readonly fd: number; readonly errno: number } {
  const fd = Number(c.syscall(SYS_PIDFD_OPEN, pid, 0, 0, 0));
  return { fd, errno: errnoOf(fd) };
}

const EFD_CLOEXEC = 0x80000;
const POLLIN = 1;
const POLLFD_BYTES = 8;

/** eventfd(2): readable once somebody has written eight bytes to it. */
export function openEventFd(): { readonly fd: number; readonly errno: number } {
  const fd = c.eventfd(0, EFD_CLOEXEC) as number;
  return { fd, errno: errnoOf(fd) };
}

/**
 * poll(2) on a thread of the pool: those of `readable` that can be read or have hung up, and those of `hangup` that
 * have hung up. `timeoutMs` -1 waits for ever.
 */
export async function pollFds(
  readable: readonly number[],
  hangup: readonly number[],
  timeoutMs: number,
): Promise<readonly number[]> {
  const fds = [...readable, ...hangup];
  const table = Buffer.alloc(fds.length * POLLFD_BYTES);
  for (const [index, fd] of fds.entries()) {
    table.writeInt32LE(fd, index * POLLFD_BYTES);
    table.writeInt16LE(index < readable.length ? POLLIN : 0, index * POLLFD_BYTES + 4);
  }
  await new Promise<void>((resolve, reject) => {
    c.poll.async(table, fds.length, timeoutMs, (error: Error | null) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return fds.filter((_fd, index) => table.readInt16LE(index * POLLFD_BYTES + 6) !== 0);
}

const EPOLL_CLOEXEC = 0x80000;
const EPOLLIN_ONESHOT = 0x40000001;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
// struct epoll_event: events 0, data behind it, which x86-64 alone packs (include/uapi/linux/eventpoll.h).
const EPOLL_DATA_AT = process.arch === 'x64' ? 4 : 8;
const EPOLL_EVENT_BYTES = EPOLL_DATA_AT + 8;
const EPOLL_EVENTS = 64;
const epollEvent = Buffer.alloc(EPOLL_EVENT_BYTES);

export function openEpoll(): { readonly fd: number; readonly errno: number } {
  const fd = c.epollCreate(EPOLL_CLOEXEC) as number;
  return { fd, errno: errnoOf(fd) };
}

/** Has epollReady() tell of `id` once, as soon as `fd` can be read: `add` for a new one, `again` for one told of. */
export function epollArm(epoll: number, fd: number, id: number, operation: 'add' | 'again'): number {
  epollEvent.writeUInt32LE(EPOLLIN_ONESHOT, 0);
  epollEvent.writeBigUInt64LE(BigInt(id), EPOLL_DATA_AT);
  return errnoOf(
    c.epollControl(epoll, operation === 'add' ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, epollEvent) as number,
  );
}

export function epollForget(epoll: number, fd: number): number {
  return errnoOf(c.epollControl(epoll, EPOLL_CTL_DEL, fd, epollEvent) as number);
}

/** Waits on a thread of the pool, for ever, until some can be read: their ids. None after a signal. */
export async function epollReady(epoll: number): Promise<readonly number[]> {
  const events = Buffer.alloc(EPOLL_EVENTS * EPOLL_EVENT_BYTES);
  const count = await new Promise<number>((resolve, reject) => {
    c.epollWait.async(epoll, events, EPOLL_EVENTS, -1, (error: Error | null, result: number) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
  return Array.from({ length: Math.max(0, count) }, (_, index) =>
    Number(events.readBigUInt64LE(index * EPOLL_EVENT_BYTES + EPOLL_DATA_AT)),
  );
}

const SPLICE_F_NONBLOCK = 2;
const spliceOffset = Buffer.alloc(8);
const NOTHING_MOVED = [constants.errno.EAGAIN, constants.errno.EINTR];

/** Moves at most `bytes` from a pipe to `offset` of a file: splice(2). */
export function spliceToFile(
  pipe: number,
  file: number,
  offset: number,
  bytes: number,
): { readonly bytes: number; readonly errno: number } {
  return believed(() => {
    spliceOffset.writeBigInt64LE(BigInt(offset));
    const moved = Number(c.splice(pipe, null, file, spliceOffset, bytes, SPLICE_F_NONBLOCK));
    return { bytes: Math.max(0, moved), errno: errnoOf(moved) };
  }, NOTHING_MOVED);
}

// include/uapi/asm-generic/ioctls.h, of every architecture that koffi is built for.
const FIONREAD = 0x541b;
const unread = Buffer.alloc(4);

/** How much can be read from a pipe now: FIONREAD, pipe(7); null for what does not say. */
export function bytesInPipe(fd: number): number | null {
  return errnoOf(c.ioctl(fd, FIONREAD, unread) as number) === 0 ? unread.readInt32LE() : null;
}

// include/uapi/linux/pidfd.h, Linux 6.13; PIDFD_INFO_EXIT since 6.15. _IOWR(0xFF, 11, struct pidfd_info).
const PIDFD_INFO_BYTES = 64;
const PIDFD_GET_INFO = 0xc000ff0b + PIDFD_INFO_BYTES * 0x10000;
const PIDFD_INFO_EXIT = 8n;

/** The wait status (as of waitpid(2)) of a process that has ended; null where the kernel does not tell. */
export function pidfdWaitStatus(fd: number): number | null {
  const info = Buffer.alloc(PIDFD_INFO_BYTES);
  info.writeBigUInt64LE(PIDFD_INFO_EXIT, 0);
  if (errnoOf(c.ioctl(fd, PIDFD_GET_INFO, info) as number) !== 0) return null;
  // mask 0, cgroupid 8, pid 16, tgid 20, ppid 24, six ids 28 to 60, exit_code 60.
  return (info.readBigUInt64LE(0) & PIDFD_INFO_EXIT) === 0n ? null : info.readInt32LE(60);
}

export function pidfdSendSignal(fd: number, signal: number): number {
  return errnoOf(Number(c.syscall(SYS_PIDFD_SEND_SIGNAL, fd, signal, 0, 0)));
}

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
  c.prlimit(0, resource, null, previous);
  return { soft: limitValue(previous.readBigUInt64LE(0)), hard: limitValue(previous.readBigUInt64LE(8)) };
}

/** Sets a limit of this process: of all its threads at once. */
export function setOwnLimit(resource: number, limit: ResourceLimit): number {
  const wanted = Buffer.alloc(16);
  wanted.writeBigUInt64LE(limitWord(limit.soft), 0);
  wanted.writeBigUInt64LE(limitWord(limit.hard), 8);
  return errnoOf(c.prlimit(0, resource, wanted, null) as number);
}

/** A close-on-exec copy of `fd` on the lowest free descriptor that is at least `lowest`. */
export function duplicateFd(fd: number, lowest: number): { readonly fd: number; readonly errno: number } {
  const copy = c.fcntl(fd, F_DUPFD_CLOEXEC, lowest) as number;
  return { fd: copy, errno: errnoOf(copy) };
}

/** The same on a thread of the pool; null where it cannot be. */
export async function duplicateFdAside(fd: number, lowest: number): Promise<number | null> {
  const copy = await new Promise<number>((resolve, reject) => {
    c.fcntl.async(fd, F_DUPFD_CLOEXEC, lowest, (error: Error | null, result: number) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
  return copy === -1 ? null : copy;
}

/** A copy of `fd` that an exec leaves open, on the lowest free descriptor that is at least `lowest`. */
export function inheritableFd(fd: number, lowest: number): { readonly fd: number; readonly errno: number } {
  const copy = c.fcntl(fd, F_DUPFD, lowest) as number;
  return { fd: copy, errno: errnoOf(copy) };
}

/** Closes `place` and has it lead where `fd` does, across an exec too; nobody sees it closed. The errno, or 0. */
export function putInPlaceOf(fd: number, place: number): number {
  return errnoOf(c.dup2(fd, place) as number);
}

/** Whether an exec closes `fd`. */
export function setCloseOnExec(fd: number, closes: boolean): number {
  return errnoOf(c.fcntl(fd, F_SETFD, closes ? FD_CLOEXEC : 0) as number);
}

/** memfd_create(2): a file without a name, which an exec leaves open. */
export function openMemoryFile(name: string): { readonly fd: number; readonly errno: number } {
  const fd = c.memfdCreate(name, 0) as number;
  return { fd, errno: errnoOf(fd) };
}

/** execve(2): returns only when it failed. It ends every other thread; descriptors that are close-on-exec close. */
export function execute(path: string, argv: readonly string[], environment: readonly string[]): number {
  return errnoOf(c.execve(path, [...argv, null], [...environment, null]) as number);
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0x80000;

export function openUnixSocket(): { readonly fd: number; readonly errno: number } {
  const fd = c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) as number;
  return { fd, errno: errnoOf(fd) };
}

/** bind(2) to `path`, which is to be at most 107 bytes long; the file gets the mode that the umask leaves. */
export function bindUnixSocket(fd: number, path: string): number {
  const address = Buffer.from(`\0\0${path}\0`);
  address.writeUInt16LE(AF_UNIX, 0);
  return errnoOf(c.bind(fd, address, address.length) as number);
}

export function listenOn(fd: number, backlog: number): number {
  return errnoOf(c.listen(fd, backlog) as number);
}

/** The kernel rounds up to a power of two pages; EPERM beyond /proc/sys/fs/pipe-max-size for the unprivileged. */
export function setPipeSize(fd: number, bytes: number): number {
  return errnoOf(c.fcntl(fd, F_SETPIPE_SZ, bytes) as number);
}

/** Whether this process may execute (or search) `path`: access(2) with the real ids. */
export function mayExecute(path: string): boolean {
  return c.access(path, X_OK) === 0;
}

/** Whether mode bits alone do not tell who may use `path`. */
export function hasAccessList(path: string): boolean {
  return Number(c.getxattr(path, 'system.posix_acl_access', null, 0)) > 0;
}

/** struct open_how of linux/openat2.h: flags, mode, resolve. */
const OPEN_AT_HAND = ((): Buffer => {
  const [RESOLVE_NO_XDEV, RESOLVE_NO_SYMLINKS, RESOLVE_CACHED] = [0x01, 0x04, 0x20];
  const { O_RDONLY, O_NOCTTY, O_NONBLOCK } = fileConstants;
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_CACHED), 16);
  return how;
})();

/**
 * Opens a file of an open directory for reading if the kernel has all that this takes in memory: on a local file system
 * it never waits for a disk. null where it has not, where a symbolic link or a mount is in the way, for any error, and
 * before Linux 5.12, which introduced RESOLVE_CACHED. The caller owns the descriptor.
 */
export function openAtHand(directoryFd: number, name: string): number | null {
  const fd = Number(c.openat2(SYS_OPENAT2, directoryFd, name, OPEN_AT_HAND, OPEN_AT_HAND.length));
  return fd < 0 ? null : fd;
}

const AT_HAND = Buffer.alloc(64 * 1024);
const AT_HAND_VECTOR = Buffer.alloc(16);
AT_HAND_VECTOR.writeBigUInt64LE(BigInt(koffi.address(AT_HAND)), 0);
AT_HAND_VECTOR.writeBigUInt64LE(BigInt(AT_HAND.length), 8);

/**
 * The first `length` bytes of a file if they are all in memory: never waits for a disk. null when they are not, when it
 * has fewer, when they are more than 64 KiB, and where the file system cannot say (overlayfs, tmpfs).
 */
export function bytesAtHand(fd: number, length: number): Buffer | null {
  if (length > AT_HAND.length) return null;
  if (preadv2 === null || Number(preadv2(fd, AT_HAND_VECTOR, 1, 0, RWF_NOWAIT)) < length) return null;
  return Buffer.from(AT_HAND.subarray(0, length));
}

export function mkfifo(path: string, mode: number): number {
  return believed(() => ({ errno: errnoOf(c.mkfifo(path, mode) as number) }), [constants.errno.EEXIST]).errno;
}

/** flock(2), exclusive, without waiting: EWOULDBLOCK when another open description holds it. */
export function lockFile(fd: number): number {
  return errnoOf(c.flock(fd, LOCK_EX_NB) as number);
}

/**
 * malloc_trim(3): gives memory that was freed back to the kernel, which malloc keeps for each thread that had some. Takes
 * one to three milliseconds. Nothing where libc has no such call.
 */
export function trimMalloc(): void {
  mallocTrim?.(0);
}

/** First and last real-time signal that programs may use: libc keeps some for itself. */
export const REALTIME_SIGNALS = { min: c.sigrtmin() as number, max: c.sigrtmax() as number } as const;
