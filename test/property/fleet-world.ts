// A machine that is not there: a kernel and a clock for core's fleet, driven step by step from a seed. It does what
// the daemon does with core (deliver, converge, operate, plan, commit) and nothing else.
//
// It checks nothing; fleet-rules.ts does. What it costs follows the units touched, so that a bench can run it large.
import { converge, deliver } from '../../src/core/converge.ts';
import type { Instant, Output } from '../../src/core/converge.ts';
import { isMoving, newFleet } from '../../src/core/fleet.ts';
import type { Fleet, Unit } from '../../src/core/fleet.ts';
import { deadlineOf } from '../../src/core/machine-state.ts';
import type { MachineEffect, MachineEvent } from '../../src/core/machine-state.ts';
import { operate } from '../../src/core/operate.ts';
import type { Verb } from '../../src/core/operate.ts';
import { commit, commitAll, commitAlone, plan, planning, snapshotOf } from '../../src/core/reconcile.ts';
import type { DraftPlan, FileForm } from '../../src/core/reconcile.ts';
import { atOnce } from '../../src/core/steps.ts';
import type { ExitStatus } from '../../src/model/process.ts';
import type { UnitSpec } from '../../src/model/unit.ts';

/** A process of the simulated kernel. */
export interface Process {
  readonly unit: string;
  readonly pid: number;
  readonly startTicks: number;
  /** The run it was spawned for; null for one that a process of the unit forked. */
  readonly run: number | null;
  readonly role: string;
  /** The unit's activation that it belongs to. */
  readonly tree: number;
  readonly ignoresTerm: boolean;
}

type Fact =
  | { readonly type: 'event'; readonly event: MachineEvent }
  /** Answered at the moment of delivery, as the daemon must. */
  | { readonly type: 'survey' };

/** Probabilities, each in [0, 1]. */
export interface Faults {
  readonly spawnFails: number;
  readonly exitsBadly: number;
  readonly ignoresTerm: number;
  readonly forks: number;
  readonly hangs: number;
}

export const NO_FAULTS: Faults = { spawnFails: 0, exitsBadly: 0, ignoresTerm: 0, forks: 0, hangs: 0 };
export const MANY_FAULTS: Faults = {
  spawnFails: 0.15,
  exitsBadly: 0.3,
  ignoresTerm: 0.2,
  forks: 0.2,
  hangs: 0.15,
};

export interface World {
  readonly fleet: Fleet;
  readonly random: () => number;
  faults: Faults;
  nowMs: number;
  desired: ReadonlyMap<string, UnitSpec>;
  /** Units of which nothing can be spawned. */
  readonly broken: Set<string>;
  /** Living processes, by unit. */
  readonly processes: Map<string, Process[]>;
  /** What the kernel has to tell, by unit, oldest first. */
  readonly facts: Map<string, Fact[]>;
  /** Every fact that was told; to be told again, late. */
  readonly told: { readonly unit: string; readonly event: MachineEvent }[];
  /** What the last command made core ask for. */
  outputs: readonly Output[];
  lastPid: number;
}

/** A small generator with a state of one word (mulberry32): equal seeds, equal worlds. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function newWorld(seed: number, faults: Faults): World {
  return {
    fleet: newFleet(),
    random: randomFrom(seed),
    faults,
    nowMs: 1_000,
    desired: new Map(),
    broken: new Set(),
    processes: new Map(),
    facts: new Map(),
    told: [],
    outputs: [],
    lastPid: 100,
  };
}

export function wallMs({ nowMs }: World): number {
  return 1.7e12 + nowMs;
}

/** More outputs than any honest convergence of so many units has: the sign of one that does not end. */
class BoundedOutputs extends Array<Output> {
  bound = Infinity;

  override push(...items: Output[]): number {
    if (this.length > this.bound) throw new Error(`cannot converge: ${this.bound} outputs, expected fewer`);
    return super.push(...items);
  }
}

/** Runs `change`, converges, and does what core asked for. */
function turn(world: World, change: (instant: Instant, outputs: Output[]) => void): void {
  const outputs = new BoundedOutputs();
  outputs.bound = 1_000 * (10 + world.desired.size + world.fleet.units.size);
  const instant = { nowMs: world.nowMs, wallMs: wallMs(world), random: world.random() };
  change(instant, outputs);
  converge(world.fleet, instant, outputs);
  for (const output of outputs) if (output.type === 'effect') perform(world, output.unit, output.effect);
  world.outputs = [...outputs];
}

export function reload(world: World, specs: readonly UnitSpec[]): DraftPlan {
  world.desired = new Map(specs.map((spec) => [spec.name, spec]));
  const decision = atOnce(planning(world.desired, world.fleet, fileForm));
  turn(world, (instant, outputs) => commitAll(world.desired, decision, world.fleet, instant, outputs));
  return decision.plan;
}

/**
 * As the daemon reloads a large set: planned in steps on a snapshot, with `meanwhile` called between any two of them,
 * and committed to the fleet as it is then, what changes for single units alone with `meanwhile` before each.
 */
export function reloadInSteps(
  world: World,
  specs: readonly UnitSpec[],
  meanwhile: (isCommitted: boolean) => void,
): DraftPlan {
  const desired = new Map(specs.map((spec) => [spec.name, spec]));
  const steps = planning(desired, snapshotOf(world.fleet), fileForm);
  for (;;) {
    const step = steps.next();
    if (step.done !== true) {
      meanwhile(false);
      continue;
    }
    const decision = step.value;
    world.desired = desired;
    turn(world, (instant, outputs) => commit(desired, decision, world.fleet, instant, outputs));
    for (const name of decision.alone) {
      meanwhile(true);
      turn(world, (instant, outputs) => commitAlone(desired, decision, name, world.fleet, instant, outputs));
    }
    return decision.plan;
  }
}

export function planOf(world: World, specs: readonly UnitSpec[]): DraftPlan {
  const desired = new Map(specs.map((spec) => [spec.name, spec]));
  return plan(desired, world.fleet, fileForm);
}

const fileForm: FileForm = (spec) => ({
  ...spec,
  startTimeout: spec.startTimeoutMs,
  runtimeMax: spec.runtimeMaxMs,
});

export function command(world: World, name: string, verb: Verb): void {
  if (world.fleet.units.get(name)?.removed !== false) return;
  turn(world, (instant, outputs) => operate(world.fleet, name, verb, instant, outputs));
}

export function shutDown(world: World): void {
  world.fleet.shuttingDown = true;
  for (const name of world.fleet.units.keys()) world.fleet.dirty.add(name);
  turn(world, () => undefined);
}

/** The second SIGTERM: nobody waits for anybody. */
export function hurry(world: World): void {
  turn(world, (instant, outputs) => {
    for (const name of [...world.fleet.units.keys()]) {
      deliver(world.fleet, name, { type: 'hurried' }, instant, outputs);
    }
  });
}

export function tell(world: World, name: string, event: MachineEvent): void {
  world.told.push({ unit: name, event });
  turn(world, (instant, outputs) => deliver(world.fleet, name, event, instant, outputs));
}

/** Tells the oldest news of one of the units that have some; false when there is none. */
export function tellNews(world: World, pick: number): boolean {
  const name = nth(world.facts.keys(), pick % Math.max(1, world.facts.size));
  const queue = name === undefined ? undefined : world.facts.get(name);
  const fact = queue?.shift();
  if (name === undefined || queue === undefined || fact === undefined) return false;
  if (queue.length === 0) world.facts.delete(name);
  if (fact.type === 'event') tell(world, name, fact.event);
  else tell(world, name, { type: 'surveyed', survivors: treeOf(world, name).length > 0 });
  return true;
}

function nth<T>(values: Iterable<T>, index: number): T | undefined {
  let at = 0;
  for (const value of values) {
    if (at === index) return value;
    at += 1;
  }
  return undefined;
}

/** Moves the clock to the earliest deadline that `counts` and tells of it; false when there is none. */
export function passDeadline(world: World, counts: (unit: Unit) => boolean = () => true): boolean {
  let first: { name: string; deadline: number } | null = null;
  for (const [name, unit] of world.fleet.units) {
    const deadline = deadlineOf(unit.state.phase);
    if (deadline === null || !counts(unit)) continue;
    if (first === null || deadline < first.deadline) first = { name, deadline };
  }
  if (first === null) return false;
  world.nowMs = Math.max(world.nowMs, first.deadline);
  tell(world, first.name, { type: 'deadline-passed', deadline: first.deadline });
  return true;
}

/** A living process ends by itself. */
export function crash(world: World, pick: number): void {
  const living = [...world.processes.values()].flat();
  const process = living[pick % Math.max(1, living.length)];
  if (process !== undefined) end(world, process, statusDrawn(world));
}

/** The main process of a unit ends by itself, in this way. */
export function endMain(world: World, name: string, status: ExitStatus): void {
  const main = treeOf(world, name).find((process) => process.role === 'main');
  if (main !== undefined) end(world, main, status);
}

/**
 * No more faults: everything under way goes on until nothing but running services and unbounded waits is left.
 * `look` is called after each step. False when it does not come to rest.
 */
export function comeToRest(world: World, look: () => void = () => undefined): boolean {
  calm(world);
  for (let left = 300 * (1 + world.fleet.units.size); left > 0; left -= 1) {
    if (tellNews(world, 0) || passDeadline(world, (unit) => unit.state.phase.at !== 'running')) look();
    else if (!endUnboundedWaits(world, (unit) => isMoving(unit.state.phase))) return true;
  }
  return false;
}

/** Who is faster. */
export interface Order {
  /** Stops are over before starts are. */
  readonly stopsFirst: boolean;
  /** Of so many units with news, whose is told next. */
  readonly pick: (waiting: number) => number;
}

/** The same, but that no pause passes. */
export function finishWell(world: World, { stopsFirst, pick }: Order): boolean {
  calm(world);
  const isStopping = ({ state }: Unit): boolean => state.phase.at === 'stopping';
  const stopsGoOn = (): boolean => {
    const stopping = [...world.facts.keys()].findIndex((name) => {
      const unit = world.fleet.units.get(name);
      return unit !== undefined && isStopping(unit);
    });
    if (stopping >= 0 && tellNews(world, stopping)) return true;
    return passDeadline(world, isStopping) || endUnboundedWaits(world, isStopping);
  };
  const isUnderWay = ({ state }: Unit): boolean => isMoving(state.phase);
  for (let left = 300 * (1 + world.fleet.units.size); left > 0; left -= 1) {
    if (stopsFirst && stopsGoOn()) continue;
    if (tellNews(world, pick(world.facts.size)) || passDeadline(world, isUnderWay)) continue;
    if (!endUnboundedWaits(world, isUnderWay)) return true;
  }
  return false;
}

function calm(world: World): void {
  world.faults = NO_FAULTS;
  for (const process of [...world.processes.values()].flat()) {
    if (process.role !== 'main' && process.role !== 'fork') end(world, process, SUCCESS);
    else if (process.role === 'main' && typeOf(world, process.unit) === 'oneshot')
      end(world, process, SUCCESS);
  }
}

/** The same world, to see what becomes of it. Processes of it heed every signal, and spawns succeed. */
export function branchOf(world: World): World {
  const heeding = (process: Process): Process => ({ ...process, ignoresTerm: false });
  return {
    ...world,
    fleet: snapshotOf(world.fleet),
    random: randomFrom(1),
    faults: NO_FAULTS,
    broken: new Set(),
    processes: new Map([...world.processes].map(([name, living]) => [name, living.map(heeding)])),
    facts: new Map([...world.facts].map(([name, queue]) => [name, [...queue]])),
    told: [],
    outputs: [],
  };
}

/** What these wait for without a bound ends in the end; true when there was some. */
function endUnboundedWaits(world: World, isWaiting: (unit: Unit) => boolean): boolean {
  const waiting = [...world.fleet.units.values()].filter(isWaiting);
  const awaited = waiting.flatMap((unit) => treeOf(world, unit.spec.name));
  for (const process of awaited) end(world, process, SUCCESS);
  return awaited.length > 0;
}

/** The living processes of a unit's present activation. */
export function treeOf(world: World, name: string): readonly Process[] {
  const tree = world.fleet.units.get(name)?.state.activation;
  return (world.processes.get(name) ?? []).filter((process) => process.tree === tree);
}

const SUCCESS: ExitStatus = { code: 0, signal: null, coreDumped: false };

function typeOf(world: World, name: string): string | undefined {
  return world.fleet.units.get(name)?.spec.type;
}

function statusDrawn(world: World): ExitStatus {
  const draw = world.random();
  if (draw < 0.4) return SUCCESS;
  if (draw < 0.7) return { code: 1, signal: null, coreDumped: false };
  return { code: null, signal: draw < 0.85 ? 'SIGSEGV' : 'SIGTERM', coreDumped: draw > 0.95 };
}

function perform(world: World, name: string, effect: MachineEffect): void {
  switch (effect.type) {
    case 'spawn':
      spawn(world, name, effect);
      return;
    case 'signal':
      for (const process of world.processes.get(name) ?? []) {
        if (process.pid === effect.process.pid) signal(world, process, effect.signal);
      }
      return;
    case 'signal-tree':
      for (const process of treeOf(world, name)) signal(world, process, effect.signal);
      return;
    case 'survey':
      news(world, name, { type: 'survey' });
      return;
    case 'seek-main':
      seekMain(world, name, effect.run);
      return;
    case 'begin':
    case 'end':
    case 'limit':
    case 'record':
      return;
  }
}

function spawn(world: World, name: string, effect: Extract<MachineEffect, { type: 'spawn' }>): void {
  const { run, role } = effect;
  const { faults } = world;
  if (world.broken.has(name) || world.random() < faults.spawnFails) {
    const failure = { stage: 'command', errno: 'ENOENT', reason: 'no such file' } as const;
    news(world, name, { type: 'event', event: { type: 'spawn-failed', run, failure } });
    return;
  }
  const process = fork(world, name, run, role);
  const { pid, startTicks } = process;
  news(world, name, { type: 'event', event: { type: 'spawned', run, process: { pid, startTicks } } });
  if (world.random() < faults.forks) fork(world, name, null, 'fork');
  const isDaemon = role === 'main' && typeOf(world, name) === 'service';
  if (world.random() < (isDaemon ? 1 - faults.exitsBadly / 2 : faults.hangs)) return;
  end(world, process, isDaemon || world.random() < faults.exitsBadly ? statusDrawn(world) : SUCCESS);
}

/** What a forking unit's command left behind becomes its main process, if it left anything. */
function seekMain(world: World, name: string, run: number): void {
  if (world.random() < world.faults.exitsBadly / 2) {
    news(world, name, { type: 'event', event: { type: 'main-lost', run } });
    return;
  }
  const { pid, startTicks } = fork(world, name, run, 'fork');
  news(world, name, { type: 'event', event: { type: 'main-found', run, process: { pid, startTicks } } });
}

function fork(world: World, name: string, run: number | null, role: string): Process {
  world.lastPid += 1;
  const process: Process = {
    unit: name,
    pid: world.lastPid,
    startTicks: world.nowMs,
    run,
    role,
    tree: world.fleet.units.get(name)?.state.activation ?? 0,
    ignoresTerm: world.random() < world.faults.ignoresTerm,
  };
  const living = world.processes.get(name);
  if (living === undefined) world.processes.set(name, [process]);
  else living.push(process);
  return process;
}

function signal(world: World, process: Process, signalName: string): void {
  if (signalName !== 'SIGKILL' && process.ignoresTerm) return;
  end(world, process, { code: null, signal: signalName, coreDumped: false });
}

function end(world: World, process: Process, status: ExitStatus): void {
  const living = (world.processes.get(process.unit) ?? []).filter((other) => other !== process);
  if (living.length > 0) world.processes.set(process.unit, living);
  else world.processes.delete(process.unit);
  if (process.run !== null) {
    news(world, process.unit, { type: 'event', event: { type: 'exited', run: process.run, status } });
  }
  news(world, process.unit, { type: 'survey' });
}

function news(world: World, name: string, fact: Fact): void {
  const queue = world.facts.get(name);
  if (queue === undefined) world.facts.set(name, [fact]);
  else queue.push(fact);
}
