// The rows of a plan: what a reload does to each unit, and why.
//
// restart    The unit is there (or in backoff) and a field changed that only a new process can have; or a unit that it
//            requires, is bound to or is part of restarts.
// start      It is wanted, and was not, or was not known; or it had failed and a field changed that may mend it; or it
//            had ended, and one that starts or restarts would wait for it in vain.
// stop       Its file is gone, it is no longer wanted, or what the new set says keeps it down.
// update     Anything else that changed: taken in without touching a process.
// unchanged  The rest. So a second plan right after the first was carried out is empty.
import type { FieldChange, PlanAction, PlannedUnit } from '../model/plan.ts';
import type { UnitSpec } from '../model/unit.ts';
import { hasEndedCleanly, isUp, needsStop } from './fleet.ts';
import type { Unit, Verdict } from './fleet.ts';
import type { Steps } from './steps.ts';
import { BACK } from './take-in.ts';

/** `leaving`: what of the same name is still there, its file gone. */
export function newcomerRow(spec: UnitSpec, leaving: Unit | undefined, outlook: Verdict): PlannedUnit {
  const { name } = spec;
  if (outlook.wanted === 'down')
    return { name, action: 'update', reason: 'new file; not enabled', changes: [] };
  if (leaving !== undefined && needsStop(leaving)) {
    return { name, action: 'restart', reason: BACK, changes: [] };
  }
  return { name, action: 'start', reason: 'new file', changes: [] };
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
  if (mayGoDown && down !== null && lasting.cycle === null) {
    if (isWanted) return row('stop', down);
    return row(
      'stop',
      changes.some((change) => change.field === 'enabled') ? 'enabled is false' : 'no longer wanted',
    );
  }
  if (isWanted && unit.verdict.wanted === 'down' && !isThere) return row('start', 'now wanted');
  const causes = causesOf(changes);
  if (causes !== '' && isThere && isWanted) return row('restart', `${causes} changed`);
  const isSpread = cycle !== null && unit.cycle === null && needsStop(unit);
  if (isSpread && isWanted) return row('restart', cycle);
  if (changes.length === 0) return row('unchanged', '');
  const mends = changes.some((change) => change.effect !== 'in-place');
  if (isWanted && at === 'failed' && mends) return row('start', `${fields} changed; it had failed`);
  return row('update', `${fields} changed`);
}

/** The changed fields that only a new process can have. */
export function causesOf(changes: readonly FieldChange[]): string {
  return changes
    .filter((change) => change.effect === 'restart')
    .map((change) => change.field)
    .join(', ');
}

/**
 * Starts what has ended, in failure or cleanly, and is required or bound to by one that the plan starts or restarts,
 * however far up: that would wait for it in vain, where an operator's start brings it up too. Who is up, or comes up by
 * itself, is left alone, and so is who is to be down. Adds to `planned`; `lasting`: the units as they would be in the end.
 */
export function* retryingRequirements(
  planned: Map<string, PlannedUnit>,
  lasting: ReadonlyMap<string, Unit>,
): Steps<void> {
  const rows = [...planned.values()].filter(isStart).sort((a, b) => (a.name < b.name ? -1 : 1));
  const queue = rows.map((row) => row.name);
  const seen = new Set(queue);
  for (const name of queue) {
    yield;
    const unit = lasting.get(name);
    if (unit === undefined || !mayStart(unit)) continue;
    for (const needed of [...unit.spec.requires, ...unit.spec.bindsTo]) {
      if (seen.has(needed)) continue;
      seen.add(needed);
      const other = lasting.get(needed);
      if (other === undefined || isUp(other) || needsStop(other) || !mayStart(other)) continue;
      queue.push(needed);
      const ended = howEnded(other);
      if (ended === null) continue;
      const { changes = [] } = planned.get(needed) ?? {};
      const reason = `required by "${name}"; ${ended}`;
      planned.set(needed, { name: needed, action: 'start', reason, changes });
    }
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
