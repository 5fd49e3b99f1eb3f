// The rows of a plan: what a reload does to each unit, and why, as a rehearsal of it shows.
//
// restart    The unit is there (or in backoff) and a field changed that only a new process can have; or it goes down
//            with others, or for what it lacks, and comes back.
// start      It comes up and was not there, or was on its way down; and would not have done so without the new set.
// stop       Its file is gone, or it goes down and does not come back.
// update     Anything else that changed: taken in without touching a process.
// unchanged  The rest. So a second plan right after the first was carried out is empty.
//
// Of one that is started and will be kept down, or refused, it is said.
import type { FieldChange, PlanAction, PlannedUnit } from '../model/plan.ts';
import type { UnitSpec } from '../model/unit.ts';
import { needsStop } from './fleet.ts';
import type { Unit } from './fleet.ts';
import { BACK } from './take-in.ts';

/** What becomes of a unit that is known. */
export interface Course {
  /** The unit in the end. */
  readonly end: Unit;
  /** Why it goes down on the way, where it would not do so without the new set. */
  readonly left: string | null;
  /** It is started, where it would not be without the new set, or not yet. */
  readonly isStarted: boolean;
  /** Why one that had ended comes up, where no change of its own is the reason. */
  readonly cause: string | null;
}

/** `leaving`: what of the same name is still there, its file gone. */
export function newcomerRow(spec: UnitSpec, leaving: Unit | undefined, end: Unit): PlannedUnit {
  const { name } = spec;
  if (end.verdict.wanted === 'down')
    return { name, action: 'update', reason: 'new file; not enabled', changes: [] };
  if (leaving !== undefined && needsStop(leaving)) {
    return { name, action: 'restart', reason: foreseen(BACK, end), changes: [] };
  }
  return { name, action: 'start', reason: foreseen('new file', end), changes: [] };
}

/** Of a unit that something keeps from starting. */
function foreseen(reason: string, { state, verdict }: Unit): string {
  if (verdict.down !== null) return `${reason}; it will wait: ${verdict.down}`;
  if (verdict.wait !== null) return `${reason}; it will be ${verdict.wait}`;
  return state.phase.at === 'failed' ? `${reason}; it will fail: ${state.phase.text}` : reason;
}

export function removedRow(unit: Unit): PlannedUnit {
  const reason = needsStop(unit) ? 'file removed' : 'file removed; nothing of it is running';
  return { name: unit.spec.name, action: 'stop', reason, changes: [] };
}

export function knownRow(
  unit: Unit,
  { end, left, isStarted, cause }: Course,
  changes: readonly FieldChange[],
): PlannedUnit {
  const row = (action: PlanAction, reason: string): PlannedUnit => ({
    name: unit.spec.name,
    action,
    reason,
    changes,
  });
  const { at } = unit.state.phase;
  const isThere = needsStop(unit) || at === 'backoff';
  const { down, wanted, returning } = end.verdict;
  const causes = causesOf(changes);
  if (isThere && left !== null && unit.verdict.down === null) {
    const isWaiting = end.state.phase.at === 'stopped' && !returning && causes === '';
    if (wanted === 'down') return row('stop', unwanted(changes));
    if (down !== null || isWaiting) return row('stop', down ?? left);
    return row('restart', foreseen(causes === '' ? left : `${causes} changed`, end));
  }
  if (isStarted && unit.verdict.wanted === 'down') return row('start', foreseen('now wanted', end));
  if (causes !== '' && wanted === 'up' && (isThere || at === 'completed'))
    return row('restart', foreseen(`${causes} changed`, end));
  if (at === 'failed' && wanted === 'up' && isMended(unit, changes))
    return row('start', foreseen(`${fieldsOf(changes)} changed; it had failed`, end));
  if (isStarted) return row('start', foreseen(cause ?? released(unit, changes), end));
  return changes.length === 0 ? row('unchanged', '') : row('update', `${fieldsOf(changes)} changed`);
}

function unwanted(changes: readonly FieldChange[]): string {
  return changes.some(({ field }) => field === 'enabled') ? 'enabled is false' : 'no longer wanted';
}

/** Why a unit comes up that was kept from it, or was on its way down. */
function released({ state, verdict }: Unit, changes: readonly FieldChange[]): string {
  const { at } = state.phase;
  if (at === 'completed') return 'wanted again; it had ended';
  const isWaiting = at === 'stopped';
  if (changes.length > 0) return `${fieldsOf(changes)} changed; it was ${isWaiting ? 'waiting' : 'stopping'}`;
  if (!isWaiting) return `it was stopping: ${verdict.down}`;
  return verdict.down === null ? `it was ${verdict.wait}` : `it was waiting: ${verdict.down}`;
}

function fieldsOf(changes: readonly FieldChange[]): string {
  return changes.map(({ field }) => field).join(', ');
}

/** The changed fields that only a new process can have. */
export function causesOf(changes: readonly FieldChange[]): string {
  return fieldsOf(changes.filter(({ effect }) => effect === 'restart'));
}

/** It has ended or is in a pause, and something changed that may have its next run end otherwise. */
export function isMended({ state }: Unit, changes: readonly FieldChange[]): boolean {
  const { at } = state.phase;
  if (at === 'completed' || at === 'backoff') return causesOf(changes) !== '';
  return (
    at === 'failed' && changes.some(({ field, effect }) => effect !== 'in-place' || field === 'requisite')
  );
}
