// Which units that had ended a plan tries again for others: those that are wanted only as another brings them in from now
// on, and those that one which the plan starts or restarts would wait for in vain.
import type { FieldChange } from '../model/plan.ts';
import { howEnded, isUp, needsStop } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import { causesOf, isMended } from './plan-row.ts';
import type { Steps } from './steps.ts';

/** `then`: what the fleet came to without these. Gives each with the reason. */
export function* retriesOf(
  fleet: Fleet,
  then: Fleet,
  changes: ReadonlyMap<string, readonly FieldChange[]>,
): Steps<ReadonlyMap<string, string>> {
  const retries = new Map<string, string>();
  const begun: string[] = [];
  for (const [name, unit] of then.units) {
    yield;
    const before = fleet.units.get(name);
    if (unit === before || unit.verdict.wanted === 'down') continue;
    const changed = changes.get(name) ?? [];
    const isFree = unit.verdict.down === null;
    if (isFree && isLeftWithout(before, unit) && isBegun(before, changed)) begun.push(name);
    if (before?.state.phase !== unit.state.phase) continue;
    const isNowWanted = before.verdict.wanted === 'down' && isFree && howEnded(unit) !== null;
    if (isNowWanted || isMended(unit, changed)) retries.set(name, 'now wanted');
  }
  const queue = begun.sort();
  const seen = new Set(queue);
  for (const by of queue) {
    yield;
    const { requires = [], bindsTo = [] } = then.units.get(by)?.spec ?? {};
    for (const name of [...requires, ...bindsTo]) {
      const unit = then.units.get(name);
      if (unit === undefined || seen.has(name)) continue;
      seen.add(name);
      if (isUp(unit) || needsStop(unit) || !mayStart(unit)) continue;
      queue.push(name);
      const before = fleet.units.get(name);
      const how = before?.state.phase === unit.state.phase ? howEnded(unit) : null;
      if (how !== null) retries.set(name, `required by "${by}"; ${how}`);
    }
  }
  return retries;
}

function mayStart({ verdict }: Unit): boolean {
  return verdict.wanted === 'up' && verdict.down === null;
}

/** It waits, or was refused. */
function isLeftWithout(before: Unit | undefined, { state }: Unit): boolean {
  const { at } = state.phase;
  return at === 'stopped' || (at === 'failed' && before?.state.phase !== state.phase);
}

/** One that waits, and did not do so already: the plan starts or restarts it. */
function isBegun(before: Unit | undefined, changed: readonly FieldChange[]): boolean {
  if (before === undefined || before.removed || before.verdict.wanted === 'down') return true;
  const { at } = before.state.phase;
  if (at === 'stopped') return false;
  return at === 'failed' || before.verdict.down === null || causesOf(changed) !== '';
}
