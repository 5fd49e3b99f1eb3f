// What follows for one unit from its own facts and its neighbours' verdicts. Pure reading: nothing is
// changed but where the next look begins.
//
// down     The first of: the daemon is stopping; its file is gone; an operator stopped it; a unit it conflicts with was
//          started later, by an operator or by the end of another (onFailure, onSuccess); it is wanted, and to be cycled
//          (what lasts goes before it: one that will not come back is not said to restart, nor brings anybody in);
//          nobody wants it; a wanted unit that it requires, is bound to, or is part of has to be down for a reason of
//          its own that is one of the first five (so a stop or restart travels along these fields, and only these; of
//          several such units one that only restarts comes last); it is there, and a unit it is bound to, or as a
//          target requires, is not up, for whatever reason, or nobody wants its requisite (which travels along
//          requires, requisite and bindsTo, so to units that wait for it then; what is part of it would go down and
//          come up again at once).
// wait     While nothing says down: a unit before or after it is being stopped (a stop always goes before a start); a
//          strong requirement is not up; a unit before it is on its way; a conflicting unit is not down yet. The first
//          one found is told; finding all would make a target with ten thousand wants cost ten thousand at each event.
// refuse   A start fails, whatever else it would wait for, when a requisite is neither up nor on its way, nor in backoff,
//          nor waiting for one that is.
// pending  It moves or will move by itself. A unit in backoff has had its try and does not keep `wants` and `after`
//          waiting; nor does one that waits for something that will not come by itself.
import { claimOf, downReason, wantedOf } from './down-reason.ts';
import { conflictsOf, isMoving, isUp, needsStop } from './fleet.ts';
import type { Fleet, Unit, Verdict } from './fleet.ts';
import { STRONG_FIELDS } from './graph.ts';

export type StartCheck =
  | { readonly start: 'now' }
  | { readonly start: 'wait'; readonly text: string; readonly until: 'soon' | 'its restart' | 'never' }
  | { readonly start: 'refuse'; readonly text: string };

export function verdictOf(fleet: Fleet, unit: Unit): Verdict {
  const wanted = wantedOf(fleet, unit);
  const reason = downReason(fleet, unit);
  const down = reason?.text ?? null;
  const up = isUp(unit);
  const root = reason?.root ?? null;
  const claim = claimOf(unit);
  const { phase } = unit.state;
  if (down !== null || phase.at !== 'stopped') {
    const pending = isMoving(phase) || (reason !== null && (needsStop(unit) || reason.cycle));
    return { wanted, down, up, pending, returning: phase.at === 'backoff', wait: null, root, claim };
  }
  const check = startCheck(fleet, unit);
  return {
    wanted,
    down,
    up,
    pending: check.start === 'now' || (check.start === 'wait' && check.until === 'soon'),
    returning: check.start === 'wait' && check.until === 'its restart',
    wait: check.start === 'wait' ? check.text : null,
    root,
    claim,
  };
}

export function sameVerdict(a: Verdict, b: Verdict): boolean {
  return (
    a.wanted === b.wanted &&
    a.down === b.down &&
    a.up === b.up &&
    a.pending === b.pending &&
    a.returning === b.returning &&
    a.wait === b.wait &&
    a.root === b.root &&
    a.claim === b.claim
  );
}

/** For the neighbours it is nothing what a unit waits for: a target's thousand would all look again at each of them. */
export function sameForOthers(a: Verdict, b: Verdict): boolean {
  return sameVerdict({ ...a, wait: null }, { ...b, wait: null }) && (a.wait === null) === (b.wait === null);
}

/** Whether a unit at rest that is wanted may start now. */
export function startCheck(fleet: Fleet, unit: Unit): StartCheck {
  const { name } = unit.spec;
  const before = fleet.graph.predecessors(name);
  const lacking = unit.spec.requisite.find((other) => isOut(fleet, other));
  if (lacking !== undefined) return { start: 'refuse', text: `its requisite "${lacking}" is not up` };
  const wait = lookOn(fleet.found.before, name, before, (other) => waitFor(fleet, unit, other));
  if (wait !== null) return wait;
  const leaving = stopWait(fleet, unit);
  if (leaving !== null) return { start: 'wait', text: `waiting for "${leaving}" to stop`, until: 'soon' };
  for (const rival of conflictsOf(fleet, unit)) {
    const other = fleet.units.get(rival);
    if (other !== undefined && needsStop(other)) {
      return {
        start: 'wait',
        text: `waiting for "${rival}" to stop, which it conflicts with`,
        until: 'soon',
      };
    }
  }
  return { start: 'now' };
}

/**
 * The first answer among `names`, from where the last look found one on, and round: a target whose ten thousand come
 * up one by one looks at each of them once and not ten thousand times.
 */
function lookOn<T>(
  found: Map<string, number>,
  unit: string,
  names: readonly string[],
  answer: (name: string) => T | null,
): T | null {
  const from = found.get(unit) ?? 0;
  for (let step = 0; step < names.length; step += 1) {
    const at = (from + step) % names.length;
    const name = names[at];
    const given = name === undefined ? null : answer(name);
    if (given === null) continue;
    if (at !== from) found.set(unit, at);
    return given;
  }
  return null;
}

/** Neither up nor on its way anywhere, nor to be tried again. */
function isOut(fleet: Fleet, name: string): boolean {
  const unit = fleet.units.get(name);
  if (unit === undefined || isUp(unit)) return false;
  return !unit.verdict.pending && !unit.verdict.returning;
}

/** Why `unit` cannot start while its predecessor is as it is. */
function waitFor(fleet: Fleet, unit: Unit, predecessor: string): StartCheck | null {
  const other = fleet.units.get(predecessor);
  if (other === undefined) return null;
  const { verdict } = other;
  if (verdict.down !== null && needsStop(other)) {
    return { start: 'wait', text: `waiting for "${predecessor}" to stop`, until: 'soon' };
  }
  if (isUp(other)) return null;
  const field = STRONG_FIELDS.find((strong) => unit.spec[strong].includes(predecessor));
  if (field === undefined && !verdict.pending) return null;
  const text = `waiting for "${predecessor}", which ${standing(other)}`;
  return {
    start: 'wait',
    text,
    until: verdict.pending ? 'soon' : verdict.returning ? 'its restart' : 'never',
  };
}

/** How a unit that is not up stands, as the end of a clause. */
function standing(unit: Unit): string {
  const { phase } = unit.state;
  switch (phase.at) {
    case 'stopped':
      if (unit.verdict.down !== null) return `is down (${unit.verdict.down})`;
      return unit.verdict.wait === null ? 'is about to start' : 'is waiting itself';
    case 'completed':
      return 'has ended';
    case 'failed':
      return `failed (${phase.text})`;
    case 'backoff':
      return `${phase.ending.text} and is to be restarted`;
    case 'starting':
      return 'is starting';
    case 'running':
      return 'is running';
    case 'stopping':
      return 'is stopping';
  }
}

/** A unit ordered after this one that is being stopped: it goes first, before this one's stop and before its start. */
export function stopWait(fleet: Fleet, unit: Unit): string | null {
  const { name } = unit.spec;
  return lookOn(fleet.found.after, name, fleet.graph.successors(name), (successor) => {
    const other = fleet.units.get(successor);
    return other !== undefined && other.verdict.down !== null && needsStop(other) ? successor : null;
  });
}

/** A unit that is up names this one in `upholds`. */
export function isUpheld(fleet: Fleet, unit: Unit): boolean {
  return fleet.graph.upholders(unit.spec.name).some((name) => {
    const other = fleet.units.get(name);
    return other !== undefined && isUp(other);
  });
}
