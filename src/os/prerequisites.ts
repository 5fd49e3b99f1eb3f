// What a start needs of the machine, and which of it is missing: the program, the working directory, the right to get at
// them. Starts nothing.
import { isAbsolute, resolve } from 'node:path';
import type { SpawnFailure, SpawnRequest } from '../model/process.ts';
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
import { execChain } from './exec-chain.ts';
import { type Identity, resolveIdentity } from './identity.ts';
import { mayExecute } from './libc/access.ts';

export type PrerequisiteRequest = Omit<SpawnRequest, 'stdoutFd' | 'stderrFd'>;

/** No word that execve(2) takes can hold a NUL byte. */
export function nulFailure(request: PrerequisiteRequest): SpawnFailure | null {
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

/** Where its program lies, as far as whoever will run it may execute what is there. */
export function programOf(request: PrerequisiteRequest, runsAs: Identity['runsAs']): FoundProgram {
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

/** The first lack of a request whose program is known. */
export function prerequisiteFailure(
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
