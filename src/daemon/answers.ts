// What the daemon answers to its API: reads the parts and renders documents, takes operators' words in and waits for
// what comes of them. It owns nothing.
import { join } from 'node:path';
import { effectiveUnit } from '../config/effective.ts';
import { needsStop } from '../core/fleet.ts';
import type { Unit } from '../core/fleet.ts';
import { operate } from '../core/operate.ts';
import type { Verb } from '../core/operate.ts';
import { publicState } from '../core/view.ts';
import { followLog } from '../logs/follow.ts';
import { readLog } from '../logs/read.ts';
import { processFacts } from '../os/process-nodes.ts';
import type { Clock, Processes } from '../os/ports.ts';
import type { LogEntry } from '../wire/log-entry.ts';
import { API_VERSION } from '../wire/v1.ts';
import type {
  EventLine,
  GraphDocument,
  LogLine,
  MovedUnit,
  PlanDocument,
  ProblemDetails,
  ReexecDocument,
  ReloadRequest,
  StatusDocument,
  UnitDocument,
  UnitRequest,
  UnitStatus,
  UnitVerb,
} from '../wire/v1.ts';
import type {
  Answer,
  Control,
  EventQuery,
  LogQuery,
  OperationAnswer,
  Progress,
  Subscription,
} from './control.ts';
import {
  byName,
  dependenciesOf,
  dependentsOf,
  graphDocument,
  historyEntry,
  stateEvent,
  timestamp,
  unitStatus,
} from './documents.ts';
import type { Now } from './documents.ts';
import type { Effects } from './effects.ts';
import type { EventHub } from './event-hub.ts';
import { goalOf } from './goals.ts';
import type { HandedOperations, Waited } from './handed-operations.ts';
import type { ReplaceFailure } from './handover.ts';
import { inTime } from './in-time.ts';
import type { Intents } from './intents.ts';
import type { Goal, Operations } from './operations.ts';
import { meantSignal } from './meant-signal.ts';
import type { Outputs } from './outputs.ts';
import type { DaemonPaths } from './paths.ts';
import type { Reloader } from './reload.ts';
import type { Sampler } from './sampler.ts';
import type { Supervisor } from './supervisor.ts';
import { hasErrors } from './unit-set.ts';

export interface AnswerParts {
  readonly paths: DaemonPaths;
  readonly version: string;
  readonly startedWall: number;
  /** null: this version was started, and took over from no other. */
  readonly replacedWall: number | null;
  readonly replaceFailure: ReplaceFailure | null;
  readonly clock: Clock;
  readonly processes: Processes;
  readonly supervisor: Supervisor;
  readonly effects: Effects;
  readonly outputs: Outputs;
  readonly reloader: Reloader;
  readonly operations: Operations;
  readonly sampler: Sampler;
  readonly intents: Intents;
  readonly hub: EventHub;
  readonly handed: HandedOperations;
  readonly reexec: () => Promise<Answer<ReexecDocument>>;
}

export class Answers implements Control {
  readonly #parts: AnswerParts;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  status(): StatusDocument {
    const { paths, version, clock, replaceFailure } = this.#parts;
    const now = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    const units = [...this.#parts.supervisor.fleet.units.values()].map((unit) => this.#statusOf(unit, now));
    return {
      apiVersion: API_VERSION,
      daemon: {
        pid: process.pid,
        version,
        startedAt: timestamp(this.#parts.startedWall),
        replacedAt: this.#parts.replacedWall === null ? null : timestamp(this.#parts.replacedWall),
        replaceFailure:
          replaceFailure === null
            ? null
            : { at: timestamp(replaceFailure.atWall), detail: replaceFailure.detail },
        units: paths.units,
        degraded: hasErrors(this.#parts.reloader.problems),
        problems: this.#parts.reloader.problems,
        fence: this.#parts.processes.fence,
        usageSource: this.#parts.sampler.sources,
      },
      units: byName(units),
    };
  }

  async unit(name: string): Promise<Answer<UnitDocument>> {
    const { fleet } = this.#parts.supervisor;
    const unit = fleet.units.get(name);
    if (unit === undefined) return unknownUnit(name);
    const { clock, paths } = this.#parts;
    const now = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    const measured = this.#parts.sampler.of(name);
    const stats = this.#parts.outputs.stats(name);
    const document: UnitDocument = {
      apiVersion: API_VERSION,
      unit: this.#statusOf(unit, now),
      file: this.#parts.reloader.fileOf(name) ?? join(paths.units, `${name}.yaml`),
      effective: effectiveUnit(unit.spec),
      processes: processFacts(this.#parts.effects.members(name)),
      cgroup: this.#parts.effects.treeOf(name).cgroup ?? null,
      history: unit.state.history.map(historyEntry),
      dependencies: dependenciesOf(fleet, unit),
      dependents: dependentsOf(fleet, unit),
      usage: {
        source: measured?.sources ?? this.#parts.sampler.sources,
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
    return graphDocument(this.#parts.supervisor.fleet);
  }

  async plan({ partial }: { readonly partial: boolean }): Promise<Answer<PlanDocument>> {
    if (this.#parts.supervisor.fleet.shuttingDown) return stopping('plan a reload');
    const planned = await this.#parts.reloader.plan(partial);
    if (!planned.ok) return planned;
    return { ok: true, value: { apiVersion: API_VERSION, ...planned.value } };
  }

  async reload(request: ReloadRequest, progress: Progress, hangup: AbortSignal): Promise<OperationAnswer> {
    if (this.#parts.supervisor.fleet.shuttingDown) return stopping('reload');
    const partial = request.partial ?? false;
    const deadlineMs = this.#deadlineOf(request.timeoutMs);
    // The files may lie on a disk that does not answer.
    const applied = this.#parts.reloader.apply({ partial, planId: request.plan ?? null });
    const result = await inTime(applied, deadlineMs, this.#parts.clock);
    if (result === null) {
      const nothingYet = { verb: 'reload', ok: false, units: [], plan: null, problems: [] } as const;
      return { ok: true, value: { apiVersion: API_VERSION, ...nothingYet } };
    }
    if (!result.ok) return result;
    const { plan, problems, goals, excused, stranded } = result.value;
    const waited = {
      verb: 'reload',
      goals,
      excused: [...excused],
      stranded: [...stranded],
      plan,
      problems,
      deadlineMs,
      moved: [],
    } as const;
    return await this.#wait(waited, request.wait ?? true, progress, hangup);
  }

  async operate(
    name: string,
    verb: UnitVerb,
    request: UnitRequest,
    progress: Progress,
    hangup: AbortSignal,
  ): Promise<OperationAnswer> {
    const unit = this.#parts.supervisor.fleet.units.get(name);
    if (unit === undefined || unit.removed) return unknownUnit(name);
    const wait = request.wait ?? true;
    const deadlineMs = this.#deadlineOf(request.timeoutMs);
    const goal = verb === 'signal' ? this.#signal(unit, request) : await this.#goalOnceSaid(unit, verb);
    if ('error' in goal) return { ok: false, error: goal.error };
    const nobody = { excused: [], stranded: [] };
    const waited = { verb, goals: [goal], ...nobody, plan: null, problems: [], deadlineMs, moved: [] };
    const answer = await this.#wait(waited, wait, progress, hangup);
    // A word that was answered holds, though the daemon be killed the moment after.
    await this.#parts.intents.written();
    return answer;
  }

  async operation(id: string, progress: Progress, hangup: AbortSignal): Promise<OperationAnswer> {
    const waited = this.#parts.handed.take(id);
    if (waited !== null) return await this.#wait(waited, true, progress, hangup);
    const detail = `cannot find operation "${id}": none of that id was handed over, or it was asked for already, expected one that is waited for`;
    const type = 'tag:unitd,2026:unknown-operation';
    return { ok: false, error: { type, title: 'No such operation', status: 410, detail } };
  }

  async reexec(): Promise<Answer<ReexecDocument>> {
    return await this.#parts.reexec();
  }

  logs(name: string, query: LogQuery, hangup: AbortSignal): Answer<AsyncIterable<LogLine>> {
    if (!this.#parts.supervisor.fleet.units.has(name)) return unknownUnit(name);
    const directory = join(this.#parts.paths.logs, name);
    const { lines, sinceWall: sinceMs, stream } = query;
    const entries = query.follow
      ? followLog({ directory, lines, sinceMs, stream, signal: hangup })
      : readLog({ directory, lines, sinceMs, stream });
    return { ok: true, value: named(name, entries) };
  }

  events(query: EventQuery, listener: (line: EventLine) => void): Answer<Subscription> {
    const unknown = query.units.find((name) => !this.#parts.supervisor.fleet.units.has(name));
    if (unknown !== undefined) return unknownUnit(unknown);
    if (query.after !== null) for (const line of this.#parts.hub.since(query.after, query)) listener(line);
    if (query.snapshot && (query.types.length === 0 || query.types.includes('state'))) {
      const { units } = this.#parts.supervisor.fleet;
      const names = query.units.length > 0 ? new Set(query.units) : [...units.keys()].sort();
      for (const unit of names) {
        const look = this.#parts.supervisor.look(unit);
        if (look !== null) listener(this.#parts.hub.numbered(stateEvent(unit, null, look)));
      }
    }
    return { ok: true, value: this.#parts.hub.subscribe(query, listener) };
  }

  #deadlineOf(timeoutMs: number | undefined): number | null {
    return timeoutMs === undefined ? null : this.#parts.clock.monotonicMs() + timeoutMs;
  }

  async #wait(
    waited: Waited,
    wait: boolean,
    progress: Progress,
    hangup: AbortSignal,
  ): Promise<OperationAnswer> {
    const { clock, operations, handed } = this.#parts;
    const { verb, goals, excused, stranded = [], plan, problems, deadlineMs } = waited;
    const timeoutMs = deadlineMs === null ? null : Math.max(0, deadlineMs - clock.monotonicMs());
    const moved = new Map(waited.moved.map((row) => [row.name, row]));
    const open = goals.filter(({ name }) => !moved.has(name));
    for (const row of await operations.wait(open, { wait, timeoutMs, progress, hangup }))
      moved.set(row.name, row);
    const units = goals.flatMap(({ name }) => moved.get(name) ?? []);
    if (wait && operations.isInterrupted && units.some(({ outcome }) => outcome === 'pending')) {
      return handed.give({ ...waited, moved: units.filter(({ outcome }) => outcome !== 'pending') });
    }
    const isExcused = ({ name, state }: MovedUnit): boolean =>
      excused.includes(name) || (state === 'waiting' && stranded.includes(name));
    const judged = units.map((unit) => (isExcused(unit) ? excusedUnit(unit, wait) : unit));
    const ok = isGood(judged, wait);
    return { ok: true, value: { apiVersion: API_VERSION, verb, ok, units: judged, plan, problems } };
  }

  /** Takes an operator's word in. */
  async #goalOnceSaid(unit: Unit, verb: Verb): Promise<Goal> {
    const { supervisor, intents } = this.#parts;
    const { name } = unit.spec;
    supervisor.change((fleet, instant, outputs) => {
      operate(fleet, name, verb, instant, outputs);
      intents.save(fleet);
    });
    if (verb === 'release' || verb === 'reset')
      await new Promise<void>((resolve) => supervisor.whenDecided(resolve));
    return goalOf(verb, unit, supervisor.fleet.units.get(name));
  }

  #statusOf(unit: Unit, now: Now): UnitStatus {
    const { effects, sampler } = this.#parts;
    const { name } = unit.spec;
    const { cgroup, invocationId } = effects.treeOf(name);
    const fence = cgroup === undefined ? 'session' : 'cgroup';
    const measured = sampler.of(name);
    // Figures of an earlier activation say nothing of this one.
    const usage = measured?.invocationId === invocationId ? measured.latest : null;
    const isCompleted = unit.state.phase.at === 'completed' && needsStop(unit);
    const isLeft = isCompleted && effects.members(name).length > 0;
    return unitStatus(this.#parts.supervisor.fleet, unit, now, { fence, usage, isLeft });
  }

  #signal(unit: Unit, request: UnitRequest): Goal | { readonly error: ProblemDetails } {
    const { name } = unit.spec;
    const asked = request.signal ?? 'SIGTERM';
    const signal = meantSignal(asked);
    const refuse = (detail: string, status: number): { readonly error: ProblemDetails } => ({
      error: { type: 'tag:unitd,2026:signal', title: 'Cannot signal', status, detail },
    });
    if (signal === null) {
      return refuse(
        `cannot signal unit "${name}": "${asked}" is no signal, expected a name or number such as HUP, SIGUSR1 or 9`,
        400,
      );
    }
    const { phase } = unit.state;
    const main = 'main' in phase ? phase.main?.process : undefined;
    if (request.whom === 'all' && this.#parts.effects.members(name).length > 0) {
      const reached = this.#parts.processes.signalTree(this.#parts.effects.treeOf(name), signal);
      if (reached === 0)
        return refuse(`cannot signal unit "${name}": none of its processes could be sent it`, 403);
    } else if (main) {
      const sent = this.#parts.processes.signal(main, signal);
      if (sent === 'denied') return refuse(`cannot signal unit "${name}": not permitted`, 403);
    } else {
      return refuse(
        `cannot signal unit "${name}": it has no process (its state is ${publicState(unit)}), expected a running one`,
        409,
      );
    }
    return { name, want: 'there', afterActivation: 0, isThere: false };
  }
}

/** It was failing before the reload, or waits as before. */
function excusedUnit(unit: MovedUnit, wait: boolean): MovedUnit {
  const isThere = unit.outcome !== 'failed' && (unit.outcome !== 'pending' || !wait);
  return isThere ? unit : { ...unit, outcome: 'excused' };
}

function isGood(units: readonly MovedUnit[], wait: boolean): boolean {
  return units.every(({ outcome }) => outcome !== 'failed' && (outcome !== 'pending' || !wait));
}

function stopping(what: string): { readonly ok: false; readonly error: ProblemDetails } {
  const detail = `cannot ${what}: the daemon is stopping, expected one that goes on running`;
  return {
    ok: false,
    error: { type: 'tag:unitd,2026:stopping', title: 'The daemon is stopping', status: 409, detail },
  };
}

function unknownUnit(name: string): { readonly ok: false; readonly error: ProblemDetails } {
  const detail = `cannot find unit "${name}": no unit file of that name is loaded, expected one of those in "unitd status"`;
  return {
    ok: false,
    error: { type: 'tag:unitd,2026:unknown-unit', title: 'No such unit', status: 404, detail },
  };
}

async function* named(unit: string, entries: AsyncIterable<LogEntry>): AsyncGenerator<LogLine> {
  for await (const { time, stream, text } of entries) yield { unit, time, stream, text };
}
