// Where a command's program lies, and why a program that lies there cannot be run. Runs nothing.
import { closeSync, readSync, statSync, type Stats } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { codeOf } from '../base/fault.ts';
import type { SpawnFailure } from '../model/process.ts';
import { mayExecute } from './libc/access.ts';
import { openRegularFile } from './regular-file.ts';

/** What systemd searches when a service sets no PATH. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** As execve(2) has it: `#!`, blanks, and no more than this much of the first line. */
const SHEBANG_BYTES = 256;

export function quote(text: string): string {
  return JSON.stringify(text);
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** stat(2) as a value: the errno's name when the path cannot be looked at. */
export function statOf(path: string): Stats | string {
  try {
    // Not by throwIfNoEntry: newer Nodes count ENOTDIR as no entry too.
    return statSync(path);
  } catch (error) {
    return codeOf(error) ?? 'EIO';
  }
}

function isFile(stat: Stats | string): stat is Stats {
  return typeof stat !== 'string' && stat.isFile();
}

function commandFailure(errno: string, reason: string): SpawnFailure {
  return { stage: 'command', errno, reason };
}

export type FoundProgram =
  { readonly ok: true; readonly path: string } | { readonly ok: false; readonly failure: SpawnFailure };

/**
 * Looks a command up as execvp(3) does, from the directory that it will be started in.
 * `runnable` says of an existing regular file whether it may be executed.
 */
export function findProgram(
  command: string,
  path: string,
  directory: string,
  runnable: (path: string) => boolean,
): FoundProgram {
  if (command === '') return { ok: false, failure: commandFailure('ENOENT', 'the command is empty') };
  if (command.includes('/')) return { ok: true, path: command };
  let refused: string | null = null;
  for (const folder of path.split(':')) {
    const candidate = folder.startsWith('/') ? `${folder}/${command}` : resolve(directory, folder, command);
    if (!isFile(statOf(candidate))) continue;
    if (runnable(candidate)) return { ok: true, path: candidate };
    refused ??= candidate;
  }
  if (refused !== null) return { ok: false, failure: notRunnable(refused) };
  return {
    ok: false,
    failure: commandFailure('ENOENT', `${quote(command)} is not on the PATH ${shownPath(path)}`),
  };
}

const PATH_SHOWN = 120;

/** A long one is cut between two directories, and their number told. */
function shownPath(path: string): string {
  if (path.length <= PATH_SHOWN) return quote(path);
  const end = path.lastIndexOf(':', PATH_SHOWN);
  const shown = path.slice(0, end === -1 ? PATH_SHOWN : end + 1);
  return `${quote(`${shown}…`)}, ${path.split(':').length} directories`;
}

function unreachable(errno: string, path: string): SpawnFailure {
  return commandFailure(errno, unreachableReason(errno, quote(path)));
}

function unreachableReason(errno: string, named: string): string {
  switch (errno) {
    case 'ENOENT':
      return `${named} does not exist`;
    case 'EACCES':
      return `a directory on the way to ${named} may not be searched`;
    case 'ENOTDIR':
      return `${named} leads through something that is not a directory`;
    default:
      return `${named} cannot be looked at (${errno})`;
  }
}

/** Failure of a file whose permissions forbid to execute it. */
export function notRunnable(path: string): SpawnFailure {
  const stat = statOf(path);
  if (typeof stat === 'string') return unreachable(stat, path);
  if (stat.isDirectory()) return commandFailure('EACCES', `${quote(path)} is a directory`);
  if (!stat.isFile()) return commandFailure('EACCES', `${quote(path)} is not a regular file`);
  return commandFailure('EACCES', `${quote(path)} is not executable (mode ${octal(stat.mode)})`);
}

/** The program named on a script's `#!` line, null when the file has no such line. */
function interpreterOf(path: string): string | null {
  const head = Buffer.alloc(SHEBANG_BYTES);
  let length: number;
  try {
    const fd = openRegularFile(path);
    if (fd === null) return null;
    try {
      length = readSync(fd, head, 0, SHEBANG_BYTES, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
  const line = head.toString('utf8', 0, length).split('\n', 1)[0] ?? '';
  return /^#![ \t]*([^ \t]+)/.exec(line)?.[1] ?? null;
}

/** What is wrong with the interpreter of an otherwise good file, null when nothing is to be seen. */
export function interpreterFailure(path: string, directory: string): SpawnFailure | null {
  const interpreter = interpreterOf(path);
  if (interpreter === null) return null;
  const place = isAbsolute(interpreter) ? interpreter : join(directory, interpreter);
  const stat = statOf(place);
  const named = `the interpreter ${quote(interpreter)} of ${quote(path)}`;
  if (typeof stat === 'string') return commandFailure(stat, unreachableReason(stat, named));
  if (!stat.isFile()) return commandFailure('EACCES', `${named} is not a regular file`);
  return mayExecute(place) ? null : commandFailure('EACCES', `${named} is not executable`);
}

/** Why there cannot be a working directory of this name, null when there can. */
export function directoryFailure(directory: string): SpawnFailure | null {
  const stat = statOf(directory);
  const failure = (errno: string, reason: string): SpawnFailure => ({ stage: 'directory', errno, reason });
  if (typeof stat === 'string') return failure(stat, unreachableReason(stat, quote(directory)));
  if (!stat.isDirectory()) return failure('ENOTDIR', `${quote(directory)} is not a directory`);
  return mayExecute(directory)
    ? null
    : failure('EACCES', `${quote(directory)} may not be entered (mode ${octal(stat.mode)})`);
}

/** Puts the errno of a failed posix_spawn(3) into words, by looking at what the call was given. */
export function explainSpawnError(errno: string, program: string, directory: string | null): SpawnFailure {
  if (errno === 'EAGAIN') {
    return { stage: 'resources', errno, reason: 'the limit on the number of processes is reached' };
  }
  if (errno === 'ENOMEM') return { stage: 'resources', errno, reason: 'there is not enough memory' };
  if (errno === 'EMFILE' || errno === 'ENFILE') {
    return { stage: 'resources', errno, reason: 'the limit on the number of open files is reached' };
  }
  const bad = directory === null ? null : directoryFailure(directory);
  if (bad !== null) return bad;
  const base = directory ?? process.cwd();
  const path = resolve(base, program);
  const name = quote(program);
  const stat = statOf(path);
  if (typeof stat === 'string') return unreachable(errno, program);
  switch (errno) {
    case 'ENOENT':
      return (
        interpreterFailure(path, base) ??
        commandFailure(errno, `the dynamic loader that ${name} was built for does not exist`)
      );
    case 'EACCES':
      if (!stat.isFile() || !mayExecute(path)) return notRunnable(path);
      return (
        interpreterFailure(path, base) ??
        commandFailure(errno, `${name} lies on a file system mounted noexec`)
      );
    case 'ENOEXEC':
      return commandFailure(
        errno,
        `${name} is neither a program of this machine nor a script with a #! line`,
      );
    case 'E2BIG':
      return commandFailure(errno, `arguments and environment of ${name} are too long`);
    case 'ETXTBSY':
      return commandFailure(errno, `${name} is open for writing`);
    default:
      return interpreterFailure(path, base) ?? commandFailure(errno, `${name} cannot be executed (${errno})`);
  }
}
