// A daemon without processes: an in-memory Control that tests of the API and of its clients script.
// It answers with sample documents until it is told otherwise, and records what it was asked.
import type {
  Answer,
  Control,
  EventQuery,
  LogQuery,
  OperationAnswer,
  Progress,
  Subscription,
} from '../../src/daemon/control.ts';
import type { Steps } from '../../src/core/steps.ts';
import type { State } from '../../src/model/state.ts';
import { DEPENDENCY_FIELDS } from '../../src/model/unit.ts';
import type { DependencyField } from '../../src/model/unit.ts';
import { API_VERSION } from '../../src/wire/v1.ts';
import type {
  DaemonStatus,
  DependencyStatus,
  EventLine,
  GraphDocument,
  LogLine,
  OperationDocument,
  PlanDocument,
  ProblemDetails,
  ReexecDocument,
  ReloadRequest,
  StatusDocument,
  UnitDocument,
  UnitRequest,
  UnitStatus,
  UnitVerb,
} from '../../src/wire/v1.ts';
import {
  SAMPLE_DAEMON,
  SAMPLE_PLAN,
  SAMPLE_PLAN_DOCUMENT,
  SAMPLE_REEXEC,
  SAMPLE_UNITS,
  sampleLogLines,
  sampleUnit,
  sampleUnitDocument,
} from './sample-documents.ts';

type Dependencies = GraphDocument['units'][number]['dependencies'];
type WithoutHead<L> = L extends EventLine ? Omit<L, 'apiVersion' | 'seq' | 'at'> : never;
/** An event without what the fake adds to each. */
export type EventBody = WithoutHead<EventLine>;

export type OperateScript = (
  name: string,
  verb: UnitVerb,
  request: UnitRequest,
  progress: Progress,
  hangup: AbortSignal,
) => OperationAnswer | Promise<OperationAnswer>;
export type ReloadScript = (
  request: ReloadRequest,
  progress: Progress,
  hangup: AbortSignal,
) => OperationAnswer | Promise<OperationAnswer>;
export type OperationScript = (
  id: string,
  progress: Progress,
  hangup: AbortSignal,
) => OperationAnswer | Promise<OperationAnswer>;

export interface FakeControlOptions {
  /** Default: SAMPLE_UNITS. */
  readonly units?: readonly UnitStatus[];
  readonly daemon?: Partial<DaemonStatus>;
  /** By unit name; default: api requires db, everything requires api and wants web. */
  readonly dependencies?: Readonly<Record<string, Dependencies>>;
  readonly plan?: Answer<PlanDocument>;
  /** What a unit has logged so far; default: sampleLogLines of it. */
  readonly logs?: (unit: string) => readonly LogLine[];
  /** Default: the unit goes to the state that the verb asks for, with one progress line. */
  readonly operate?: OperateScript;
  readonly reload?: ReloadScript;
  /** Default: no operation was handed over. */
  readonly operation?: OperationScript;
  /** Default: SAMPLE_REEXEC. */
  readonly reexec?: Answer<ReexecDocument>;
}

type Script = Pick<FakeControlOptions, 'plan' | 'operate' | 'reload' | 'operation' | 'reexec'>;

export interface FakeCall {
  readonly method:
    'status' | 'unit' | 'graph' | 'plan' | 'reload' | 'operate' | 'operation' | 'reexec' | 'logs' | 'events';
  readonly arguments: readonly unknown[];
}

export interface FakeControl extends Control {
  /** Every call so far, oldest first, without its functions and signals. */
  readonly calls: readonly FakeCall[];
  /** Subscriptions to events that are open now. */
  openSubscriptions(): number;
  /** Log readers (follow or not) that have been begun and have not ended. */
  openLogReaders(): number;
  /** Gives an event to every subscriber whose query lets it through. */
  emit(body: EventBody): void;
  /** Changes a unit (or adds it) and emits the `state` event of it. */
  move(name: string, fields: Partial<UnitStatus>): void;
  /** Gives a line to those who follow the unit's log. */
  log(line: LogLine): void;
  /** Changes what is answered from now on. */
  script(next: Script): void;
}

const AT = '2026-11-22T10:00:00.000Z';

export function ok<T>(value: T): Answer<T> {
  return { ok: true, value };
}

export function refused(
  status: number,
  code: string,
  title: string,
  detail: string,
  rest: Pick<ProblemDetails, 'problems' | 'plan'> = {},
): { readonly ok: false; readonly error: ProblemDetails } {
  return { ok: false, error: { type: `tag:unitd,2026:${code}`, title, status, detail, ...rest } };
}

const STATE_AFTER: Readonly<Record<UnitVerb, State | null>> = {
  start: 'running',
  stop: 'stopped',
  restart: 'running',
  signal: null,
  release: null,
  reset: null,
};

const SAMPLE_DEPENDENCIES: Readonly<Record<string, Dependencies>> = {
  api: { requires: ['db'] },
  everything: { requires: ['api'], wants: ['web'] },
};

export function fakeControl(options: FakeControlOptions = {}): FakeControl {
  const units = new Map((options.units ?? SAMPLE_UNITS).map((unit) => [unit.name, unit]));
  const dependencies = options.dependencies ?? (options.units === undefined ? SAMPLE_DEPENDENCIES : {});
  const calls: FakeCall[] = [];
  const listeners = new Map<(line: EventLine) => void, EventQuery>();
  const followers = new Set<(line: LogLine) => void>();
  let script: Script = options;
  let seq = 0;
  let logReaders = 0;

  function noSuchUnit(name: string): ReturnType<typeof refused> {
    return refused(404, 'no-such-unit', 'No such unit', `cannot find unit "${name}": no file of that name`);
  }

  function stateBody(unit: UnitStatus, from: State | null): EventBody {
    const { name, state, ready, wanted, reason, pid } = unit;
    return { type: 'state', unit: name, from, to: state, ready, wanted, reason, pid };
  }

  function numbered(body: EventBody): EventLine {
    seq += 1;
    return { apiVersion: API_VERSION, seq, at: AT, ...body };
  }

  function emit(body: EventBody): void {
    const line = numbered(body);
    for (const [listener, query] of [...listeners]) {
      if (passes(line, query)) listener(line);
    }
  }

  function move(name: string, fields: Partial<UnitStatus>): void {
    const before = units.get(name);
    const after = sampleUnit(name, { ...before, ...fields });
    units.set(name, after);
    emit(stateBody(after, before?.state ?? 'stopped'));
  }

  function operationOf(verb: OperationDocument['verb'], moved: readonly UnitStatus[]): OperationDocument {
    return {
      apiVersion: API_VERSION,
      verb,
      ok: true,
      units: moved.map(({ name, state, ready, reason }) => ({ name, state, ready, outcome: 'done', reason })),
      plan: verb === 'reload' ? SAMPLE_PLAN : null,
      problems: [],
    };
  }

  function relations(name: string): readonly DependencyStatus[] {
    return Object.entries(dependencies[name] ?? {}).flatMap(([field, names]) =>
      names.flatMap((other) => {
        const unit = units.get(other);
        if (unit === undefined || !isDependencyField(field)) return [];
        return [{ field, name: other, state: unit.state, ready: unit.ready, reason: unit.reason }];
      }),
    );
  }

  const operateByDefault: OperateScript = (name, verb, _request, progress) => {
    const state = STATE_AFTER[verb];
    if (state !== null) {
      progress({ type: 'progress', unit: name, state, reason: `${verb} asked for by an operator` });
      const up = state === 'running';
      move(name, {
        state,
        ready: up,
        wanted: up ? 'up' : 'down',
        held: !up,
        reason: up ? 'running' : 'stopped by an operator',
        pid: up ? 4321 : null,
      });
    }
    const unit = units.get(name);
    return ok(operationOf(verb, unit === undefined ? [] : [unit]));
  };

  const operationByDefault: OperationScript = (id) =>
    refused(410, 'unknown-operation', 'No such operation', `cannot find operation "${id}"`);

  const reloadByDefault: ReloadScript = (_request, progress) => {
    progress({ type: 'progress', unit: 'web', state: 'starting', reason: 'command changed' });
    const web = units.get('web');
    return ok(operationOf('reload', web === undefined ? [] : [web]));
  };

  return {
    calls,
    openSubscriptions: () => listeners.size,
    openLogReaders: () => logReaders,
    emit,
    move,
    log(line: LogLine): void {
      for (const follower of [...followers]) follower(line);
    },
    script(next): void {
      script = { ...script, ...next };
    },
    *status(): Steps<StatusDocument> {
      calls.push({ method: 'status', arguments: [] });
      yield;
      return {
        apiVersion: API_VERSION,
        daemon: { ...SAMPLE_DAEMON, ...options.daemon },
        units: [...units.values()],
      };
    },
    async unit(name): Promise<Answer<UnitDocument>> {
      calls.push({ method: 'unit', arguments: [name] });
      const unit = units.get(name);
      return unit === undefined ? noSuchUnit(name) : ok(sampleUnitDocument(unit, relations(name)));
    },
    *graph(): Steps<GraphDocument> {
      calls.push({ method: 'graph', arguments: [] });
      yield;
      return {
        apiVersion: API_VERSION,
        units: [...units.values()].map(({ name, type, state, ready, reason }) => ({
          name,
          type,
          state,
          ready,
          reason,
          dependencies: dependencies[name] ?? {},
        })),
      };
    },
    async plan(request): Promise<Answer<PlanDocument>> {
      calls.push({ method: 'plan', arguments: [request] });
      return script.plan ?? ok(SAMPLE_PLAN_DOCUMENT);
    },
    async reload(request, progress, hangup): Promise<OperationAnswer> {
      calls.push({ method: 'reload', arguments: [request] });
      return (script.reload ?? reloadByDefault)(request, progress, hangup);
    },
    async operate(name, verb, request, progress, hangup): Promise<OperationAnswer> {
      calls.push({ method: 'operate', arguments: [name, verb, request] });
      if (!units.has(name)) return noSuchUnit(name);
      return (script.operate ?? operateByDefault)(name, verb, request, progress, hangup);
    },
    async operation(id, progress, hangup): Promise<OperationAnswer> {
      calls.push({ method: 'operation', arguments: [id] });
      return (script.operation ?? operationByDefault)(id, progress, hangup);
    },
    async reexec(): Promise<Answer<ReexecDocument>> {
      calls.push({ method: 'reexec', arguments: [] });
      return script.reexec ?? ok(SAMPLE_REEXEC);
    },
    logs(name: string, query: LogQuery, hangup: AbortSignal): Answer<AsyncIterable<LogLine>> {
      calls.push({ method: 'logs', arguments: [name, query] });
      if (!units.has(name)) return noSuchUnit(name);
      const kept = (options.logs ?? sampleLogLines)(name).filter(
        ({ stream, time }) =>
          (query.stream === null || stream === query.stream) &&
          (query.sinceWall === null || time === null || Date.parse(time) >= query.sinceWall),
      );
      const chosen = query.lines === null ? kept : kept.slice(Math.max(0, kept.length - query.lines));
      return ok(logReader(name, chosen, query.follow, hangup));
    },
    events(query, listener): Answer<Subscription> {
      calls.push({ method: 'events', arguments: [query] });
      listeners.set(listener, query);
      if (query.snapshot) {
        for (const unit of units.values()) {
          const line = numbered(stateBody(unit, null));
          if (passes(line, query)) listener(line);
        }
      }
      return ok({ close: () => void listeners.delete(listener) });
    },
  };

  async function* logReader(
    unit: string,
    kept: readonly LogLine[],
    follow: boolean,
    hangup: AbortSignal,
  ): AsyncGenerator<LogLine> {
    const pending = [...kept];
    let wake = (): void => {};
    const follower = (line: LogLine): void => {
      if (line.unit === unit) pending.push(line);
      wake();
    };
    const hungUp = (): void => wake();
    logReaders += 1;
    followers.add(follower);
    hangup.addEventListener('abort', hungUp);
    try {
      while (!hangup.aborted) {
        const line = pending.shift();
        if (line !== undefined) yield line;
        else if (!follow) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      hangup.removeEventListener('abort', hungUp);
      followers.delete(follower);
      logReaders -= 1;
    }
  }
}

function passes(line: EventLine, query: EventQuery): boolean {
  const unit = 'unit' in line ? line.unit : null;
  const ofUnit = query.units.length === 0 || (unit !== null && query.units.includes(unit));
  return ofUnit && (query.types.length === 0 || query.types.includes(line.type));
}

function isDependencyField(field: string): field is DependencyField {
  return DEPENDENCY_FIELDS.some((known) => known === field);
}
