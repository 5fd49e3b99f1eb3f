// Starts children: one posix_spawn(3) each, and for those that ask for more a chain of helpers in front of the
// command. Waits for nobody and reaps nobody.
//
// The limit on open files. Node raises its soft limit to the hard one before any of our code runs, and the former
// value is recorded nowhere; children get the conventional 1024 (or the hard limit, if lower), which programs that
// use select(2) need, unless the unit sets `nofile`. The daemon lowers its own soft limit around posix_spawn, so
// the child has the right one at its first instruction. Limits belong to all threads, but open descriptors are
// never touched and new ones take the lowest free number, so libuv's threads notice nothing as long as the lowest
// free number is well below the limit. Where it is not, prlimit(1) goes before the command instead.
import { closeSync, constants as fileConstants, fstatSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import type { ProcessId, SpawnFailure, SpawnRequest } from '../model/process.ts';
import { firstForbidden } from './access.ts';
import {
  DEFAULT_PATH,
  directoryFailure,
  explainSpawnError,
  findProgram,
  interpreterFailure,
  notRunnable,
  octal,
  quote,
  statOf,
} from './command-path.ts';
import type { FoundProgram } from './command-path.ts';
import { withDirectoryFor } from './directory-for.ts';
import { execChain, helperPath } from './exec-chain.ts';
import { type Identity, resolveIdentity } from './identity.ts';
import { errnoName, thrownErrno } from './errno.ts';
import { mayExecute } from './libc/access.ts';
import { duplicateFd } from './libc/descriptor.ts';
import { ownLimit, RESOURCES, setOwnLimit } from './libc/limit.ts';
import { kill } from './libc/signal.ts';
import { posixSpawn, SPAWNS_INTO_CGROUP } from './libc/spawn.ts';
import { processStat } from './procfs.ts';
import { withSpare } from './spare-descriptor.ts';

const CONVENTIONAL_OPEN_FILES = 1024;
/** Descriptors that other threads can have opened before posix_spawn returns, with a wide margin. */
const FREE_DESCRIPTORS = 64;

export type PrerequisiteRequest = Omit<SpawnRequest, 'stdoutFd' | 'stderrFd'>;

/** What is to be executed: `program` is the first link, `words` its arguments from argv[0] on. */
interface Launch {
  readonly program: string;
  readonly words: readonly string[];
  readonly environment: SpawnRequest['environment'];
  readonly runsAs: Identity['runsAs'];
}

type LaunchResult =
  { readonly ok: true; readonly launch: Launch } | { readonly ok: false; readonly failure: SpawnFailure };

/** `NAME=value`. Not by Object.entries(), which is slow with an object that was put together of several. */
function wordsOf(environment: SpawnRequest['environment']): readonly string[] {
  return Object.keys(environment).map((name) => `${name}=${environment[name]}`);
}

function nulFailure(request: PrerequisiteRequest): SpawnFailure | null {
  const { argv, environment, workingDirectory } = request;
  const isBad = (word: string): boolean => word.includes('\0');
  const isBadPair = (name: string): boolean => isBad(name) || isBad(environment[name] ?? '');
  if (!argv.some(isBad) && !isBad(workingDirectory ?? '') && !Object.keys(environment).some(isBadPair))
    return null;
  return {
    stage: 'command',
    errno: 'EINVAL',
    reason: 'a word of the command or its environment has a NUL byte',
  };
}

function baseDirectory(request: PrerequisiteRequest): string {
  return request.workingDirectory ?? process.cwd();
}

/** What is wrong with a program that another user, or a later link of the chain, will execute. */
function programFailure(
  program: string,
  request: PrerequisiteRequest,
  runsAs: Identity['runsAs'],
): SpawnFailure | null {
  const base = baseDirectory(request);
  const path = resolve(base, program);
  const stat = statOf(path);
  if (typeof stat === 'string') return explainSpawnError(stat, program, request.workingDirectory);
  if (!stat.isFile() || !mayExecute(path)) return notRunnable(path);
  const barrier = runsAs === null ? null : firstForbidden(path, runsAs);
  if (barrier !== null) return barredFailure('command', barrier, request);
  return interpreterFailure(path, base);
}

function barredFailure(
  stage: SpawnFailure['stage'],
  barrier: string,
  request: PrerequisiteRequest,
): SpawnFailure {
  const stat = statOf(barrier);
  const mode = typeof stat === 'string' ? '' : ` (mode ${octal(stat.mode)}, owner ${stat.uid}:${stat.gid})`;
  const who = request.user === null ? 'the group' : `user ${quote(request.user)}`;
  return { stage, errno: 'EACCES', reason: `${who} may not execute or search ${quote(barrier)}${mode}` };
}

function prepareLaunch(request: PrerequisiteRequest): LaunchResult {
  const resolved = resolveIdentity(request);
  if (!resolved.ok) return resolved;
  const { runsAs, words: identityWords } = resolved.identity;
  const chain = execChain(request, identityWords);
  if (!chain.ok) return chain;

  const found = programOf(request, runsAs);
  if (!found.ok) return found;
  const { environment } = chain;
  const [first] = chain.words;
  if (first === undefined) {
    return { ok: true, launch: { program: found.path, words: request.argv, environment, runsAs } };
  }

  const failure = prerequisiteFailure(found.path, request, runsAs);
  if (failure !== null) return { ok: false, failure };
  const words = [...chain.words, found.path, ...request.argv.slice(1)];
  return { ok: true, launch: { program: first, words, environment, runsAs } };
}

function programOf(request: PrerequisiteRequest, runsAs: Identity['runsAs']): FoundProgram {
  const runnable =
    runsAs === null
      ? mayExecute
      : (path: string): boolean => mayExecute(path) && firstForbidden(path, runsAs) === null;
  const path = request.environment['PATH'] ?? DEFAULT_PATH;
  return findProgram(request.argv[0], path, baseDirectory(request), runnable);
}

/** What is wrong with the working directory, null when nothing is, or none is set. */
function placeFailure(request: PrerequisiteRequest, runsAs: Identity['runsAs']): SpawnFailure | null {
  const { workingDirectory } = request;
  if (workingDirectory === null) return null;
  const bad = directoryFailure(workingDirectory);
  if (bad !== null) return bad;
  const barrier = runsAs === null ? null : firstForbidden(workingDirectory, runsAs);
  return barrier === null ? null : barredFailure('directory', barrier, request);
}

function prerequisiteFailure(
  program: string,
  request: PrerequisiteRequest,
  runsAs: Identity['runsAs'],
): SpawnFailure | null {
  return placeFailure(request, runsAs) ?? programFailure(program, request, runsAs);
}

/** All that would make a start fail, found without starting anything: as far as one lack does not hide another. */
export function checkPrerequisites(request: PrerequisiteRequest): readonly SpawnFailure[] {
  const nul = nulFailure(request);
  if (nul !== null) return [nul];
  const resolved = resolveIdentity(request);
  // What a user who is not there may do, nobody knows: the rest is looked at as by the daemon.
  const { runsAs, words } = resolved.ok ? resolved.identity : { runsAs: null, words: [] };
  const chain = execChain(request, words);
  const place = placeFailure(request, runsAs);
  const [command] = request.argv;
  const isBelow = command.includes('/') && !isAbsolute(command);
  const program = place !== null && isBelow ? null : absentOf({ ...request, ...(place && HERE) }, runsAs);
  return [
    ...(resolved.ok ? [] : [resolved.failure]),
    ...(chain.ok ? [] : [chain.failure]),
    ...[place, program].filter((failure) => failure !== null),
  ];
}

/** Instead of a directory that is not there, which would be told again. */
const HERE = { workingDirectory: null } as const;

function absentOf(request: PrerequisiteRequest, runsAs: Identity['runsAs']): SpawnFailure | null {
  const found = programOf(request, runsAs);
  return found.ok ? programFailure(found.path, request, runsAs) : found.failure;
}

/**
 * Runs `use` with descriptors of open file descriptions that are the child's alone: O_NONBLOCK is a flag of these. The
 * daemon reads the pipes with it, and a program that is killed while it has set it (node does, for a pipe) would leave it
 * to whoever is spawned next. What is no pipe is passed on as it is. Gives an errno's name where one cannot be opened.
 */
function withOwnDescriptions<T>(
  stdoutFd: number,
  stderrFd: number,
  use: (stdoutFd: number, stderrFd: number) => T,
): T | string {
  const opened: number[] = [];
  const own = (fd: number): number => {
    if (!fstatSync(fd).isFIFO()) return fd;
    const anew = withSpare(() => openSync(`/proc/self/fd/${fd}`, fileConstants.O_RDWR));
    opened.push(anew);
    return anew;
  };
  try {
    return use(own(stdoutFd), own(stderrFd));
  } catch (error) {
    return thrownErrno(error);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** Null where the child is to be moved after its spawn: there is no cgroup, or no way to begin in it. */
function withCgroup<T>(cgroup: string | undefined, use: (fd: number) => T): T | null {
  if (cgroup === undefined || !SPAWNS_INTO_CGROUP) return null;
  let fd: number;
  try {
    fd = openSync(cgroup, fileConstants.O_RDONLY | fileConstants.O_DIRECTORY);
  } catch {
    return null;
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** `isEnclosed`: it began in its cgroup. */
type Spawned =
  | { readonly ok: true; readonly process: ProcessId; readonly isEnclosed: boolean }
  | { readonly ok: false; readonly failure: SpawnFailure };

export interface Spawner {
  spawn(request: SpawnRequest): Spawned;
  close(): void;
}

export function createSpawner(): Spawner {
  const nullFd = openSync('/dev/null', 'r+');
  const own = ownLimit(RESOURCES.nofile);
  const childSoft = Math.min(CONVENTIONAL_OPEN_FILES, own.hard);

  const hasFreeDescriptors = (): boolean => {
    const lowest = duplicateFd(nullFd, 0);
    if (lowest.errno !== 0) return false;
    closeSync(lowest.fd);
    return lowest.fd < childSoft - FREE_DESCRIPTORS;
  };

  const withChildLimit = (call: () => number): number => {
    setOwnLimit(RESOURCES.nofile, { soft: childSoft, hard: own.hard });
    try {
      return call();
    } finally {
      setOwnLimit(RESOURCES.nofile, own);
    }
  };

  const spawn = (request: SpawnRequest): Spawned => {
    const { stdoutFd, stderrFd } = request;
    // 0, 1 and 2 are filled in this order, so a source must not have been overwritten by then.
    if (stdoutFd === 0 || stderrFd === 0 || (stderrFd === 1 && stdoutFd !== 1)) {
      throw new RangeError(`cannot spawn with descriptors ${stdoutFd} and ${stderrFd}: expected 3 or more`);
    }
    const nul = nulFailure(request);
    if (nul !== null) return { ok: false, failure: nul };
    const prepared = prepareLaunch(request);
    if (!prepared.ok) return prepared;
    let { program, words } = prepared.launch;

    const lowers = own.soft > childSoft && request.limits.nofile === undefined;
    const prlimit = lowers && !hasFreeDescriptors() ? helperPath('prlimit') : null;
    if (prlimit !== null) {
      // The program was only looked up so far: as the second link it must be known to be good.
      const failure = words === request.argv ? prerequisiteFailure(program, request, null) : null;
      if (failure !== null) return { ok: false, failure };
      const rest = words === request.argv ? [program, ...words.slice(1)] : words;
      words = [prlimit, `--nofile=${childSoft}:`, '--', ...rest];
      program = prlimit;
    }

    const environment = wordsOf(prepared.launch.environment);
    const around = lowers && prlimit === null ? withChildLimit : (call: () => number): number => call();
    const { runsAs } = prepared.launch;
    const placed = withDirectoryFor(runsAs, request.workingDirectory, (directory) => ({
      spawned: withOwnDescriptions(stdoutFd, stderrFd, (stdout, stderr) => {
        const into = (cgroupFd: number | null): ReturnType<typeof posixSpawn> => {
          const fds = [nullFd, stdout, stderr] as const;
          return posixSpawn({ path: program, argv: words, environment, directory, fds, cgroupFd }, around);
        };
        const enclosed = withCgroup(request.cgroup, into);
        // What is wrong with the program is told by this one too.
        return enclosed?.errno === 0
          ? { ...enclosed, isEnclosed: true }
          : { ...into(null), isEnclosed: false };
      }),
    }));
    if (typeof placed === 'string') {
      const reason = `${quote(request.workingDirectory ?? '')} cannot be entered (${placed})`;
      return { ok: false, failure: { stage: 'directory', errno: placed, reason } };
    }
    const { spawned } = placed;
    if (typeof spawned === 'string') {
      const reason = `its output pipes cannot be opened (${spawned})`;
      return { ok: false, failure: { stage: 'resources', errno: spawned, reason } };
    }
    const { pid, errno, isEnclosed } = spawned;
    if (errno !== 0) {
      return { ok: false, failure: explainSpawnError(errnoName(errno), program, request.workingDirectory) };
    }
    // Nobody else reaps, so it is there, dead or alive. What cannot be told from whoever has its pid later does not run.
    const stat = processStat(pid);
    if (stat === null) {
      kill(-pid, constants.signals.SIGKILL);
      const reason = `"/proc/${pid}/stat" of its process cannot be read, expected /proc without hidepid`;
      return { ok: false, failure: { stage: 'resources', errno: null, reason } };
    }
    return { ok: true, process: { pid, startTicks: stat.startTicks }, isEnclosed };
  };

  return { spawn, close: () => closeSync(nullFd) };
}
