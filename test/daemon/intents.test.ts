// Operators' words over the life of several daemons: which hold, for whom, and until when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { newFleet, newUnit } from '../../src/core/fleet.ts';
import type { Fleet, Intent } from '../../src/core/fleet.ts';
import { Intents } from '../../src/daemon/intents.ts';
import type { UnitRecord } from '../../src/daemon/journal-lines.ts';
import { Store } from '../../src/daemon/store.ts';
import { temporaryDirectory } from '../support/child.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';
import { record } from './unit-record.ts';

const STOPPED: Intent = { wanted: 'down', seq: 3 };

function fleetOf(...names: readonly string[]): Fleet {
  const fleet = newFleet();
  for (const name of names) fleet.units.set(name, newUnit(unitSpec(name)));
  return fleet;
}

interface Scene {
  readonly intents: Intents;
  /** What the next daemon would be told. */
  stored(): Promise<ReadonlyMap<string, Intent>>;
}

async function restored(t: TestContext, left: Readonly<Record<string, UnitRecord>> = {}): Promise<Scene> {
  const store = new Store(temporaryDirectory(t), (message) => assert.fail(message));
  store.saveIntents(new Map([['web', STOPPED]]));
  await store.written();
  const intents = new Intents(store);
  intents.restore(store.read().intents, new Map(Object.entries(left)));
  return {
    intents,
    stored: async () => {
      await intents.written();
      return store.read().intents;
    },
  };
}

async function enter(intents: Intents, fleet: Fleet, isWhole = true): Promise<void> {
  intents.enter(fleet, isWhole);
  await intents.written();
}

const intentOf = (fleet: Fleet): Intent | null | undefined => fleet.units.get('web')?.intent;

test('Intents: a word that was written down holds for its unit, and later words count from it', async (t) => {
  const { intents } = await restored(t);
  const fleet = fleetOf('web');
  await enter(intents, fleet);
  assert.deepEqual([intentOf(fleet), fleet.seq], [STOPPED, 3]);
});

for (const [title, left, expected] of [
  ['one that the journal knows to be taken back since does not', record({ seq: 3 }), null],
  ['one that came after all that the journal knows of does', record({ seq: 2 }), STOPPED],
  ['one of which the journal does not say when it was written does', record(), STOPPED],
] as const) {
  test(`Intents: ${title}`, async (t) => {
    const { intents } = await restored(t, { web: left });
    const fleet = fleetOf('web');
    await enter(intents, fleet);
    assert.deepEqual(intentOf(fleet), expected);
  });
}

test('Intents: a later word of the journal stands against the one that was written down', async (t) => {
  const { intents } = await restored(t);
  const later: Intent = { wanted: 'up', seq: 4 };
  const fleet = fleetOf();
  fleet.units.set('web', newUnit(unitSpec('web'), later));
  await enter(intents, fleet);
  assert.deepEqual(intentOf(fleet), later);
});

test('Intents: of a unit whose file cannot be read now the word waits, of one that is gone it does not', async (t) => {
  const waiting = await restored(t);
  await enter(waiting.intents, fleetOf(), false);
  waiting.intents.said(fleetOf('db'), ['db']);
  assert.deepEqual(await waiting.stored(), new Map([['web', STOPPED]]));
  const fleet = fleetOf('web');
  await enter(waiting.intents, fleet);
  assert.deepEqual(intentOf(fleet), STOPPED);

  const gone = await restored(t);
  await enter(gone.intents, fleetOf());
  await enter(gone.intents, fleetOf('web'));
  assert.deepEqual(await gone.stored(), new Map());
});

test('Intents: a word is looked at for the units that it may have changed, not for the fleet', async (t) => {
  const { intents, stored } = await restored(t);
  const fleet = fleetOf('web', 'db');
  await enter(intents, fleet);
  const units = new Map([
    ['web', newUnit(unitSpec('web'))],
    ['db', newUnit(unitSpec('db'), { wanted: 'up', seq: 4 })],
  ]);
  const noWalk = (): never => assert.fail('all units were walked');
  Object.assign(units, { values: noWalk, keys: noWalk, entries: noWalk, [Symbol.iterator]: noWalk });
  intents.said({ ...fleet, units }, ['web', 'db']);
  assert.deepEqual(await stored(), new Map([['db', { wanted: 'up', seq: 4 }]]));
});

test('Intents: a word that changes nothing is not written again', async (t) => {
  let saves = 0;
  const intents = new Intents(
    Object.assign(new Store(temporaryDirectory(t), assert.fail), { saveIntents: () => (saves += 1) }),
  );
  const fleet = fleetOf('web');
  fleet.units.set('web', newUnit(unitSpec('web'), STOPPED));
  intents.enter(fleet, true);
  intents.said(fleet, ['web']);
  intents.enter(fleet, true);
  assert.equal(saves, 1);
});
