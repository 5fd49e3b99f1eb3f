// What a unit may have, as the control files of its cgroup say it (cgroup-v2.rst of the kernel). Writes them, decides
// nothing.
//
// memory.oom.group stays 0: the OOM killer ends one process, the largest as a rule, and not all. Whether a unit can do
// without one of its processes is known to the unit alone, and to its main process first: a database or a pool of
// workers mends itself, and a main process that was hit ends the run, and with it all that is left.
import type { ResourceSpec } from '../model/unit.ts';
import { NO_RESOURCES, RESOURCE_KEYS } from '../model/unit.ts';
import { writeControl } from './cgroup.ts';

const CPU_PERIOD_US = 100_000;
const DEFAULT_WEIGHT = 100;

/** BFQ has a scale of its own, 1 to 1000 about the same 100 (systemd's translation). */
function bfqWeight(weight: number): number {
  if (weight <= DEFAULT_WEIGHT) return weight;
  return DEFAULT_WEIGHT + Math.floor(((weight - DEFAULT_WEIGHT) * 900) / 9_900);
}

/** More than one where kernels differ: one of them has to be there. */
type Files = readonly (readonly [name: string, value: string])[];

function filesOf(key: keyof ResourceSpec, value: number | null): Files {
  const bound = value === null ? 'max' : String(value);
  const weight = value ?? DEFAULT_WEIGHT;
  switch (key) {
    case 'memoryMaxBytes':
      return [['memory.max', bound]];
    case 'memoryHighBytes':
      return [['memory.high', bound]];
    case 'cpuMaxPercent': {
      const quota = value === null ? 'max' : String((value * CPU_PERIOD_US) / 100);
      return [['cpu.max', `${quota} ${CPU_PERIOD_US}`]];
    }
    case 'cpuWeight':
      return [['cpu.weight', String(weight)]];
    case 'tasksMax':
      return [['pids.max', bound]];
    case 'ioWeight':
      return [
        ['io.weight', `default ${weight}`],
        ['io.bfq.weight', `default ${bfqWeight(weight)}`],
      ];
  }
}

/**
 * Has the cgroup go over from `from` to `to`; null: nobody knows what holds there. null, or what the kernel refused:
 * the rest holds all the same.
 */
export function limitCgroup(cgroup: string, from: ResourceSpec | null, to: ResourceSpec): string | null {
  const refusals = RESOURCE_KEYS.flatMap((key) => {
    if (from !== null && from[key] === to[key]) return [];
    const files = filesOf(key, to[key]);
    const errnos = files.map(([name, value]) => writeControl(cgroup, name, value));
    const isThere = errnos.some((errno) => errno !== 'ENOENT');
    // Without its controller there is nothing to take back.
    if (!isThere && to[key] === null) return [];
    return files.flatMap(([name, value], index) => {
      const errno = errnos[index] ?? null;
      if (errno === null || (errno === 'ENOENT' && isThere)) return [];
      return [`${name} cannot be set to "${value}" (${errno})`];
    });
  });
  return refusals.length === 0 ? null : refusals.join(', ');
}

export function limitNewCgroup(cgroup: string, to: ResourceSpec): string | null {
  return limitCgroup(cgroup, NO_RESOURCES, to);
}
