// The environment of a unit's processes, made anew for each spawn.
//
// Later wins: what the unit inherits of the daemon's own environment, its PWD made true; HOME, USER, LOGNAME and SHELL
// of `user`; `environment`; the environmentFiles in their order (as in systemd, files win over the field); UNITD_UNIT
// and INVOCATION_ID; what the step adds (MAINPID, SERVICE_RESULT).
import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, readSync } from 'node:fs';
import { codeOf } from '../base/fault.ts';
import type { SpawnFailure } from '../model/process.ts';
import type { UnitSpec } from '../model/unit.ts';
import { passesThroughShell } from '../os/exec-chain.ts';
import { INVOCATION_VARIABLE } from '../os/ports.ts';
import { openRegularFile } from '../os/regular-file.ts';
import { lookupUser } from '../os/users.ts';
import { readEnvironment } from './environment-file.ts';

export type EnvironmentResult =
  | { readonly ok: true; readonly environment: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly failure: SpawnFailure };

/**
 * Of the daemon's own environment, what speaks of the daemon alone, as a service of systemd has it (systemd.exec(5)): a
 * program that takes JOURNAL_STREAM for its own writes as nobody reads it, and one that goes by MEMORY_PRESSURE_WATCH
 * minds the memory of all units. Or what speaks of the unit that a command of started it: a stop.command that signals
 * MAINPID must not meet another's main process where its unit has none.
 */
const OWN = [
  '_',
  'OLDPWD',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
  'FDSTORE',
  'JOURNAL_STREAM',
  'MANAGERPID',
  'MEMORY_PRESSURE_WATCH',
  'MEMORY_PRESSURE_WRITE',
  'SYSTEMD_EXEC_PID',
  'PIDUSAGE_SILENT',
  'MAINPID',
  'SERVICE_RESULT',
  'EXIT_CODE',
  'EXIT_STATUS',
];

/** What units inherit from the daemon: read once, at its start. */
export function inheritedEnvironment(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !OWN.includes(name)) inherited[name] = value;
  }
  return inherited;
}

export interface EnvironmentSources {
  readonly inherited: Readonly<Record<string, string>>;
  readonly spec: UnitSpec;
  readonly invocationId: string;
  readonly variables: Readonly<Record<string, string>>;
}

export function environmentOf(sources: EnvironmentSources): EnvironmentResult {
  const { inherited, spec, invocationId, variables } = sources;
  const environment: Record<string, string> = {
    ...inheritedBy(spec, inherited),
    ...(inherited['PWD'] !== undefined && { PWD: spec.workingDirectory ?? process.cwd() }),
    ...userVariables(spec.user),
    ...spec.environment,
  };
  for (const { path, optional } of spec.environmentFiles) {
    const read = textOf(path);
    if (!read.ok) {
      if (optional && read.errno === 'ENOENT') continue;
      const reason = `environment file ${JSON.stringify(path)} cannot be read: ${read.why}`;
      return { ok: false, failure: { stage: 'command', errno: read.errno, reason } };
    }
    const given = readEnvironment(read.text);
    if (!given.ok) {
      const reason = `environment file ${JSON.stringify(`${path}:${given.line}`)} cannot be read: ${given.why}`;
      return { ok: false, failure: { stage: 'command', errno: null, reason } };
    }
    Object.assign(environment, given.variables);
  }
  Object.assign(environment, { UNITD_UNIT: spec.name, [INVOCATION_VARIABLE]: invocationId }, variables);
  return { ok: true, environment };
}

/** What says who somebody is and where at home. */
const IDENTITY = ['HOME', 'USER', 'LOGNAME', 'SHELL'];

/**
 * With a user, without whose the daemon's are. With a umask, without what does not pass through the shell that sets it:
 * nobody has asked for that here. A login shell that exports functions, as root's does on some systems, has such
 * variables.
 */
function inheritedBy(
  { umask, user }: UnitSpec,
  inherited: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (umask === null && user === null) return inherited;
  const isForIt = (name: string): boolean =>
    (umask === null || passesThroughShell(name)) && (user === null || !IDENTITY.includes(name));
  return Object.fromEntries(Object.entries(inherited).filter(([name]) => isForIt(name)));
}

type TextResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly errno: string | null; readonly why: string };

/** Whoever may write the file may let it grow; as much as of a unit file, and no program gets much more (execve(2)). */
const MOST_BYTES = 1024 * 1024;

function textOf(path: string): TextResult {
  let fd: number | null = null;
  try {
    fd = openRegularFile(path);
    if (fd === null) return { ok: false, errno: null, why: 'it is no regular file' };
    const bytes = startOf(fd, fstatSync(fd).size);
    if (bytes.length > MOST_BYTES) {
      return { ok: false, errno: null, why: `it is too large, expected at most ${MOST_BYTES} bytes` };
    }
    // What is decoded all the same is another word than the one that was written, as of a password.
    if (!isUtf8(bytes)) return { ok: false, errno: null, why: `line ${strangeLine(bytes)} is not UTF-8` };
    return { ok: true, text: bytes.toString('utf8') };
  } catch (error) {
    const errno = codeOf(error);
    return { ok: false, errno, why: errno ?? String(error) };
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** At most one byte more than there may be; of a file that is growing, what it was. One of /proc does not tell its size. */
function startOf(fd: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size === 0 ? MOST_BYTES + 1 : Math.min(size, MOST_BYTES + 1));
  let length = 0;
  while (length < bytes.length) {
    const count = readSync(fd, bytes, length, bytes.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

/** The first that is not UTF-8, counted from 1. No byte of a longer character is a line end. */
function strangeLine(bytes: Buffer): number {
  const lines = bytes.toString('latin1').split('\n');
  return lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
}

/** A number without an entry has no home, as in a container. */
function userVariables(name: string | null): Readonly<Record<string, string>> {
  if (name === null) return {};
  const user = lookupUser(name);
  if (user === null) return { HOME: '/' };
  return { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell };
}
