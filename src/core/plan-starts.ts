// The rows of units that a plan starts for the sake of others, though nothing of their own asks for it: what had ended and
// is needed or upheld from now on, and what waits no more. plan-row.ts has the words of all rows, reconcile.ts the order.
import type { FieldChange, PlannedUnit } from '../model/plan.ts';
import { downReason } from './down-reason.ts';
import { hasEndedCleanly, isUp, needsStop } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import { NEW_STATE } from './machine-state.ts';
import { isGoing } from './plan-row.ts';
import type { Steps } from './steps.ts';
import { isUpheld, startCheck, stuckIn } from './verdict.ts';

/**
 * Starts what has ended, in failure or cleanly, and is required or bound to by one that the plan starts or restarts,
 * however far up: that would wait for it in vain, where an operator's start brings it up too. Who is up, or comes up by
 * itself, is left alone, and so is who is to be down. Adds to `planned`, and gives whom; `lasting`: the units as they
 * would be in the end.
 */
export function* retryingRequirements(
  planned: Map<string, PlannedUnit>,
  lasting: ReadonlyMap<string, Unit>,
): Steps<readonly string[]> {
  const rows = [...planned.values()].filter(isStart).sort((a, b) => (a.name < b.name ? -1 : 1));
  const ended = yield* endedRequirements(
    rows.map((row) => row.name),
    lasting,
  );
  for (const { name, by, how } of ended) {
    const { changes = [] } = planned.get(name) ?? {};
    planned.set(name, { name, action: 'start', reason: `required by "${by}"; ${how}`, changes });
  }
  return ended.map(({ name }) => name);
}

interface EndedRequirement {
  readonly name: string;
  readonly by: string;
  readonly how: string;
}

/** What these units require or are bound to, however far up, and would wait for in vain. */
export function* endedRequirements(
  names: Iterable<string>,
  units: ReadonlyMap<string, Unit>,
): Steps<readonly EndedRequirement[]> {
  const ended: EndedRequirement[] = [];
  const queue = [...names];
  const seen = new Set(queue);
  for (const by of queue) {
    yield;
    const unit = units.get(by);
    if (unit === undefined || !mayStart(unit)) continue;
    for (const name of [...unit.spec.requires, ...unit.spec.bindsTo]) {
      if (seen.has(name)) continue;
      seen.add(name);
      const other = units.get(name);
      if (other === undefined || isUp(other) || needsStop(other) || !mayStart(other)) continue;
      queue.push(name);
      const how = howEnded(other);
      if (how !== null) ended.push({ name, by, how });
    }
  }
  return ended;
}

/**
 * Units that had ended, and that one which is up, and stays so, upholds from now on: where nothing is in the way they
 * start at once. Adds to `planned`, and gives whom; `lasting`: the units as they would be in the end.
 */
export function* upheldRows(
  planned: Map<string, PlannedUnit>,
  fleet: Fleet,
  lasting: Fleet,
  changes: ReadonlyMap<string, readonly FieldChange[]>,
): Steps<readonly string[]> {
  const upheld: string[] = [];
  const staysUp = (name: string): boolean => {
    const unit = lasting.units.get(name);
    const row = planned.get(name);
    return unit !== undefined && isUp(unit) && mayStart(unit) && !(row !== undefined && isStart(row));
  };
  for (const unit of fleet.units.values()) {
    yield;
    const how = howEnded(unit);
    const { name } = unit.spec;
    const then = lasting.units.get(name);
    if (how === null || then === undefined || !mayStart(then) || isUpheld(fleet, unit)) continue;
    const by = lasting.graph.upholders(name).find(staysUp);
    if (by === undefined || startCheck(lasting, then).start !== 'now') continue;
    if ((planned.get(name)?.action ?? 'update') !== 'update') continue;
    const reason = `upheld by "${by}"; ${how}`;
    planned.set(name, { name, action: 'start', reason, changes: changes.get(name) ?? [] });
    upheld.push(name);
  }
  return upheld;
}

/**
 * Units that wait, or are to when they are down, and with the new set start: as what they wait for comes up now, or as
 * they wait for it no more. Adds to `planned`; `lasting`: the units as they would be in the end.
 */
export function* releasedRows(
  planned: Map<string, PlannedUnit>,
  fleet: Fleet,
  lasting: ReadonlyMap<string, Unit>,
  changes: ReadonlyMap<string, readonly FieldChange[]>,
): Steps<void> {
  const waiting = new Map<string, string | null>();
  const before = new Map(fleet.units);
  const after = new Map(lasting);
  for (const [name, unit] of fleet.units) {
    yield;
    const { verdict } = unit;
    const then = lasting.get(name);
    // It would have been down, and nobody's hope.
    if (verdict.wanted === 'down')
      before.set(name, { ...unit, state: NEW_STATE, verdict: { ...verdict, pending: false } });
    if (verdict.wanted === 'down' || then === undefined || then.removed) continue;
    if (unit.state.phase.at === 'stopped') {
      waiting.set(name, verdict.down === null ? verdict.wait : `waiting: ${verdict.down}`);
    } else if (verdict.down !== null && isGoing(unit)) {
      // What would keep it down when a restart of its own is over.
      const reason = downReason(fleet, { ...unit, cycle: null });
      if (reason === null || reason.cycle) continue;
      waiting.set(name, `stopping: ${reason.text}`);
      // Once it is down it lacks nothing, and waits for what it lacked.
      const down = reason.lack ? null : reason.text;
      before.set(name, { ...unit, state: NEW_STATE, verdict: { ...verdict, down } });
      after.set(name, { ...then, state: NEW_STATE });
    }
  }
  if (waiting.size === 0) return;
  const [stuck, stuckThen] = [yield* stuckIn(before), yield* stuckIn(after)];
  for (const [name, stood] of waiting) {
    yield;
    const then = lasting.get(name)?.verdict;
    const { action = 'update' } = planned.get(name) ?? {};
    if (then === undefined || then.wanted === 'down' || then.down !== null || action !== 'update') continue;
    const isAtRest = fleet.units.get(name)?.state.phase.at === 'stopped';
    const isFree = before.get(name)?.verdict.down !== null || stuck.has(name);
    if (stood === null || stuckThen.has(name) || !(isFree || (isAtRest && then.wait === null))) continue;
    const verb = isAtRest ? 'waiting' : 'stopping';
    const changed = changes.get(name) ?? [];
    const fields = changed.map(({ field }) => field).join(', ');
    const reason = changed.length === 0 ? `it was ${stood}` : `${fields} changed; it was ${verb}`;
    planned.set(name, { name, action: 'start', reason, changes: changed });
  }
}

function howEnded(unit: Unit): string | null {
  if (unit.state.phase.at === 'failed') return 'it had failed';
  return hasEndedCleanly(unit) ? 'it had ended' : null;
}

function isStart({ action }: PlannedUnit): boolean {
  return action === 'start' || action === 'restart';
}

function mayStart({ verdict }: Unit): boolean {
  return verdict.wanted === 'up' && verdict.down === null;
}
