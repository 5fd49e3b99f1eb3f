// The daemon as its API sees it: puts the supervisor, its effects, the outputs, the reloader, the sampler and the
// events together, and answers for them. What a signal or the end of the program does stands in main.ts.
import { join } from 'node:path';
import { effectiveUnit } from '../config/effective.ts';
import type { Instant, Output as CoreOutput } from '../core/converge.ts';
import { isUp, needsStop } from '../core/fleet.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import { operate } from '../core/operate.ts';
import { publicState } from '../core/view.ts';
import type { State } from '../model/state.ts';
import { problemLine } from '../model/problem.ts';
import type { LogEntry } from '../wire/log-entry.ts';
import { followLog } from '../logs/follow.ts';
import { readLog } from '../logs/read.ts';
import type { ProcessId } from '../model/process.ts';
import { processFacts } from '../os/process-nodes.ts';
import type { Clock, Meter, Processes } from '../os/ports.ts';
import { signalNumber } from '../os/signal-names.ts';
import { API_VERSION } from '../wire/v1.ts';
import type {
  EventLine,
  GraphDocument,
  LogLine,
  MovedUnit,
  OperationDocument,
  PlanDocument,
  ProblemDetails,
  ReloadRequest,
  StatusDocument,
  UnitDocument,
  UnitRequest,
  UnitStatus,
  UnitVerb,
} from '../wire/v1.ts';
import type { Answer, Control, EventQuery, LogQuery, Progress, Subscription } from './control.ts';
import type { DaemonLog } from './daemon-log.ts';
import {
  byName,
  dependenciesOf,
  dependentsOf,
  graphDocument,
  historyEntry,
  timestamp,
  unitStatus,
} from './documents.ts';
import { Effects } from './effects.ts';
import { EventHub } from './event-hub.ts';
import type { EventBody } from './event-hub.ts';
import { Operations } from './operations.ts';
import type { Goal } from './operations.ts';
import { openOutput } from './output.ts';
import type { Output } from './output.ts';
import { Reloader } from './reload.ts';
import type { Applied } from './reload.ts';
import { Sampler } from './sampler.ts';
import { Store } from './store.ts';
import { Supervisor } from './supervisor.ts';
import type { Look } from './supervisor.ts';
import { hasErrors, UnitDirectory } from './unit-set.ts';

export interface DaemonPaths {
  readonly units: string;
  readonly runtime: string;
  readonly state: string;
  readonly logs: string;
}

export interface DaemonOptions {
  readonly paths: DaemonPaths;
  readonly version: string;
  readonly clock: Clock;
  readonly processes: Processes;
  readonly meter: Meter;
  readonly random: () => number;
  readonly inherited: Readonly<Record<string, string>>;
  readonly log: DaemonLog;
  readonly insecurePermissions: boolean;
  /** null: usage is not measured. */
  readonly usageIntervalMs: number | null;
  /** A unit's failureAction or successAction wants the daemon to end with this code. */
  readonly onExitAction: (unit: string, code: number) => void;
}

export class Daemon implements Control {
  readonly #options: DaemonOptions;
  readonly #startedWall: number;
  readonly #hub: EventHub;
  readonly #store: Store;
  readonly #supervisor: Supervisor;
  readonly #effects: Effects;
  readonly #operations: Operations;
  readonly #reloader: Reloader;
  readonly #sampler: Sampler;
  readonly #outputs = new Map<string, Output>();
  /** Outputs of forgotten units that still write what they hold. */
  readonly #closing = new Set<Promise<void>>();
  #onAllDown: (() => void) | null = null;

  constructor(options: DaemonOptions) {
    const { clock, processes, log, paths } = options;
    this.#options = options;
    this.#startedWall = clock.wallMs();
    this.#hub = new EventHub(() => clock.wallMs());
    this.#store = new Store(paths.state, (message) => {
      log.write('error', 'state', message);
    });
    this.#supervisor = new Supervisor(
      {
        clock,
        random: options.random,
        perform: (unit, effect) => {
          this.#effects.perform(unit.spec, effect);
          if (effect.type === 'end') this.#settleOutput(unit.spec.name);
        },
      },
      {
        onLook: (name, from, to) => {
          this.#looked(name, from, to);
        },
        onExit: (unit, exit) => {
          this.#hub.publish({ type: 'exit', unit, exit: historyEntry(exit) });
        },
        onForgotten: (name) => {
          this.#forgotten(name);
        },
        onSettled: (touched) => {
          this.#operations.settled(touched);
          if (this.#onAllDown !== null && this.#isAllDown()) this.#onAllDown();
        },
        onExitAction: options.onExitAction,
        onBug: (unit, error) => {
          log.write('error', 'bug', error instanceof Error ? (error.stack ?? error.message) : String(error), { unit });
        },
      },
    );
    this.#effects = new Effects({
      processes,
      inherited: options.inherited,
      outputFor: (spec) => this.#outputFor(spec),
      send: (unit, event) => {
        this.#supervisor.send(unit, event);
      },
      onTrouble: (unit, message) => {
        log.write('warning', 'unit', message, { unit });
      },
    });
    this.#operations = new Operations(
      () => this.#supervisor.fleet,
      clock,
      () => this.#supervisor.isSettled,
    );
    this.#reloader = new Reloader({
      directory: new UnitDirectory(paths.units, options.insecurePermissions),
      supervisor: this.#supervisor,
      store: this.#store,
      onApplied: (applied) => {
        this.#applied(applied);
      },
    });
    this.#sampler = new Sampler({
      clock,
      meter: options.meter,
      intervalMs: options.usageIntervalMs,
      trees: () => this.#livingTrees(),
      onSample: (unit, usage) => {
        this.#hub.publish({ type: 'usage', unit, usage, source: options.meter.source });
      },
      onTrouble: (message) => {
        log.write('warning', 'usage', message);
      },
    });
  }

  /** Loads the unit files and begins to start what they want. Never fails for the files' sake. */
  async boot(): Promise<void> {
    const { intents, lastGood, warnings } = this.#store.read();
    for (const warning of warnings) this.#options.log.write('warning', 'state', warning);
    await this.#reloader.boot(lastGood, intents);
  }

  announceReady(): void {
    this.#hub.publish({ type: 'daemon', phase: 'ready' });
  }

  /** Takes all units down, dependants first; resolves when they are at rest. */
  async stopAll(): Promise<void> {
    this.#hub.publish({ type: 'daemon', phase: 'stopping' });
    const down = new Promise<void>((resolve) => {
      this.#onAllDown = resolve;
    });
    this.#supervisor.change((fleet) => {
      fleet.shuttingDown = true;
      for (const name of fleet.units.keys()) fleet.dirty.add(name);
    });
    if (this.#supervisor.isSettled && this.#isAllDown()) return;
    await down;
  }

  /** stopAll() is under way and shall not wait for anybody's grace any more. */
  hurry(): void {
    for (const name of this.#supervisor.fleet.units.keys()) this.#supervisor.send(name, { type: 'hurried' });
  }

  /** Writes down what is to be kept and lets go of everything; units that still run, run on. */
  async close(): Promise<void> {
    this.#sampler.close();
    this.#operations.close();
    this.#supervisor.close();
    const forget = this.#onAllDown !== null;
    await Promise.all([...this.#outputs.values()].map(async (output) => await output.close(forget)));
    this.#outputs.clear();
    await Promise.all(this.#closing);
    await this.#store.close();
  }

  // Control

  status(): StatusDocument {
    const { paths, version, clock } = this.#options;
    const now = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    const units = [...this.#supervisor.fleet.units.values()].map((unit) =>
      unitStatus(unit, now, usageOf(this.#sampler, unit.spec.name)),
    );
    return {
      apiVersion: API_VERSION,
      daemon: {
        pid: process.pid,
        version,
        startedAt: timestamp(this.#startedWall),
        units: paths.units,
        degraded: hasErrors(this.#reloader.problems),
        problems: this.#reloader.problems,
        fence: 'session',
        usageSource: this.#sampler.source,
      },
      units: byName(units),
    };
  }

  async unit(name: string): Promise<Answer<UnitDocument>> {
    const { fleet } = this.#supervisor;
    const unit = fleet.units.get(name);
    if (unit === undefined) return unknownUnit(name);
    const { clock, paths } = this.#options;
    const now = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    const measured = this.#sampler.of(name);
    const stats = this.#outputs.get(name)?.stats() ?? NO_OUTPUT;
    const document: UnitDocument = {
      apiVersion: API_VERSION,
      unit: unitStatus(unit, now, usageOf(this.#sampler, name)),
      file: this.#reloader.fileOf(name) ?? join(paths.units, `${name}.yaml`),
      effective: effectiveUnit(unit.spec),
      processes: processFacts(this.#effects.members(name)),
      history: unit.state.history.map(historyEntry),
      dependencies: dependenciesOf(fleet, unit),
      dependents: dependentsOf(fleet, unit),
      usage: {
        source: this.#sampler.source,
        peakMemoryBytes: measured?.peakMemoryBytes ?? 0,
        peakCpuPercent: measured?.peakCpuPercent ?? 0,
        peakTasks: measured?.peakTasks ?? 0,
        samples: measured?.samples ?? [],
      },
      logs: { directory: join(paths.logs, name), ...stats },
    };
    return await Promise.resolve({ ok: true, value: document });
  }

  graph(): GraphDocument {
    return graphDocument(this.#supervisor.fleet);
  }

  async plan({ partial }: { readonly partial: boolean }): Promise<Answer<PlanDocument>> {
    const planned = await this.#reloader.plan(partial);
    if (!planned.ok) return planned;
    return { ok: true, value: { apiVersion: API_VERSION, ...planned.value } };
  }

  async reload(
    request: ReloadRequest,
    progress: Progress,
    hangup: AbortSignal,
  ): Promise<Answer<OperationDocument>> {
    const partial = request.partial ?? false;
    const result = await this.#reloader.apply({ partial, planId: request.plan ?? null });
    if (!result.ok) return result;
    const { plan, problems, goals, excused } = result.value;
    const wait = request.wait ?? true;
    const units = await this.#operations.wait(goals, {
      wait,
      timeoutMs: request.timeoutMs ?? null,
      progress,
      hangup,
    });
    const judged = units.filter((unit) => !excused.has(unit.name));
    const document = { apiVersion: API_VERSION, verb: 'reload', ok: isGood(judged, wait), units, plan, problems } as const;
    return { ok: true, value: document };
  }

  async operate(
    name: string,
    verb: UnitVerb,
    request: UnitRequest,
    progress: Progress,
    hangup: AbortSignal,
  ): Promise<Answer<OperationDocument>> {
    const unit = this.#supervisor.fleet.units.get(name);
    if (unit === undefined || unit.removed) return unknownUnit(name);
    const wait = request.wait ?? true;
    const goal = verb === 'signal' ? this.#signal(unit, request) : goalOf(unit, verb);
    if ('error' in goal) return { ok: false, error: goal.error };
    if (verb !== 'signal') {
      this.#supervisor.change((fleet, instant, outputs) => {
        this.#operate(fleet, name, verb, instant, outputs);
      });
    }
    const timeoutMs = request.timeoutMs ?? null;
    const units = await this.#operations.wait([goal], { wait, timeoutMs, progress, hangup });
    const ok = isGood(units, wait);
    return { ok: true, value: { apiVersion: API_VERSION, verb, ok, units, plan: null, problems: [] } };
  }

  logs(name: string, query: LogQuery, hangup: AbortSignal): Answer<AsyncIterable<LogLine>> {
    if (!this.#supervisor.fleet.units.has(name)) return unknownUnit(name);
    const directory = join(this.#options.paths.logs, name);
    const { lines, sinceWall: sinceMs, stream } = query;
    const entries = query.follow
      ? followLog({ directory, lines, sinceMs, stream, signal: hangup })
      : readLog({ directory, lines, sinceMs, stream });
    return { ok: true, value: named(name, entries) };
  }

  events(query: EventQuery, listener: (line: EventLine) => void): Answer<Subscription> {
    const unknown = query.units.find((name) => !this.#supervisor.fleet.units.has(name));
    if (unknown !== undefined) return unknownUnit(unknown);
    if (query.snapshot) {
      const names = query.units.length > 0 ? query.units : [...this.#supervisor.fleet.units.keys()].sort();
      for (const unit of names) {
        const look = this.#supervisor.look(unit);
        if (look !== null) listener(this.#hub.numbered(stateEvent(unit, null, look)));
      }
    }
    return { ok: true, value: this.#hub.subscribe(query, listener) };
  }

  // What the parts report

  #operate(
    fleet: Fleet,
    name: string,
    verb: Exclude<UnitVerb, 'signal'>,
    instant: Instant,
    outputs: CoreOutput[],
  ): void {
    operate(fleet, name, verb, instant, outputs);
    this.#saveIntents();
  }

  #saveIntents(): void {
    const intents = [...this.#supervisor.fleet.units.values()].flatMap(({ spec, intent, removed }) =>
      intent === null || removed ? [] : [[spec.name, intent] as const],
    );
    this.#store.saveIntents(new Map(intents));
  }

  #signal(unit: Unit, request: UnitRequest): Goal | { readonly error: ProblemDetails } {
    const { name } = unit.spec;
    const asked = request.signal ?? 'SIGTERM';
    const signal = asked.startsWith('SIG') ? asked : `SIG${asked}`;
    const refuse = (detail: string, status: number): { readonly error: ProblemDetails } => ({
      error: { type: 'tag:unitd,2026:signal', title: 'cannot signal', status, detail },
    });
    if (signalNumber(signal) === null) {
      return refuse(`cannot signal unit "${name}": "${asked}" is no signal, expected one such as HUP or SIGUSR1`, 400);
    }
    const { phase } = unit.state;
    const main = 'main' in phase ? phase.main?.process : undefined;
    if (request.whom === 'all' && this.#effects.members(name).length > 0) {
      this.#options.processes.signalTree(this.#effects.treeOf(name), signal);
    } else if (main) {
      const sent = this.#options.processes.signal(main, signal);
      if (sent === 'denied') return refuse(`cannot signal unit "${name}": not permitted`, 403);
    } else {
      return refuse(`cannot signal unit "${name}": it is ${publicState(unit)}, expected a running process`, 409);
    }
    return { name, want: 'there', afterActivation: 0, isThere: false };
  }

  #looked(name: string, from: Look | null, to: Look): void {
    this.#hub.publish(stateEvent(name, from, to));
    this.#operations.looked(name, to);
    if (to.state === 'running' || to.state === 'starting') this.#sampler.wake();
    if (!LOGGED_STATES.includes(to.state) || (from?.state === to.state && from.pid === to.pid)) return;
    if (from === null && to.state === 'stopped') return;
    const level = to.state === 'failed' ? 'error' : to.state === 'backoff' ? 'warning' : 'info';
    const pid = to.pid === null ? {} : { pid: to.pid };
    this.#options.log.write(level, 'state', `${to.state}: ${to.reason}`, { unit: name, state: to.state, ...pid });
  }

  #applied({ plan, problems }: Applied): void {
    const { log } = this.#options;
    for (const problem of problems) {
      log.write(problem.severity === 'error' ? 'error' : 'warning', 'problem', problemLine(problem), {
        unit: problem.unit,
      });
    }
    this.#hub.publish({ type: 'reload', plan: plan.id, moved: plan.units.length, problems: problems.length });
    log.write('info', 'reload', `applied plan ${plan.id}: ${plan.units.length} moved, ${plan.unchanged} unchanged`);
    for (const { name } of plan.units) {
      const spec = this.#supervisor.fleet.units.get(name)?.spec;
      if (spec !== undefined) this.#outputs.get(name)?.update(spec);
    }
  }

  #outputFor(spec: Unit['spec']): Output {
    const { paths, clock, log } = this.#options;
    const known = this.#outputs.get(spec.name);
    known?.update(spec);
    if (known !== undefined) return known;
    const output = openOutput(spec, {
      fifoDirectory: join(paths.runtime, 'fifo'),
      logDirectory: paths.logs,
      clock,
      onProblem: (unit, problem) => {
        const droppedLines = this.#outputs.get(unit)?.stats().droppedLines ?? 0;
        this.#hub.publish({ type: 'log', unit, problem, droppedLines });
        const message = problem === null ? 'log can be written again' : `cannot write log of unit "${unit}": ${problem}`;
        log.write(problem === null ? 'info' : 'error', 'log', message, { unit });
      },
    });
    this.#outputs.set(spec.name, output);
    return output;
  }

  #settleOutput(name: string): void {
    const settling = this.#outputs.get(name)?.settle();
    settling?.catch((error: unknown) => {
      this.#options.log.write('error', 'log', `cannot complete log: ${String(error)}`, { unit: name });
    });
  }

  #forgotten(name: string): void {
    this.#hub.publish({ type: 'removed', unit: name });
    this.#effects.forget(name);
    this.#sampler.forget(name);
    const output = this.#outputs.get(name);
    if (output === undefined) return;
    this.#outputs.delete(name);
    const closing = output.close(true).catch((error: unknown) => {
      this.#options.log.write('error', 'log', `cannot close log: ${String(error)}`, { unit: name });
    });
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }

  #isAllDown(): boolean {
    for (const unit of this.#supervisor.fleet.units.values()) if (needsStop(unit)) return false;
    return true;
  }

  #livingTrees(): ReadonlyMap<string, readonly ProcessId[]> {
    const trees = new Map<string, readonly ProcessId[]>();
    for (const [name, unit] of this.#supervisor.fleet.units) {
      if (!needsStop(unit)) continue;
      const members = this.#effects.members(name);
      if (members.length > 0) trees.set(name, members);
    }
    return trees;
  }
}

/** Those that are worth a line in the daemon's own log; the rest is for `unitd events`. */
const LOGGED_STATES: readonly State[] = ['running', 'stopping', 'stopped', 'backoff', 'completed', 'failed'];

const NO_OUTPUT = { bytes: 0, lines: 0, droppedLines: 0, droppedBytes: 0, problem: null };

function usageOf(sampler: Sampler, name: string): UnitStatus['usage'] {
  const latest = sampler.of(name)?.latest;
  if (latest === undefined) return null;
  const { cpuPercent, memoryBytes, tasks } = latest;
  return { cpuPercent, memoryBytes, tasks };
}

function stateEvent(unit: string, from: Look | null, to: Look): Extract<EventBody, { type: 'state' }> {
  const { state, ready, wanted, reason, pid } = to;
  return { type: 'state', unit, from: from?.state ?? null, to: state, ready, wanted, reason, pid };
}

function goalOf(unit: Unit, verb: Exclude<UnitVerb, 'signal'>): Goal {
  const { name } = unit.spec;
  const { activation } = unit.state;
  switch (verb) {
    case 'start': {
      const isThere = isUp(unit) && unit.verdict.down === null;
      return { name, want: 'up', afterActivation: isThere ? activation - 1 : needsStop(unit) ? activation - 1 : activation, isThere };
    }
    case 'restart':
      return { name, want: 'up', afterActivation: activation, isThere: false };
    case 'stop':
      return { name, want: 'down', afterActivation: 0, isThere: publicState(unit) === 'stopped' };
    case 'release':
      return { name, want: 'there', afterActivation: 0, isThere: unit.intent === null };
    case 'reset':
      return { name, want: 'there', afterActivation: 0, isThere: false };
  }
}

function isGood(units: readonly MovedUnit[], wait: boolean): boolean {
  return units.every(({ outcome }) => outcome !== 'failed' && (outcome !== 'pending' || !wait));
}

function unknownUnit(name: string): { readonly ok: false; readonly error: ProblemDetails } {
  const detail = `cannot find unit "${name}": no unit file of that name is loaded, expected one of those in "unitd status"`;
  return { ok: false, error: { type: 'tag:unitd,2026:unknown-unit', title: 'no such unit', status: 404, detail } };
}

async function* named(unit: string, entries: AsyncIterable<LogEntry>): AsyncGenerator<LogLine> {
  for await (const { time, stream, text } of entries) yield { unit, time, stream, text };
}
