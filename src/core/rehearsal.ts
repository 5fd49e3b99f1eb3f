// What a fleet comes to by itself, on a copy of it and by the very verdicts and machines that the fleet itself goes by:
// where every start succeeds, every stop works and is over before any start is, and nothing else ends. No pause passes,
// and no end brings up others (onFailure, onSuccess) but that of a start which is refused. Decides no rows; plan-row.ts
// does.
import { act, doubtNeighbours, settlingVerdicts } from './converge.ts';
import { amend, howEnded, isMoving, isUp, needsStop } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import { finish } from './finishing.ts';
import type { Draft } from './draft.ts';
import type { MachineState, Phase } from './machine-state.ts';
import type { Steps } from './steps.ts';
import { isUpheld } from './verdict.ts';

/** No time passes: whoever has to wait for a deadline does so for ever. */
export const NEVER = { nowMs: 0, wallMs: 0, random: 0.5 };

export interface Rehearsal {
  /** Once nothing happens any more. */
  readonly fleet: Fleet;
  /** Units that went down on the way, with the reason for which they did so first. */
  readonly left: ReadonlyMap<string, string>;
  /** Units that were started before anything had time to come up or to end. */
  readonly atOnce: ReadonlySet<string>;
  /** Units that had ended and that others brought up, with who did, and how they had ended. */
  readonly causes: ReadonlyMap<string, string>;
}

/** Brings `fleet`, a copy, to where it would come to rest. */
export function* rehearsing(fleet: Fleet): Steps<Rehearsal> {
  // A plan is for a reload that is yet to come: how often anything was started lately does not count after it.
  fleet.words += 1;
  const left = new Map<string, string>();
  const atOnce = new Set<string>();
  const causes = new Map<string, string>();
  const starting = new Set<string>();
  const stopping = new Set<string>();
  const note = (name: string, { at }: Phase): void => {
    if (at === 'starting') starting.add(name);
    if (at === 'stopping') stopping.add(name);
  };
  for (const [name, { state }] of fleet.units) {
    yield;
    note(name, state.phase);
  }
  for (let hasTimePassed = false; fleet.dirty.size > 0 || starting.size > 0 || stopping.size > 0;) {
    for (const name of yield* settlingVerdicts(fleet)) {
      yield;
      const before = fleet.units.get(name);
      act(fleet, name, NEVER, []);
      const after = fleet.units.get(name);
      if (before === undefined || after === undefined || before.state === after.state) continue;
      note(name, after.state.phase);
      const isLeaving = needsStop(before) || before.state.phase.at === 'backoff';
      const { down } = before.verdict;
      if (isLeaving && down !== null && !left.has(name)) left.set(name, down);
      const how = howEnded(before);
      if (how !== null && before.activation?.isDue === true)
        causes.set(name, `started by "${before.activation.by}"; ${how}`);
      if (after.state.activation === before.state.activation) continue;
      if (!hasTimePassed) atOnce.add(name);
      if (how !== null) causes.set(name, `upheld by "${upholderOf(fleet, name)}"; ${how}`);
    }
    if (fleet.dirty.size > 0) continue;
    const moving = stopping.size > 0 ? stopping : starting;
    for (const name of moving) {
      yield;
      moving.delete(name);
      const unit = fleet.units.get(name);
      if (unit === undefined || !isMoving(unit.state.phase)) continue;
      amend(fleet, name, { state: arrived(fleet, unit) });
      doubtNeighbours(fleet, unit);
      // One after another: the end of a stop may bring in a unit again whose own stop is still to end.
      if (moving === stopping) break;
    }
    hasTimePassed = true;
  }
  return { fleet, left, atOnce, causes };
}

function upholderOf(fleet: Fleet, name: string): string {
  const by = fleet.graph.upholders(name).find((other) => {
    const unit = fleet.units.get(other);
    return unit !== undefined && isUp(unit);
  });
  return by ?? '';
}

/** A start has succeeded, a stop is over. */
function arrived(fleet: Fleet, unit: Unit): MachineState {
  const { spec, state } = unit;
  const { phase } = state;
  if (phase.at === 'starting') {
    if (spec.type === 'oneshot') return { ...state, phase: { at: 'completed', swept: false } };
    return { ...state, phase: { at: 'running', main: phase.main, deadline: null, readyAt: NEVER.nowMs } };
  }
  const draft: Draft = {
    spec,
    state,
    effects: [],
    facts: { ...NEVER, upheld: isUpheld(fleet, unit), words: fleet.words },
  };
  if (phase.at === 'stopping') finish(draft, phase);
  return draft.state;
}
