// History: what a unit remembers outlives the daemon, whatever became of the file meanwhile.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { amend, newFleet, newUnit } from '../../src/core/fleet.ts';
import type { Fleet } from '../../src/core/fleet.ts';
import { HISTORY_LENGTH } from '../../src/core/machine-state.ts';
import { History } from '../../src/daemon/history.ts';
import type { ExitRecord } from '../../src/model/state.ts';
import { temporaryDirectory } from '../support/child.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';

const exit = (atWall: number, change: Partial<ExitRecord> = {}): ExitRecord => ({
  code: 1,
  signal: null,
  cause: 'exit',
  atWall,
  uptimeMs: 12.5,
  attempt: 0,
  requested: false,
  text: 'exited with code 1',
  ...change,
});

interface Scratch {
  readonly path: string;
  readonly troubles: string[];
  open(): History;
}

function scratch(t: TestContext): Scratch {
  const directory = temporaryDirectory(t);
  const troubles: string[] = [];
  const open = (): History => new History({ directory, onTrouble: (message) => troubles.push(message) });
  return { path: join(directory, 'history'), troubles, open };
}

function fleetOf(...names: readonly string[]): Fleet {
  const fleet = newFleet();
  for (const name of names) fleet.units.set(name, newUnit(unitSpec(name)));
  return fleet;
}

const timesOf = (fleet: Fleet, name: string): readonly number[] =>
  fleet.units.get(name)?.state.history.map(({ atWall }) => atWall) ?? [];

/** As the next daemon would have it, whose fleet has these units. */
async function remembered(history: History, ...names: readonly string[]): Promise<Fleet> {
  assert.deepEqual(history.read(), []);
  const fleet = fleetOf(...names);
  history.enter(fleet, true);
  await history.written();
  return fleet;
}

test('History: the next daemon’s units remember their ends, in their order and up to the limit', async (t) => {
  const { open, path, troubles } = scratch(t);
  const history = open();
  history.read();
  for (let at = 1; at <= HISTORY_LENGTH + 5; at += 1) history.add('web', exit(at));
  history.add(
    'db',
    exit(7, { code: null, signal: 'SIGKILL', cause: 'signal', text: 'was killed by SIGKILL' }),
  );
  await history.written();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const fleet = await remembered(open(), 'web', 'db');
  assert.deepEqual(
    timesOf(fleet, 'web'),
    Array.from({ length: HISTORY_LENGTH }, (_, index) => index + 6),
  );
  assert.equal(fleet.units.get('db')?.state.history[0]?.signal, 'SIGKILL');
  assert.deepEqual(troubles, []);
});

test('History: a unit that is gone is forgotten, also when it went while no daemon ran', async (t) => {
  const { open } = scratch(t);
  const history = open();
  history.read();
  for (const name of ['web', 'db', 'api']) history.add(name, exit(1));
  history.forget('web');
  history.add('web', exit(2));
  await history.written();
  const second = open();
  assert.deepEqual(timesOf(await remembered(second, 'web', 'api'), 'web'), [2]);
  await second.written();
  assert.deepEqual(timesOf(await remembered(open(), 'db', 'api'), 'db'), []);
});

test('History: units whose files cannot be read now keep theirs for later', async (t) => {
  const { open } = scratch(t);
  const history = open();
  history.read();
  history.add('web', exit(1));
  await history.written();
  const second = open();
  second.read();
  second.enter(fleetOf('api'), false);
  const healed = fleetOf('api', 'web');
  second.enter(healed, true);
  await second.written();
  assert.deepEqual(timesOf(healed, 'web'), [1]);
});

test('History: what only the journal knew is made good, once, also of a unit that the file does not name', async (t) => {
  const { open } = scratch(t);
  const history = open();
  history.read();
  history.add('web', exit(1));
  await history.written();
  const second = open();
  second.read();
  const fleet = fleetOf('web', 'db');
  for (const [name, times] of [
    ['web', [1, 2]],
    ['db', [3]],
  ] as const) {
    const unit = fleet.units.get(name);
    assert.ok(unit);
    amend(fleet, name, { state: { ...unit.state, history: times.map((at) => exit(at)) } });
  }
  second.enter(fleet, false);
  second.enter(fleet, true);
  second.add('web', exit(2));
  assert.deepEqual(timesOf(fleet, 'web'), [1, 2]);
  await second.written();
  const next = await remembered(open(), 'web', 'db');
  assert.deepEqual([timesOf(next, 'web'), timesOf(next, 'db')], [[1, 2], [3]]);
});

test('History: a line that a killed daemon did not finish is left out without a word, and spoils no later one', async (t) => {
  const { open, path } = scratch(t);
  const history = open();
  history.read();
  history.add('web', exit(1));
  await history.written();
  appendFileSync(path, readFileSync(path, 'utf8').slice(0, 20));
  const second = open();
  assert.deepEqual(timesOf(await remembered(second, 'web'), 'web'), [1]);
  second.add('web', exit(2));
  await second.written();
  assert.deepEqual(timesOf(await remembered(open(), 'web'), 'web'), [1, 2]);
});

for (const [what, damage] of [
  ['a flipped byte', (text: string) => text.replace('exited', 'Exited')],
  ['no line of ours', (text: string) => `hello\n${text}`],
] as const) {
  test(`History: ${what} costs that line, is said, and the file is set aside`, async (t) => {
    const { open, path } = scratch(t);
    const history = open();
    history.read();
    history.add('web', exit(1));
    history.add('db', exit(2, { text: 'ended' }));
    await history.written();
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    const second = open();
    const warnings = second.read();
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      /^cannot read all of restart history ".*": 1 line is damaged, set aside as ".*"$/,
    );
    assert.ok(existsSync(`${path}.corrupt`));
    await second.written();
    assert.deepEqual(timesOf(await remembered(open(), 'db'), 'db'), [2], 'though nothing has ended since');
    const fleet = fleetOf('db', 'web');
    second.enter(fleet, true);
    assert.deepEqual(timesOf(fleet, 'db'), [2]);
    second.add('db', exit(3));
    await second.written();
    assert.deepEqual(timesOf(await remembered(open(), 'db'), 'db'), [2, 3]);
  });
}

test('History: that what is left of a damaged file cannot be written anew is said too', async (t) => {
  const { open, path, troubles } = scratch(t);
  writeFileSync(path, 'damaged\n');
  const history = open();
  assert.equal(history.read().length, 1);
  mkdirSync(path);
  await history.written();
  assert.equal(troubles.length, 1);
  assert.match(troubles[0] ?? '', /^cannot write restart history "[^"]*": EISDIR: [^"'.]*$/);
});

test('History: nothing is written where nothing can be, and what is there is read', async (t) => {
  const { open, path, troubles } = scratch(t);
  const history = open();
  history.read();
  history.add('web', exit(1));
  await history.written();
  const kept = readFileSync(path, 'utf8');
  const directory = dirname(path);
  const readOnly = new History({ directory, isKept: false, onTrouble: (message) => troubles.push(message) });
  readOnly.read();
  readOnly.add('web', exit(2));
  await readOnly.written();
  assert.deepEqual([readFileSync(path, 'utf8'), troubles], [kept, []]);
});

test('History: a disk that refuses is said once, and made good when it takes writes again', async (t) => {
  const { open, path, troubles } = scratch(t);
  const history = open();
  history.read();
  mkdirSync(path);
  for (const at of [1, 2]) {
    history.add('web', exit(at));
    await history.written();
  }
  assert.equal(troubles.length, 1);
  assert.match(troubles[0] ?? '', /^cannot write restart history "[^"]*": EISDIR: [^"'.]*$/);
  rmdirSync(path);
  history.add('web', exit(3));
  await history.written();
  assert.deepEqual(timesOf(await remembered(open(), 'web'), 'web'), [1, 2, 3]);
});

test('History: what somebody else has put in its place is said, and replaced', async (t) => {
  const { open, path } = scratch(t);
  const other = `${path}.other`;
  writeFileSync(other, 'precious');
  symlinkSync(other, path);
  const history = open();
  assert.deepEqual(history.read(), [
    `cannot read restart history "${path}": it is no regular file, going on without it`,
  ]);
  history.add('web', exit(1));
  await history.written();
  assert.deepEqual(timesOf(await remembered(open(), 'web'), 'web'), [1]);
  assert.equal(readFileSync(other, 'utf8'), 'precious');
});

test('History: close() makes good what the disk refused, though nothing has ended since', async (t) => {
  const { open, path } = scratch(t);
  const history = open();
  history.read();
  mkdirSync(path);
  history.add('web', exit(1));
  await history.written();
  rmdirSync(path);
  await history.close();
  assert.deepEqual(timesOf(await remembered(open(), 'web'), 'web'), [1]);
});

test('History: the file stays in proportion to what is remembered', async (t) => {
  const { open, path } = scratch(t);
  const history = open();
  history.read();
  const text = 'x'.repeat(10_000);
  for (let at = 1; at <= 600; at += 1) {
    history.add('web', exit(at, { text }));
    await history.written();
  }
  assert.ok(statSync(path).size < 5 * HISTORY_LENGTH * 10_300);
  assert.equal(timesOf(await remembered(open(), 'web'), 'web').at(-1), 600);
});

test('History: everybody has their turn while much is written anew, and what ends meanwhile is not lost', async (t) => {
  const { open, path } = scratch(t);
  const history = open();
  history.read();
  const names = Array.from({ length: 1000 }, (_, at) => `unit-${at}`);
  for (const name of names) for (let at = 1; at <= HISTORY_LENGTH; at += 1) history.add(name, exit(at));
  await history.written();
  history.add('web', exit(1));
  let turns = 0;
  for (; !readdirSync(dirname(path)).some((name) => name.endsWith('.tmp')); turns += 1) await nextTurn();
  history.add('late', exit(2));
  assert(turns > 8, `it was printed within ${turns} turns of the loop`);
  await history.written();
  const fleet = await remembered(open(), 'web', 'late', 'unit-999');
  assert.deepEqual([timesOf(fleet, 'web'), timesOf(fleet, 'late')], [[1], [2]]);
  assert.equal(timesOf(fleet, 'unit-999').length, HISTORY_LENGTH);
});

test('History: a link in the place of the file is replaced by the next end, and not written through', async (t) => {
  const { open, path, troubles } = scratch(t);
  const target = `${path}.elsewhere`;
  writeFileSync(target, '');
  symlinkSync(target, path);
  const history = open();
  history.read();
  history.add('web', exit(1));
  await history.written();
  assert.equal(readFileSync(target, 'utf8'), '');
  assert.deepEqual(timesOf(await remembered(open(), 'web'), 'web'), [1]);
  assert.deepEqual(troubles, []);
});
