// Why a unit has to be down, who is concerned by whose stop, and who is wanted at all. verdict.ts has the rules in
// words. Pure reading: nothing is changed here.
import type { Wanted } from '../model/state.ts';
import { conflictsOf, isUp, needsStop } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import { INHERITING_FIELDS, STRONG_FIELDS } from './graph.ts';

/**
 * Why a unit has to be down. `cycle`: it goes back, in the end, to a unit that is to go down once and come up. `lack`: to
 * one that goes down because a unit it is bound to is not up; nobody has asked for that, so it does not reach its parts.
 */
export interface DownReason {
  readonly text: string;
  readonly cycle: boolean;
  readonly lack: boolean;
  /** The unit with whom the reason lies; null: it is not passed on. */
  readonly root: string | null;
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

/** It has to be down, and not for the moment of a restart only; one that restarts lacks nothing then. */
export function isKeptDown(fleet: Fleet, unit: Unit): boolean {
  if (unit.cycle === null) return downReason(fleet, unit)?.cycle === false;
  const reason = downReason(fleet, { ...unit, cycle: null });
  return reason !== null && !reason.cycle && !reason.lack;
}

/** Once it is down nothing keeps it there: it is wanted up, and whatever says down is for the moment of a restart only. */
export function comesBack(fleet: Fleet, unit: Unit): boolean {
  if (wantedOf(fleet, unit) === 'down') return false;
  return downReason(fleet, { ...unit, cycle: null })?.cycle !== false;
}

export function downReason(fleet: Fleet, unit: Unit): DownReason | null {
  const own = ownDownReason(fleet, unit);
  if (own !== null) return own;
  if (wantedOf(fleet, unit) === 'down') return { text: 'not enabled', cycle: false, lack: false, root: null };
  return inheritedDownReason(fleet, unit) ?? unboundReason(fleet, unit);
}

function because(unit: Unit, text: string): DownReason {
  return { text, cycle: false, lack: false, root: unit.spec.name };
}

function lacking(unit: Unit, text: string): DownReason {
  return { ...because(unit, text), lack: true };
}

/** Reasons that lie with this unit and that its dependants inherit. */
function ownDownReason(fleet: Fleet, unit: Unit): DownReason | null {
  if (fleet.shuttingDown) return because(unit, 'the daemon is stopping');
  if (unit.removed) return because(unit, 'its file was removed');
  if (unit.intent?.wanted === 'down') return because(unit, 'stopped by the operator');
  for (const name of conflictsOf(fleet, unit)) {
    const other = fleet.units.get(name);
    if (other !== undefined && beats(fleet, other, unit)) return because(unit, `conflicts with "${name}"`);
  }
  if (unit.cycle !== null && wantedOf(fleet, unit) === 'up')
    return { ...because(unit, unit.cycle), cycle: true };
  return null;
}

/** Reasons that its dependants inherit, though it may be no one's wish. */
function rootReason(fleet: Fleet, unit: Unit): DownReason | null {
  return ownDownReason(fleet, unit) ?? unboundReason(fleet, unit);
}

/**
 * Reasons of the next units along requires, requisite, bindsTo and partOf, or further up. Not through a unit that
 * nobody wants. A cycle is taken from the next unit only: each unit that is there keeps its own, and one that is not
 * passes none on. What lasts goes before it, and what was asked for before a lack, or those who inherit from this unit
 * would not hear of it in time.
 */
function inheritedDownReason(fleet: Fleet, unit: Unit): DownReason | null {
  let lack: DownReason | null = null;
  let cycle: DownReason | null = null;
  for (const field of INHERITING_FIELDS) {
    for (const name of unit.spec[field]) {
      const reason = reasonFrom(fleet, unit, name, field);
      if (reason === null) continue;
      if (reason.cycle) cycle ??= reason;
      else if (reason.lack) lack ??= reason;
      else return reason;
    }
  }
  return lack ?? cycle;
}

type InheritingField = (typeof INHERITING_FIELDS)[number];

function reasonFrom(fleet: Fleet, unit: Unit, name: string, field: InheritingField): DownReason | null {
  const other = fleet.units.get(name);
  if (other === undefined || other === unit) return null;
  const phrase = `${FIELD_PHRASES[field]} "${name}"`;
  const reason = passedOn(rootReason(fleet, other), field);
  if (reason !== null) {
    return { ...reason, text: reason.cycle ? `${phrase}, which restarts` : `${phrase}: ${reason.text}` };
  }
  const isOnRing = fleet.graph.ring(unit.spec.name).includes(name);
  const above = isOnRing ? aboveRing(fleet, unit, other, field) : passedOn(rootOf(fleet, other), field);
  return above === null ? null : { ...above, text: `${phrase}, because of "${above.root}": ${above.text}` };
}

function passedOn(reason: DownReason | null, field: InheritingField): DownReason | null {
  return reason?.lack === true && field === 'partOf' ? null : reason;
}

/** What the unit inherits, by its verdict: when that changes, whoever asks is asked again. */
function rootOf(fleet: Fleet, unit: Unit): DownReason | null {
  if (wantedOf(fleet, unit) === 'down' || unit.verdict.root === null) return null;
  const root = fleet.units.get(unit.verdict.root);
  const reason = root === undefined ? null : rootReason(fleet, root);
  return reason?.cycle === true ? null : reason;
}

/**
 * Units on a ring would keep each other down when the reason has gone, so the verdicts of its members say nothing: it
 * is looked for afresh, among them and those next to them. `from`: where to begin, one step along `field` from `unit`.
 */
function aboveRing(fleet: Fleet, unit: Unit, from: Unit, field: InheritingField): DownReason | null {
  const asked = lookUp(fleet, unit, from, INHERITING_FIELDS, false);
  return asked ?? (field === 'partOf' ? null : lookUp(fleet, unit, from, STRONG_FIELDS, true));
}

function lookUp(
  fleet: Fleet,
  unit: Unit,
  from: Unit,
  fields: readonly InheritingField[],
  lack: boolean,
): DownReason | null {
  const ring = fleet.graph.ring(unit.spec.name);
  const seen = new Set([unit.spec.name, from.spec.name]);
  const queue = [from];
  for (const at of queue) {
    if (wantedOf(fleet, at) === 'down') continue;
    for (const name of fields.flatMap((field) => at.spec[field])) {
      const other = fleet.units.get(name);
      if (other === undefined || seen.has(name)) continue;
      seen.add(name);
      const reason = rootReason(fleet, other);
      if (reason !== null && !reason.cycle && reason.lack === lack) return reason;
      if (ring.includes(name)) {
        queue.push(other);
        continue;
      }
      const above = rootOf(fleet, other);
      if (above?.lack === lack) return above;
    }
  }
  return null;
}

const FIELD_PHRASES: Readonly<Record<InheritingField, string>> = {
  requires: 'requires',
  requisite: 'requires',
  bindsTo: 'bound to',
  partOf: 'part of',
};

/** Of these a unit that is there goes down while one is not up. */
function bindingFields({ spec }: Unit): readonly (typeof STRONG_FIELDS)[number][] {
  return spec.type === 'target' ? STRONG_FIELDS : ['bindsTo'];
}

/**
 * A unit that is there while one it is bound to is not up; for a target, while one that it requires is not up; while
 * nobody wants its requisite.
 */
function unboundReason(fleet: Fleet, unit: Unit): DownReason | null {
  if (!needsStop(unit)) return null;
  for (const field of bindingFields(unit)) {
    for (const name of unit.spec[field]) {
      const other = fleet.units.get(name);
      if (other !== undefined && !isUp(other)) {
        return lacking(unit, `${FIELD_PHRASES[field]} "${name}", which is not up`);
      }
    }
  }
  for (const name of unit.spec.requisite) {
    const other = fleet.units.get(name);
    if (other !== undefined && wantedOf(fleet, other) === 'down')
      return lacking(unit, `requires "${name}": not enabled`);
  }
  return null;
}

/** Of two conflicting units that are both wanted, the one that was started last: by an operator's word, or by an end. */
function beats(fleet: Fleet, other: Unit, unit: Unit): boolean {
  if (wantedOf(fleet, other) === 'down' || wantedOf(fleet, unit) === 'down') return false;
  const difference = claimOf(other) - claimOf(unit);
  return difference > 0 || (difference === 0 && other.spec.name < unit.spec.name);
}

/** The number of the latest start that wants it up; 0 where none does. */
export function claimOf({ intent, activation }: Unit): number {
  return Math.max(intent?.seq ?? 0, activation?.seq ?? 0);
}
