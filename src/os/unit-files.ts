// Reads unit files as bytes and refuses those that somebody else could have written. Understands nothing of YAML.
import { closeSync, constants, fstatSync, open, read, statSync, type Stats } from 'node:fs';
import { lstat, readdir, stat, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { codeOf } from '../base/fault.ts';
import type { Problem } from '../model/problem.ts';
import { bytesAtHand, openAtHand } from './libc/file.ts';
import { wayOf } from './link-way.ts';
import { whenSettled } from './settled.ts';

export interface UnitFile {
  /** Base name, `web.yaml`. */
  readonly name: string;
  readonly file: string;
  readonly bytes: Buffer;
}

export interface UnitFileOptions {
  /** Reads files and directories that others may write, as root too. */
  readonly insecure: boolean;
}

export interface UnitDirectoryOptions extends UnitFileOptions {
  /** Says of a base name whether it is a unit file's; others are neither opened nor judged. */
  readonly accepts?: (name: string) => boolean;
}

export interface UnitDirectory {
  readonly files: readonly UnitFile[];
  readonly problems: readonly Problem[];
}

/** One byte more than config accepts is read, so that it can tell a file of the greatest size from a longer one. */
const READ_BYTES = 1024 * 1024 + 1;
/** Files being read at once. A disk that does not answer holds as many threads of the pool (thread-pool.ts). */
const LANES = 2;
/** What is at hand is read without a pause for so long; then the event loop has its turn. */
const SLICE_MS = 2;

/** Of linux/magic.h: those where neither open(2) nor fstat(2) asks a server, and preadv2(2) knows RWF_NOWAIT. */
const KNOWING_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0xef53, // ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
]);

function problemOf(file: string, code: string, thing: string, actual: string, expected: string): Problem {
  return {
    severity: 'error',
    unit: null,
    file,
    line: null,
    column: null,
    field: null,
    code,
    message: `cannot read ${thing} ${JSON.stringify(file)}: ${actual}, expected ${expected}`,
  };
}

const isRoot = process.geteuid?.() === 0;

/** As root: what is wrong with the owner or the mode. As anybody else: nothing, it is that user's own business. */
function permissionProblem(file: string, thing: string, stats: Pick<Stats, 'uid' | 'mode'>): Problem | null {
  if (!isRoot) return null;
  if (stats.uid !== 0) {
    return problemOf(
      file,
      'file-owner',
      thing,
      `it belongs to uid ${stats.uid}`,
      'uid 0, the user of the daemon',
    );
  }
  const writers = [
    ...((stats.mode & 0o020) === 0 ? [] : ['group-writable']),
    ...((stats.mode & 0o002) === 0 ? [] : ['world-writable']),
  ];
  if (writers.length === 0) return null;
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  const actual = `mode is ${mode} (${writers.join(' and ')})`;
  return problemOf(file, 'file-mode', thing, actual, 'write permission for the owner alone');
}

/** The same for the directories that a link leads through: others could have it lead elsewhere. */
function wayProblem(path: string, what: string): Problem | null {
  if (!isRoot) return null;
  for (const { directory, found } of wayOf(path)) {
    const { uid, mode } = statSync(directory);
    // In a sticky one nobody but its owner puts another file in the place of one.
    const isKept = (mode & 0o1000) !== 0 && found.uid === 0;
    const thing = `directory ${JSON.stringify(directory)} of ${what}`;
    const problem = permissionProblem(path, thing, { uid, mode: isKept ? mode & ~0o022 : mode });
    if (problem !== null) return problem;
  }
  return null;
}

/** Skipped: what has vanished, or is a directory. */
type ReadResult = { readonly bytes: Buffer } | { readonly problem: Problem } | 'skipped';

// A set has thousands of files and all are read at each reload, so what counts is how often a file goes to the pool of
// threads and back: not at all where the kernel says that its name and its bytes are in memory, as nearly always on a
// local file system.

/** null: to be read in the pool. */
function readAtHand(directoryFd: number, name: string, file: string, insecure: boolean): ReadResult | null {
  const fd = openAtHand(directoryFd, name);
  if (fd === null) return null;
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return null;
    const problem = insecure ? null : permissionProblem(file, 'unit file', stats);
    if (problem !== null) return { problem };
    const bytes = bytesAtHand(fd, stats.size);
    return bytes === null ? null : { bytes };
  } finally {
    closeSync(fd);
  }
}

async function readBytes(file: string, insecure: boolean, isListed: boolean): Promise<ReadResult> {
  const fd = await opened(file);
  try {
    const stats = fstatSync(fd);
    // A link to one is a mistake, and is told.
    if (isListed && stats.isDirectory() && (await lstat(file)).isDirectory()) return 'skipped';
    if (!stats.isFile()) {
      return {
        problem: problemOf(file, 'file-type', 'unit file', 'it is no regular file', 'a regular file'),
      };
    }
    const problem = insecure
      ? null
      : (permissionProblem(file, 'unit file', stats) ?? (isListed ? wayProblem(file, 'unit file') : null));
    if (problem !== null) return { problem };
    // A file that is growing is cut at what it was.
    const wanted = Math.min(stats.size, READ_BYTES);
    const known = bytesAtHand(fd, wanted);
    if (known !== null) return { bytes: known };
    const bytes = Buffer.allocUnsafe(wanted);
    let length = 0;
    while (length < bytes.length) {
      const count = await readInto(fd, bytes, length);
      if (count === 0) break;
      length += count;
    }
    return { bytes: bytes.subarray(0, length) };
  } finally {
    closeSync(fd);
  }
}

/** null: on a file system that may wait, or cannot say. */
async function openedIfKnowing(directory: string): Promise<number | null> {
  try {
    return KNOWING_FILE_SYSTEMS.has((await statfs(directory)).type) ? await opened(directory) : null;
  } catch {
    return null;
  }
}

function opened(file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // O_NONBLOCK: opening a FIFO that lies there must not wait for its writer. O_NOCTTY: nor make a terminal the one that
    // controls the daemon.
    open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY, (error, fd) => {
      if (error === null) resolve(fd);
      else reject(error);
    });
  });
}

function readInto(fd: number, bytes: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, bytes, at, bytes.length - at, at, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

async function readOne(file: string, insecure: boolean, isListed: boolean): Promise<ReadResult> {
  try {
    return await readBytes(file, insecure, isListed);
  } catch (error) {
    const code = codeOf(error) ?? String(error);
    const entry = isListed ? await lstat(file).catch(() => null) : null;
    const isLost = isListed && entry === null && code === 'ENOENT';
    // node puts this character for bytes that are no UTF-8, and finds nothing by that name.
    if (isLost && basename(file).includes('\ufffd')) {
      const expected = 'a name of letters, digits, . _ and -';
      return { problem: problemOf(file, 'file-unreadable', 'unit file', 'its name is not UTF-8', expected) };
    }
    if (entry?.isDirectory() === true || isLost) return 'skipped';
    if (entry?.isSymbolicLink() === true && code === 'ENOENT') {
      const problem = problemOf(
        file,
        'file-unreadable',
        'unit file',
        'it is a dangling symbolic link',
        'a file',
      );
      return { problem };
    }
    const actual = code === 'ENOENT' ? 'it does not exist' : `it cannot be opened (${code})`;
    return { problem: problemOf(file, 'file-unreadable', 'unit file', actual, 'a readable file') };
  }
}

/** One file, named by the user. */
export async function readUnitFile(file: string, options: UnitFileOptions): Promise<UnitDirectory> {
  const result = await readOne(file, options.insecure, false);
  if (result === 'skipped') return { files: [], problems: [] };
  if ('problem' in result) return { files: [], problems: [result.problem] };
  return { files: [{ name: basename(file), file, bytes: result.bytes }], problems: [] };
}

/**
 * All files of a directory in the order of their names; subdirectories are passed over. A file that vanishes while
 * it is read was never there.
 */
export function readUnitDirectory(directory: string, options: UnitDirectoryOptions): Promise<UnitDirectory> {
  return whenSettled(directory, () => readAll(directory, options));
}

async function readAll(directory: string, options: UnitDirectoryOptions): Promise<UnitDirectory> {
  const thing = 'unit directory';
  let names: string[];
  try {
    const refused = options.insecure
      ? null
      : (permissionProblem(directory, thing, await stat(directory)) ?? wayProblem(directory, thing));
    if (refused !== null) return { files: [], problems: [refused] };
    names = (await readdir(directory)).sort();
  } catch (error) {
    const code = codeOf(error) ?? String(error);
    const actual = code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${code})`;
    return {
      files: [],
      problems: [problemOf(directory, 'directory-unreadable', thing, actual, 'a directory')],
    };
  }

  const results: (UnitFile | Problem)[] = [];
  const entries = names.entries();
  const directoryFd = await openedIfKnowing(directory);
  let sliceEndMs = performance.now() + SLICE_MS;
  const lane = async (): Promise<void> => {
    // Both lanes take from the one iterator: who is done first takes the next.
    for (const [index, name] of entries) {
      if (options.accepts?.(name) === false) continue;
      if (performance.now() >= sliceEndMs) {
        await turnOfTheLoop();
        sliceEndMs = performance.now() + SLICE_MS;
      }
      const file = join(directory, name);
      const known = directoryFd === null ? null : readAtHand(directoryFd, name, file, options.insecure);
      const result = known ?? (await readOne(file, options.insecure, true));
      if (result === 'skipped') continue;
      results[index] = 'problem' in result ? result.problem : { name, file, bytes: result.bytes };
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    if (directoryFd !== null) closeSync(directoryFd);
  }
  // What the caller does with them begins with a slice of its own.
  await turnOfTheLoop();
  const files: UnitFile[] = [];
  const problems: Problem[] = [];
  // There are holes where names were passed over, and forEach knows them.
  results.forEach((result) => {
    if ('bytes' in result) files.push(result);
    else problems.push(result);
  });
  return { files, problems };
}
