// What the daemon says to whoever started it as a service of Type=notify: sd_notify(3). Decides nothing.
import { closeSync, writeSync } from 'node:fs';
import { messageOf } from '../base/fault.ts';
import { errnoName } from './errno.ts';
import { connectUnixSocket, openDatagramSocket } from './libc/socket.ts';

/** `socket`: the value of NOTIFY_SOCKET; without one, nobody listens. null, or why it cannot be said, in a sentence. */
export function tellStarter(socket: string | undefined, assignment: string): string | null {
  if (socket === undefined || socket === '') return null;
  try {
    send(socket, assignment);
    return null;
  } catch (error) {
    return `cannot say ${assignment} to socket "${socket}" of NOTIFY_SOCKET: ${messageOf(error)}`;
  }
}

/** `socket`: a path, or a name of the abstract namespace behind an @. */
function send(socket: string, text: string): void {
  const { fd, errno } = openDatagramSocket();
  if (errno !== 0) throw new Error(errnoName(errno));
  try {
    const address = socket.startsWith('@') ? `\0${socket.slice(1)}` : `${socket}\0`;
    const failed = connectUnixSocket(fd, address);
    if (failed !== 0) throw new Error(errnoName(failed));
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}
