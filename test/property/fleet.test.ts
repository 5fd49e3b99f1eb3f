import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkGone, checkRest, checkStale, checkStep, newWatch } from './fleet-rules.ts';
import type { Watch } from './fleet-rules.ts';
import { checkPlan } from './plan-rules.ts';
import { editedSet, randomRing, randomSet, unitName } from './fleet-units.ts';
import * as world from './fleet-world.ts';
import { SEED } from './seed.ts';

const RUNS = Number(process.env['FLEET_RUNS'] ?? 250);

const VERBS = ['start', 'stop', 'restart', 'release', 'reset'] as const;

type Act =
  | {
      readonly act: 'news' | 'deadline' | 'crash' | 'stale' | 'reload' | 'slow-reload' | 'rest';
      readonly pick: number;
    }
  | {
      readonly act: 'operate';
      readonly pick: number;
      readonly verb: (typeof VERBS)[number];
    };

const pick = fc.nat(1_000);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ act: fc.constant('news' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('deadline' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('crash' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('stale' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('reload' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('slow-reload' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('rest' as const), pick }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('operate' as const),
      pick,
      verb: fc.constantFrom(...VERBS),
    }),
  },
);

const scenario = fc.record({
  seed: fc.integer(),
  size: fc.integer({ min: 2, max: 8 }),
  acts: fc.array(act, { maxLength: 80, size: 'max' }),
  hurries: fc.boolean(),
});

function doAct(on: world.World, watch: Watch, size: number, { act: kind, pick: which, ...rest }: Act): void {
  const told = on.told.length;
  switch (kind) {
    case 'news':
      world.tellNews(on, which);
      break;
    case 'deadline':
      world.passDeadline(on);
      break;
    case 'crash':
      world.crash(on, which);
      break;
    case 'stale':
      checkStale(on, which);
      return;
    case 'reload': {
      const specs = editedSet(world.randomFrom(which), [...on.desired.values()], size);
      checkPlan(on, specs);
      world.reload(on, specs);
      break;
    }
    case 'slow-reload': {
      const random = world.randomFrom(which);
      // Until it is committed facts only: an operator's word has the daemon plan anew.
      world.reloadInSteps(on, editedSet(random, [...on.desired.values()], size), (isCommitted) => {
        if (isCommitted) checkStep(on, watch, null);
        if (random() < 0.7) return;
        if (random() < 0.2) world.crash(on, which);
        else if (isCommitted && random() < 0.5)
          world.command(on, unitName(which % size), VERBS[which % VERBS.length] ?? 'start');
        else if (!world.tellNews(on, which)) world.passDeadline(on);
        checkStep(on, watch, on.told.at(-1)?.unit ?? null);
      });
      break;
    }
    case 'rest':
      on.faults = which % 2 === 0 ? world.MANY_FAULTS : world.NO_FAULTS;
      break;
    case 'operate':
      if ('verb' in rest) world.command(on, unitName(which % size), rest.verb);
      break;
  }
  checkStep(on, watch, on.told.length > told ? (on.told.at(-1)?.unit ?? null) : null);
}

test('fleet: whatever happens, no rule is broken, and it converges once nothing happens any more', () => {
  fc.assert(
    fc.property(scenario, ({ seed, size, acts, hurries }) => {
      const on = world.newWorld(seed, world.MANY_FAULTS);
      const watch = newWatch();
      const look = (): void => checkStep(on, watch, on.told.at(-1)?.unit ?? null);
      world.reload(on, randomSet(on.random, size));
      checkStep(on, watch, null);
      for (const next of acts) doAct(on, watch, size, next);
      assert.equal(world.comeToRest(on, look), true, 'it never came to rest');
      checkRest(on);
      const specs = [...on.desired.values()];
      assert.deepEqual(world.planOf(on, specs.toReversed()), world.planOf(on, specs));
      on.faults = world.MANY_FAULTS;
      world.shutDown(on);
      watch.hurried = hurries;
      checkStep(on, watch, null);
      if (hurries) {
        world.hurry(on);
        checkStep(on, watch, null);
      }
      assert.equal(world.comeToRest(on, look), true, 'the shutdown never ended');
      checkRest(on);
      checkGone(on, watch);
    }),
    { numRuns: RUNS, seed: SEED, includeErrorInReport: true },
  );
});

test('fleet: units that start each other for ever have their pauses', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 8 }), fc.boolean(), (seed, size, faulty) => {
      const on = world.newWorld(seed, world.NO_FAULTS);
      const watch = newWatch();
      world.reload(on, randomRing(on.random, size));
      checkStep(on, watch, null);
      if (faulty) on.faults = { ...world.MANY_FAULTS, hangs: 0 };
      for (let left = 600; left > 0; left -= 1) {
        if (!world.tellNews(on, 0) && !world.passDeadline(on)) break;
        checkStep(on, watch, on.told.at(-1)?.unit ?? null);
      }
    }),
    { numRuns: 2 * RUNS, seed: SEED, includeErrorInReport: true },
  );
});
