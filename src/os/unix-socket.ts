// A listening Unix socket as a descriptor of our own: node:net would not tell its number, and would remove the file
// when it closes. Speaks nothing.
import { closeSync } from 'node:fs';
import { errnoName } from './errno.ts';
import { bindUnixSocket, listenOn, openUnixSocket } from './libc/socket.ts';

/** As node:net asks for; the kernel caps it by net.core.somaxconn. */
const BACKLOG = 511;

/** Binds a socket to `path` (at most 107 bytes) and listens; the file's mode is 0666 less `umask`. Throws the errno. */
export function listenAt(path: string, umask: number): number {
  const { fd, errno } = openUnixSocket();
  if (errno !== 0) throw new Error(errnoName(errno));
  const before = process.umask(umask);
  try {
    const failed = bindUnixSocket(fd, path) || listenOn(fd, BACKLOG);
    if (failed !== 0) throw new Error(errnoName(failed));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  } finally {
    process.umask(before);
  }
}
