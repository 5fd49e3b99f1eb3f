// What the user namespace of this process leaves of users and groups (user_namespaces(7)): which ids there are in it, as
// a container without root has few, and whether the groups of a process may be set. Changes nothing.
import { readFileSync } from 'node:fs';
import { codeOf } from '../base/fault.ts';
import { withSpare } from './spare-descriptor.ts';

/** Of this process; null where the kernel has no user namespaces. A map is written once, before its first program. */
const texts = new Map<string, string | null>();

function own(name: 'uid_map' | 'gid_map' | 'setgroups'): string | null {
  let text = texts.get(name);
  if (text !== undefined) return text;
  try {
    text = withSpare(() => readFileSync(`/proc/self/${name}`, 'utf8'));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    text = null;
  }
  texts.set(name, text);
  return text;
}

/** Whether a process here can have the id. */
export function existsHere(kind: 'user' | 'group', id: number): boolean {
  const map = own(kind === 'user' ? 'uid_map' : 'gid_map');
  return map === null || covers(map, id);
}

/** Lines of the first id inside, the same outside, and how many follow each other from there. */
export function covers(map: string, id: number): boolean {
  return map.split('\n').some((line) => {
    const [first = NaN, , count = NaN] = line.trim().split(/\s+/).map(Number);
    return id >= first && id < first + count;
  });
}

/** In one that an ordinary user has made alone nobody may, root neither: it would take away what a group forbids. */
export function groupsCanBeSet(): boolean {
  return own('setgroups')?.trim() !== 'deny';
}
