// The rows of a plan: what a reload does to each unit, and why. Those of units that start for the sake of others are found
// in plan-starts.ts, over the whole set.
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
import { needsStop } from './fleet.ts';
import type { Unit, Verdict } from './fleet.ts';
import { BACK } from './take-in.ts';

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

/** It will be down, whoever wants it by now, and can only be up as another activation. */
export function isGoing({ state: { phase }, cycle }: Unit): boolean {
  return cycle !== null || (phase.at === 'stopping' && phase.requested);
}
