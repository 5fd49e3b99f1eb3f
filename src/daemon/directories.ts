// Makes the directories of a daemon, with the modes that the manual gives. Says what it can do without.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LOG_DIRECTORY_MODE } from '../base/paths.ts';
import { cannotHaveDirectory, ensureDirectory } from '../os/files.ts';
import type { DaemonPaths } from './paths.ts';

/**
 * Gives what the daemon goes on without, for the log; throws when it cannot. `isFirst`: a first process has nobody to
 * tell that it could not start. A read-only system is nobody's mistake. `makesUnits`: the directory of the unit files
 * too if it is missing.
 */
export function makeDirectories(
  paths: DaemonPaths,
  makesUnits: boolean,
  isFirst: boolean,
): readonly string[] {
  const warnings: string[] = [];
  const haveIfPossible = (name: string, path: string, mode: number): void => {
    const trouble = cannotHaveDirectory(path, mode);
    if (trouble === null) return;
    if (!trouble.isReadOnly && !isFirst) throw new Error(trouble.message);
    warnings.push(`going on without ${name} directory "${path}": ${trouble.message}`);
  };
  ensureDirectory(paths.runtime, 0o700);
  ensureDirectory(join(paths.runtime, 'fifo'), 0o700);
  haveIfPossible('state', paths.state, 0o700);
  haveIfPossible('log', paths.logs, LOG_DIRECTORY_MODE);
  if (makesUnits && !existsSync(paths.units)) haveIfPossible('units', paths.units, 0o755);
  return warnings;
}
