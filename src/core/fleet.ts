// The set of all units as core sees it: what each one's file says, what its machine is doing, what operators and
// other units want of it, and the verdict that follows. Types, constructors and small readings; nothing decides here.
//
// The map is owned by the daemon's supervisor. converge, operate and commit replace its Unit values, and at a daemon's
// start who takes up what an earlier one has left; nobody else does.
import type { Wanted } from '../model/state.ts';
import type { DependencyField, UnitSpec } from '../model/unit.ts';
import { buildGraph, findOrderingCycles, PULLING_FIELDS } from './graph.ts';
import type { Edge, Graph } from './graph.ts';
import { NEW_STATE } from './machine-state.ts';
import type { MachineState, Phase } from './machine-state.ts';

/** An operator's word, which stands until start or release. `seq` orders words: the later one wins a conflict. */
export interface Intent {
  readonly wanted: Wanted;
  readonly seq: number;
}

/** Another unit brought this one up. It stays wanted when that unit stops, as in systemd. */
export interface Activation {
  readonly by: string;
  readonly field: Extract<
    DependencyField,
    'requires' | 'wants' | 'bindsTo' | 'upholds' | 'onFailure' | 'onSuccess'
  >;
  /** Of the operator's start, or of the end by onFailure or onSuccess, that led here; 0 where neither did. */
  readonly seq: number;
  /** An end by onFailure or onSuccess is still to start the unit anew: it was at rest, or its stop goes first. */
  readonly isDue?: true;
}

/** What follows for a unit from its own facts and its neighbours' verdicts. */
export interface Verdict {
  readonly wanted: Wanted;
  /** Why it has to be down now: a clause, `stopped by the operator`. null: nothing says so. */
  readonly down: string | null;
  readonly up: boolean;
  /** It moves, or will move by itself: whoever is ordered after it waits. */
  readonly pending: boolean;
  /** It is in backoff, or waits for one that is: who cannot do without it has reason to wait. */
  readonly returning: boolean;
  /** Why it is not started though nothing says that it has to be down. */
  readonly wait: string | null;
  /** The unit with whom the reason lies that keeps this one down, where that is passed on. */
  readonly root: string | null;
  /** Of conflicting units that are both wanted, the one with the higher claim may be up. */
  readonly claim: number;
}

export interface Unit {
  readonly spec: UnitSpec;
  readonly state: MachineState;
  /** When it came to its public state: milliseconds since the epoch; null until it is looked at for the first time. */
  readonly sinceWall: number | null;
  /** Its file is gone: it is forgotten once it is at rest. */
  readonly removed: boolean;
  readonly intent: Intent | null;
  readonly activation: Activation | null;
  /** It has to go down once before it may be up again, because of this. */
  readonly cycle: string | null;
  readonly verdict: Verdict;
}

export interface Fleet {
  readonly units: Map<string, Unit>;
  /** Units whose verdict may no longer hold. */
  readonly dirty: Set<string>;
  graph: Graph;
  /** Per unit, where among its predecessors and its successors the last look found one that is in its way. */
  readonly found: { readonly before: Map<string, number>; readonly after: Map<string, number> };
  shuttingDown: boolean;
  /** Counts operators' words, and the starts that follow from ends. */
  seq: number;
  /** Counts operators' words and reloads: what follows from one was asked for. */
  words: number;
  /** The highest run id of any unit that was forgotten: one that comes back under its name begins above it. */
  retiredRuns: number;
}

export const NEW_VERDICT: Verdict = {
  root: null,
  claim: 0,
  wanted: 'down',
  down: 'not looked at yet',
  up: false,
  pending: false,
  returning: false,
  wait: null,
};

export function newUnit(spec: UnitSpec, intent: Intent | null = null): Unit {
  return {
    spec,
    state: NEW_STATE,
    sinceWall: null,
    removed: false,
    intent,
    activation: null,
    cycle: null,
    verdict: NEW_VERDICT,
  };
}

export function newFleet(): Fleet {
  return {
    units: new Map(),
    dirty: new Set(),
    graph: buildGraph([]),
    found: { before: new Map(), after: new Map() },
    shuttingDown: false,
    seq: 0,
    words: 0,
    retiredRuns: 0,
  };
}

/** Replaces some facts of a unit and marks it; a name that is not there is passed over. */
export function amend(fleet: Fleet, name: string, change: Partial<Omit<Unit, 'verdict'>>): void {
  const unit = fleet.units.get(name);
  if (unit === undefined) return;
  fleet.units.set(name, { ...unit, ...change });
  fleet.dirty.add(name);
}

/**
 * Reads the dependencies of all units again. A removed unit that is still stopping keeps its place in the order,
 * unless its old ordering contradicts the new set's.
 */
export function regraph(fleet: Fleet): void {
  const all = [...fleet.units.values()];
  const leaving = new Set(all.filter((unit) => unit.removed).map((unit) => unit.spec.name));
  const specs = all.map((unit) => unit.spec);
  const contradicts = leaving.size > 0 && findOrderingCycles(specs).length > 0;
  fleet.graph = buildGraph(specs, contradicts ? leaving : new Set());
  fleet.found.before.clear();
  fleet.found.after.clear();
  for (const name of fleet.units.keys()) fleet.dirty.add(name);
}

/** Processes of it may be there: only a stop makes it rest. A completed oneshot has a stop too. */
export function needsStop(unit: Unit): boolean {
  const { phase } = unit.state;
  return isMoving(phase) || phase.at === 'running' || (phase.at === 'completed' && !phase.swept);
}

export function isMoving(phase: Phase): boolean {
  return phase.at === 'starting' || phase.at === 'stopping';
}

/** A service that runs, a oneshot that has completed, a target whose requirements are up. */
export function isUp(unit: Unit): boolean {
  return unit.state.phase.at === (unit.spec.type === 'oneshot' ? 'completed' : 'running');
}

/** And is not up for that, as a oneshot would be, nor is still to be stopped, as one that was a oneshot. */
export function hasEndedCleanly(unit: Unit): boolean {
  return unit.state.phase.at === 'completed' && !isUp(unit) && !needsStop(unit);
}

/** How one at rest had ended by itself, where it is not up for that; null: it has not. */
export function howEnded(unit: Unit): string | null {
  if (unit.state.phase.at === 'failed') return 'it had failed';
  return hasEndedCleanly(unit) ? 'it had ended' : null;
}

/** Without an operator's stop of it, a unit that names another in one of these and is wanted up would fare otherwise. */
const STOPPED_FOR: readonly DependencyField[] = [...PULLING_FIELDS, 'requisite', 'partOf'];

/** An operator's word that differs from what the files say: its own, or for a stop, those that need it or are part of it. */
export function isHeld(fleet: Readonly<Fleet>, { spec, intent }: Unit): boolean {
  if (intent === null) return false;
  if (intent.wanted === 'up') return !spec.enabled;
  const isMissed = ({ name, field }: Edge): boolean =>
    STOPPED_FOR.includes(field) && fleet.units.get(name)?.verdict.wanted === 'up';
  return spec.enabled || fleet.graph.namedBy(spec.name).some(isMissed);
}

/** Both ways: `conflicts` works in either file. */
export function conflictsOf(fleet: Fleet, unit: Unit): readonly string[] {
  return fleet.graph.conflicts(unit.spec.name);
}
