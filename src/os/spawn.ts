// Starts children: one posix_spawn(3) each, and for those that ask for more a chain of helpers in front of the
// command. Waits for nobody and reaps nobody.
import { closeSync, constants as fileConstants, fstatSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import type { ProcessId, SpawnFailure, SpawnRequest } from '../model/process.ts';
import { explainSpawnError, quote } from './command-path.ts';
import { withDirectoryFor } from './directory-for.ts';
import { errnoName, thrownErrno } from './errno.ts';
import { execChain } from './exec-chain.ts';
import { type Identity, resolveIdentity } from './identity.ts';
import { kill } from './libc/signal.ts';
import { posixSpawn, SPAWNS_INTO_CGROUP } from './libc/spawn.ts';
import { marked } from './mark.ts';
import { createOpenFilesLimit } from './open-files-limit.ts';
import { nulFailure, prerequisiteFailure, programOf } from './prerequisites.ts';
import { processStat } from './procfs.ts';
import { withSpare } from './spare-descriptor.ts';

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

function prepareLaunch(request: SpawnRequest): LaunchResult {
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
  const openFiles = createOpenFilesLimit(nullFd);

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

    const isLower = openFiles.isLowerWith(request.limits);
    const link = isLower ? openFiles.link() : null;
    if (link !== null) {
      // The program was only looked up so far: as the second link it must be known to be good.
      const failure = words === request.argv ? prerequisiteFailure(program, request, null) : null;
      if (failure !== null) return { ok: false, failure };
      const rest = words === request.argv ? [program, ...words.slice(1)] : words;
      words = [...link, ...rest];
      [program] = link;
    }

    const environment = wordsOf(prepared.launch.environment);
    const limited = isLower && link === null ? openFiles.lowered : (call: () => number): number => call();
    // A cgroup knows better.
    const around =
      request.cgroup === undefined
        ? (call: () => number): number => marked(request.environment, () => limited(call))
        : limited;
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
