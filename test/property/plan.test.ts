import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FIELDS, changedKeys } from '../../src/core/fields.ts';
import { needsStop } from '../../src/core/fleet.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import { editedSet, randomSet } from './fleet-units.ts';
import * as world from './fleet-world.ts';
import { checkPlan } from './plan-rules.ts';
import { SEED } from './seed.ts';

/** A world in some state, and a set that differs from what it runs. */
const scenario = fc
  .record({ seed: fc.integer(), edit: fc.integer(), size: fc.integer({ min: 1, max: 8 }), steps: fc.nat(60) })
  .map(({ seed, edit, size, steps }) => {
    const on = world.newWorld(seed, world.MANY_FAULTS);
    world.reload(on, randomSet(on.random, size));
    for (let step = 0; step < steps; step += 1) {
      if (!world.tellNews(on, step)) world.passDeadline(on);
    }
    return { on, next: editedSet(world.randomFrom(edit), [...on.desired.values()], size) };
  });

const options = { numRuns: 300, seed: SEED, includeErrorInReport: true };

test('plan: names every unit that changes, once, in order, and no other', () => {
  fc.assert(
    fc.property(scenario, ({ on, next }) => {
      const { units, unchanged } = world.planOf(on, next);
      const names = units.map((row) => row.name);
      assert.deepEqual(names, [...new Set(names)].sort());
      const desired = new Map(next.map((spec) => [spec.name, spec]));
      for (const spec of next) {
        const unit = on.fleet.units.get(spec.name);
        const isChanged = unit === undefined || unit.removed || changedKeys(unit.spec, spec).length > 0;
        if (isChanged)
          assert.equal(names.includes(spec.name), true, `${spec.name} changed and is not in the plan`);
      }
      for (const unit of on.fleet.units.values()) {
        const { name } = unit.spec;
        if (!desired.has(name) && !unit.removed)
          assert.equal(units.find((row) => row.name === name)?.action, 'stop');
      }
      assert.equal(unchanged, next.filter((spec) => !names.includes(spec.name)).length);
    }),
    options,
  );
});

test('plan: looks and does not touch', () => {
  const restarts = (changes: readonly (keyof UnitSpec)[]): boolean =>
    changes.some((key) => key !== 'name' && FIELDS[key].effect === 'restart');
  fc.assert(
    fc.property(scenario, ({ on, next }) => {
      const before = new Map(on.fleet.units);
      const first = world.planOf(on, next);
      assert.deepEqual(world.planOf(on, next.toReversed()), first);
      assert.deepEqual([...on.fleet.units], [...before]);
      for (const row of first.units) {
        const [unit, spec] = [before.get(row.name), next.find((other) => other.name === row.name)];
        if (unit === undefined || unit.removed || spec === undefined || row.action !== 'update') continue;
        const mayStay =
          !restarts(changedKeys(unit.spec, spec)) || unit.verdict.down !== null || !needsStop(unit);
        assert.equal(mayStay, true, `${row.name} is only updated: ${row.reason}`);
      }
    }),
    options,
  );
});

test('plan: it says what becomes of each unit', () => {
  fc.assert(
    fc.property(scenario, ({ on, next }) => checkPlan(on, next)),
    options,
  );
});

test('plan: of a set at rest it says what becomes of each unit', () => {
  const atRest = scenario.map(({ on, next }) => {
    world.comeToRest(on);
    return { on, next };
  });
  fc.assert(
    fc.property(atRest, ({ on, next }) => checkPlan(on, next)),
    options,
  );
});
