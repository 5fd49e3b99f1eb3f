// Finds the daemon that still runs though its runtime directory is gone, and its lock with that: the last logout of a
// user removes it, and the daemon and its units may live on. The state directory stays, so who runs stands there too.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessId } from '../model/process.ts';
import { isSameBoot } from '../os/boot-id.ts';
import { lifeOf, processStat } from '../os/procfs.ts';

interface Whereabouts extends ProcessId {
  readonly bootId: string;
  readonly runtime: string;
}

const FILE = 'daemon.json';

/** The pid of another daemon that has had this runtime directory, and has not ended. For whoever holds its lock now. */
export function daemonElsewhere(state: string, runtime: string, bootId: string): number | null {
  const known = read(join(state, FILE));
  if (known === null || known.pid === process.pid || known.runtime !== runtime) return null;
  return isSameBoot(known.bootId, bootId) && lifeOf(known) === 'alive' ? known.pid : null;
}

/** A disk that refuses keeps no daemon from starting: only the next would not find this one. */
export function noteWhereabouts(state: string, runtime: string, bootId: string): void {
  const stat = processStat(process.pid);
  if (stat === null) return;
  const { pid, startTicks } = stat;
  const here: Whereabouts = { pid, startTicks, bootId, runtime };
  try {
    writeFileSync(join(state, FILE), `${JSON.stringify(here)}\n`, { mode: 0o600 });
  } catch {
    // As above.
  }
}

function read(path: string): Whereabouts | null {
  try {
    const known: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isWhereabouts(known) ? known : null;
  } catch {
    return null;
  }
}

function isWhereabouts(value: unknown): value is Whereabouts {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, startTicks, bootId, runtime } = value as Record<string, unknown>;
  return (
    typeof pid === 'number' &&
    typeof startTicks === 'number' &&
    typeof bootId === 'string' &&
    typeof runtime === 'string'
  );
}
