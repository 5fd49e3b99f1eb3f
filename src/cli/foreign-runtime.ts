// Whose runtime directory it is that lies in /tmp, where anybody may have made it first: for a user whose login made none.
import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { TEMPORARY_RUNTIME } from '../base/paths.ts';

/** Why what may answer at the socket is not this user's daemon, in one sentence; null where nothing speaks for that. */
export function foreignRuntime(socket: string, uid: number): string | null {
  const directory = dirname(socket);
  if (directory !== `${TEMPORARY_RUNTIME}${uid}`) return null;
  const owner = lstatSync(directory, { throwIfNoEntry: false })?.uid ?? uid;
  if (owner === uid) return null;
  return `cannot trust what is in "${directory}": it belongs to uid ${owner}, expected uid ${uid}`;
}
