// Users and groups by name or number: /etc/passwd and /etc/group first, the name service (getent) for the rest.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { idIn, spellsNumber } from '../base/account-id.ts';
import { codeOf } from '../base/fault.ts';
import { withSpare } from './spare-descriptor.ts';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

type Database = 'passwd' | 'group' | 'initgroups';

/** A name service that hangs must not hang the daemon for long, nor once for each process that is started. */
const GETENT_TIMEOUT_MS = 3000;
const ANSWER_HOLDS_MS = 60_000;

/** What keeps a process from being started that will pass. */
const SCARCITIES = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

interface ServiceAnswer {
  readonly line: string | null;
  readonly untilMs: number;
}

const answers = new Map<string, ServiceAnswer>();

/** Throws where the file is there and cannot be read: nobody is then known not to exist. */
function localLines(database: 'passwd' | 'group'): readonly string[] {
  try {
    return withSpare(() => readFileSync(`/etc/${database}`, 'utf8')).split('\n');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * What the name service says, or said within the last minute; throws where it cannot be asked now. The files in /etc are
 * read anew each time.
 */
function serviceLine(database: Database, key: string): string | null {
  const name = `${database} ${key}`;
  const known = answers.get(name);
  if (known !== undefined && performance.now() < known.untilMs) return known.line;
  const { error, status, stdout } = spawnSync('getent', [database, '--', key], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: GETENT_TIMEOUT_MS,
  });
  // Nobody was asked, and so nobody has answered.
  if (error !== undefined && SCARCITIES.has(codeOf(error) ?? '')) throw error;
  const line = status === 0 ? stdout.trimEnd() : null;
  answers.set(name, { line, untilMs: performance.now() + ANSWER_HOLDS_MS });
  return line;
}

/** The entry whose name is `key`, else the one whose number it is; names go first, as in chown(1). */
function entry(database: 'passwd' | 'group', key: string): readonly string[] | null {
  // No name has these: a colon would match into the next field. getent(1) takes "+0" for the number 0.
  if (key === '' || key.startsWith('+') || /[:\n\0]/.test(key)) return null;
  const id = idIn(key);
  // getent(1) would take what is left of the number in 32 bits.
  if (id === null && spellsNumber(key)) return null;
  const lines = localLines(database);
  const line =
    lines.find((text) => text.startsWith(`${key}:`)) ??
    (id === null ? undefined : lines.find((text) => text.split(':')[2] === key)) ??
    serviceLine(database, key);
  return line === null ? null : line.split(':');
}

/** null when nobody is called that; a number that has no entry is nobody either, and so is an entry without ids. */
export function lookupUser(nameOrUid: string): User | null {
  const fields = entry('passwd', nameOrUid);
  if (fields === null) return null;
  const [name = '', , uidText = '', gidText = '', , home = '/', shell = '/bin/sh'] = fields;
  const uid = idIn(uidText);
  const gid = idIn(gidText);
  return uid === null || gid === null ? null : { name, uid, gid, home, shell };
}

/** Its number; null likewise. */
export function lookupGroup(nameOrGid: string): number | null {
  return idIn(entry('group', nameOrGid)?.[2] ?? '');
}

/** All groups of a user, the primary one first. Asks the name service, so it costs a process. */
export function groupsOf(user: User): readonly number[] {
  const groups = new Set([user.gid]);
  const add = (text: string): void => {
    const gid = idIn(text);
    if (gid !== null) groups.add(gid);
  };
  const listed = serviceLine('initgroups', user.name);
  if (listed !== null) for (const gid of listed.trim().split(/\s+/).slice(1)) add(gid);
  for (const line of localLines('group')) {
    const [, , gid = '', members = ''] = line.split(':');
    if (members.split(',').includes(user.name)) add(gid);
  }
  return [...groups];
}
