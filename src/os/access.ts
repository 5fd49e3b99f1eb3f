// What the daemon may do (capabilities) and what another user may execute, as far as modes tell. Changes nothing.
import { readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { statOf } from './command-path.ts';
import { hasAccessList } from './libc/access.ts';
import { withSpare } from './spare-descriptor.ts';

/** Numbers of linux/capability.h. */
const CAPABILITIES = { setgid: 6, setuid: 7, sysNice: 23, sysResource: 24 } as const;

let effective: bigint | undefined;

function ownStatus(): string {
  return withSpare(() => readFileSync('/proc/self/status', 'utf8'));
}

/** Whether this process has the capability in its effective set. */
export function hasCapability(name: keyof typeof CAPABILITIES): boolean {
  effective ??= BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(ownStatus())?.[1] ?? '0'}`);
  return ((effective >> BigInt(CAPABILITIES[name])) & 1n) === 1n;
}

/** Who a command will run as. Groups are asked for only when they matter: telling them may cost a process. */
export interface Credentials {
  readonly uid: number;
  readonly groups: () => readonly number[];
}

/**
 * Whether the mode surely forbids these credentials to execute (or search) what lies at `path`. With an access
 * control list the group bits are its mask, an upper bound for everybody but the owner: then only they can forbid.
 */
function isForbidden(path: string, who: Credentials): boolean {
  const stat = statOf(path);
  if (typeof stat === 'string') return false;
  if (who.uid === 0) return stat.isFile() && (stat.mode & 0o111) === 0;
  if (stat.uid === who.uid) return (stat.mode & 0o100) === 0;
  const [group, others] = [(stat.mode & 0o010) !== 0, (stat.mode & 0o001) !== 0];
  if (group === others) return !group;
  if (hasAccessList(path)) return false;
  return who.groups().includes(stat.gid) ? !group : !others;
}

/** The first thing from the root down to `path` that `who` may surely not search or execute; null: none is known. */
export function firstForbidden(path: string, who: Credentials): string | null {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return null;
  }
  const steps = [real];
  for (let folder = dirname(real); steps.at(-1) !== folder; folder = dirname(folder)) steps.push(folder);
  return steps.reverse().find((step) => isForbidden(step, who)) ?? null;
}
