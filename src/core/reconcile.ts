// plan(desired, fleet): what a reload would do to each unit, and why, in the rows of plan-row.ts. commit(): takes a
// plan's decisions into the fleet, for converge to carry out in dependency order. The plan that is shown is the plan
// that is applied. What a set changes for single units alone (no place among the others, nothing that starts or stops)
// commitAlone() takes in, unit by unit.
//
// What becomes of whom is not guessed: the set is taken into a copy of the fleet as commit() would, and rehearsed
// (rehearsal.ts). What happens without the set as well is in no plan: so that is rehearsed too.
//
// Planning takes steps, on a fleet that nobody changes meanwhile: a snapshot, for a set so large that exits come in the
// meantime. A plan is of the moment of its snapshot. commit() takes it in later, in one go, and whatever hangs on what
// a unit does (whether there is something to restart, to clear, to stop) it reads from the fleet as it is then: an end
// in between is a fact that stands, and that the plan finds. An operator's word in between, or an end that starts
// another unit, could contradict the plan, so the caller plans anew when there was one (`seq` tells). Between commit()
// and commitAlone() of a unit anything may be said and happen: whoever is started meanwhile with what the old file says
// restarts if that takes a new process.
import type { FieldChange, PlannedUnit } from '../model/plan.ts';
import type { UnitSpec } from '../model/unit.ts';
import { deliver } from './converge.ts';
import type { Instant, Outputs } from './converge.ts';
import { wantedOf } from './down-reason.ts';
import { changedKeys, FIELDS, isSame } from './fields.ts';
import { amend, needsStop } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import { causesOf, isMended, knownRow, newcomerRow, removedRow } from './plan-row.ts';
import type { Course } from './plan-row.ts';
import { NEVER, rehearsing } from './rehearsal.ts';
import type { Rehearsal } from './rehearsal.ts';
import { retriesOf } from './retries.ts';
import { atOnce } from './steps.ts';
import type { Steps } from './steps.ts';
import { graphOf, isNews, isReplaced, takingIn } from './take-in.ts';
import type { Intake } from './take-in.ts';

export interface DraftPlan {
  /** Sorted by name; `unchanged` left out. */
  readonly units: readonly PlannedUnit[];
  readonly unchanged: number;
}

type Changes = ReadonlyMap<string, readonly FieldChange[]>;

/** A plan, and what was found out on the way that to take it in needs too. */
export interface Decision {
  readonly plan: DraftPlan;
  /** Of what is taken in together, for commit(). */
  readonly intake: Intake;
  readonly changes: Changes;
  /** What had ended and is tried again for others. */
  readonly retried: ReadonlySet<string>;
  /** For commitAlone(), in any order. */
  readonly alone: readonly string[];
}

/** Renders a field in file form: config's business, handed in so that core need not know of files. */
export type FileForm = (spec: UnitSpec) => Readonly<Record<string, unknown>>;

export function plan(loaded: ReadonlyMap<string, UnitSpec>, fleet: Fleet, fileForm: FileForm): DraftPlan {
  return atOnce(planning(loaded, fleet, fileForm)).plan;
}

/** The fleet as it is now, for planning. */
export function snapshotOf(fleet: Readonly<Fleet>): Fleet {
  const found = { before: new Map<string, number>(), after: new Map<string, number>() };
  return { ...fleet, units: new Map(fleet.units), dirty: new Set(fleet.dirty), found };
}

export function* planning(
  loaded: ReadonlyMap<string, UnitSpec>,
  fleet: Fleet,
  fileForm: FileForm,
): Steps<Decision> {
  // Of several reasons to restart a unit has the one that reached it first, and of units that keep each other down that
  // stays which came first: neither must hang on who was loaded first.
  const desired = new Map([...loaded].sort(([a], [b]) => (a < b ? -1 : 1)));
  const changes = new Map<string, readonly FieldChange[]>();
  const replaced = new Set<string>();
  for (const [name, spec] of desired) {
    yield;
    const unit = fleet.units.get(name);
    if (isReplaced(unit, spec)) replaced.add(name);
    const isNew = unit === undefined || unit.removed;
    const changed = isNew ? [] : changesOf(unit.spec, spec, fileForm);
    if (isNew || changed.length > 0) changes.set(name, changed);
  }
  const removed = [...fleet.units.values()].filter((unit) => !unit.removed && !desired.has(unit.spec.name));
  if (changes.size === 0 && removed.length === 0) {
    const intake = { graph: null, replaced: new Set<string>() };
    const nothing = { units: [], unchanged: desired.size };
    return { plan: nothing, intake, changes, retried: new Set(), alone: [...replaced] };
  }

  let isReordered = removed.length > 0;
  for (const [name, changed] of changes) {
    yield;
    isReordered ||= isNews(fleet.units.get(name), changed);
  }
  const graph = isReordered ? yield* graphOf(desired, fleet) : null;
  const rehearsed = yield* rehearsals(desired, fleet, changes, { graph, replaced });
  const planned = new Map(removed.map((unit) => [unit.spec.name, removedRow(unit)]));
  for (const [name, spec] of desired) {
    yield;
    const unit = fleet.units.get(name);
    const end = rehearsed.within.fleet.units.get(name);
    if (end === undefined || end === unit) continue;
    const row =
      unit === undefined || unit.removed
        ? newcomerRow(spec, unit, end)
        : knownRow(unit, courseOf(unit, end, rehearsed), changes.get(name) ?? []);
    if (row.action !== 'unchanged') planned.set(name, row);
  }
  const units = [...planned.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const unchanged = desired.size - units.filter((row) => desired.has(row.name)).length;
  const together = new Set<string>();
  const alone: string[] = [];
  for (const name of replaced) {
    yield;
    const action = planned.get(name)?.action ?? 'update';
    if (action === 'update' && !isNews(fleet.units.get(name), changes.get(name) ?? [])) alone.push(name);
    else together.add(name);
  }
  const intake = { graph, replaced: together };
  return { plan: { units, unchanged }, intake, changes, retried: new Set(rehearsed.retries.keys()), alone };
}

interface Rehearsals {
  readonly without: Rehearsal;
  /** With the set in the fleet. */
  readonly within: Rehearsal;
  /** What had ended and is tried again for others, with the reason. */
  readonly retries: ReadonlyMap<string, string>;
}

/** Who is tried again shows when the rest has been rehearsed: then all is rehearsed anew. */
function* rehearsals(
  desired: ReadonlyMap<string, UnitSpec>,
  fleet: Fleet,
  changes: Changes,
  intake: Intake,
): Steps<Rehearsals> {
  const without = yield* rehearsing(snapshotOf(fleet));
  const retries = new Map<string, string>();
  for (;;) {
    const trial = snapshotOf(fleet);
    yield* takingIn(desired, changes, trial, intake);
    for (const [name, changed] of changes) {
      yield;
      takeUp(name, changed, trial, NEVER, []);
    }
    for (const name of retries.keys()) tryAgain(name, trial, NEVER, []);
    const within = yield* rehearsing(trial);
    const found = [...(yield* retriesOf(fleet, trial, changes))].filter(([name]) => !retries.has(name));
    if (found.length === 0) return { without, within, retries };
    for (const [name, reason] of found) retries.set(name, reason);
  }
}

function courseOf(unit: Unit, end: Unit, { without, within, retries }: Rehearsals): Course {
  const { name } = unit.spec;
  const anyway = without.fleet.units.get(name);
  const { down } = end.verdict;
  const isTried = isRefused(unit, end) ? isRefused : isStartedAnew;
  const isAnew = isTried(unit, end);
  const isAnewAnyway = anyway !== undefined && isTried(unit, anyway);
  const isDownAnyway = down !== null && anyway?.verdict.down === down;
  const leavesAnyway = isDownAnyway || (down === null && without.left.has(name) && isAnew === isAnewAnyway);
  const left = leavesAnyway ? null : (within.left.get(name) ?? down);
  const isSooner = within.atOnce.has(name) && !without.atOnce.has(name);
  const isStarted = !isDownAnyway && ((isAnew && (!isAnewAnyway || isSooner)) || retries.has(name));
  return { end, left, isStarted, cause: retries.get(name) ?? within.causes.get(name) ?? null };
}

function isStartedAnew({ state }: Unit, end: Unit): boolean {
  return end.state.activation > state.activation;
}

/** It was to start, and a requisite was not up. */
function isRefused({ state }: Unit, end: Unit): boolean {
  return state.phase.at === 'stopped' && end.state.phase.at === 'failed';
}

function changesOf(from: UnitSpec, to: UnitSpec, fileForm: FileForm): readonly FieldChange[] {
  if (from === to) return [];
  const keys = changedKeys(from, to);
  if (keys.length === 0) return [];
  const [before, after] = [fileForm(from), fileForm(to)];
  return keys.flatMap((key) => {
    const { field, effect } = FIELDS[key];
    const [was, is] = [before[field] ?? null, after[field] ?? null];
    const changes = MAPPINGS.has(field) ? differences(field, was, is) : [{ field, from: was, to: is }];
    return changes.map((change) => ({ ...change, effect }));
  });
}

/** Fields whose entries are told one by one. */
const MAPPINGS: ReadonlySet<string> = new Set([
  'environment',
  'limits',
  'resources',
  'restart',
  'stop',
  'logs',
]);

/** Of a mapping on both sides, the entries that differ, `restart.delay`; of anything else, the whole. */
function differences(field: string, from: unknown, to: unknown): readonly Omit<FieldChange, 'effect'>[] {
  if (!isMapping(from) || !isMapping(to)) return [{ field, from, to }];
  const entries = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return entries
    .filter((entry) => !isSame(from[entry], to[entry]))
    .map((entry) => ({ field: `${field}.${entry}`, from: from[entry] ?? null, to: to[entry] ?? null }));
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Takes in all of a desired set but what commitAlone() is for, and touches what that changes; converge afterwards. Walks
 * the whole fleet only where units are placed otherwise.
 */
export function commit(
  desired: ReadonlyMap<string, UnitSpec>,
  { plan: decided, intake, changes, retried, alone }: Decision,
  fleet: Fleet,
  instant: Instant,
  outputs: Outputs,
): void {
  fleet.words += 1;
  const later = new Set(alone);
  const touched = new Set(atOnce(takingIn(desired, changes, fleet, intake)));
  for (const { name } of decided.units) if (!later.has(name)) touched.add(name);
  for (const unit of touched) outputs.push({ type: 'touched', unit });
  for (const [name, changed] of changes) {
    if (!later.has(name)) takeUp(name, changed, fleet, instant, outputs);
  }
  for (const name of retried) tryAgain(name, fleet, instant, outputs);
}

/** Takes in all. */
export function commitAll(
  desired: ReadonlyMap<string, UnitSpec>,
  decision: Decision,
  fleet: Fleet,
  instant: Instant,
  outputs: Outputs,
): void {
  commit(desired, decision, fleet, instant, outputs);
  for (const name of decision.alone) commitAlone(desired, decision, name, fleet, instant, outputs);
}

/** Takes in what changes for one unit alone. */
export function commitAlone(
  desired: ReadonlyMap<string, UnitSpec>,
  { changes }: Decision,
  name: string,
  fleet: Fleet,
  instant: Instant,
  outputs: Outputs,
): void {
  const spec = desired.get(name);
  const unit = fleet.units.get(name);
  if (spec === undefined || unit === undefined) return;
  fleet.units.set(name, { ...unit, spec });
  outputs.push({ type: 'touched', unit: name });
  takeUp(name, changes.get(name) ?? [], fleet, instant, outputs);
}

/**
 * What the changes of its spec, which is in the fleet by now, ask of a unit. At rest it has nothing that another spec would
 * move, but for an end that they may mend, and for a pause.
 */
function takeUp(
  name: string,
  changes: readonly FieldChange[],
  fleet: Fleet,
  instant: Instant,
  outputs: Outputs,
): void {
  const unit = fleet.units.get(name);
  if (unit === undefined || changes.length === 0) return;
  const { at } = unit.state.phase;
  const causes = causesOf(changes);
  const isWanted = wantedOf(fleet, unit) === 'up';
  if (isWanted && (causes !== '' || isMended(unit, changes))) {
    tryAgain(name, fleet, instant, outputs);
  }
  const isAbout = ({ field }: FieldChange): boolean => field === 'restart' || field.startsWith('restart.');
  const hasPause = at === 'backoff' && isWanted && causes === '' && changes.some(isAbout);
  if (needsStop(unit) || hasPause) deliver(fleet, name, { type: 'respecified' }, instant, outputs);
  // Also one on its way down, which somebody may want up before it is there.
  if (causes !== '' && needsStop(unit)) amend(fleet, name, { cycle: `${causes} changed` });
}

/** What has failed, has ended or is in a pause is due at once. */
function tryAgain(name: string, fleet: Fleet, instant: Instant, outputs: Outputs): void {
  deliver(fleet, name, { type: 'cleared', counts: 'attempts' }, instant, outputs);
  const unit = fleet.units.get(name);
  if (unit?.state.phase.at === 'completed' && !needsStop(unit)) {
    deliver(fleet, name, { type: 'stop-requested' }, instant, outputs);
  }
}
