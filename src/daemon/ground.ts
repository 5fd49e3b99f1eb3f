// What a daemon stands on while it lives: its directories and the lock on them, the fence of its units, the group that
// its socket is for. Or why it cannot start.
import { closeSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/fault.ts';
import type { DaemonPaths, Paths } from '../base/paths.ts';
import type { FenceKind } from '../model/process.ts';
import { claimDirectory } from '../os/claim.ts';
import { openFence } from '../os/fence.ts';
import type { Fence } from '../os/fence.ts';
import { acquireLock, inheritLock } from '../os/directory-lock.ts';
import type { Lock, LockResult } from '../os/directory-lock.ts';
import { leaveRemovedDirectory, missingFooting } from '../os/footing.ts';
import { lookupGroup } from '../os/users.ts';
import type { DaemonLog } from './daemon-log.ts';
import { closeToGroup, makeDirectories } from './directories.ts';
import type { Directories } from './directories.ts';
import type { HandOver } from './handover.ts';

export interface GroundOptions {
  readonly paths: Paths;
  /** Name or number of the group that may use the socket too. */
  readonly socketGroup: string | null;
  readonly fence: FenceWish;
  /** Makes the directory of the unit files if it is missing. */
  readonly makesUnits: boolean;
}

/** auto: cgroups where they can be had, else sessions. */
export type FenceWish = 'auto' | FenceKind;

export interface Ground {
  /** The state directory is there; false: nothing is written to it. */
  readonly hasState: boolean;
  readonly lock: Lock;
  /** Descriptors that keep other daemons from the state directory and the log directory. */
  readonly claimFds: readonly number[];
  /** null: units are held by session. */
  readonly fence: Fence | null;
  /** How units are held, and where that is by session, what keeps cgroups away: a clause. */
  readonly holding: string;
  /** Of the group that may use the socket too. */
  readonly groupId: number | null;
}

/** sizeof(sun_path) less its NUL: unix(7). A longer path would be cut short, and another file bound. */
const SOCKET_PATH_BYTES = 107;

type Taken =
  | { readonly ok: true; readonly value: Ground }
  /** A sentence. */
  | { readonly ok: false; readonly message: string };

/**
 * `held`: what the version before this one held; null: it is to be taken. Says what the daemon goes on without, and
 * which fence it has. Lock, claims and fence are the caller's to close.
 */
export function takeGround(
  options: GroundOptions,
  held: Pick<HandOver, 'lockFd' | 'claimFds'> | null,
  log: DaemonLog,
): Taken {
  const { paths } = options;
  const refused = (reason: string): Taken => ({ ok: false, message: `cannot start daemon: ${reason}` });
  const missing = missingFooting();
  if (missing !== null) return refused(missing);
  const group = socketGroupFor(options.socketGroup);
  if (!group.ok) return refused(group.reason);
  const left = leaveRemovedDirectory();
  if (left !== null) log.write('warning', 'start', left);
  const socketBytes = Buffer.byteLength(paths.socket);
  if (socketBytes > SOCKET_PATH_BYTES) {
    const reason = `its path has ${socketBytes} bytes, expected at most ${SOCKET_PATH_BYTES}`;
    return { ok: false, message: `cannot listen on socket "${paths.socket}": ${reason}` };
  }
  const lockPath = join(paths.runtime, 'unitd.pid');
  let locked: LockResult;
  let made: Directories;
  try {
    made = makeDirectories(paths, options.makesUnits, process.pid === 1);
    for (const warning of made.warnings) log.write('warning', 'start', warning);
    locked = held === null ? acquireLock(lockPath) : inheritLock(lockPath, held.lockFd);
    if (locked.ok && held === null) closeToGroup(paths.runtime);
  } catch (error) {
    return refused(messageOf(error));
  }
  if (!locked.ok) {
    return refused(`${daemonCalled(locked.holderPid)} uses runtime directory "${paths.runtime}"`);
  }
  const { lock } = locked;
  const { hasState } = made;
  const claimed: Claimed =
    held === null
      ? claimFor(paths, made, lock)
      : // Whatever has become of the directories: what runs is not to be left alone.
        { ok: true, fds: held.claimFds };
  if (!claimed.ok) {
    lock.close();
    return refused(claimed.reason);
  }
  const fenced = fenceFor(options.fence, paths.runtime);
  if (!fenced.ok) {
    for (const fd of claimed.fds) closeSync(fd);
    lock.close();
    return refused(`--fence is "cgroup", but ${fenced.reason}`);
  }
  log.write('info', 'fence', fenced.message);
  const { fence, message: holding } = fenced;
  const value = { hasState, lock, claimFds: claimed.fds, fence, holding, groupId: group.id };
  return { ok: true, value };
}

function daemonCalled(pid: number | null): string {
  return pid === null ? 'another daemon' : `the daemon with pid ${pid}`;
}

type Claimed =
  | { readonly ok: true; readonly fds: readonly number[] }
  /** A clause. */
  | { readonly ok: false; readonly reason: string };

/**
 * Daemons that share a log directory rotate each other's files; in a state directory, the last to write has said it. And
 * where the last logout of a user has removed the runtime directory, and its lock, the daemon and its units may live on:
 * another would run each of them a second time.
 */
function claimFor(paths: DaemonPaths, { hasState, hasLogs }: Directories, lock: Lock): Claimed {
  const fds: number[] = [];
  for (const [name, path] of [
    ...(hasState ? [['state', paths.state] as const] : []),
    ...(hasLogs ? [['log', paths.logs] as const] : []),
  ]) {
    const claim = claimDirectory(path, [lock.fd, ...fds]);
    if (!claim.ok) {
      for (const fd of fds) closeSync(fd);
      return { ok: false, reason: `${daemonCalled(claim.holderPid)} uses ${name} directory "${path}"` };
    }
    if (claim.fd !== null) fds.push(claim.fd);
  }
  return { ok: true, fds };
}

type Group =
  | { readonly ok: true; readonly id: number | null }
  /** A clause. */
  | { readonly ok: false; readonly reason: string };

export function socketGroupFor(wanted: string | null): Group {
  const id = wanted === null ? null : lookupGroup(wanted);
  if (wanted !== null && id === null) return { ok: false, reason: `there is no group "${wanted}"` };
  return { ok: true, id };
}

type Fenced =
  | { readonly ok: true; readonly fence: Fence | null; readonly message: string }
  | { readonly ok: false; readonly reason: string };

function fenceFor(wanted: FenceWish, runtimeDirectory: string): Fenced {
  if (wanted === 'session') return { ok: true, fence: null, message: 'units are held by session' };
  const opened = openFence(realpathSync(runtimeDirectory));
  if (opened.ok) {
    const message = `units are held by cgroup, below "${opened.fence.directory}"`;
    return { ok: true, fence: opened.fence, message };
  }
  if (wanted === 'cgroup') return opened;
  return { ok: true, fence: null, message: `units are held by session: ${opened.reason}` };
}
