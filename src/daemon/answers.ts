// What the daemon answers to its API: reads the parts and renders documents, takes operators' words in and waits for
// what comes of them. It owns nothing.
import { join } from 'node:path';
import type { DaemonPaths } from '../base/paths.ts';
import { effectiveUnit } from '../config/effective.ts';
import { needsStop } from '../core/fleet.ts';
import type { Unit } from '../core/fleet.ts';
import { operate } from '../core/operate.ts';
import type { Verb } from '../core/operate.ts';
import { each } from '../core/steps.ts';
import type { Steps } from '../core/steps.ts';
import { hasErrors } from '../model/problem.ts';
import { followLog } from '../logs/follow.ts';
import { readLog } from '../logs/read.ts';
import { processFacts } from '../os/process-nodes.ts';
import type { ProcessFacts } from '../os/process-nodes.ts';
import type { Clock, Processes } from '../os/ports.ts';
import type { LogEntry } from '../wire/log-entry.ts';
import { API_VERSION } from '../wire/v1.ts';
import type {
  EventLine,
  GraphDocument,
  LogLine,
  PlanDocument,
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
  graphing,
  historyEntry,
  stateEvent,
  timestamp,
  unitStatus,
} from './documents.ts';
import type { Now } from './documents.ts';
import type { Effects } from './effects.ts';
import type { EventHub } from './event-hub.ts';
import { goalOf } from './goals.ts';
import type { HandedOperations } from './handed-operations.ts';
import type { Origin } from './handover.ts';
import { inTime } from './in-time.ts';
import type { Intents } from './intents.ts';
import { answerOf } from './operation-answer.ts';
import type { Goal, Operations } from './operations.ts';
import type { Outputs } from './outputs.ts';
import { stopping, unknownOperation, unknownUnit } from './refusals.ts';
import type { Reloader } from './reload.ts';
import type { Sampler } from './sampler.ts';
import { signalUnit } from './signal-unit.ts';
import { inSlices } from './slices.ts';
import type { Supervisor } from './supervisor.ts';

export interface AnswerParts {
  readonly paths: DaemonPaths;
  readonly origin: Origin;
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

  *status(): Steps<StatusDocument> {
    const { paths, origin, clock } = this.#parts;
    const { replacedWall, replaceFailure } = origin;
    const now = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    const units: UnitStatus[] = [];
    for (const unit of [...this.#parts.supervisor.fleet.units.values()]) {
      yield;
      units.push(this.#statusOf(unit, now));
    }
    return {
      apiVersion: API_VERSION,
      daemon: {
        pid: process.pid,
        version: origin.version,
        startedAt: timestamp(origin.startedWall),
        replacedAt: replacedWall === null ? null : timestamp(replacedWall),
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
    const processes: ProcessFacts[] = [];
    // A unit may have thousands: to look at one costs as much as a hundred rows of a status.
    const looks = each(this.#parts.effects.members(name), (member) => {
      const facts = processFacts(member);
      if (facts !== null) processes.push(facts);
    });
    await inSlices(looks);
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
      processes,
      cgroup: this.#parts.effects.treeOf(name).cgroup ?? null,
      history: unit.state.history.map(historyEntry),
      dependencies: dependenciesOf(fleet, unit),
      dependents: dependentsOf(fleet, unit),
      usage: {
        source: measured?.sources ?? this.#parts.sampler.sources,
        peakMemoryBytes: measured?.peakMemoryBytes ?? 0,
        peakCpuPercent: measured?.peakCpuPercent ?? 0,
        peakTasks: measured?.peakTasks ?? 0,
        // It is printed in slices, and may be added to meanwhile.
        samples: [...(measured?.samples ?? [])],
      },
      logs: { directory: join(paths.logs, name), ...stats },
    };
    return { ok: true, value: document };
  }

  graph(): Steps<GraphDocument> {
    return graphing(this.#parts.supervisor.fleet);
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
    return await answerOf(waited, this.#parts, { wait: request.wait ?? true, progress, hangup });
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
    if (verb === 'signal') {
      const refusal = signalUnit(unit, request, this.#parts.effects, this.#parts.processes);
      if (refusal !== null) return refusal;
    }
    const sent = { name, want: 'there', afterActivation: 0, isThere: false } as const;
    const goal = verb === 'signal' ? sent : await this.#goalOnceSaid(unit, verb);
    const nobody = { excused: [], stranded: [] };
    const waited = { verb, goals: [goal], ...nobody, plan: null, problems: [], deadlineMs, moved: [] };
    const answer = await answerOf(waited, this.#parts, { wait, progress, hangup });
    // A word that was answered holds, though the daemon be killed the moment after.
    await this.#parts.intents.written();
    return answer;
  }

  async operation(id: string, progress: Progress, hangup: AbortSignal): Promise<OperationAnswer> {
    const waited = this.#parts.handed.take(id);
    if (waited === null) return unknownOperation(id);
    return await answerOf(waited, this.#parts, { wait: true, progress, hangup });
  }

  async reexec(): Promise<Answer<ReexecDocument>> {
    return await this.#parts.reexec();
  }

  logs(name: string, query: LogQuery, hangup: AbortSignal): Answer<AsyncIterable<LogLine>> {
    if (!this.#parts.supervisor.fleet.units.has(name)) return unknownUnit(name);
    const directory = join(this.#parts.paths.logs, name);
    const { lines, sinceWall: sinceMs, stream } = query;
    const entries = query.follow
      ? followLog({ directory, lines, sinceMs, stream, signal: hangup, last: this.#parts.outputs.last(name) })
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

  /** Takes an operator's word in. */
  async #goalOnceSaid(unit: Unit, verb: Verb): Promise<Goal> {
    const { supervisor, intents } = this.#parts;
    const { name } = unit.spec;
    supervisor.change((fleet, instant, outputs) => {
      operate(fleet, name, verb, instant, outputs);
      intents.said(
        fleet,
        outputs.map((output) => output.unit),
      );
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
}

async function* named(unit: string, entries: AsyncIterable<LogEntry>): AsyncGenerator<LogLine> {
  for await (const { time, stream, text } of entries) yield { unit, time, stream, text };
}
