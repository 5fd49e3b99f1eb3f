// Waiting for descriptors on a thread of the pool: epoll(7), and eventfd(2), which ends a wait.
import { bound, calledAside, errnoOf, fdResult } from '../libc.ts';
import type { FdResult } from '../libc.ts';

const eventfd = bound<(initial: number, flags: number) => number>(
  'int eventfd(unsigned int initial, int flags)',
);
const epollCreate = bound<(flags: number) => number>('int epoll_create1(int flags)');
const epollControl = bound<(epoll: number, operation: number, fd: number, event: Buffer) => number>(
  'int epoll_ctl(int epoll, int operation, int fd, void *event)',
);
const epollWait = bound<(epoll: number, events: Buffer, count: number, timeout: number) => number>(
  'int epoll_wait(int epoll, void *events, int count, int timeout)',
);

const EFD_CLOEXEC = 0x80000;

/** eventfd(2): readable once somebody has written eight bytes to it. */
export function openEventFd(): FdResult {
  return fdResult(eventfd(0, EFD_CLOEXEC));
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

export function openEpoll(): FdResult {
  return fdResult(epollCreate(EPOLL_CLOEXEC));
}

/** Has epollReady() tell of `id` once, as soon as `fd` can be read: `add` for a new one, `again` for one told of. */
export function epollArm(epoll: number, fd: number, id: number, operation: 'add' | 'again'): number {
  epollEvent.writeUInt32LE(EPOLLIN_ONESHOT, 0);
  epollEvent.writeBigUInt64LE(BigInt(id), EPOLL_DATA_AT);
  return errnoOf(epollControl(epoll, operation === 'add' ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, epollEvent));
}

export function epollForget(epoll: number, fd: number): number {
  return errnoOf(epollControl(epoll, EPOLL_CTL_DEL, fd, epollEvent));
}

/** Waits on a thread of the pool, for ever, until some can be read: their ids. None after a signal. */
export async function epollReady(epoll: number): Promise<readonly number[]> {
  const events = Buffer.alloc(EPOLL_EVENTS * EPOLL_EVENT_BYTES);
  const count = await calledAside(epollWait, epoll, events, EPOLL_EVENTS, -1);
  return Array.from({ length: Math.max(0, count) }, (_, index) =>
    Number(events.readBigUInt64LE(index * EPOLL_EVENT_BYTES + EPOLL_DATA_AT)),
  );
}
