// Takes a desired set into a fleet, the real one or a copy to try it on: specs, removals, activations and the graph. What
// a plan is, and what it asks of processes, is reconcile.ts.
//
// Only what a set changes becomes doubtful: units that are new, gone, or named otherwise, and their neighbours by the
// old graph and by the new one. A change of any other field moves no verdict, and costs its own unit alone.
import type { FieldChange } from '../model/plan.ts';
import { DEPENDENCY_FIELDS } from '../model/unit.ts';
import type { UnitSpec } from '../model/unit.ts';
import { doubtNeighbours } from './converge.ts';
import { amend, needsStop, newUnit } from './fleet.ts';
import type { Activation, Fleet, Unit } from './fleet.ts';
import { buildingGraph, findingOrderingCycles } from './graph.ts';
import type { Graph } from './graph.ts';
import type { Steps } from './steps.ts';

export const BACK = 'its file was removed and is back';

/** The fields that place a unit among the others. Those of no other field move a verdict. */
const PLACING: ReadonlySet<string> = new Set(['type', 'enabled', ...DEPENDENCY_FIELDS]);

/** Whether a unit's taking in may move other units' verdicts. */
export function isNews(unit: Unit | undefined, changes: readonly FieldChange[]): boolean {
  return unit === undefined || unit.removed || changes.some(({ field }) => PLACING.has(field));
}

/** What of a desired set is new to a fleet: found out beforehand, so that to take it in costs only what changes. */
export interface Intake {
  /** Of the fleet with the set in it; null: as it was, and then no file has gone either. */
  readonly graph: Graph | null;
  /** Those to be taken in of which the fleet has not this very spec, or is letting go. */
  readonly replaced: ReadonlySet<string>;
}

export function isReplaced(unit: Unit | undefined, spec: UnitSpec): boolean {
  return unit === undefined || unit.removed || unit.spec !== spec;
}

/**
 * Of the fleet with the desired set in it. A removed unit that is still stopping keeps its place in the order, unless
 * its old ordering contradicts the new set's.
 */
export function* graphOf(desired: ReadonlyMap<string, UnitSpec>, fleet: Fleet): Steps<Graph> {
  const specs: UnitSpec[] = [];
  const leaving = new Set<string>();
  for (const { spec } of fleet.units.values()) {
    specs.push(desired.get(spec.name) ?? spec);
    if (!desired.has(spec.name)) leaving.add(spec.name);
  }
  for (const [name, spec] of desired) if (!fleet.units.has(name)) specs.push(spec);
  const contradicts = leaving.size > 0 && (yield* findingOrderingCycles(specs)).length > 0;
  return yield* buildingGraph(specs, contradicts ? leaving : new Set());
}

/** A unit stays activated while the one that did it is there and still names it so. */
function stillActivated(
  desired: ReadonlyMap<string, UnitSpec>,
  activation: Activation | null,
  name: string,
): boolean {
  if (activation === null) return false;
  return desired.get(activation.by)?.[activation.field].includes(name) === true;
}

/** Specs, removals and activations; not yet what they ask of processes. Gives the units that it changed. */
export function* takingIn(
  desired: ReadonlyMap<string, UnitSpec>,
  changes: ReadonlyMap<string, readonly FieldChange[]>,
  fleet: Fleet,
  { graph, replaced }: Intake,
): Steps<ReadonlySet<string>> {
  const changed = new Set<string>();
  const news = new Set<string>();
  // Where all are placed as they were, nobody has gone, and who names whom is as it was.
  for (const unit of graph === null ? [] : fleet.units.values()) {
    yield;
    const { name } = unit.spec;
    // Those on their way out may lose their place in the order, or get it back.
    if (!desired.has(name)) news.add(name);
    else if (unit.activation !== null && !stillActivated(desired, unit.activation, name)) {
      changed.add(name);
      amend(fleet, name, { activation: null });
    }
  }
  for (const name of replaced) {
    yield;
    if (isNews(fleet.units.get(name), changes.get(name) ?? [])) news.add(name);
  }
  if (graph !== null) yield* doubtAround(news, fleet);
  for (const name of news) {
    if (desired.has(name) || fleet.units.get(name)?.removed === true) continue;
    changed.add(name);
    // What was asked of it goes with its file: one that comes back under its name, however soon, is a new unit.
    amend(fleet, name, { removed: true, intent: null, activation: null });
  }
  for (const name of replaced) {
    yield;
    const spec = desired.get(name);
    if (spec === undefined) continue;
    changed.add(name);
    const unit = fleet.units.get(name);
    if (unit === undefined) {
      const unknown = newUnit(spec);
      fleet.units.set(name, { ...unknown, state: { ...unknown.state, runs: fleet.retiredRuns } });
    } else {
      const cycle = unit.removed && needsStop(unit) ? BACK : unit.cycle;
      fleet.units.set(name, { ...unit, spec, removed: false, cycle });
    }
  }
  if (graph === null) return changed;
  fleet.graph = graph;
  fleet.found.before.clear();
  fleet.found.after.clear();
  yield* doubtAround(news, fleet);
  return changed;
}

function* doubtAround(names: Iterable<string>, fleet: Fleet): Steps<void> {
  for (const name of names) {
    yield;
    const unit = fleet.units.get(name);
    if (unit === undefined) continue;
    fleet.dirty.add(name);
    for (const member of fleet.graph.ring(name)) fleet.dirty.add(member);
    doubtNeighbours(fleet, unit);
  }
}
