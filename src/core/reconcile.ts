// plan(desired, fleet): what a reload would do to each unit, and why. commit(): takes a plan's decisions into the
// fleet, for converge to carry out in dependency order. The plan that is shown is the plan that is applied.
//
// restart    The unit is there (or in backoff) and a field changed that only a new process can have; or a unit that it
//            requires, is bound to or is part of restarts.
// start      It is wanted, and was not, or was not known; or it had failed and a field changed that may mend it.
// stop       Its file is gone, or it is no longer wanted.
// update     Anything else that changed: taken in without touching a process.
// unchanged  The rest. So a second plan right after the first was carried out is empty.
import type { FieldChange, PlanAction, PlannedUnit } from '../model/plan.ts';
import type { UnitSpec } from '../model/unit.ts';
import { deliver } from './converge.ts';
import type { Instant, Outputs } from './converge.ts';
import { changedKeys, FIELDS } from './fields.ts';
import { amend, needsStop, newUnit, regraph } from './fleet.ts';
import type { Activation, Fleet, Unit } from './fleet.ts';

export interface DraftPlan {
  /** Sorted by name; `unchanged` left out. */
  readonly units: readonly PlannedUnit[];
  readonly unchanged: number;
}

/** Renders a field in file form: config's business, handed in so that core need not know of files. */
export type FileForm = (spec: UnitSpec) => Readonly<Record<string, unknown>>;

export function plan(desired: ReadonlyMap<string, UnitSpec>, fleet: Fleet, fileForm: FileForm): DraftPlan {
  const wanted = wantedSet(desired, fleet);
  const planned = new Map<string, PlannedUnit>();
  for (const [name, spec] of desired) {
    const unit = fleet.units.get(name);
    const isWanted = wanted.has(name);
    const row =
      unit === undefined || unit.removed
        ? newcomer(spec, isWanted)
        : known(unit, spec, isWanted, changesOf(unit.spec, spec, fileForm));
    if (row.action !== 'unchanged') planned.set(name, row);
  }
  for (const unit of fleet.units.values()) {
    if (!desired.has(unit.spec.name) && !unit.removed) planned.set(unit.spec.name, removedRow(unit));
  }
  spreadRestarts(desired, fleet, planned);
  const units = [...planned.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { units, unchanged: desired.size - units.filter((row) => desired.has(row.name)).length };
}

function newcomer(spec: UnitSpec, isWanted: boolean): PlannedUnit {
  const reason = isWanted ? 'new file' : 'new file; not enabled';
  return { name: spec.name, action: isWanted ? 'start' : 'update', reason, changes: [] };
}

function removedRow(unit: Unit): PlannedUnit {
  const reason = needsStop(unit) ? 'file removed' : 'file removed; nothing of it is running';
  return { name: unit.spec.name, action: 'stop', reason, changes: [] };
}

function known(unit: Unit, spec: UnitSpec, isWanted: boolean, changes: readonly FieldChange[]): PlannedUnit {
  const { name } = spec;
  const { at } = unit.state.phase;
  const isThere = needsStop(unit) || at === 'backoff' || at === 'completed';
  const row = (action: PlanAction, reason: string): PlannedUnit => ({ name, action, reason, changes });
  const fields = changes.map((change) => change.field).join(', ');
  if (!isWanted && (needsStop(unit) || at === 'backoff') && unit.verdict.wanted === 'up') {
    return row(
      'stop',
      changes.some((change) => change.field === 'enabled') ? 'enabled is false' : 'no longer wanted',
    );
  }
  if (isWanted && unit.verdict.wanted === 'down' && !isThere) return row('start', 'now wanted');
  if (changes.length === 0) return row('unchanged', '');
  const mends = changes.some((change) => change.effect !== 'in-place');
  if (isWanted && at === 'failed' && mends) return row('start', `${fields} changed; it had failed`);
  const breaks = changes.find((change) => change.effect === 'restart');
  if (breaks !== undefined && isThere && isWanted) {
    const causes = changes.filter((change) => change.effect === 'restart').map((change) => change.field);
    return row('restart', `${causes.join(', ')} changed`);
  }
  return row('update', `${fields} changed`);
}

function changesOf(from: UnitSpec, to: UnitSpec, fileForm: FileForm): readonly FieldChange[] {
  if (from === to) return [];
  const keys = changedKeys(from, to);
  if (keys.length === 0) return [];
  const [before, after] = [fileForm(from), fileForm(to)];
  return keys.map((key) => {
    const { field, effect } = FIELDS[key];
    return { field, from: before[field] ?? null, to: after[field] ?? null, effect };
  });
}

/** Units that are there and lean on one that restarts, restart with it. */
function spreadRestarts(
  desired: ReadonlyMap<string, UnitSpec>,
  fleet: Fleet,
  planned: Map<string, PlannedUnit>,
): void {
  const leaning = new Map<string, { name: string; verb: string }[]>();
  for (const spec of desired.values()) {
    for (const [field, verb] of LEANING) {
      for (const other of spec[field]) {
        const list = leaning.get(other);
        if (list === undefined) leaning.set(other, [{ name: spec.name, verb }]);
        else list.push({ name: spec.name, verb });
      }
    }
  }
  const queue = [...planned.values()].filter((row) => row.action === 'restart').map((row) => row.name);
  for (const cause of queue) {
    for (const { name, verb } of leaning.get(cause) ?? []) {
      const unit = fleet.units.get(name);
      const row = planned.get(name);
      if (unit === undefined || !needsStop(unit)) continue;
      if (row !== undefined && row.action !== 'update') continue;
      const reason = `${verb} "${cause}", which restarts`;
      planned.set(name, { name, action: 'restart', reason, changes: row?.changes ?? [] });
      queue.push(name);
    }
  }
}

const LEANING = [
  ['requires', 'requires'],
  ['requisite', 'requires'],
  ['bindsTo', 'is bound to'],
  ['partOf', 'is part of'],
] as const;

/** Who is wanted up once the desired set is in: by its file, by an operator, or pulled in by one of those. */
function wantedSet(desired: ReadonlyMap<string, UnitSpec>, fleet: Fleet): ReadonlySet<string> {
  const wanted = new Set<string>();
  const isDown = (name: string): boolean => fleet.units.get(name)?.intent?.wanted === 'down';
  for (const [name, spec] of desired) {
    const unit = fleet.units.get(name);
    const kept = unit !== undefined && stillActivated(desired, unit.activation, name);
    if (!isDown(name) && (spec.enabled || unit?.intent?.wanted === 'up' || kept)) wanted.add(name);
  }
  for (const name of wanted) {
    const spec = desired.get(name);
    if (spec === undefined) continue;
    for (const other of [...spec.requires, ...spec.wants, ...spec.bindsTo, ...spec.upholds]) {
      if (desired.has(other) && !isDown(other)) wanted.add(other);
    }
  }
  return wanted;
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

/** Takes the desired set in. Costs the whole fleet; converge afterwards. */
export function commit(
  desired: ReadonlyMap<string, UnitSpec>,
  decided: DraftPlan,
  fleet: Fleet,
  instant: Instant,
  outputs: Outputs,
): void {
  for (const unit of [...fleet.units.values()]) {
    const { name } = unit.spec;
    if (!desired.has(name)) amend(fleet, name, { removed: true });
    else if (!stillActivated(desired, unit.activation, name)) amend(fleet, name, { activation: null });
  }
  for (const [name, spec] of desired) {
    const unit = fleet.units.get(name);
    if (unit === undefined) fleet.units.set(name, newUnit(spec));
    else if (unit.spec !== spec || unit.removed) amend(fleet, name, { spec, removed: false });
  }
  regraph(fleet);
  for (const row of decided.units) {
    const unit = fleet.units.get(row.name);
    if (unit === undefined || unit.removed) continue;
    if (row.changes.length > 0) deliver(fleet, row.name, { type: 'respecified' }, instant, outputs);
    if (row.action === 'restart') {
      deliver(fleet, row.name, { type: 'cleared' }, instant, outputs);
      amend(fleet, row.name, { cycle: row.reason });
    }
    if (row.action === 'start') deliver(fleet, row.name, { type: 'cleared' }, instant, outputs);
  }
  for (const name of fleet.units.keys()) outputs.push({ type: 'touched', unit: name });
}
