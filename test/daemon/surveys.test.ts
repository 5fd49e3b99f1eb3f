// Surveys: who is asked, when, and what is told of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Activations } from '../../src/daemon/activations.ts';
import { Surveys } from '../../src/daemon/surveys.ts';
import type { ProcessId } from '../../src/model/process.ts';
import type { Member, Processes } from '../../src/os/ports.ts';
import { createFakeProcesses } from '../support/fakes/processes.ts';

const MAIN: ProcessId = { pid: 7, startTicks: 1 };
const MEMBER: Member = { ...MAIN, parentPid: 1, cpuTicks: 0, reapedTicks: 0, residentPages: 0, threads: 1 };

interface Rig {
  readonly surveys: Surveys;
  /** In order. */
  readonly told: string[];
  readonly adopted: ProcessId[];
}

/** A unit "web" that an earlier daemon began, and what the port says of it. */
function rig(ports: Partial<Processes>): Rig {
  const told: string[] = [];
  const adopted: ProcessId[] = [];
  const adopt = (process: ProcessId): boolean => adopted.push(process) > 0;
  const processes: Processes = { ...createFakeProcesses(), adopt, ...ports };
  const activations = new Activations(processes, assert.fail);
  activations.restore('web', { invocationId: 'one', leaders: [MAIN] });
  const surveys = new Surveys(processes, activations, {
    onSurvivors: (unit) => told.push(`${unit} has survivors`),
    onSurveyed: (unit, survivors) => told.push(`${unit} ${survivors ? 'lives' : 'is gone'}`),
  });
  return { surveys, told, adopted };
}

test('Surveys: many ends in one turn make one survey, and none after the end', async () => {
  const { surveys, told } = rig({ members: () => [MEMBER] });
  surveys.begin('web');
  assert.deepEqual(told.splice(0), ['web has survivors', 'web lives']);
  for (let count = 0; count < 100; count += 1) surveys.again();
  await nextTurn();
  assert.deepEqual(told.splice(0), ['web has survivors', 'web lives']);
  surveys.end('web');
  surveys.again();
  await nextTurn();
  assert.deepEqual(told, []);
});

test('Surveys: nothing is told after close(), whatever was about to be looked at', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let isUnsure = true;
  const unsure = rig({ members: () => [], isUnsure: () => isUnsure });
  unsure.surveys.begin('web');
  isUnsure = false;
  const sure = rig({ members: () => [MEMBER] });
  sure.surveys.begin('web');
  sure.told.length = 0;
  sure.surveys.again();
  for (const { surveys } of [unsure, sure]) surveys.close();
  t.mock.timers.tick(2);
  await nextTurn();
  assert.deepEqual([unsure.told, sure.told], [[], []]);
});

test('Surveys: nobody is not told as long as the look is unsure, and looked for again soon', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let isUnsure = true;
  const { surveys, told } = rig({ members: () => [], isUnsure: () => isUnsure });
  surveys.begin('web');
  assert.deepEqual(told, []);
  isUnsure = false;
  t.mock.timers.tick(2);
  await nextTurn();
  assert.deepEqual(told, ['web is gone']);
});

test('Surveys: what an earlier daemon began is watched, where the port does not tell of its end', () => {
  const untold = rig({ members: () => [MEMBER], tellWhenEmpty: () => false });
  untold.surveys.begin('web');
  assert.deepEqual(untold.adopted, [MEMBER]);
  const told = rig({ members: () => [MEMBER], tellWhenEmpty: () => true });
  told.surveys.begin('web');
  assert.deepEqual(told.adopted, []);
});

test('Surveys: one that ended before it could be watched is found by another look', async () => {
  let members: readonly Member[] = [MEMBER];
  const { surveys, told } = rig({ members: () => members, adopt: () => false });
  surveys.begin('web');
  members = [];
  await nextTurn();
  assert.deepEqual(told, ['web has survivors', 'web lives', 'web is gone']);
});
