import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FIELDS, changedKeys } from '../../src/core/fields.ts';
import { hasEndedCleanly, needsStop } from '../../src/core/fleet.ts';
import type { Unit } from '../../src/core/fleet.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import { editedSet, randomSet } from './fleet-units.ts';
import * as world from './fleet-world.ts';

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

const options = { numRuns: 300, includeErrorInReport: true };

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

test('plan: of what had ended nothing is waited for by what it starts', () => {
  const mayStart = ({ verdict }: Unit): boolean => verdict.wanted === 'up' && verdict.down === null;
  const hasEnded = (unit: Unit): boolean => unit.state.phase.at === 'failed' || hasEndedCleanly(unit);
  fc.assert(
    fc.property(scenario, ({ on, next }) => {
      const ended = new Set([...on.fleet.units.values()].filter(hasEnded).map(({ spec }) => spec.name));
      const rows = world.reload(on, next).units;
      const started = rows.filter(({ action }) => action === 'start' || action === 'restart');
      for (const name of started.map((row) => row.name)) {
        const unit = on.fleet.units.get(name);
        if (unit === undefined || !mayStart(unit)) continue;
        for (const needed of [...unit.spec.requires, ...unit.spec.bindsTo]) {
          const other = on.fleet.units.get(needed);
          if (other === undefined || !mayStart(other) || !hasEnded(other) || !ended.has(needed)) continue;
          assert.equal(
            started.some((row) => row.name === needed),
            true,
            `${name} waits for ${needed}`,
          );
        }
      }
    }),
    options,
  );
});

test('plan: of a set at rest it says what becomes of each unit', () => {
  // What only time can tell is in no plan, nor who a change of `enabled` leaves without a wish in the middle of it.
  const UNFORESEEN = ['upholds', 'onFailure', 'onSuccess', 'conflicts', 'requisite', 'partOf'] as const;
  const none = Object.fromEntries(UNFORESEEN.map((field) => [field, []]));
  const plain = (specs: readonly UnitSpec[]): readonly UnitSpec[] =>
    specs.map((spec) => ({ ...spec, enabled: true, ...none }));
  const atRest = scenario.map(({ on, next }) => {
    world.reload(on, plain([...on.desired.values()]));
    world.comeToRest(on);
    return { on, next: plain(next) };
  });
  fc.assert(
    fc.property(atRest, ({ on, next }) => {
      const before = new Map(on.fleet.units);
      const rows = new Map(world.reload(on, next).units.map((row) => [row.name, row]));
      world.comeToRest(on);
      for (const [name, was] of before) {
        const unit = on.fleet.units.get(name);
        const { action = 'unchanged', reason = '' } = rows.get(name) ?? {};
        const isAnew = unit !== undefined && unit.state.activation > was.state.activation;
        const stands = `${name}: ${action}, ${reason}; it was ${was.state.phase.at}, and is ${unit?.state.phase.at}`;
        if (action === 'stop') assert.equal(isAnew || (unit !== undefined && needsStop(unit)), false, stands);
        if (action !== 'update' && action !== 'unchanged') continue;
        assert.equal(isAnew, false, stands);
        if (needsStop(was)) assert.equal(unit !== undefined && needsStop(unit), true, stands);
      }
    }),
    options,
  );
});
