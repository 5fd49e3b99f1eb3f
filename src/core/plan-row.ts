// The rows of a plan: what a reload does to each unit, and why.
//
// restart    The unit is there (or in backoff) and a field changed that only a new process can have; or a unit that it
//            requires, is bound to or is part of restarts; or it goes down for what it lacks, which is on its way.
// start      It is wanted, and was not, with nothing to keep it down in the end, be it still on its way down; or it is
//            wanted and was not known; or it had failed and a field changed that may mend it; or it had ended, and one
//            that starts or restarts would wait for it in vain, or upholds it from then on; or it waited, and does so no
//            more. Of one that is kept down it is said.
// stop       Its file is gone, it is no longer wanted, or what the new set says keeps it down.
// update     Anything else that changed: taken in without touching a process.
// unchanged  The rest. So a second plan right after the first was carried out is empty.
import type { FieldChange, PlanAction, PlannedUnit } from '../model/plan.ts';
import type { UnitSpec } from '../model/unit.ts';
import { downReason } from './down-reason.ts';
import { hasEndedCleanly, isUp, needsStop } from './fleet.ts';
import type { Fleet, Unit, Verdict } from './fleet.ts';
import { NEW_STATE } from './machine-state.ts';
import type { Steps } from './steps.ts';
import { BACK } from './take-in.ts';
import { isUpheld, startCheck, stuckIn } from './verdict.ts';

/** `leaving`: what of the same name is still there, its file gone. */
export function newcomerRow(spec: UnitSpec, leaving: Unit | undefined, outlook: Verdict): PlannedUnit {
  const { name } = spec;
  if (outlook.wanted === 'down')
    return { name, action: 'update', reason: 'new file; not enabled', changes: [] };
  if (leaving !== undefined && needsStop(leaving)) {
    return { name, action: 'restart', reason: foreseen(BACK, outlook), changes: [] };
  }
  return { name, action: 'start', reason: foreseen('new file', outlook), changes: [] };
}

/** Of a unit that something keeps from starting. */
function foreseen(reason: string, { down }: Verdict): string {
  return down === null ? reason : `${reason}; it will wait: ${down}`;
}

export function removedRow(unit: Unit): PlannedUnit {
  const reason = needsStop(unit) ? 'file removed' : 'file removed; nothing of it is running';
  return { name: unit.spec.name, action: 'stop', reason, changes: [] };
}

/** `lasting`: the unit as it would be in the end. `cycle`: why it would go down before. */
export function knownRow(
  unit: Unit,
  lasting: Unit,
  cycle: string | null,
  changes: readonly FieldChange[],
): PlannedUnit {
  const { name } = unit.spec;
  const { at } = unit.state.phase;
  const isThere = needsStop(unit) || at === 'backoff' || at === 'completed';
  const { down, wanted } = lasting.verdict;
  const isWanted = wanted === 'up';
  const row = (action: PlanAction, reason: string): PlannedUnit => ({ name, action, reason, changes });
  const fields = changes.map((change) => change.field).join(', ');
  const mayGoDown = (needsStop(unit) || at === 'backoff') && unit.verdict.down === null;
  if (mayGoDown && down !== null) {
    if (isWanted) return row('stop', down);
    return row(
      'stop',
      changes.some((change) => change.field === 'enabled') ? 'enabled is false' : 'no longer wanted',
    );
  }
  if (isWanted && down === null && unit.verdict.wanted === 'down' && (!isThere || isGoing(unit)))
    return row('start', 'now wanted');
  const causes = causesOf(changes);
  if (causes !== '' && isThere && isWanted)
    return row('restart', foreseen(`${causes} changed`, lasting.verdict));
  const staysDown = unit.verdict.down !== null && down !== null;
  const isSpread =
    cycle !== null && unit.cycle === null && (needsStop(unit) || at === 'backoff') && !staysDown;
  if (isSpread && isWanted) return row('restart', cycle);
  const isEnded = at === 'completed' && !needsStop(unit);
  if (isWanted && down === null && isEnded && lasting.state.phase.at === 'stopped')
    return row('start', 'wanted again; it had ended');
  if (changes.length === 0) return row('unchanged', '');
  if (isWanted && at === 'failed' && isMended(changes))
    return row('start', foreseen(`${fields} changed; it had failed`, lasting.verdict));
  return row('update', `${fields} changed`);
}

/** The changed fields that only a new process can have. */
export function causesOf(changes: readonly FieldChange[]): string {
  return changes
    .filter((change) => change.effect === 'restart')
    .map((change) => change.field)
    .join(', ');
}

/** Something changed that may let a start succeed that has failed before, or was refused. */
export function isMended(changes: readonly FieldChange[]): boolean {
  return changes.some(({ field, effect }) => effect !== 'in-place' || field === 'requisite');
}

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

/** It will be down, whoever wants it by now, and can only be up as another activation. */
function isGoing({ state: { phase }, cycle }: Unit): boolean {
  return cycle !== null || (phase.at === 'stopping' && phase.requested);
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
