// Journal: what was written is read again, whatever became of the daemon in the middle of it.
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Journal } from '../../src/daemon/journal.ts';
import type { Journalled } from '../../src/daemon/journal-lines.ts';
import { seal } from '../../src/daemon/sealed-line.ts';
import { temporaryDirectory } from '../support/child.ts';
import { smallDisk } from '../support/small-disk.ts';
import { FILE, LEADER, record } from './unit-record.ts';

const BOOT = 'boot one';

interface Scratch {
  readonly directory: string;
  readonly path: string;
  readonly troubles: string[];
  readonly madeGood: true[];
  /** A daemon's journal, read and open. */
  readonly journal: Journal;
  /** As the next daemon would see it. */
  reread(bootId?: string, unitsDirectory?: string): Journalled | null;
}

function scratch(directory: string): Scratch {
  const troubles: string[] = [];
  const madeGood: true[] = [];
  const make = (bootId: string, unitsDirectory = '/etc/units.d'): Journal =>
    new Journal({
      directory,
      bootId,
      unitsDirectory,
      onTrouble: (message) => troubles.push(message),
      onMadeGood: () => madeGood.push(true),
    });
  const journal = make(BOOT);
  journal.read();
  journal.open();
  return {
    directory,
    path: join(directory, 'journal'),
    troubles,
    madeGood,
    journal,
    reread: (bootId = BOOT, unitsDirectory) => make(bootId, unitsDirectory).read(),
  };
}

function opened(t: TestContext): Scratch {
  return scratch(temporaryDirectory(t));
}

const NOTHING: Journalled = { units: new Map(), spawned: new Map(), files: [] };

test('Journal: gives back the latest record of each unit, its file and what was spawned last', (t) => {
  const { journal, reread } = opened(t);
  journal.unit('web', record(), FILE);
  journal.unit('db', record({ removed: true }), null);
  journal.unit('web', record({ cycle: 'command changed' }), FILE);
  journal.spawned('web', { run: 1, process: LEADER });
  journal.spawned('web', { run: 2, process: { pid: 413, startTicks: 100 } });
  assert.deepEqual(reread(), {
    units: new Map([
      ['web', record({ cycle: 'command changed' })],
      ['db', record({ removed: true })],
    ]),
    spawned: new Map([['web', { run: 2, process: { pid: 413, startTicks: 100 } }]]),
    files: [FILE],
  });
});

test('Journal: what says nothing new is not written', (t) => {
  const { journal, path } = opened(t);
  journal.unit('web', record(), FILE);
  const { size } = statSync(path);
  journal.unit('web', record(), { ...FILE });
  journal.gone('db');
  assert.equal(statSync(path).size, size);
});

test('Journal: a damaged record costs what it said, which is told, and nothing behind it', (t) => {
  const { journal, path, reread, troubles } = opened(t);
  journal.unit('web', record(), FILE);
  journal.unit('db', record(), null);
  journal.unit('web', record({ cycle: 'later' }), FILE);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"name":"db"', '"name":"dc"'));
  assert.deepEqual(reread()?.units, new Map([['web', record({ cycle: 'later' })]]));
  assert.match(troubles.join(), /^cannot read all of journal ".*": 1 line is damaged, [^,]*$/);
});

test('Journal: one whose first line is damaged is nothing to take up, and that is told', (t) => {
  const { journal, path, reread, troubles } = opened(t);
  journal.unit('web', record(), FILE);
  writeFileSync(path, readFileSync(path, 'utf8').replace('boot one', 'boot two'));
  assert.equal(reread(), null);
  assert.match(troubles.join(), /: its first line is damaged, nothing is taken back$/);
});

test('Journal: one of another boot, one that is empty, and none at all are nothing to take up', (t) => {
  const { journal, path, reread } = opened(t);
  journal.unit('web', record(), FILE);
  assert.equal(reread('boot two'), null);
  writeFileSync(path, '');
  assert.equal(reread(), null);
  rmSync(path);
  assert.equal(reread(), null);
});

test('Journal: one of this boot is taken up by a daemon that cannot see process 1 any more', (t) => {
  const { journal, reread } = opened(t);
  journal.unit('web', record(), FILE);
  assert.deepEqual(reread('boot')?.units.get('web'), record());
  assert.equal(reread('reboot'), null);
});

test('Journal: units of another directory are refused by name, unless none is left', (t) => {
  const { journal, reread } = opened(t);
  assert.equal(reread(BOOT, '/srv/units.d')?.units.size, 0);
  journal.unit('web', record(), FILE);
  assert.throws(
    () => reread(BOOT, '/srv/units.d'),
    /they come from "\/etc\/units.d".*--units \/etc\/units.d/,
  );
  journal.gone('web');
  assert.equal(reread(BOOT, '/srv/units.d')?.units.size, 0);
});

test('Journal: one of another version is refused, unless it is of another boot', (t) => {
  const { journal, path, reread } = opened(t);
  journal.unit('web', record(), FILE);
  const [, ...rest] = readFileSync(path, 'utf8').split('\n');
  const boot = seal({ type: 'boot', bootId: BOOT, version: 2, unitsDirectory: '/etc/units.d' });
  writeFileSync(path, [boot.trimEnd(), ...rest].join('\n'));
  assert.throws(() => reread(), /journal ".*" is of version 2, expected 1: start the unitd that wrote it$/);
  assert.equal(reread('boot two'), null);
});

test('Journal read: throws when the file is there and cannot be read', (t) => {
  const { path, reread } = opened(t);
  rmSync(path);
  mkdirSync(path);
  assert.throws(() => reread(), new RegExp(`cannot read journal "${path}": it is no regular file`));
});

test('Journal open: what an earlier daemon left stands until it is replaced', (t) => {
  const first = opened(t);
  first.journal.unit('web', record(), FILE);
  first.journal.spawned('web', { run: 1, process: LEADER });
  first.journal.close(false);
  const left = first.reread();
  const second = scratch(first.directory);
  assert.deepEqual(second.reread(), left);
  second.journal.gone('web');
  assert.deepEqual(second.reread(), NOTHING);
});

test('Journal open: a torn record does not hide what the next daemon writes', (t) => {
  const first = opened(t);
  first.journal.unit('web', record(), FILE);
  first.journal.close(false);
  writeFileSync(first.path, readFileSync(first.path, 'utf8') + 'deadbeef {"type":"un');
  const second = scratch(first.directory);
  second.journal.unit('db', record(), null);
  assert.deepEqual([...(second.reread()?.units.keys() ?? [])], ['web', 'db']);
});

test('Journal: grown to many times what it says, it is written anew, and says the same', (t) => {
  const { journal, path, directory, reread } = opened(t);
  journal.unit('rock', record(), { ...FILE, name: 'rock' });
  journal.spawned('rock', { run: 1, process: LEADER });
  const cycle = 'x'.repeat(64 * 1024);
  let largest = 0;
  let shrank = 0;
  for (let round = 0; round < 60; round++) {
    const before = statSync(path).size;
    journal.unit('web', record({ cycle: `${round} ${cycle}` }), FILE);
    const { size } = statSync(path);
    largest = Math.max(largest, size);
    if (size < before) shrank += 1;
    assert.deepEqual(reread()?.units.get('web')?.cycle, `${round} ${cycle}`);
  }
  assert.ok(shrank >= 2, `it shrank ${shrank} times`);
  assert.ok(largest < 1.2 * 1024 * 1024, `it grew to ${largest} bytes`);
  assert.deepEqual(reread()?.units.get('rock'), record());
  assert.deepEqual(reread()?.spawned.get('rock'), { run: 1, process: LEADER });
  assert.deepEqual(
    reread()
      ?.files.map(({ name }) => name)
      .sort(),
    ['rock', 'web'],
  );
  assert.deepEqual(readdirSync(directory), ['journal']);
});

test('Journal: on a full disk it says so once, keeps what it had, and makes good when there is room', (t) => {
  const disk = smallDisk(t, 64 * 1024);
  if (disk === null) return t.skip('cannot mount a tmpfs');
  const { journal, troubles, reread } = scratch(disk);
  journal.unit('web', record(), FILE);
  const ballast = join(disk, 'ballast');
  const free = 64 * 1024 - 4096 * Math.ceil(statSync(join(disk, 'journal')).size / 4096) - 4096;
  writeFileSync(ballast, Buffer.alloc(free));
  const big = 'x'.repeat(10_000);
  journal.unit('web', record({ cycle: big }), FILE);
  journal.unit('db', record({ cycle: big }), null);
  assert.equal(troubles.length, 1);
  assert.match(troubles[0] ?? '', /^cannot write journal ".*": .*ENOSPC/);
  assert.deepEqual(reread()?.units, new Map([['web', record()]]), 'what was written before');
  rmSync(ballast);
  journal.unit('api', record(), null);
  assert.deepEqual(
    reread()?.units,
    new Map([
      ['web', record({ cycle: big })],
      ['db', record({ cycle: big })],
      ['api', record()],
    ]),
  );
  assert.equal(troubles.length, 1);
  assert.deepEqual(readdirSync(disk), ['journal']);
});

test('Journal: what a full disk refused is written a second after there is room, without another record', (t) => {
  const disk = smallDisk(t, 64 * 1024);
  if (disk === null) return t.skip('cannot mount a tmpfs');
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { journal, troubles, reread, madeGood } = scratch(disk);
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(60 * 1024));
  const large = record({ cycle: 'x'.repeat(10_000) });
  journal.unit('web', large, FILE);
  assert.equal(journal.trouble, troubles[0]);
  assert.match(journal.obstacle() ?? '', /^cannot write journal ".*": ENOSPC/);
  t.mock.timers.tick(1000);
  assert.deepEqual([troubles.length, madeGood.length], [1, 0], 'there is still no room');
  rmSync(ballast);
  assert.equal(journal.obstacle(), null);
  t.mock.timers.tick(1000);
  assert.deepEqual([journal.trouble, madeGood.length], [null, 1]);
  assert.deepEqual(reread()?.units, new Map([['web', large]]));
  assert.deepEqual(readdirSync(disk), ['journal']);
});

test('Journal: is not written anew, nor removed, where another daemon has replaced its directory', (t) => {
  const directory = temporaryDirectory(t);
  let isInPlace = true;
  const troubles: string[] = [];
  const journal = new Journal({
    directory,
    bootId: BOOT,
    unitsDirectory: '/etc/units.d',
    isInPlace: () => isInPlace,
    onTrouble: (message) => troubles.push(message),
  });
  journal.open();
  isInPlace = false;
  const theirs = 'the journal of another\n';
  writeFileSync(join(directory, 'other'), theirs);
  renameSync(join(directory, 'other'), join(directory, 'journal'));
  const cycle = 'x'.repeat(1024 * 1024);
  for (const round of [1, 2, 3, 4, 5, 6]) journal.unit('web', record({ cycle: `${round} ${cycle}` }), FILE);
  assert.deepEqual(troubles, [
    `cannot write journal "${join(directory, 'journal')}": its directory was removed or replaced`,
  ]);
  journal.close(false);
  assert.equal(readFileSync(join(directory, 'journal'), 'utf8'), theirs);
});

test('Journal close: keeps the file for the next daemon, or forgets it, also when somebody has removed it', (t) => {
  const kept = opened(t);
  kept.journal.unit('web', record(), FILE);
  kept.journal.close(false);
  assert.deepEqual([...(kept.reread()?.units.keys() ?? [])], ['web']);
  const forgotten = opened(t);
  forgotten.journal.close(true);
  assert.equal(existsSync(forgotten.path), false);
  const removed = opened(t);
  rmSync(removed.path);
  removed.journal.close(true);
  assert.deepEqual(removed.troubles, []);
});

test('Journal: after close nothing is written any more', (t) => {
  const { journal, reread } = opened(t);
  journal.close(false);
  journal.unit('web', record(), FILE);
  assert.deepEqual(reread(), NOTHING);
});
