// The control socket as a file: who may connect, and whether what lies at its path may be replaced.
// Nothing here knows what is spoken on it.
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { SocketOptions, SocketResult } from '../daemon/serving.ts';
import { O_PATH } from '../os/regular-file.ts';
import { listenAt } from '../os/unix-socket.ts';

/**
 * The inherited one, if it is still what lies at the path, or else a new one. One that nobody answers at is replaced.
 * The path has at most 107 bytes (ground.ts).
 */
export async function openSocket({ path, groupId, inherited }: SocketOptions): Promise<SocketResult> {
  if (inherited !== null && lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true)
    return opened(path, inherited);
  if (inherited !== null) closeSync(inherited);
  try {
    const occupied = await occupant(path);
    if (occupied !== null) return occupied;
    // Born with mode 0600, whatever the umask is.
    const fd = listenAt(path, 0o177);
    try {
      if (groupId !== null) admitGroup(path, groupId);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return opened(path, fd);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return failure(path, `${error.message}, expected ${expectedInstead(error)}`);
  }
}

function opened(path: string, fd: number): SocketResult {
  return { ok: true, value: { fd, abandon: () => abandonSocket(path, fd) } };
}

/** Whoever waits at it learns that nobody will answer. */
function abandonSocket(path: string, fd: number): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone, or a disk that refuses: the next daemon replaces it.
  }
  closeSync(fd);
}

function expectedInstead(error: Error): string {
  if (/^E[MN]FILE\b/.test(error.message)) return 'a descriptor to be left';
  const isOfGroup =
    'code' in error && error.code === 'EPERM' && 'syscall' in error && error.syscall === 'chown';
  return isOfGroup
    ? 'a socket group that this user is a member of'
    : 'a directory where this user may create it';
}

type Refused = Extract<SocketResult, { ok: false }>;

/** Why the path cannot be taken; null when it is free, also because a stale socket was removed. */
async function occupant(path: string): Promise<Refused | null> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (!found.isSocket()) {
    return failure(path, 'another kind of file is there, expected a socket or nothing');
  }
  const code = await connectError(path);
  // EAGAIN: its backlog is full, so somebody listens.
  if (code === null || code === 'EAGAIN') {
    return failure(path, 'a daemon answers there, expected none');
  }
  if (code === 'ECONNREFUSED') unlinkSync(path);
  else if (code !== 'ENOENT') return failure(path, `${code} on trying whether a daemon answers there`);
  return null;
}

function connectError(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.on('connect', () => {
      probe.destroy();
      resolve(null);
    });
    probe.on('error', (error) => resolve('code' in error ? String(error.code) : error.message));
  });
}

/**
 * The socket that was just made at the path, and the way through its directory, if that is ours alone. Throws where
 * something else lies there by now: whoever may write in the directory would have us open that to the group.
 */
export function admitGroup(path: string, groupId: number): void {
  withSeen(path, constants.O_NOFOLLOW, (held, stats) => {
    if (!stats.isSocket() || stats.uid !== process.geteuid?.())
      throw new Error('something else was put in its place');
    admitTo(held, groupId, 0o660);
  });
  withSeen(dirname(path), constants.O_DIRECTORY, (held, { uid, mode }) => {
    if (uid === process.geteuid?.() && (mode & 0o777) === 0o700) admitTo(held, groupId, 0o710);
  });
}

/** `use` gets a name for what was looked at, which leads nowhere else whatever becomes of the path. */
function withSeen(path: string, flags: number, use: (held: string, stats: Stats) => void): void {
  const seen = openSync(path, O_PATH | flags);
  try {
    use(`/proc/self/fd/${seen}`, fstatSync(seen));
  } finally {
    closeSync(seen);
  }
}

/** The group first, then its permission. */
function admitTo(held: string, groupId: number, mode: number): void {
  chownSync(held, -1, groupId);
  chmodSync(held, mode);
}

function failure(path: string, what: string): Refused {
  return { ok: false, message: `cannot listen on socket "${path}": ${what}` };
}
