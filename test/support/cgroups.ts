// cgroups for tests: whether there are any to be had, and the removal of what a killed daemon leaves.
import { mkdirSync, readFileSync, rmdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { isPopulated, killCgroup, removeCgroup } from '../../src/os/cgroup.ts';
import { ownCgroup } from '../../src/os/cgroup-hierarchy.ts';

/** The cgroup v2 that this process is in; null where there is none to be written to. */
export function writableCgroup(): string | null {
  const own = ownCgroup(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync('/proc/self/cgroup', 'utf8'),
  );
  if (!own.ok) return null;
  const probe = join(own.directory, `unitd-test-${process.pid}`);
  try {
    mkdirSync(probe);
    rmdirSync(probe);
    return own.directory;
  } catch {
    return null;
  }
}

/** A reason to skip a test that needs cgroups, or false. */
export function cannotUseCgroups(): string | false {
  return writableCgroup() === null && 'no writable cgroup v2 hierarchy';
}

/** Kills whatever lives in it, waits until it is empty, and removes it. */
export async function removeFence(directory: string): Promise<void> {
  killCgroup(directory);
  for (let look = 0; look < 1000 && !removeCgroup(directory); look++) await changed(directory);
}

async function changed(directory: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const watcher = watch(join(directory, 'cgroup.events'), () => {
      watcher.close();
      resolve();
    });
    // It may have run empty before it was watched.
    if (isPopulated(directory)) return;
    watcher.close();
    resolve();
  });
}
