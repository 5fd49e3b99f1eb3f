// What this version says when it is tried on directories where it cannot go on. That it can is in the end-to-end tests.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { GroundOptions } from '../../src/daemon/ground.ts';
import { HANDOVER_FORMAT } from '../../src/daemon/handover.ts';
import { Journal } from '../../src/daemon/journal.ts';
import { obstacleTo } from '../../src/daemon/obstacle.ts';
import { newUnit } from '../../src/core/fleet.ts';
import { currentBootId } from '../../src/os/boot-id.ts';
import { temporaryDirectory } from '../support/child.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';

function ground(t: TestContext): Omit<GroundOptions, 'fence'> {
  const top = temporaryDirectory(t);
  const [units, runtime, state, logs] = ['units', 'run', 'state', 'log'].map((name) => join(top, name));
  assert.ok(units !== undefined && runtime !== undefined && state !== undefined && logs !== undefined);
  const paths = { units, runtime, state, logs, socket: join(top, 'socket') };
  return { paths, socketGroup: null, makesUnits: true };
}

/** As a daemon of this boot leaves it, whose one unit was made of this file. */
function leaveJournal({ paths }: Pick<GroundOptions, 'paths'>, text: string): void {
  const journal = new Journal({
    directory: paths.runtime,
    bootId: currentBootId(),
    unitsDirectory: paths.units,
    onTrouble: assert.fail,
  });
  journal.open();
  const { state, sinceWall, intent, activation, cycle, removed } = newUnit(unitSpec('web'));
  const tree = { invocationId: 'web1', leaders: [] };
  const record = { state, sinceWall, intent, activation, cycle, removed, tree };
  journal.unit('web', record, { name: 'web', file: join(paths.units, 'web.yaml'), text });
  journal.close(false);
}

test('obstacleTo: a group that is not there, another format, no journal are obstacles', (t) => {
  const here = ground(t);
  assert.equal(
    obstacleTo(HANDOVER_FORMAT, { ...here, socketGroup: 'no-such-group' }),
    'there is no group "no-such-group"',
  );
  assert.match(obstacleTo(HANDOVER_FORMAT + 1, here) ?? '', /^it takes over in format 1, .* format 2$/);
  assert.equal(obstacleTo(HANDOVER_FORMAT, here), 'it cannot read the journal of the daemon');
});

test('obstacleTo: a unit that is not valid for this version is one, by its name', (t) => {
  const here = ground(t);
  assert.notEqual(obstacleTo(HANDOVER_FORMAT, here), null);
  leaveJournal(here, 'command: /bin/web\n');
  assert.equal(obstacleTo(HANDOVER_FORMAT, here), null);
  leaveJournal(here, 'comand: /bin/web\n');
  assert.match(obstacleTo(HANDOVER_FORMAT, here) ?? '', /^unit "web" is not valid for it: .*comand/);
});
