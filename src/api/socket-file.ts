// The control socket as a file: who may connect, and whether what lies at its path may be replaced.
// Nothing here knows what is spoken on it.
import { chmodSync, chownSync, closeSync, lstatSync, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { socketPathTrouble } from '../base/paths.ts';
import { listenAt } from '../os/unix-socket.ts';

export interface ListenFailure {
  /** `answered`: another daemon is there. */
  readonly code: 'answered' | 'not-a-socket' | 'path-too-long' | 'system';
  readonly message: string;
}

export type ListeningSocket =
  { readonly ok: true; readonly fd: number } | { readonly ok: false; readonly error: ListenFailure };

/**
 * A socket that listens at `path`: `inherited`, if it is still the one that lies there, or else a new one. One that
 * nobody answers at is replaced.
 */
export async function listeningSocket(
  path: string,
  groupId: number | null,
  inherited: number | null,
): Promise<ListeningSocket> {
  if (inherited !== null && lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) {
    return { ok: true, fd: inherited };
  }
  if (inherited !== null) closeSync(inherited);
  const trouble = socketPathTrouble(path);
  if (trouble !== null) return failure('path-too-long', path, trouble);
  try {
    const occupied = await occupant(path);
    if (occupied !== null) return occupied;
    // Born with mode 0600, whatever the umask is.
    const fd = listenAt(path, 0o177);
    if (groupId !== null) admitGroup(path, groupId);
    return { ok: true, fd };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return failure('system', path, `${error.message}, expected ${expectedInstead(error)}`);
  }
}

/** Whoever waits at it learns that nobody will answer. */
export function abandonSocket(path: string, fd: number): void {
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

type Refused = Extract<ListeningSocket, { ok: false }>;

/** Why the path cannot be taken; null when it is free, also because a stale socket was removed. */
async function occupant(path: string): Promise<Refused | null> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (!found.isSocket()) {
    return failure('not-a-socket', path, 'another kind of file is there, expected a socket or nothing');
  }
  const code = await connectError(path);
  // EAGAIN: its backlog is full, so somebody listens.
  if (code === null || code === 'EAGAIN') {
    return failure('answered', path, 'a daemon answers there, expected none');
  }
  if (code === 'ECONNREFUSED') unlinkSync(path);
  else if (code !== 'ENOENT')
    return failure('system', path, `${code} on trying whether a daemon answers there`);
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

/** The group first, then its permission; and the way through the directory, if that is ours alone. */
function admitGroup(path: string, groupId: number): void {
  chownSync(path, -1, groupId);
  chmodSync(path, 0o660);
  const directory = dirname(path);
  const { uid, mode } = statSync(directory);
  if (uid !== process.geteuid?.() || (mode & 0o777) !== 0o700) return;
  chownSync(directory, -1, groupId);
  chmodSync(directory, 0o710);
}

function failure(code: ListenFailure['code'], path: string, what: string): Refused {
  return { ok: false, error: { code, message: `cannot listen on socket "${path}": ${what}` } };
}
