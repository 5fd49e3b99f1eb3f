// Whether this version could take the place of the daemon that lives on these directories: what it says when it is tried
// (trial.ts). Takes nothing over.
//
// A version that says yes has loaded all of its code, understood its arguments, found its directories as it wants them,
// read the journal, found every unit in it valid, and room to write it anew.
import { messageOf } from '../base/fault.ts';
import type { DaemonPaths } from '../base/paths.ts';
import { loadSet } from '../config/load-set.ts';
import { problemLine } from '../model/problem.ts';
import { currentBootId } from '../os/boot-id.ts';
import { missingFooting } from '../os/footing.ts';
import { makeDirectories } from './directories.ts';
import { socketGroupFor } from './ground.ts';
import type { GroundOptions } from './ground.ts';
import { HANDOVER_FORMAT } from './handover.ts';
import { Journal } from './journal.ts';
import { sourcesOf } from './set-files.ts';

/** `format`: what the daemon leaves itself in. Null when nothing is in the way. */
export function obstacleTo(
  format: number,
  { paths, socketGroup, makesUnits }: Omit<GroundOptions, 'fence'>,
): string | null {
  const group = socketGroupFor(socketGroup);
  if (!group.ok) return group.reason;
  const missing = missingFooting();
  if (missing !== null) return missing;
  try {
    makeDirectories(paths, makesUnits, process.ppid === 1);
    if (format !== HANDOVER_FORMAT)
      return `it takes over in format ${HANDOVER_FORMAT}, the daemon leaves itself in format ${format}`;
    return obstacleInJournal(paths);
  } catch (error) {
    return messageOf(error);
  }
}

function obstacleInJournal(paths: DaemonPaths): string | null {
  const troubles: string[] = [];
  const journal = new Journal({
    directory: paths.runtime,
    bootId: currentBootId(),
    unitsDirectory: paths.units,
    onTrouble: (message) => troubles.push(message),
  });
  const left = journal.read();
  if (left === null || troubles.length > 0) return troubles[0] ?? 'it cannot read the journal of the daemon';
  const sources = [...sourcesOf(left.files).values()];
  // Each by itself: together they need not fit, since units whose files are gone may be on their way down.
  const { specs, problems } = loadSet(sources);
  const broken = sources.find(({ name }) => !specs.has(name));
  if (broken === undefined) return journal.obstacle();
  const error = problems.find(({ unit, severity }) => unit === broken.name && severity === 'error');
  const why = error === undefined ? '' : `: ${problemLine(error)}`;
  return `unit "${broken.name}" is not valid for it${why}`;
}
