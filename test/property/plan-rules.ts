// What a plan says must be what happens, where all goes well from then on: every start succeeds, every stop works, and no
// pause passes. What would have happened without the reload as well is in no plan.
import assert from 'node:assert/strict';
import { howEnded, needsStop } from '../../src/core/fleet.ts';
import type { Unit } from '../../src/core/fleet.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import { branchOf, finishWell, randomFrom, reload } from './fleet-world.ts';
import type { Order, World } from './fleet-world.ts';

type Units = ReadonlyMap<string, Unit>;

/** What becomes of the units of a world hangs on what has happened and was not told yet, or on the hour. */
function isUndecided(world: World): boolean {
  for (const [name, queue] of world.facts) {
    const phase = world.fleet.units.get(name)?.state.phase;
    if (phase?.at === 'stopping') continue;
    if (queue.some((fact) => fact.type === 'event' && fact.event.type !== 'spawned')) return true;
  }
  return [...world.fleet.units.values()].some(({ state: { phase } }) => {
    if (phase.at !== 'stopping') return false;
    // What has not heeded the final signal so far may be left behind.
    return !phase.requested || phase.step === 'final' || phase.step === 'sweep';
  });
}

function isByEnd({ activation }: Unit): boolean {
  return activation?.field === 'onFailure' || activation?.field === 'onSuccess';
}

/** What an end leads to in time is in no plan. */
function hasFollowed(units: Units, from: Units | undefined): boolean {
  return [...units].some(([name, unit]) => isByEnd(unit) && unit.activation !== from?.get(name)?.activation);
}

const IN_TURN: Order = { stopsFirst: true, pick: () => 0 };

function otherOrders(): readonly Order[] {
  const by = (seed: number): Order['pick'] => {
    const random = randomFrom(seed);
    return (waiting) => Math.floor(random() * waiting);
  };
  return [
    { stopsFirst: true, pick: (waiting) => Math.max(0, waiting - 1) },
    { stopsFirst: false, pick: () => 0 },
    { stopsFirst: false, pick: by(1) },
    { stopsFirst: false, pick: by(2) },
  ];
}

/** Tries on branches of the world what a reload of this set would lead to, and what would come without it. */
export function checkPlan(world: World, specs: readonly UnitSpec[]): void {
  if (isUndecided(world)) return;
  const [without, within] = [branchOf(world), branchOf(world)];
  const rows = new Map(reload(within, specs).units.map((row) => [row.name, row]));
  const isCutShort = ({ spec, state }: Unit): boolean => {
    const now = within.fleet.units.get(spec.name)?.state.phase.at;
    const isPaused = state.phase.at === 'backoff' && rows.get(spec.name)?.action === 'update';
    return isPaused && now !== 'backoff' && now !== 'failed' && now !== 'completed';
  };
  // A pause that ends sooner from now on has ended, or has not: that hangs on the hour.
  if ([...world.fleet.units.values()].some(isCutShort)) return;
  const starts = [without, within].map(({ fleet }) => new Map(fleet.units));
  for (const branch of [without, within])
    assert.equal(finishWell(branch, IN_TURN), true, 'it never came to rest');
  if ([without, within].some(({ fleet }, at) => hasFollowed(fleet.units, starts[at]))) return;
  const before = world.fleet.units;
  const isAnewIn = ({ fleet }: World, name: string): boolean =>
    (fleet.units.get(name)?.state.activation ?? 0) > (before.get(name)?.state.activation ?? 0);
  // Nor is what hangs on who is faster, as of units that conflict and are all wanted.
  for (const order of otherOrders()) {
    const other = branchOf(world);
    reload(other, specs);
    assert.equal(finishWell(other, order), true, 'it never came to rest');
    for (const [name, unit] of within.fleet.units) {
      const there = other.fleet.units.get(name);
      if (there === undefined || needsStop(there) !== needsStop(unit)) return;
      if (isAnewIn(other, name) !== isAnewIn(within, name)) return;
    }
  }
  /** It could have been tried again. */
  const isLeftEnded = (name: string): boolean => {
    const unit = within.fleet.units.get(name);
    if (unit === undefined || howEnded(unit) === null || unit.state.phase !== before.get(name)?.state.phase)
      return false;
    return unit.verdict.wanted === 'up' && unit.verdict.down === null;
  };
  for (const name of new Set([...before.keys(), ...within.fleet.units.keys()])) {
    const { action = 'unchanged', reason = '' } = rows.get(name) ?? {};
    const [was, unit, anyway] = [before, within.fleet.units, without.fleet.units].map((units) =>
      units.get(name),
    );
    const activation = was?.state.activation ?? 0;
    const isAnew = unit !== undefined && unit.state.activation > activation;
    const isAnewAnyway = anyway !== undefined && anyway.state.activation > activation;
    const isThere = unit !== undefined && needsStop(unit);
    const { down = null, wait = null } = unit?.verdict ?? {};
    const stands = `${name}: ${action}, ${reason}; it was ${was?.state.phase.at}, and is ${unit?.state.phase.at}, ${down ?? wait}`;
    switch (action) {
      case 'start':
      case 'restart':
        if (reason.includes('it will wait: ')) {
          assert.equal(isThere, false, stands);
          assert.equal(reason.endsWith(`it will wait: ${down}`), true, stands);
        } else if (reason.includes('it will fail: ')) assert.equal(unit?.state.phase.at, 'failed', stands);
        else if (reason.includes('it will be waiting ')) assert.notEqual(wait, null, stands);
        // That start takes a pause where the unit came to rest only lately.
        else if (unit?.state.phase.at === 'backoff') assert.equal(isByEnd(unit), true, stands);
        else assert.equal(isAnew && unit?.state.phase.at !== 'stopped', true, stands);
        if (action === 'start')
          assert.equal(was?.state.phase.at === 'running' && was.verdict.down === null, false, stands);
        if (action === 'restart') assert.notEqual(was, undefined, stands);
        for (const needed of unit === undefined || down !== null || reason.includes('it will fail: ')
          ? []
          : [...unit.spec.requires, ...unit.spec.bindsTo]) {
          assert.equal(isLeftEnded(needed), false, `${stands}: it waits for ${needed}`);
        }
        break;
      case 'stop':
        assert.equal(isThere, false, stands);
        break;
      case 'update':
      case 'unchanged': {
        // Of units that conflict one may be up for a moment, until another has come up that wants its rival.
        assert.equal(isAnew && !isAnewAnyway && isThere, false, stands);
        const isRefused = was?.state.phase.at === 'stopped' && unit?.state.phase.at === 'failed';
        assert.equal(isRefused && down === null && anyway?.state.phase.at !== 'failed', false, stands);
        const stood = was !== undefined && needsStop(was) && was.verdict.down === null;
        const isSpared = anyway !== undefined && needsStop(anyway) && !isAnewAnyway;
        if (stood && isSpared) assert.equal(isThere, true, stands);
        break;
      }
    }
  }
}
