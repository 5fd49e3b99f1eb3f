// Where things lie: the directory table of the manual, resolved from flags, environment and user.
// Looks at nothing but its arguments (and whether a runtime directory exists, and is for this user); creates nothing.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { codeOf } from './fault.ts';

/** The directories of a daemon. */
export interface DaemonPaths {
  /** Of the unit files. */
  readonly units: string;
  /** Socket, FIFOs, live state: gone after a reboot. */
  readonly runtime: string;
  /** Last good set, operator intent, restart history. */
  readonly state: string;
  readonly logs: string;
}

export interface Paths extends DaemonPaths {
  /** The control socket. */
  readonly socket: string;
}

/** Of a user without a directory of the login: the uid follows. */
export const TEMPORARY_RUNTIME = '/tmp/unitd-';

/** Of the log directory: a group may read, as in /var/log. */
export const LOG_DIRECTORY_MODE = 0o750;

/** In the log directory: what a detached daemon says. Rotated, it has a number behind it. */
export const DAEMON_LOG = 'unitd.log';

/** What the command line said; everything may be left out. */
export interface PathFlags {
  readonly units?: string | undefined;
  readonly runtimeDir?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly logDir?: string | undefined;
  readonly socket?: string | undefined;
}

export interface PathSources {
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: PathFlags;
  /** Whether a directory exists; default: asks the file system. */
  readonly exists?: (path: string) => boolean;
  /** Whether a directory is another user's, and closed to this one; default: asks the file system. */
  readonly isForeign?: (path: string, uid: number) => boolean;
}

/** Absolute paths: a flag wins over UNITD_*, that over the defaults of root or of the user's XDG directories. */
export function resolvePaths(sources: PathSources): Paths {
  const { uid, env, flags } = sources;
  const preset = uid === 0 ? SYSTEM : userDirectories(sources);
  const runtime = chosen(flags.runtimeDir, env['UNITD_RUNTIME_DIR']) ?? preset.runtime();
  return {
    units: chosen(flags.units, env['UNITD_UNITS']) ?? preset.units(),
    runtime,
    state: chosen(flags.stateDir, env['UNITD_STATE_DIR']) ?? preset.state(),
    logs: chosen(flags.logDir, env['UNITD_LOG_DIR']) ?? preset.logs(),
    socket: chosen(flags.socket, env['UNITD_SOCKET']) ?? join(runtime, 'unitd.sock'),
  };
}

interface Preset {
  readonly units: () => string;
  readonly runtime: () => string;
  readonly state: () => string;
  readonly logs: () => string;
}

/** Of root, where nothing else is said. */
export const SYSTEM_RUNTIME = '/run/unitd';

const SYSTEM: Preset = {
  units: () => '/etc/unitd/units.d',
  runtime: () => SYSTEM_RUNTIME,
  state: () => '/var/lib/unitd',
  logs: () => '/var/log/unitd',
};

function userDirectories(sources: PathSources): Preset {
  const { env } = sources;
  const home = (): string => xdg(env['HOME']) ?? homeOfUser();
  const state = (): string => join(xdg(env['XDG_STATE_HOME']) ?? join(home(), '.local/state'), 'unitd');
  return {
    units: () => join(xdg(env['XDG_CONFIG_HOME']) ?? join(home(), '.config'), 'unitd/units.d'),
    runtime: () => userRuntimeDirectory(sources),
    state,
    logs: () => join(state(), 'log'),
  };
}

// By the user database alone: homedir() takes a HOME that is empty or relative as it is. A user that no database knows
// has none, nor has one whose entry there is empty: a container's, whose HOME is the root of its file system where it
// has one.
function homeOfUser(): string {
  try {
    return xdg(userInfo().homedir) ?? '/';
  } catch {
    return '/';
  }
}

// cron and sudo leave XDG_RUNTIME_DIR out although the directory is there: a client run by them has to find the
// same socket. su and runuser hand on that of whoever became this user: root's, from a login, is closed to all others.
// Without any, the name carries the uid; daemon and client refuse it where it is another user's.
function userRuntimeDirectory({
  uid,
  env,
  exists = existsSync,
  isForeign = isClosedToUser,
}: PathSources): string {
  const given = xdg(env['XDG_RUNTIME_DIR']);
  if (given !== null && !isForeign(given, uid)) return join(given, 'unitd');
  const login = `/run/user/${uid}`;
  return exists(login) ? join(login, 'unitd') : TEMPORARY_RUNTIME + String(uid);
}

function isClosedToUser(path: string, uid: number): boolean {
  try {
    if (statSync(path).uid !== uid) accessSync(path, constants.W_OK | constants.X_OK);
    return false;
  } catch (error) {
    return codeOf(error) === 'EACCES';
  }
}

function chosen(flag: string | undefined, variable: string | undefined): string | null {
  const value = flag ?? variable;
  return value === undefined || value === '' ? null : resolve(value);
}

// The XDG specification: a relative path in one of its variables is to be ignored.
function xdg(value: string | undefined): string | null {
  return value !== undefined && isAbsolute(value) ? value : null;
}
