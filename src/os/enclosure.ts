// Where the processes of an activation are held, and what they may have there: in a cgroup of the fence, or by session,
// where nothing can be limited. This is what of the Processes port the fence answers alone.
import { existsSync } from 'node:fs';
import { isUnlimited, RESOURCE_KEYS, RESOURCES } from '../model/unit.ts';
import type { ResourceSpec } from '../model/unit.ts';
import { flatValue, readControl } from './cgroup.ts';
import type { Fence } from './fence.ts';
import { SPAWNS_INTO_CGROUP } from './libc/spawn.ts';
import type { Expectation, Processes } from './ports.ts';
import { limitCgroup, limitNewCgroup } from './resource-limits.ts';

const NOTHING_TO_AWAIT: Expectation = { ready: Promise.resolve(), close: () => {} };

export type Enclosure = Pick<
  Processes,
  'fence' | 'lacks' | 'enclose' | 'limit' | 'oomKills' | 'sweep' | 'expectSpawns' | 'encloseLeft'
>;

/** null: sessions hold the units, and `bySession` is why there are no resources. The fence stays the caller's to close. */
export function createEnclosure(fence: Fence | null, bySession = 'units are held by session'): Enclosure {
  /** Has the controllers at work that they take; the first that cannot be had. */
  const lackFor = (resources: ResourceSpec): string | null => {
    for (const key of RESOURCE_KEYS) {
      if (resources[key] === null) continue;
      const lack = fence === null ? bySession : fence.controllers.provide(RESOURCES[key].controller);
      if (lack !== null) return lack;
    }
    return null;
  };

  return {
    fence: fence === null ? 'session' : 'cgroup',
    lacks: (controller) => (fence === null ? bySession : fence.controllers.lack(controller)),
    enclose: (unit, resources) => {
      const lack = lackFor(resources);
      if (lack !== null) throw new Error(lack);
      if (fence === null) return null;
      const cgroup = fence.add(unit);
      const refused = limitNewCgroup(cgroup, resources);
      if (refused === null) return cgroup;
      fence.remove(cgroup);
      throw new Error(refused);
    },
    limit: ({ cgroup }, from, to) => {
      const lack = lackFor(to);
      if (lack !== null) return lack;
      if (cgroup !== undefined) return limitCgroup(cgroup, from, to);
      return isUnlimited(to) ? null : 'its processes are held by session';
    },
    oomKills: ({ cgroup }) => {
      // It is not there without the controller.
      if (cgroup === undefined || !existsSync(`${cgroup}/memory.events`)) return 0;
      return flatValue(readControl(cgroup, 'memory.events'), 'oom_kill') ?? 0;
    },
    sweep: (kept) => fence?.sweep(new Set(kept.flatMap(({ cgroup }) => cgroup ?? []))) ?? [],
    expectSpawns: () => (SPAWNS_INTO_CGROUP || fence === null ? NOTHING_TO_AWAIT : fence.expectMoves()),
    encloseLeft: ({ cgroup }, leader) => {
      if (cgroup !== undefined) fence?.enterLeft(cgroup, leader?.pid ?? null);
    },
  };
}
