// What follows for one unit from its own facts and its neighbours' verdicts. Pure reading: nothing is changed here.
//
// down     The first of: the daemon is stopping; its file is gone; an operator stopped it; it is to be cycled; a unit
//          it conflicts with was started later; nobody wants it; a wanted unit that it requires, is bound to, or is
//          part of has to be down for a reason of its own that is one of the first five (so a stop or restart travels
//          along these fields, and only these); a unit it is bound to is not up, for whatever reason.
// wait     While nothing says down: a unit before or after it is being stopped (a stop always goes before a start); a
//          strong requirement is not up; a unit before it is on its way; a conflicting unit is not down yet. The first
//          one found is told; finding all would make a target with ten thousand wants cost ten thousand at each event.
// pending  It moves or will move by itself. A unit in backoff has had its try and does not keep `wants` and `after`
//          waiting; nor does one that waits for something that will not come by itself.
import type { Wanted } from '../model/state.ts';
import { conflictsOf, isMoving, isUp, needsStop } from './fleet.ts';
import type { Fleet, Unit, Verdict } from './fleet.ts';
import { STRONG_FIELDS } from './graph.ts';

type StrongField = (typeof STRONG_FIELDS)[number];

export type StartCheck =
  | { readonly start: 'now' }
  | { readonly start: 'wait'; readonly text: string; readonly hard: boolean }
  | { readonly start: 'refuse'; readonly text: string };

/** Why a unit has to be down. `cycle`: it goes back, in the end, to a unit that is to go down once and come up. */
interface DownReason {
  readonly text: string;
  readonly cycle: boolean;
  /** The unit with whom the reason lies; null: the reason is not passed on. */
  readonly root: string | null;
}

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
    return { wanted, down, up, pending, wait: null, root, claim };
  }
  const check = startCheck(fleet, unit);
  return {
    wanted,
    down,
    up,
    pending: check.start === 'now' || (check.start === 'wait' && !check.hard),
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
    a.wait === b.wait &&
    a.root === b.root &&
    a.claim === b.claim
  );
}

/** The file's word, unless an operator has spoken; then what other units have asked for. */
export function wantedOf(fleet: Fleet, unit: Unit): Wanted {
  if (fleet.shuttingDown || unit.removed) return 'down';
  if (unit.intent !== null) return unit.intent.wanted;
  return unit.spec.enabled || unit.activation !== null ? 'up' : 'down';
}

/**
 * A cycle that reaches this unit from another: to be kept with this unit, which may still have to wait for units
 * after it when the other has already been down. null where there is none, or nothing to stop.
 */
export function inheritedCycle(fleet: Fleet, unit: Unit): string | null {
  if (unit.cycle !== null || !needsStop(unit)) return null;
  const reason = downReason(fleet, unit);
  return reason?.cycle === true ? reason.text : null;
}

/** It has to be down for a moment only. */
export function isCycling(fleet: Fleet, unit: Unit): boolean {
  return downReason(fleet, unit)?.cycle === true;
}

function downReason(fleet: Fleet, unit: Unit): DownReason | null {
  const own = ownDownReason(fleet, unit);
  if (own !== null) return own;
  if (wantedOf(fleet, unit) === 'down') return { text: 'not enabled', cycle: false, root: null };
  return inheritedDownReason(fleet, unit) ?? unboundReason(fleet, unit);
}

/** Reasons that lie with this unit and that its dependants inherit. */
function ownDownReason(fleet: Fleet, unit: Unit): DownReason | null {
  if (fleet.shuttingDown) return ownReason(unit, 'the daemon is stopping');
  if (unit.removed) return ownReason(unit, 'its file was removed');
  if (unit.intent?.wanted === 'down') return ownReason(unit, 'stopped by the operator');
  if (unit.cycle !== null) return { ...ownReason(unit, unit.cycle), cycle: true };
  for (const name of conflictsOf(fleet, unit)) {
    const other = fleet.units.get(name);
    if (other !== undefined && beats(fleet, other, unit)) return ownReason(unit, `conflicts with "${name}"`);
  }
  return null;
}

function ownReason(unit: Unit, text: string): DownReason {
  return { text, cycle: false, root: unit.spec.name };
}

/**
 * From the next units along requires, requisite, bindsTo and partOf: a reason of their own, or the one that they
 * inherit. partOf may go round, and units on such a ring must not keep each other down when the reason has gone: so
 * what is inherited is the unit with whom the reason lies, and that one is asked.
 * A cycle is taken from the next unit only: each unit that is there keeps its own, and one that is not passes none on.
 */
function inheritedDownReason(fleet: Fleet, unit: Unit): DownReason | null {
  for (const field of [...STRONG_FIELDS, 'partOf'] as const) {
    for (const name of unit.spec[field]) {
      const other = fleet.units.get(name);
      if (other === undefined || other === unit) continue;
      const phrase = `${FIELD_PHRASES[field]} "${name}"`;
      const own = heritableReason(fleet, other);
      if (own !== null)
        return { ...own, text: own.cycle ? `${phrase}, which restarts` : `${phrase}: ${own.text}` };
      if (wantedOf(fleet, other) === 'down') {
        if (field !== 'requisite' || !needsStop(unit)) continue;
        return { text: `${phrase}: not enabled`, cycle: false, root: null };
      }
      const { root } = other.verdict;
      const culprit = root === null || root === unit.spec.name ? undefined : fleet.units.get(root);
      const deeper = culprit === undefined ? null : heritableReason(fleet, culprit);
      if (deeper !== null && !deeper.cycle) {
        return { ...deeper, text: `${phrase}, because of "${root}": ${deeper.text}` };
      }
    }
  }
  return null;
}

function heritableReason(fleet: Fleet, unit: Unit): DownReason | null {
  return ownDownReason(fleet, unit) ?? unboundReason(fleet, unit);
}

const FIELD_PHRASES: Readonly<Record<StrongField | 'partOf', string>> = {
  requires: 'requires',
  requisite: 'requires',
  bindsTo: 'bound to',
  partOf: 'part of',
};

/** A unit that is there while one it is bound to is not up; for a target, while one that it requires is not up. */
function unboundReason(fleet: Fleet, unit: Unit): DownReason | null {
  if (!needsStop(unit)) return null;
  const fields = unit.spec.type === 'target' ? STRONG_FIELDS : (['bindsTo'] as const);
  for (const field of fields) {
    for (const name of unit.spec[field]) {
      const other = fleet.units.get(name);
      if (other !== undefined && !isUp(other)) {
        return ownReason(unit, `${FIELD_PHRASES[field]} "${name}", which is not up`);
      }
    }
  }
  return null;
}

/** Of two conflicting units that are both wanted, the one that an operator's word brought up last. */
function beats(fleet: Fleet, other: Unit, unit: Unit): boolean {
  if (wantedOf(fleet, other) === 'down' || wantedOf(fleet, unit) === 'down') return false;
  const difference = claimOf(other) - claimOf(unit);
  return difference > 0 || (difference === 0 && other.spec.name < unit.spec.name);
}

/** The number of the operator's word that wants it up; 0 where none does. */
export function claimOf(unit: Unit): number {
  return unit.intent?.seq ?? unit.activation?.seq ?? 0;
}

/** Whether a unit at rest that is wanted may start now. */
export function startCheck(fleet: Fleet, unit: Unit): StartCheck {
  for (const name of fleet.graph.predecessors(unit.spec.name)) {
    const other = fleet.units.get(name);
    if (other === undefined) continue;
    const { verdict } = other;
    if (verdict.down !== null && needsStop(other)) {
      return { start: 'wait', text: `waiting for "${name}" to stop`, hard: false };
    }
    if (isUp(other)) continue;
    const strong = STRONG_FIELDS.find((field) => unit.spec[field].includes(name));
    if (strong === 'requisite' && !verdict.pending) {
      return { start: 'refuse', text: `its requisite "${name}" is not up` };
    }
    if (strong !== undefined) {
      return {
        start: 'wait',
        text: `waiting for "${name}", which ${standing(other)}`,
        hard: !verdict.pending,
      };
    }
    if (verdict.pending) {
      return { start: 'wait', text: `waiting for "${name}", which ${standing(other)}`, hard: false };
    }
  }
  const leaving = stopWait(fleet, unit);
  if (leaving !== null) return { start: 'wait', text: `waiting for "${leaving}" to stop`, hard: false };
  for (const name of conflictsOf(fleet, unit)) {
    const other = fleet.units.get(name);
    if (other !== undefined && needsStop(other)) {
      return { start: 'wait', text: `waiting for "${name}" to stop, which it conflicts with`, hard: false };
    }
  }
  return { start: 'now' };
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
  for (const name of fleet.graph.successors(unit.spec.name)) {
    const other = fleet.units.get(name);
    if (other !== undefined && other.verdict.down !== null && needsStop(other)) return name;
  }
  return null;
}

/** A unit that is up names this one in `upholds`. */
export function isUpheld(fleet: Fleet, unit: Unit): boolean {
  return fleet.graph.upholders(unit.spec.name).some((name) => {
    const other = fleet.units.get(name);
    return other !== undefined && isUp(other);
  });
}
