// What a fleet would come to with a desired set in it, on a copy that is taken so far: who is wanted, who goes down and
// stays so, and who goes down to come back. Decides no rows; plan-row.ts does.
import type { FieldChange } from '../model/plan.ts';
import type { UnitSpec } from '../model/unit.ts';
import { settlingVerdicts } from './converge.ts';
import { downReason } from './down-reason.ts';
import { amend, isMoving, isUp, needsStop } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import type { Phase } from './machine-state.ts';
import { causesOf, isMended } from './plan-row.ts';
import { endedRequirements } from './plan-starts.ts';
import type { Steps } from './steps.ts';
import { takingIn } from './take-in.ts';
import type { Intake } from './take-in.ts';
import { stuckIn } from './verdict.ts';

export type Changes = ReadonlyMap<string, readonly FieldChange[]>;

/** A copy of the fleet with the desired set in it. */
export interface Outlook {
  /** Once every restart is over. */
  readonly lasting: Fleet;
  /** While the units that restart go down: those that a restart spreads to have a cycle too. */
  readonly cycling: ReadonlyMap<string, Unit>;
}

export function* outlookOf(
  desired: ReadonlyMap<string, UnitSpec>,
  fleet: Fleet,
  changes: Changes,
  intake: Intake,
): Steps<Outlook> {
  const found = { before: new Map<string, number>(), after: new Map<string, number>() };
  const trial: Fleet = { ...fleet, units: new Map(fleet.units), dirty: new Set(fleet.dirty), found };
  yield* takingIn(desired, changes, trial, intake);
  // Restarts that are under way are over in the end too.
  const underWay = new Map<string, string>();
  for (const [name, { cycle }] of trial.units) {
    yield;
    if (cycle === null) continue;
    underWay.set(name, cycle);
    amend(trial, name, { cycle: null });
  }
  const restarting = new Map<string, string>();
  for (const [name, spec] of desired) {
    yield;
    const changed = changes.get(name) ?? [];
    const causes = causesOf(changed);
    const unit = fleet.units.get(name);
    const isRetried = unit?.state.phase.at === 'failed' && isMended(changed);
    if (unit === undefined || (causes === '' && !isRetried)) continue;
    if (causes !== '' && needsStop(unit)) restarting.set(name, causes);
    amend(trial, name, { state: { ...unit.state, phase: phaseAs(spec, unit) } });
  }
  yield* settlingVerdicts(trial);
  const { lasting, returning } = yield* withoutLacks(trial, fleet);
  for (const [name, cycle] of [...underWay, ...restarting, ...returning]) {
    yield;
    amend(trial, name, { cycle });
  }
  yield* settlingVerdicts(trial);
  return { lasting: { ...trial, units: lasting, dirty: new Set() }, cycling: trial.units };
}

/** Has these units, which had ended, tried again in an outlook: who waits for them may come up. */
export function* tryAgain(lasting: Fleet, names: Iterable<string>): Steps<void> {
  for (const name of names) rested(lasting, name);
  yield* settlingVerdicts(lasting);
}

const DUE: Phase = { at: 'stopped', text: null };

/** What is up as one type is to be up as the other; what has ended, as the other or in failure, is due at once. */
function phaseAs(spec: UnitSpec, unit: Unit): Phase {
  const { type } = spec;
  const { phase } = unit.state;
  // It upholds nobody until it is up as the other.
  if (spec.upholds.length > 0 && isUp(unit) && !isUp({ ...unit, spec })) return DUE;
  if (!isUp(unit)) return isMoving(phase) || phase.at === 'running' ? phase : DUE;
  if (type === 'oneshot') return { at: 'completed', swept: false };
  return phase.at === 'running' ? phase : { at: 'running', main: null, deadline: null, readyAt: 0 };
}

/**
 * A unit that goes down for a lack alone, as of one that it is bound to from now on, lacks nothing once it is down: it is
 * wanted, brings what it needs with it, which nobody may have wanted for a moment, and comes back as soon as that is up.
 * Where that will not be by itself, it stays down. Gives the whole set, and who comes back, with why it goes down.
 */
function* withoutLacks(
  trial: Fleet,
  fleet: Fleet,
): Steps<{ readonly lasting: Map<string, Unit>; readonly returning: ReadonlyMap<string, string> }> {
  const settled = new Map(trial.units);
  const leaving = new Map<string, string>();
  const lacking = new Set<string>();
  let isLacking = false;
  for (const [name, unit] of settled) {
    yield;
    const reason = unit.verdict.down === null ? null : downReason(trial, unit);
    if (reason === null) continue;
    isLacking ||= reason.lack;
    const before = fleet.units.get(name);
    if (before === undefined) continue;
    const { at } = before.state.phase;
    // What has ended and is wanted no more has not ended any more when somebody brings it in again.
    const isCleared = at === 'backoff' || (at === 'completed' && unit.verdict.wanted === 'down');
    if (!needsStop(before) && !isCleared) continue;
    leaving.set(name, reason.text);
    if (reason.lack && before.verdict.down === null) lacking.add(name);
  }
  const returning = new Map<string, string>();
  if (!isLacking) return { lasting: settled, returning };
  for (const name of leaving.keys()) rested(trial, name);
  yield* settlingVerdicts(trial);
  const lasting = new Map(trial.units);
  for (const { name } of yield* endedRequirements(lacking, lasting)) rested(trial, name);
  yield* settlingVerdicts(trial);
  const stuck = yield* stuckIn(trial.units);
  for (const [name, why] of leaving) {
    yield;
    const [unit, before] = [trial.units.get(name), settled.get(name)];
    if (unit === undefined || before === undefined) continue;
    const hasStood = needsStop(before) && fleet.units.get(name)?.verdict.down === null;
    if (unit.verdict.down !== null || stuck.has(name)) lasting.set(name, before);
    else if (hasStood) returning.set(name, why);
    // As it is on its way down, a restart spreads to it and through it.
    amend(trial, name, { state: before.state });
  }
  return { lasting, returning };
}

function rested(trial: Fleet, name: string): void {
  const unit = trial.units.get(name);
  if (unit !== undefined) amend(trial, name, { state: { ...unit.state, phase: DUE } });
}
