// What must be true of the simulated world after every step, and once it has come to rest.
import assert from 'node:assert/strict';
import { deliver } from '../../src/core/converge.ts';
import type { Output } from '../../src/core/converge.ts';
import { conflictsOf, isUp, needsStop } from '../../src/core/fleet.ts';
import type { Unit } from '../../src/core/fleet.ts';
import { STRONG_FIELDS } from '../../src/core/graph.ts';
import { deadlineOf } from '../../src/core/machine-state.ts';
import { MOST_STARTS, STREAK_MS } from '../../src/core/streak.ts';
import { isUpheld, sameVerdict, startCheck, verdictOf } from '../../src/core/verdict.ts';
import { publicState } from '../../src/core/view.ts';
import { planOf, wallMs } from './fleet-world.ts';
import type { Process, World } from './fleet-world.ts';

interface Start {
  readonly atMs: number;
  readonly words: number;
  readonly restarts: number;
}

export interface Watch {
  /** Units as they were after the last step. */
  readonly before: Map<string, Unit>;
  /** Processes that core has said it leaves behind. */
  readonly left: Set<Process>;
  /** Units of which some spec allowed a process to be left behind, or a wait to have no end. */
  readonly leaves: Set<string>;
  readonly waitsForEver: Set<string>;
  /** Each unit's starts within STREAK_MS since the last word, and how many restarts it had had at each. */
  readonly starts: Map<string, readonly Start[]>;
  /** A second SIGTERM came: order no longer counts. */
  hurried: boolean;
}

export function newWatch(): Watch {
  return {
    before: new Map(),
    left: new Set(),
    leaves: new Set(),
    waitsForEver: new Set(),
    starts: new Map(),
    hurried: false,
  };
}

/** Checks the units that the last step touched; `moved`: the unit that the step's own event was for. */
export function checkStep(world: World, watch: Watch, moved: string | null): void {
  const touched = new Set(world.outputs.map((output) => output.unit));
  for (const name of touched) {
    const unit = world.fleet.units.get(name);
    const before = watch.before.get(name);
    if (unit !== undefined) {
      noteSpec(watch, unit);
      checkDeadline(watch, unit);
      checkSince(world, before, unit);
      if (unit.state.activation > (before?.state.activation ?? 0)) {
        checkStart(world, unit);
        checkStreak(world, watch, before, unit);
      }
      if (before !== undefined && !watch.hurried && moved !== name)
        checkStopOrder(world, watch, before, unit, moved !== null);
      assert.equal(unit.state.runs >= (before?.state.runs ?? 0), true, `${name}: runs went back`);
    }
    checkMains(world, watch, name, unit);
    if (unit === undefined) watch.before.delete(name);
    else watch.before.set(name, unit);
  }
  assert.equal(world.fleet.dirty.size, 0, 'converge left doubtful units');
  checkTold(world, watch);
}

const WRITTEN_DOWN = ['spec', 'state', 'removed', 'intent', 'activation', 'cycle'] as const;

/** What the next daemon has to know of a unit is written down when the unit is touched, and not otherwise. */
function checkTold(world: World, watch: Watch): void {
  for (const [name, unit] of world.fleet.units) {
    const told = watch.before.get(name);
    for (const fact of WRITTEN_DOWN) {
      assert.equal(unit[fact], told?.[fact], `${name}: its ${fact} changed, and it was not touched`);
    }
  }
}

function noteSpec(watch: Watch, unit: Unit): void {
  const { name, stop, startTimeoutMs } = unit.spec;
  if (stop.killMode === 'none' || stop.killMode === 'process' || stop.finalSignal !== 'SIGKILL') {
    watch.leaves.add(name);
  }
  if (stop.timeoutMs === null || startTimeoutMs === null) watch.waitsForEver.add(name);
}

function checkDeadline(watch: Watch, unit: Unit): void {
  const { phase } = unit.state;
  const { name } = unit.spec;
  const deadline = deadlineOf(phase);
  if (deadline !== null) assert.equal(Number.isFinite(deadline), true, `${name}: deadline ${deadline}`);
  if (phase.at === 'starting' || phase.at === 'stopping') {
    const isUnbounded =
      watch.waitsForEver.has(name) &&
      !(phase.at === 'stopping' && phase.signalled && phase.step !== 'signal');
    if (!isUnbounded) assert.notEqual(deadline, null, `${name} is ${phase.at} without a deadline`);
  }
}

/**
 * It is in its public state since that began. What was left and come back to within the step began with the step, too:
 * by way of another phase, or as nobody wanted it for a moment, until another unit brought it in.
 */
function checkSince(world: World, before: Unit | undefined, unit: Unit): void {
  const { name } = unit.spec;
  const now = wallMs(world);
  const isNew = before === undefined || before.state.activation !== unit.state.activation;
  if (isNew || publicState(before) !== publicState(unit)) {
    assert.equal(unit.sinceWall, now, `${name} is ${publicState(unit)} from now on`);
  } else if (before.state.phase === unit.state.phase && before.activation === unit.activation) {
    assert.equal(unit.sinceWall, before.sinceWall, `${name} is ${publicState(unit)} as it was`);
  } else {
    const isKnown = unit.sinceWall === before.sinceWall || unit.sinceWall === now;
    assert.equal(isKnown, true, `${name} is ${publicState(unit)} since ${unit.sinceWall}, now ${now}`);
  }
}

function checkStart(world: World, unit: Unit): void {
  const { fleet } = world;
  const { name } = unit.spec;
  assert.equal(fleet.shuttingDown, false, `${name} was started during shutdown`);
  assert.equal(unit.removed, false, `${name} was started though its file is gone`);
  assert.notEqual(unit.intent?.wanted, 'down', `${name} was started though the operator stopped it`);
  // What the start itself brought about, a rival pulled in by others for one, may end it within the same step.
  if (unit.verdict.down !== null || !needsStop(unit)) return;
  for (const field of STRONG_FIELDS) {
    for (const other of unit.spec[field]) {
      const requirement = fleet.units.get(other);
      if (requirement !== undefined) {
        assert.equal(isUp(requirement), true, `${name} was started, its ${field} ${other} is not up`);
      }
    }
  }
  for (const other of conflictsOf(fleet, unit)) {
    const rival = fleet.units.get(other);
    if (rival !== undefined && other !== name) {
      assert.equal(needsStop(rival), false, `${name} was started beside ${other}, with which it conflicts`);
    }
  }
}

/** Without a word, and beyond its restarts, a unit has so many starts at most in one streak, and as many in the next. */
function checkStreak({ fleet, nowMs }: World, watch: Watch, before: Unit | undefined, unit: Unit): void {
  const { name } = unit.spec;
  const { activation, tally } = unit.state;
  const { words } = fleet;
  const start: Start = { atMs: nowMs, words, restarts: tally.restarts };
  const known = watch.starts.get(name) ?? [];
  const recent = known.filter((past) => past.words === words && nowMs - past.atMs < STREAK_MS);
  const starts = [
    ...recent,
    ...Array.from({ length: activation - (before?.state.activation ?? 0) }, () => start),
  ];
  watch.starts.set(name, starts);
  const unasked = starts.length - (start.restarts - (starts[0]?.restarts ?? 0));
  assert.equal(unasked <= 2 * MOST_STARTS, true, `${name} has started ${unasked} times in a row`);
}

/**
 * `isFact`: what a fact leads to comes in rounds. A unit may be stopped in one of them, and one that is only ordered after
 * it learn in the next that it has to be down too; those that need it go first even so.
 */
function checkStopOrder(world: World, watch: Watch, before: Unit, unit: Unit, isFact: boolean): void {
  const { phase } = unit.state;
  const was = before.state.phase.at;
  const wasThere = was === 'starting' || was === 'running' || was === 'completed';
  const isTold =
    (phase.at === 'stopping' && phase.requested) || (was === 'running' && phase.at === 'stopped');
  if (!wasThere || !isTold) return;
  for (const name of world.fleet.graph.successors(unit.spec.name)) {
    const after = world.fleet.units.get(name);
    const stood = watch.before.get(name);
    if (after === undefined || after.verdict.down === null || stood === undefined || !needsStop(stood))
      continue;
    const needsIt = STRONG_FIELDS.some((field) => after.spec[field].includes(unit.spec.name));
    if (isFact && !needsIt && stood.verdict.down === null) continue;
    assert.equal(
      needsStop(after) && (world.processes.get(name) ?? []).some((process) => process.role === 'main'),
      false,
      `${unit.spec.name} was stopped before ${name}, which is ordered after it`,
    );
  }
}

function checkMains(world: World, watch: Watch, name: string, unit: Unit | undefined): void {
  const phase = unit?.state.phase;
  const held = phase !== undefined && 'main' in phase ? phase.main?.id : undefined;
  for (const process of world.processes.get(name) ?? []) {
    if (process.role !== 'main' || process.run === held || watch.left.has(process)) continue;
    assert.equal(watch.leaves.has(name), true, `${name}: main run ${process.run} lives and nobody holds it`);
    watch.left.add(process);
  }
}

/** Facts of the past, told again: nothing may come of them. */
export function checkStale(world: World, pick: number): void {
  const told = world.told[pick % Math.max(1, world.told.length)];
  if (told === undefined) return;
  const unit = world.fleet.units.get(told.unit);
  if (unit === undefined) return;
  const { event } = told;
  const { phase } = unit.state;
  if (event.type === 'deadline-passed') {
    if (event.deadline === deadlineOf(phase)) return;
  } else if (event.type === 'spawned' || event.type === 'spawn-failed' || event.type === 'exited') {
    const isHeld =
      ('main' in phase && phase.main?.id === event.run) ||
      ('helper' in phase && phase.helper?.id === event.run);
    if (isHeld) return;
  } else return;
  const outputs: Output[] = [];
  deliver(world.fleet, told.unit, event, { nowMs: world.nowMs, wallMs: 0, random: 0 }, outputs);
  assert.deepEqual(outputs, [], `${told.unit}: ${event.type} was stale and did something`);
  assert.equal(world.fleet.units.get(told.unit)?.state, unit.state);
}

/** Of several that it waits for, or for whose stop, it tells one; which, hangs on where the last look found one. */
function isCurrent({ fleet }: World, unit: Unit): boolean {
  const { name } = unit.spec;
  const neighbours = fleet.graph.predecessors(name).length + fleet.graph.successors(name).length;
  return Array.from({ length: Math.max(1, neighbours) }, (_, at) => {
    const found = { before: new Map([[name, at]]), after: new Map([[name, at]]) };
    return verdictOf({ ...fleet, found }, unit);
  }).some((verdict) => sameVerdict(verdict, unit.verdict));
}

/** Every unit is where its file, its operator and its neighbours put it. */
export function checkRest(world: World): void {
  for (const [name, unit] of world.fleet.units) {
    const { phase } = unit.state;
    const stands = `${name} is ${phase.at}, ${JSON.stringify(unit.verdict)}`;
    assert.equal(isCurrent(world, unit), true, `${stands}: an old verdict`);
    assert.equal(unit.cycle, null, `${stands}: still to be cycled`);
    if (unit.verdict.down !== null || unit.verdict.wanted === 'down') {
      assert.equal(needsStop(unit), false, `${stands}: it should be down`);
    } else if (phase.at === 'stopped') {
      const check = startCheck(world.fleet, unit);
      assert.equal(
        check.start === 'wait' && check.until !== 'soon',
        true,
        `${stands}: it should have started`,
      );
      const lacks = STRONG_FIELDS.flatMap((field) => unit.spec[field]).some((other) => {
        const requirement = world.fleet.units.get(other);
        return requirement !== undefined && !isUp(requirement);
      });
      assert.equal(lacks, true, `${stands}: it waits for nothing that it needs`);
    } else {
      const isByPolicy = phase.at === 'completed' || phase.at === 'failed';
      assert.equal(isUp(unit) || isByPolicy, true, `${stands}: it should be up`);
      if (!isUp(unit) && isUpheld(world.fleet, unit)) {
        assert.notEqual(startCheck(world.fleet, unit).start, 'now', `${stands}: upheld and not up`);
      }
    }
    if (unit.spec.type === 'service' && phase.at === 'running') {
      const mains = (world.processes.get(name) ?? []).filter((process) => process.run === phase.main?.id);
      assert.equal(mains.length, 1, `${stands}: without a main process`);
    }
  }
  const specs = [...world.desired.values()];
  if (world.fleet.shuttingDown) return;
  assert.deepEqual(
    planOf(world, specs),
    { units: [], unchanged: specs.length },
    'a second plan is not empty',
  );
}

/** After a shutdown: nothing lives but what a unit's file let live. */
export function checkGone(world: World, watch: Watch): void {
  for (const [name, unit] of world.fleet.units) {
    assert.equal(needsStop(unit), false, `${name} is ${unit.state.phase.at} after the shutdown`);
  }
  for (const [name, living] of world.processes) {
    if (!watch.leaves.has(name)) assert.deepEqual(living, [], `${name}: processes outlived the shutdown`);
  }
}
