// plan(desired, fleet): what a reload would do to each unit, and why, in the rows of plan-row.ts. commit(): takes a
// plan's decisions into the fleet, for converge to carry out in dependency order. The plan that is shown is the plan
// that is applied. What a set changes for single units alone (no place among the others, nothing that starts or stops)
// commitAlone() takes in, unit by unit.
//
// Who is wanted, who goes down and who restarts with whom is not guessed: the set is taken into a copy of the fleet,
// and its verdicts are read. What only time can tell (who comes up, and upholds others then) is in no plan.
//
// Planning takes steps, on a fleet that nobody changes meanwhile: a snapshot, for a set so large that exits come in the
// meantime. A plan is of the moment of its snapshot. commit() takes it in later, in one go, and whatever hangs on what
// a unit does (whether there is something to restart, to clear, to stop) it reads from the fleet as it is then: an end
// in between is a fact that stands, and that the plan finds. An operator's word in between, or an end that starts
// another unit, could contradict the plan, so the caller plans anew when there was one (`seq` tells). Between commit()
// and commitAlone() of a unit anything may be said and happen: whoever is started meanwhile with what the old file says
// restarts if that takes a new process.
import type { FieldChange, PlanAction, PlannedUnit } from '../model/plan.ts';
import type { UnitSpec } from '../model/unit.ts';
import { deliver } from './converge.ts';
import type { Instant, Outputs } from './converge.ts';
import { changedKeys, FIELDS, isSame } from './fields.ts';
import { amend, needsStop } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import { outlookOf, tryAgain } from './outlook.ts';
import type { Changes } from './outlook.ts';
import { causesOf, knownRow, newcomerRow, removedRow } from './plan-row.ts';
import { releasedRows, retryingRequirements, upheldRows } from './plan-starts.ts';
import { atOnce } from './steps.ts';
import type { Steps } from './steps.ts';
import { graphOf, isNews, isReplaced, takingIn } from './take-in.ts';
import type { Intake } from './take-in.ts';

export interface DraftPlan {
  /** Sorted by name; `unchanged` left out. */
  readonly units: readonly PlannedUnit[];
  readonly unchanged: number;
}

/** A plan, and what was found out on the way that to take it in needs too. */
export interface Decision {
  readonly plan: DraftPlan;
  /** Of what is taken in together, for commit(). */
  readonly intake: Intake;
  readonly changes: Changes;
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
  return { ...fleet, units: new Map(fleet.units), dirty: new Set(fleet.dirty) };
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
    const changed = unit === undefined ? [] : changesOf(unit.spec, spec, fileForm);
    if (unit === undefined || unit.removed || changed.length > 0) changes.set(name, changed);
  }
  const removed = [...fleet.units.values()].filter((unit) => !unit.removed && !desired.has(unit.spec.name));
  if (changes.size === 0 && removed.length === 0) {
    const intake = { graph: null, replaced: new Set<string>() };
    return { plan: { units: [], unchanged: desired.size }, intake, changes, alone: [...replaced] };
  }

  const planned = new Map(removed.map((unit) => [unit.spec.name, removedRow(unit)]));
  let isReordered = removed.length > 0;
  for (const [name, changed] of changes) {
    yield;
    isReordered ||= isNews(fleet.units.get(name), changed);
  }
  const graph = isReordered ? yield* graphOf(desired, fleet) : null;
  const outlook = yield* outlookOf(desired, fleet, changes, { graph, replaced });
  for (const [name, spec] of desired) {
    yield;
    const unit = fleet.units.get(name);
    const lasting = outlook.lasting.units.get(name);
    if (lasting === undefined) continue;
    const cycling = outlook.cycling.get(name);
    // What has nothing to stop keeps no cycle, and its pause ends by it all the same.
    const isPaused = unit?.state.phase.at === 'backoff';
    const cycle = cycling?.cycle ?? (isPaused ? (cycling?.verdict.down ?? null) : null);
    const row =
      unit === undefined || unit.removed
        ? newcomerRow(spec, unit, lasting.verdict)
        : knownRow(unit, lasting, cycle, changes.get(name) ?? []);
    if (row.action !== 'unchanged') planned.set(name, row);
  }
  const upheld = yield* upheldRows(planned, fleet, outlook.lasting, changes);
  const retried = [...upheld, ...(yield* retryingRequirements(planned, outlook.lasting.units))];
  if (retried.length > 0) yield* tryAgain(outlook.lasting, retried);
  yield* releasedRows(planned, fleet, outlook.lasting.units, changes);
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
  return { plan: { units, unchanged }, intake: { graph, replaced: together }, changes, alone };
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
  { plan: decided, intake, changes, alone }: Decision,
  fleet: Fleet,
  instant: Instant,
  outputs: Outputs,
): void {
  const later = new Set(alone);
  const rows = decided.units.filter(({ name }) => !later.has(name));
  const touched = new Set(atOnce(takingIn(desired, changes, fleet, intake)));
  for (const { name } of rows) touched.add(name);
  for (const unit of touched) outputs.push({ type: 'touched', unit });
  for (const row of rows) {
    const unit = fleet.units.get(row.name);
    if (unit === undefined || unit.removed) continue;
    respecify(unit, row.action, row.changes, fleet, instant, outputs);
    const isRestart = row.action === 'restart';
    const isCycled = fleet.units.get(row.name)?.cycle !== null;
    if (isRestart && needsStop(unit) && !isCycled) amend(fleet, row.name, { cycle: row.reason });
    // What has ended has not ended as the other type: it may have ended after it was planned, as what was at rest.
    const isOtherType = row.changes.some(({ field }) => field === 'type');
    const hasEndedAsOther = isOtherType && unit.state.phase.at === 'completed';
    if (isRestart || hasEndedAsOther || row.action === 'start') {
      deliver(fleet, row.name, { type: 'cleared', counts: 'attempts' }, instant, outputs);
      if (unit.state.phase.at === 'completed' && !needsStop(unit)) {
        deliver(fleet, row.name, { type: 'stop-requested' }, instant, outputs);
      }
    }
  }
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
  respecify(unit, 'update', changes.get(name) ?? [], fleet, instant, outputs);
}

/**
 * What of its new spec a unit meets at once. At rest it has nothing that another spec would move, but for a pause, where
 * the plan does not end that anyway.
 */
function respecify(
  unit: Unit,
  action: PlanAction,
  changes: readonly FieldChange[],
  fleet: Fleet,
  instant: Instant,
  outputs: Outputs,
): void {
  const isAbout = ({ field }: FieldChange): boolean => field === 'restart' || field.startsWith('restart.');
  const hasPause = unit.state.phase.at === 'backoff' && action === 'update' && changes.some(isAbout);
  if (changes.length === 0 || !(needsStop(unit) || hasPause)) return;
  const { name } = unit.spec;
  deliver(fleet, name, { type: 'respecified' }, instant, outputs);
  const causes = causesOf(changes);
  // Also one on its way down, which somebody may want up before it is there.
  if (causes !== '' && needsStop(unit)) amend(fleet, name, { cycle: `${causes} changed` });
}
