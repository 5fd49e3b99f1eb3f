// Waits for cgroups to run empty: one inotify watch for each, until it has told or is forgotten.
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { isPopulated } from './cgroup.ts';
import { thrownErrno } from './errno.ts';

export interface EmptinessWatch {
  /** Calls back once when nothing lives in it any more; false when that cannot be watched. */
  readonly whenEmpty: (cgroup: string, callback: () => void) => boolean;
  forget(cgroup: string): void;
  /** Nobody is called back any more. */
  close(): void;
}

export function createEmptinessWatch(): EmptinessWatch {
  const watchers = new Map<string, FSWatcher>();

  const forget = (cgroup: string): void => {
    watchers.get(cgroup)?.close();
    watchers.delete(cgroup);
  };

  return {
    whenEmpty: (cgroup, callback) => {
      if (watchers.has(cgroup)) return true;
      const look = (): void => {
        if (isPopulated(cgroup) || !watchers.has(cgroup)) return;
        forget(cgroup);
        callback();
      };
      try {
        // The kernel tells of a change of `populated` as of a modification (cgroup-v2.rst, "Un-populated Notification").
        const watcher = watch(join(cgroup, 'cgroup.events'), { persistent: false }, look);
        watcher.on('error', () => forget(cgroup));
        watchers.set(cgroup, watcher);
      } catch (error) {
        // It was removed, and so it is empty.
        if (thrownErrno(error) !== 'ENOENT') return false;
        setImmediate(callback);
        return true;
      }
      // It may have run empty before it was watched.
      setImmediate(look);
      return true;
    },
    forget,
    close: () => {
      for (const cgroup of watchers.keys()) forget(cgroup);
    },
  };
}
