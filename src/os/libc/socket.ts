// Unix sockets: those that listen, and those that speak to one by datagrams.
import { bound, errnoOf, fdResult } from '../libc.ts';
import type { FdResult } from '../libc.ts';

const socket = bound<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const bind = bound<(fd: number, address: Buffer, length: number) => number>(
  'int bind(int fd, void *address, unsigned int length)',
);
const connect = bound<(fd: number, address: Buffer, length: number) => number>(
  'int connect(int fd, void *address, unsigned int length)',
);
const listen = bound<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;

export function openUnixSocket(): FdResult {
  return fdResult(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/** One that waits neither for room nor for datagrams. */
export function openDatagramSocket(): FdResult {
  return fdResult(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/** connect(2) to an address as unix(7) has it: a path with its NUL, or a name that begins with one. */
export function connectUnixSocket(fd: number, address: string): number {
  const bytes = Buffer.from(`\0\0${address}`);
  bytes.writeUInt16LE(AF_UNIX, 0);
  return errnoOf(connect(fd, bytes, bytes.length));
}

/** bind(2) to `path`, which is to be at most 107 bytes long; the file gets the mode that the umask leaves. */
export function bindUnixSocket(fd: number, path: string): number {
  const address = Buffer.from(`\0\0${path}\0`);
  address.writeUInt16LE(AF_UNIX, 0);
  return errnoOf(bind(fd, address, address.length));
}

export function listenOn(fd: number, backlog: number): number {
  return errnoOf(listen(fd, backlog));
}
