// Finds the daemon that still runs on this state directory though no lock says so: the last logout of a user removes its
// runtime directory, and it and its units may live on; or it was given another one, as before the first login. It would
// run each unit a second time, and both would write the same logs. The state directory stays, so who runs stands there too.
import { closeSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessId } from '../model/process.ts';
import { isSameBoot } from '../os/boot-id.ts';
import { ownText, replaceNow } from '../os/files.ts';
import { lifeOf, processStat } from '../os/procfs.ts';

interface Whereabouts extends ProcessId {
  readonly bootId: string;
  readonly runtime: string;
  /** The real path of the state directory: of a copy of it, this says nothing. */
  readonly state: string;
}

const FILE = 'daemon.json';

/** Another daemon that has not ended, as a clause. For whoever holds the lock of this runtime directory now. */
export function daemonElsewhere(state: string, runtime: string, bootId: string): string | null {
  const known = read(join(state, FILE));
  if (known === null || known.pid === process.pid || known.state !== realpathSync(state)) return null;
  if (!isSameBoot(known.bootId, bootId) || lifeOf(known) !== 'alive') return null;
  const where =
    known.runtime === runtime
      ? `still runs, whose runtime directory "${runtime}" was removed or replaced since: end it first`
      : `uses state directory "${state}", with runtime directory "${known.runtime}"`;
  return `the daemon with pid ${known.pid} ${where}`;
}

/** A disk that refuses keeps no daemon from starting: only the next would not find this one. */
export function noteWhereabouts(state: string, runtime: string, bootId: string): void {
  const stat = processStat(process.pid);
  if (stat === null) return;
  const { pid, startTicks } = stat;
  try {
    const here: Whereabouts = { pid, startTicks, bootId, runtime, state: realpathSync(state) };
    closeSync(replaceNow(join(state, FILE), `${JSON.stringify(here)}\n`, 0o600));
  } catch {
    // As above.
  }
}

function read(path: string): Whereabouts | null {
  try {
    const known: unknown = JSON.parse(ownText(path));
    return isWhereabouts(known) ? known : null;
  } catch {
    return null;
  }
}

function isWhereabouts(value: unknown): value is Whereabouts {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, startTicks, bootId, runtime, state } = value as Record<string, unknown>;
  return (
    typeof pid === 'number' &&
    typeof startTicks === 'number' &&
    typeof bootId === 'string' &&
    typeof runtime === 'string' &&
    typeof state === 'string'
  );
}
