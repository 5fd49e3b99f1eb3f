// What one daemon writes down and the next one finds, through all the files that it is in.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { newFleet, newUnit } from '../../src/core/fleet.ts';
import type { Fleet } from '../../src/core/fleet.ts';
import { Records } from '../../src/daemon/records.ts';
import type { ExitRecord } from '../../src/model/state.ts';
import { temporaryDirectory } from '../support/child.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';

const EXIT: ExitRecord = {
  code: 1,
  signal: null,
  cause: 'exit',
  atWall: 5,
  uptimeMs: 12,
  attempt: 0,
  requested: false,
  text: 'exited with code 1',
};
const WORD = { wanted: 'down', seq: 4 } as const;
const FILE = { name: 'web', file: '/units/web.yaml', text: 'command: /bin/web\n' };
const SPAWNED = { run: 3, process: { pid: 7, startTicks: 70 } };
const TREE = { invocationId: 'web1', leaders: [] };

interface Home {
  readonly top: string;
  readonly logged: string[];
  /** As a daemon of this boot. */
  records(): Records;
}

function createHome(t: TestContext): Home {
  const top = temporaryDirectory(t);
  const logged: string[] = [];
  const paths = {
    units: '/units',
    runtime: join(top, 'run'),
    state: join(top, 'state'),
    logs: join(top, 'log'),
  };
  for (const path of [paths.runtime, paths.state]) mkdirSync(path);
  const log = {
    write: (level: string, event: string, message: string) =>
      void logged.push(`${level} ${event}: ${message}`),
    close: () => undefined,
  };
  const records = (): Records =>
    new Records({ paths, bootId: 'this boot', holdsRuntime: () => true, hasState: true, log });
  return { top, logged, records };
}

function fleetOf(name: string): Fleet {
  const fleet = newFleet();
  fleet.units.set(name, newUnit(unitSpec(name)));
  return fleet;
}

/** Writes down all that there is to be of one unit, and dies: `forgets` its journal as after a clean stop. */
async function wroteDown(records: Records, forgets: boolean): Promise<void> {
  records.open();
  const fleet = fleetOf('web');
  records.entered(fleet, true);
  const unit = { ...(fleet.units.get('web') ?? assert.fail()), intent: WORD };
  fleet.units.set('web', unit);
  records.cameFrom(unit.spec, FILE);
  records.changed(unit, 4, TREE);
  records.spawned('web', SPAWNED);
  records.exited('web', EXIT);
  records.intents.said(fleet, ['web']);
  records.saveLastGood('f1', [FILE]);
  records.closeJournal(forgets);
  await records.close();
}

test('Records: what one daemon wrote down is there for the next', async (t) => {
  const { records, logged } = createHome(t);
  await wroteDown(records(), false);
  const next = records();
  const { lastGood, left } = next.open();
  assert.deepEqual(lastGood, [FILE]);
  assert.deepEqual(left?.files, [FILE]);
  assert.deepEqual(left.spawned.get('web'), SPAWNED);
  assert.deepEqual([left.units.get('web')?.seq, left.units.get('web')?.tree], [4, TREE]);
  const fleet = fleetOf('web');
  next.entered(fleet, true);
  const web = fleet.units.get('web');
  assert.deepEqual([web?.intent, web?.state.history], [WORD, [EXIT]]);
  next.closeJournal(false);
  await next.close();
  assert.deepEqual(logged, []);
});

test('Records: after a clean stop the word, the history and the last good set are there, and nothing to take up', async (t) => {
  const { records } = createHome(t);
  await wroteDown(records(), true);
  const next = records();
  assert.deepEqual(next.open(), { lastGood: [FILE], left: null });
  const fleet = fleetOf('web');
  next.entered(fleet, true);
  const web = fleet.units.get('web');
  assert.deepEqual([web?.intent, web?.state.history], [WORD, [EXIT]]);
  next.closeJournal(false);
  await next.close();
});

test('Records: of a unit that is forgotten neither its state nor its history is found', async (t) => {
  const { records } = createHome(t);
  const first = records();
  await wroteDown(first, false);
  const second = records();
  second.open();
  second.entered(fleetOf('web'), true);
  second.forgotten('web');
  second.closeJournal(false);
  await second.close();
  const third = records();
  assert.equal(third.open().left?.units.size, 0);
  const fleet = fleetOf('web');
  third.entered(fleet, true);
  assert.deepEqual(fleet.units.get('web')?.state.history, []);
  third.closeJournal(false);
  await third.close();
});

test('Records open(): a state file that is damaged is said, a journal that cannot be read is thrown', (t) => {
  const { records, logged, top } = createHome(t);
  writeFileSync(join(top, 'state', 'intents.json'), 'nothing');
  const first = records();
  first.open();
  first.closeJournal(false);
  assert.match(logged.join('\n'), /^warning state: cannot read state file ".*intents\.json": it is damaged/);
  rmSync(join(top, 'run', 'journal'));
  mkdirSync(join(top, 'run', 'journal'));
  assert.throws(() => records().open(), /^Error: cannot read journal "/);
});

test('Records saveLastGood(): a set that is written down already costs no disk', async (t) => {
  const { records, top } = createHome(t);
  const path = join(top, 'state', 'last-good.json');
  const first = records();
  first.open();
  first.hasLastGood('f1');
  first.saveLastGood('f1', [FILE]);
  await first.intents.written();
  assert.equal(existsSync(path), false);
  first.saveLastGood('f2', [FILE]);
  await first.intents.written();
  assert.equal(existsSync(path), true);
  rmSync(path);
  first.saveLastGood('f2', [FILE]);
  first.closeJournal(false);
  await first.close();
  assert.equal(existsSync(path), false);
});
