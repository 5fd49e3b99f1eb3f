// Makes the directories of a daemon, with the modes that the manual gives. Says what it can do without.
import { chmodSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LOG_DIRECTORY_MODE } from '../base/paths.ts';
import type { DaemonPaths } from '../base/paths.ts';
import { cannotHaveDirectory } from '../os/own-directory.ts';

export interface Directories {
  /** What the daemon goes on without, for the log. */
  readonly warnings: readonly string[];
  /** The state directory is there; without it, nothing is to be written to it. */
  readonly hasState: boolean;
  readonly hasLogs: boolean;
}

/**
 * Makes them; throws when the daemon cannot go on without one that is not to be had. `isFirst`: a first process has
 * nobody to tell that it could not start. A read-only system is nobody's mistake. `makesUnits`: the directory of the
 * unit files too if it is missing.
 */
export function makeDirectories(paths: DaemonPaths, makesUnits: boolean, isFirst: boolean): Directories {
  const warnings: string[] = [];
  const haveIfPossible = (name: string, path: string, mode: number): boolean => {
    const trouble = cannotHaveDirectory(path, mode);
    if (trouble === null) return true;
    if (!trouble.isReadOnly && !isFirst) throw new Error(trouble.message);
    warnings.push(`going on without ${name} directory "${path}": ${trouble.message}`);
    return false;
  };
  for (const path of [paths.runtime, join(paths.runtime, 'fifo')]) {
    const trouble = cannotHaveDirectory(path, 0o700);
    if (trouble?.isReadOnly === true) {
      const expected = 'expected a file system that can be written to';
      throw new Error(`cannot use runtime directory "${paths.runtime}": EROFS, ${expected}`);
    }
    if (trouble !== null) throw new Error(trouble.message);
  }
  const hasState = haveIfPossible('state', paths.state, 0o700);
  const hasLogs = haveIfPossible('log', paths.logs, LOG_DIRECTORY_MODE);
  if (makesUnits && !existsSync(paths.units)) haveIfPossible('units', paths.units, 0o755);
  return { warnings, hasState, hasLogs };
}

/**
 * Takes back what an earlier daemon's --socket-group gave, so that the one of this daemon, if any, is let in alone. For
 * whoever holds the lock, before the socket is opened.
 */
export function closeToGroup(runtime: string): void {
  const { uid, mode } = statSync(runtime);
  if (uid === process.geteuid?.() && (mode & 0o777) === 0o710) chmodSync(runtime, 0o700);
}
