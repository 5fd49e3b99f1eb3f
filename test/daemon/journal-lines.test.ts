// The lines of a journal: what was appended change by change comes to the same as what stands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HISTORY_LENGTH, NEW_STATE } from '../../src/core/machine-state.ts';
import { JournalLines, ownerIn, recordsIn } from '../../src/daemon/journal-lines.ts';
import type { UnitRecord } from '../../src/daemon/journal-lines.ts';
import { seal } from '../../src/daemon/sealed-line.ts';
import type { ExitRecord } from '../../src/model/state.ts';
import { FILE, LEADER, record } from './unit-record.ts';

const OWNER = { bootId: 'boot one', version: 1, unitsDirectory: '/units' };
const END: ExitRecord = {
  code: 1,
  signal: null,
  cause: 'exit',
  atWall: 0,
  uptimeMs: 5,
  attempt: 0,
  requested: false,
  text: 'exited with code 1',
};
const NOTHING = { units: new Map(), spawned: new Map(), files: [], damaged: 0 };

/** What is read of a file to which every change was appended, which has to be what is read of those that stand. */
function readAfter(...changes: readonly ((lines: JournalLines) => string)[]): ReturnType<typeof recordsIn> {
  const lines = new JournalLines(OWNER);
  const appended = [lines.all(), ...changes.map((change) => change(lines))].join('');
  const read = recordsIn(appended);
  assert.deepEqual(recordsIn(lines.all()), read);
  return read;
}

test('JournalLines: the latest of each unit stands: its record, its file, what was spawned', () => {
  const changed = { ...FILE, text: 'command: /bin/other\n' };
  const spawned = { run: 2, process: { pid: 413, startTicks: 100 } };
  const read = readAfter(
    (lines) => lines.unit('web', record(), FILE),
    (lines) => lines.unit('db', record({ removed: true }), null),
    (lines) => lines.spawned('web', { run: 1, process: LEADER }),
    (lines) => lines.unit('web', record(), changed),
    (lines) => lines.spawned('web', spawned),
    (lines) => lines.unit('web', record({ cycle: 'x' }), null),
  );
  assert.deepEqual(read, {
    units: new Map([
      ['web', record({ cycle: 'x' })],
      ['db', record({ removed: true })],
    ]),
    spawned: new Map([['web', spawned]]),
    files: [changed],
    damaged: 0,
  });
});

test('JournalLines: a unit that is gone leaves nothing, and may come back', () => {
  const start = (lines: JournalLines): string => lines.unit('web', record(), FILE);
  const spawn = (lines: JournalLines): string => lines.spawned('web', { run: 1, process: LEADER });
  const end = (lines: JournalLines): string => lines.gone('web');
  assert.deepEqual(readAfter(start, spawn, end), NOTHING);
  assert.deepEqual(readAfter(start, spawn, end, start), {
    ...NOTHING,
    units: new Map([['web', record()]]),
    files: [FILE],
  });
});

/** A unit that has had so many runs. */
function endedOften(times: number): UnitRecord {
  const history = Array.from({ length: times }, (_, at) => ({ ...END, atWall: at })).slice(-HISTORY_LENGTH);
  return record({ state: { ...NEW_STATE, history } });
}

test('JournalLines: each end of a run is written once, and as many stand as the unit remembers', () => {
  for (const most of [1, 3, HISTORY_LENGTH + 7]) {
    const changes = Array.from({ length: most + 1 }, (_, times) => {
      return (lines: JournalLines): string => lines.unit('web', endedOften(times), null);
    });
    assert.deepEqual(readAfter(...changes).units.get('web'), endedOften(most));
  }
  const lines = new JournalLines(OWNER);
  const first = lines.unit('web', endedOften(1), null);
  for (let times = 2; times < HISTORY_LENGTH; times += 1) lines.unit('web', endedOften(times), null);
  const last = lines.unit('web', endedOften(HISTORY_LENGTH), null);
  assert.equal(last.split('\n').length, 2, 'the end, and nothing of those before');
  assert.ok(last.length < first.length);
  const equal = structuredClone(endedOften(HISTORY_LENGTH));
  assert.equal(lines.unit('web', equal, null), '', 'of ends that were read from elsewhere');
});

test('JournalLines take(): the ends that an earlier daemon knew of are known', () => {
  const earlier = new JournalLines(OWNER);
  earlier.unit('web', endedOften(3), FILE);
  const lines = new JournalLines(OWNER);
  lines.take(recordsIn(earlier.all()));
  assert.equal(lines.all(), earlier.all());
  lines.unit('web', endedOften(4), FILE);
  assert.deepEqual(recordsIn(lines.all()).units.get('web'), endedOften(4));
});

test('recordsIn: a record of an earlier version, which has the history in it', () => {
  const old = seal({ type: 'unit', name: 'web', unit: endedOften(3) });
  assert.deepEqual(recordsIn(new JournalLines(OWNER).all() + old).units.get('web'), endedOften(3));
});

test('JournalLines: what says nothing new is empty', () => {
  const lines = new JournalLines(OWNER);
  assert.notEqual(lines.unit('web', record(), FILE), '');
  assert.equal(lines.unit('web', record(), { ...FILE }), '');
  assert.equal(lines.gone('db'), '');
});

test('JournalLines take(): what an earlier daemon left stands, also of a unit without a file', () => {
  const earlier = new JournalLines(OWNER);
  earlier.unit('web', record(), FILE);
  earlier.spawned('web', { run: 1, process: LEADER });
  earlier.unit('db', record(), null);
  const lines = new JournalLines(OWNER);
  lines.take(recordsIn(earlier.all()));
  assert.equal(lines.all(), earlier.all());
  assert.equal(lines.unit('web', record(), { ...FILE }), '');
});

test('recordsIn: of a record that is cut off anywhere, the one before it stands', () => {
  const lines = new JournalLines(OWNER);
  const whole = lines.all() + lines.unit('web', record(), FILE);
  const before = { ...NOTHING, units: new Map([['web', record()]]), files: [FILE] };
  const last = Buffer.from(lines.unit('web', record({ cycle: 'ü'.repeat(3) }), FILE));
  // The last byte is the newline: without it the record is complete.
  for (let length = 0; length < last.length - 1; length += 1) {
    const cut = last.subarray(0, length).toString();
    assert.deepEqual(recordsIn(whole + cut), before, `cut at ${length} of ${last.length}`);
  }
});

test('recordsIn: what does not open is counted, and costs nothing behind it', () => {
  const lines = new JournalLines(OWNER);
  const first = lines.all();
  const db = lines.unit('db', record(), null);
  const web = lines.unit('web', record(), null);
  const read = recordsIn([first, db.replace('"name":"db"', '"name":"dc"'), '\n', web].join(''));
  assert.deepEqual([[...read.units.keys()], read.damaged], [['web'], 2]);
});

test('ownerIn: the first line says whose journal it is, if it opens and is one', () => {
  const lines = new JournalLines(OWNER);
  const { bootId, version, unitsDirectory } = ownerIn(lines.all()) ?? assert.fail();
  assert.deepEqual({ bootId, version, unitsDirectory }, OWNER);
  for (const text of ['', 'boot one\n', lines.all().replace('one', 'two'), lines.gone('web')]) {
    assert.equal(ownerIn(text), null, JSON.stringify(text));
  }
  const unit = lines.unit('web', record(), null);
  assert.equal(ownerIn(unit + lines.all()), null);
});
