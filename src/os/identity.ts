// Turns the user and groups of a request into setpriv(1) words and into what they allow. Switches nobody.
import { HIGHEST_ID, idIn, spellsNumber } from '../base/account-id.ts';
import type { SpawnFailure, SpawnRequest } from '../model/process.ts';
import { type Credentials, hasCapability } from './access.ts';
import { quote } from './command-path.ts';
import { existsHere, groupsCanBeSet } from './user-namespace.ts';
import { groupsOf, lookupGroup, lookupUser } from './users.ts';

export type IdentityRequest = Pick<SpawnRequest, 'user' | 'group' | 'supplementaryGroups'>;

export interface Identity {
  /** Options of setpriv; none when the child stays who the daemon is. */
  readonly words: readonly string[];
  /** null: whoever the daemon is. */
  readonly runsAs: Credentials | null;
}

export type IdentityResult =
  { readonly ok: true; readonly identity: Identity } | { readonly ok: false; readonly failure: SpawnFailure };

function refusal(errno: string | null, reason: string): IdentityResult {
  return { ok: false, failure: { stage: 'user', errno, reason } };
}

/** The daemon's own effective ids: Node has them on every system this runs on. */
function ownIds(): { readonly uid: number; readonly gid: number } {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

/** A group's number, null when it has a name that nobody knows, or no group can have it. Numbers need no entry. */
function groupNumber(group: string): number | null {
  return lookupGroup(group) ?? idIn(group);
}

/** The kernel would take such a number for "as it is", or libc for what is left of it in 32 bits: root's own, at worst. */
function noSuch(kind: 'user' | 'group', name: string): IdentityResult {
  const what = spellsNumber(name) ? `is no id, expected a number of at most ${HIGHEST_ID}` : 'does not exist';
  return refusal(null, `${kind} ${quote(name)} ${what}`);
}

/** The first that no process of this user namespace can have. */
function foreignId(uid: number, gids: readonly number[]): string | null {
  if (!existsHere('user', uid)) return `uid ${uid}`;
  const gid = gids.find((id) => !existsHere('group', id));
  return gid === undefined ? null : `gid ${gid}`;
}

export function resolveIdentity(request: IdentityRequest): IdentityResult {
  const { user, group, supplementaryGroups } = request;
  if (user === null && group === null && supplementaryGroups === null) {
    return { ok: true, identity: { words: [], runsAs: null } };
  }

  const own = ownIds();
  const entry = user === null ? null : lookupUser(user);
  const uid = user === null ? own.uid : (entry?.uid ?? idIn(user));
  if (uid === null) return noSuch('user', user ?? '');
  // Root's own group must not slip through to a user whose group is unknown.
  if (user !== null && entry === null && group === null) {
    return refusal(null, `user ${quote(user)} has no entry in the user database, so a group must be given`);
  }
  const gid = group === null ? (entry?.gid ?? own.gid) : groupNumber(group);
  if (gid === null) return noSuch('group', group ?? '');
  const extra: number[] = [];
  for (const name of supplementaryGroups ?? []) {
    const number = groupNumber(name);
    if (number === null) return noSuch('group', name);
    extra.push(number);
  }

  const foreign = foreignId(uid, [gid, ...extra]);
  if (foreign !== null) {
    return refusal('EINVAL', `there is no ${foreign} in the user namespace of the daemon`);
  }
  if (uid !== own.uid && !hasCapability('setuid')) {
    return refusal(
      'EPERM',
      `the daemon runs as uid ${own.uid} and may not switch to user ${quote(user ?? '')}`,
    );
  }
  if (!hasCapability('setgid') || !groupsCanBeSet()) {
    if (gid !== own.gid) {
      return refusal('EPERM', `the daemon runs as uid ${own.uid} and may not switch to group ${gid}`);
    }
    if (supplementaryGroups !== null) {
      return refusal('EPERM', `the daemon runs as uid ${own.uid} and may not set supplementary groups`);
    }
    // The daemon's own groups must not slip through to another user.
    if (uid !== own.uid) {
      const whose = `user ${quote(user ?? '')}`;
      return refusal('EPERM', `the daemon runs as uid ${own.uid} and may not set the groups of ${whose}`);
    }
    // The user it is already, with the groups it has already.
    return { ok: true, identity: { words: [], runsAs: null } };
  }

  const words = user === null ? [] : [`--reuid=${uid}`];
  // The kernel drops the capabilities of a root that becomes somebody else, not those of another user with ambient ones.
  if (uid !== own.uid) words.push('--inh-caps=-all');
  if (user !== null || group !== null) words.push(`--regid=${gid}`);
  if (supplementaryGroups !== null)
    words.push(extra.length > 0 ? `--groups=${extra.join(',')}` : '--clear-groups');
  else if (user === null) words.push('--keep-groups');
  else words.push(entry === null ? '--clear-groups' : '--init-groups');

  const groups = (): readonly number[] => {
    if (supplementaryGroups !== null) return [gid, ...extra];
    if (entry !== null) return [gid, ...groupsOf(entry)];
    return user === null ? [gid, ...(process.getgroups?.() ?? [])] : [gid];
  };
  return { ok: true, identity: { words, runsAs: { uid, groups } } };
}
