// How one unit moves: step(spec, state, event) -> state and effects. Pure and total: every pair of phase and event
// is named below and none throws. Who is wanted, and who may move now, is core/reconcile's question, not ours.
//
// Rules
//
// Runs. Every process has a run id, fresh for each spawn; a fact that quotes a run which the phase does not hold is
// stale and changes nothing. At most one main process is held at any time, and no start happens unless the unit is at
// rest (stopped, completed, failed), so no unit ever has two live runs.
//
// Deadlines. Each phase has at most one; deadline-passed quotes it, and one that differs is stale. A phase that waits
// has a deadline unless the unit's file says `infinity`.
//
// stopped    At rest. start-requested begins an activation. start-refused makes it failed.
// completed  A oneshot that succeeded (it counts as up), or a service that ended cleanly and is not to be restarted.
//            stop-requested runs a oneshot's stop.command and stopPost and ends what it left running.
// failed     At rest; only an explicit start (or cleared) leaves it. stop-requested makes it stopped.
// backoff    Its deadline makes it stopped, which is to say due: reconcile starts it when nothing is in the way.
//            stop-requested makes it stopped at once, cleared likewise.
// starting   startPre in order, then main. A service is running once main is there and startPost is done; a oneshot is
//            completed once main has exited cleanly and startPost is done. One startTimeout bounds all of it. Whatever
//            fails here leads to stopping, without stop.command, since it never came up.
// running    main's own end, runtimeMax or stop-requested lead to stopping. A target has no main and nothing to stop.
// stopping   command -> signal -> final -> post -> sweep, each skipped where there is nothing to do. It is over when
//            main, the current helper and (killMode control-group and mixed) the whole tree are gone. `requested`
//            says that an operator, a reload or a dependency wants it down: then it ends in stopped, and restarting
//            is just that followed by a start. Otherwise core/restart decides between backoff, completed and failed.
//            final has a deadline too: what outlives it is abandoned, and the unit is failed and says so.
//
// A failed spawn is an end like any other, not a special case. An uptime long enough to begin the count of restarts
// again is found by arithmetic at the end of the run, not by a timer.
import { formatDuration } from '../base/duration.ts';
import type { ExitStatus } from '../model/process.ts';
import type { ExitRecord } from '../model/state.ts';
import type { Command, UnitSpec } from '../model/unit.ts';
import { HISTORY_LENGTH } from './machine-state.ts';
import type {
  CommandRole,
  Deadline,
  Helper,
  MachineEffect,
  MachineEvent,
  MachineState,
  Phase,
  Run,
  Step,
  StepFacts,
  Stopping,
} from './machine-state.ts';
import { afterEnding, endingOf, FRESH_TALLY, statusText } from './restart.ts';
import type { Ending } from './restart.ts';

type Starting = Extract<Phase, { at: 'starting' }>;
type Running = Extract<Phase, { at: 'running' }>;
type AtRest = Exclude<Phase, Starting | Running | Stopping>;

/** What one step writes on; it never leaves step(). */
interface Draft {
  readonly spec: UnitSpec;
  readonly facts: StepFacts;
  readonly effects: MachineEffect[];
  state: MachineState;
}

export function step(spec: UnitSpec, state: MachineState, event: MachineEvent, facts: StepFacts): Step {
  const draft: Draft = { spec, facts, state, effects: [] };
  const { phase } = state;
  switch (phase.at) {
    case 'stopped':
    case 'completed':
    case 'failed':
    case 'backoff':
      stepAtRest(draft, phase, event);
      break;
    case 'starting':
      stepStarting(draft, phase, event);
      break;
    case 'running':
      stepRunning(draft, phase, event);
      break;
    case 'stopping':
      stepStopping(draft, phase, event);
      break;
  }
  return { state: draft.state, effects: draft.effects };
}

function stepAtRest(draft: Draft, phase: AtRest, event: MachineEvent): void {
  switch (event.type) {
    case 'start-requested':
      if (phase.at !== 'backoff') begin(draft);
      return;
    case 'stop-requested':
      if (phase.at === 'completed' && draft.spec.type === 'oneshot') {
        beginStop(draft, { main: null, helper: null, ending: null, requested: true, readyAt: null, wasUp: true });
      } else if (phase.at !== 'stopped') enter(draft, { at: 'stopped', text: null });
      return;
    case 'start-refused':
      if (phase.at === 'stopped') enter(draft, { at: 'failed', text: event.text });
      return;
    case 'cleared':
      clearTally(draft);
      if (phase.at === 'failed' || phase.at === 'backoff') enter(draft, { at: 'stopped', text: null });
      return;
    case 'deadline-passed':
      if (phase.at === 'backoff' && phase.deadline === event.deadline) {
        enter(draft, { at: 'stopped', text: phase.ending.text });
      }
      return;
    case 'hurried':
    case 'respecified':
    case 'spawned':
    case 'spawn-failed':
    case 'exited':
    case 'surveyed':
      return;
  }
}

function begin(draft: Draft): void {
  const { spec, facts } = draft;
  draft.state = { ...draft.state, activation: draft.state.activation + 1 };
  if (spec.command === null) {
    enter(draft, { at: 'running', main: null, deadline: null, readyAt: facts.nowMs });
    draft.state = { ...draft.state, startedWall: facts.wallMs };
    return;
  }
  draft.effects.push({ type: 'begin' });
  const deadline = bound(facts.nowMs, spec.startTimeoutMs);
  startNext(draft, { at: 'starting', main: null, helper: null, deadline, startedAt: facts.nowMs }, 0);
}

/** startPre from `index` on, or else main. */
function startNext(draft: Draft, phase: Starting, index: number): void {
  const { spec, facts } = draft;
  const command = spec.startPre[index];
  if (command !== undefined) {
    enter(draft, { ...phase, helper: spawnHelper(draft, 'startPre', index, command, {}) });
  } else if (spec.command !== null) {
    const main = spawnRun(draft, 'main', spec.command, {});
    enter(draft, { ...phase, helper: null, main });
    draft.state = { ...draft.state, startedWall: facts.wallMs };
  }
}

/** startPost from `index` on, or else the unit is up. */
function startPostNext(draft: Draft, phase: Starting, index: number): void {
  const { spec, facts } = draft;
  const command = spec.startPost[index];
  if (command !== undefined) {
    enter(draft, { ...phase, helper: spawnHelper(draft, 'startPost', index, command, mainPid(phase.main)) });
  } else if (spec.type === 'oneshot') {
    const ending = endingOf({ code: 0, signal: null, coreDumped: false }, spec);
    record(draft, ending, { requested: false, readyAt: null });
    draft.effects.push({ type: 'end' });
    enter(draft, { at: 'completed' });
  } else {
    const deadline = bound(facts.nowMs, spec.runtimeMaxMs);
    enter(draft, { at: 'running', main: phase.main, deadline, readyAt: facts.nowMs });
  }
}

function stepStarting(draft: Draft, phase: Starting, event: MachineEvent): void {
  const { spec } = draft;
  switch (event.type) {
    case 'spawned':
      if (phase.main?.id === event.run) {
        const next = { ...phase, main: { ...phase.main, process: event.process } };
        if (spec.type === 'oneshot') enter(draft, next);
        else startPostNext(draft, next, 0);
      } else if (phase.helper?.id === event.run) {
        enter(draft, { ...phase, helper: { ...phase.helper, process: event.process } });
      }
      return;
    case 'spawn-failed':
      if (phase.main?.id === event.run) {
        const text = `could not be started: ${event.failure.reason}`;
        failStart(draft, { ...phase, main: null }, ended('spawn', text));
      } else if (phase.helper?.id === event.run) {
        helperEnded(draft, phase, phase.helper, `could not be started: ${event.failure.reason}`);
      }
      return;
    case 'exited':
      if (phase.main?.id === event.run) {
        const ending = endingOf(event.status, spec);
        const left = { ...phase, main: null };
        if (spec.type === 'oneshot' && ending.kind === 'clean') startPostNext(draft, left, 0);
        else failStart(draft, left, ending);
      } else if (phase.helper?.id === event.run) {
        helperEnded(draft, phase, phase.helper, event.status.code === 0 ? null : statusText(event.status));
      }
      return;
    case 'deadline-passed':
      if (phase.deadline === event.deadline) {
        const text = `did not start within ${formatDuration(spec.startTimeoutMs ?? 0)}`;
        failStart(draft, phase, { ...ended('start-timeout', text), kind: 'timeout' });
      }
      return;
    case 'stop-requested':
      beginStop(draft, { ...phase, ending: null, requested: true, readyAt: null, wasUp: false });
      return;
    case 'hurried':
      beginStop(draft, { ...phase, ending: null, requested: true, readyAt: null, wasUp: false });
      hurry(draft);
      return;
    case 'respecified':
      enter(draft, { ...phase, deadline: bound(phase.startedAt, spec.startTimeoutMs) });
      return;
    case 'cleared':
      clearTally(draft);
      return;
    case 'start-requested':
    case 'start-refused':
    case 'surveyed':
      return;
  }
}

/** A startPre or startPost is over; `trouble` says how it failed. */
function helperEnded(draft: Draft, phase: Starting, helper: Helper, trouble: string | null): void {
  const commands = helper.role === 'startPre' ? draft.spec.startPre : draft.spec.startPost;
  const left = { ...phase, helper: null };
  if (trouble !== null && commands[helper.index]?.ignoreFailure !== true) {
    const cause = helper.role === 'startPre' ? 'start-pre' : 'start-post';
    failStart(draft, left, ended(cause, `${helper.role}[${helper.index}] ${trouble}`));
  } else if (helper.role === 'startPre') startNext(draft, left, helper.index + 1);
  else startPostNext(draft, left, helper.index + 1);
}

function failStart(draft: Draft, phase: Starting, ending: Ending): void {
  beginStop(draft, { ...phase, ending, requested: false, readyAt: null, wasUp: false });
}

function stepRunning(draft: Draft, phase: Running, event: MachineEvent): void {
  const { spec } = draft;
  const stop = { main: phase.main, helper: null, readyAt: phase.readyAt, wasUp: true };
  switch (event.type) {
    case 'exited':
      if (phase.main?.id === event.run) {
        beginStop(draft, { ...stop, main: null, ending: endingOf(event.status, spec), requested: false });
      }
      return;
    case 'deadline-passed':
      if (phase.deadline === event.deadline) {
        const text = `reached its runtimeMax of ${formatDuration(spec.runtimeMaxMs ?? 0)}`;
        const ending: Ending = { ...ended('runtime-max', text), kind: 'timeout' };
        beginStop(draft, { ...stop, ending, requested: false });
      }
      return;
    case 'stop-requested':
      if (phase.main === null) enter(draft, { at: 'stopped', text: null });
      else beginStop(draft, { ...stop, ending: null, requested: true });
      return;
    case 'hurried':
      if (phase.main === null) enter(draft, { at: 'stopped', text: null });
      else {
        beginStop(draft, { ...stop, ending: null, requested: true, wasUp: false });
        hurry(draft);
      }
      return;
    case 'respecified':
      if (phase.main !== null) {
        enter(draft, { ...phase, deadline: bound(phase.readyAt, spec.runtimeMaxMs) });
      }
      return;
    case 'cleared':
      clearTally(draft);
      return;
    case 'start-requested':
    case 'start-refused':
    case 'spawned':
    case 'spawn-failed':
    case 'surveyed':
      return;
  }
}

type StopFacts = Pick<Stopping, 'main' | 'helper' | 'ending' | 'requested' | 'readyAt' | 'wasUp'>;

function beginStop(draft: Draft, from: StopFacts): void {
  const { spec, facts } = draft;
  const { main, helper, ending, requested, readyAt, wasUp } = from;
  const deadline = bound(facts.nowMs, spec.stop.timeoutMs);
  const flags = { signalled: false, killed: false, abandoned: false };
  const base = { main, ending, requested, readyAt, wasUp, deadline, ...flags };
  const { command } = spec.stop;
  if (wasUp && command !== null) {
    const stopHelper = spawnHelper(draft, 'stop', 0, command, mainPid(main));
    enter(draft, { ...base, at: 'stopping', step: 'command', helper: stopHelper });
  } else enterSignal(draft, { ...base, at: 'stopping', step: 'signal', helper });
}

function enterSignal(draft: Draft, from: Stopping): void {
  const { spec, facts, effects } = draft;
  const { signal, killMode, timeoutMs } = spec.stop;
  const wholeTree = killMode === 'control-group';
  const occupied = from.main !== null || from.helper !== null;
  const deadline = bound(facts.nowMs, timeoutMs);
  const phase: Stopping = { ...from, step: 'signal', deadline, signalled: occupied && wholeTree };
  enter(draft, phase);
  if (!occupied) settle(draft, phase);
  else if (wholeTree) effects.push({ type: 'signal-tree', signal });
  else if (killMode !== 'none') signalHeld(draft, phase, signal);
}

function enterFinal(draft: Draft, from: Stopping): void {
  const { spec, facts, effects } = draft;
  const { killMode, finalSignal, timeoutMs } = spec.stop;
  if (killMode === 'none') return afterFinal(draft, { ...from, main: null, helper: null, abandoned: true });
  const deadline = facts.nowMs + (timeoutMs ?? FINAL_TIMEOUT_MS);
  const phase: Stopping = { ...from, step: 'final', deadline, signalled: true, killed: true };
  enter(draft, phase);
  if (killMode === 'process') signalHeld(draft, phase, finalSignal);
  else effects.push({ type: 'signal-tree', signal: finalSignal }, { type: 'survey' });
}

/** With `timeout: infinity`, how long what was told to hurry may outlive the final signal. */
const FINAL_TIMEOUT_MS = 10_000;

function hurry(draft: Draft): void {
  const { phase } = draft.state;
  if (phase.at !== 'stopping') return;
  if (phase.step === 'command' || phase.step === 'signal') enterFinal(draft, phase);
}

/** The held processes are gone: see to the rest of the tree, or go on. */
function settle(draft: Draft, phase: Stopping): void {
  if (phase.main !== null || phase.helper !== null) return;
  if (coversTree(draft)) draft.effects.push({ type: 'survey' });
  else if (phase.step === 'sweep') finish(draft, phase);
  else afterFinal(draft, phase);
}

function coversTree(draft: Draft): boolean {
  const { killMode } = draft.spec.stop;
  return killMode === 'control-group' || killMode === 'mixed';
}

/** Nothing is left that a signal should reach: stopPost. */
function afterFinal(draft: Draft, phase: Stopping): void {
  if (draft.spec.stopPost.length === 0) finish(draft, phase);
  else postNext(draft, phase, 0);
}

function postNext(draft: Draft, from: Stopping, index: number): void {
  const { spec, facts } = draft;
  const deadline = bound(facts.nowMs, spec.stop.timeoutMs);
  const phase: Stopping = { ...from, helper: null, deadline, signalled: false };
  const command = spec.stopPost[index];
  if (command === undefined) {
    const sweep: Stopping = { ...phase, step: 'sweep' };
    enter(draft, sweep);
    settle(draft, sweep);
  } else {
    const helper = spawnHelper(draft, 'stopPost', index, command, resultVariables(from.ending));
    enter(draft, { ...phase, step: 'post', helper });
  }
}

function stepStopping(draft: Draft, phase: Stopping, event: MachineEvent): void {
  switch (event.type) {
    case 'exited':
      runGone(draft, phase, event.run, event.status);
      return;
    case 'spawn-failed':
      runGone(draft, phase, event.run, null);
      return;
    case 'spawned':
      runThere(draft, phase, event);
      return;
    case 'surveyed':
      surveyed(draft, phase, event.survivors);
      return;
    case 'deadline-passed':
      if (phase.deadline === event.deadline) stopTimedOut(draft, phase);
      return;
    case 'stop-requested':
      enter(draft, { ...phase, requested: true });
      return;
    case 'hurried':
      enter(draft, { ...phase, requested: true });
      hurry(draft);
      return;
    case 'respecified':
      return;
    case 'cleared':
      clearTally(draft);
      return;
    case 'start-requested':
    case 'start-refused':
      return;
  }
}

function runGone(draft: Draft, phase: Stopping, run: number, status: ExitStatus | null): void {
  if (phase.main?.id === run) {
    const ending = phase.ending ?? (status === null ? null : endingOf(status, draft.spec));
    const left: Stopping = { ...phase, main: null, ending };
    enter(draft, left);
    if (phase.step === 'signal' || phase.step === 'final') settle(draft, left);
  } else if (phase.helper?.id === run) {
    const { index, role } = phase.helper;
    const left: Stopping = { ...phase, helper: null };
    if (phase.step === 'command') enterSignal(draft, left);
    else if (phase.step === 'post' && role === 'stopPost') postNext(draft, left, index + 1);
    else {
      enter(draft, left);
      settle(draft, left);
    }
  }
}

/** A process whose spawn was under way when the stop began: it missed the signal of this step. */
function runThere(draft: Draft, phase: Stopping, event: Extract<MachineEvent, { type: 'spawned' }>): void {
  const { killMode, signal, finalSignal } = draft.spec.stop;
  const isMain = phase.main?.id === event.run;
  if (!isMain && phase.helper?.id !== event.run) return;
  const main = isMain && phase.main !== null ? { ...phase.main, process: event.process } : phase.main;
  const helper = !isMain && phase.helper !== null ? { ...phase.helper, process: event.process } : phase.helper;
  enter(draft, { ...phase, main, helper });
  if (killMode === 'none') return;
  if (phase.step === 'signal') draft.effects.push({ type: 'signal', process: event.process, signal });
  if (phase.step === 'final') {
    draft.effects.push({ type: 'signal', process: event.process, signal: finalSignal });
  }
}

function surveyed(draft: Draft, phase: Stopping, survivors: boolean): void {
  if (phase.main !== null || phase.helper !== null || !coversTree(draft)) return;
  const { killMode, signal, finalSignal } = draft.spec.stop;
  switch (phase.step) {
    case 'signal':
      if (!survivors) afterFinal(draft, phase);
      else if (killMode === 'mixed') enterFinal(draft, phase);
      else if (!phase.signalled) {
        enter(draft, { ...phase, signalled: true });
        draft.effects.push({ type: 'signal-tree', signal }, { type: 'survey' });
      }
      return;
    case 'final':
      if (!survivors) afterFinal(draft, phase);
      return;
    case 'sweep':
      if (!survivors) finish(draft, phase);
      else if (!phase.signalled) {
        enter(draft, { ...phase, signalled: true });
        draft.effects.push({ type: 'signal-tree', signal: finalSignal }, { type: 'survey' });
      }
      return;
    case 'command':
    case 'post':
      return;
  }
}

function stopTimedOut(draft: Draft, phase: Stopping): void {
  const { helper } = phase;
  switch (phase.step) {
    case 'command':
      killHelper(draft, helper);
      enterSignal(draft, phase);
      return;
    case 'signal':
      enterFinal(draft, phase);
      return;
    case 'final':
      afterFinal(draft, { ...phase, main: null, helper: null, abandoned: true });
      return;
    case 'post':
      killHelper(draft, helper);
      postNext(draft, phase, (helper?.index ?? 0) + 1);
      return;
    case 'sweep':
      finish(draft, { ...phase, abandoned: true });
      return;
  }
}

function killHelper(draft: Draft, helper: Helper | null): void {
  if (helper?.process) {
    draft.effects.push({ type: 'signal', process: helper.process, signal: 'SIGKILL' });
  }
}

/** The run is over: note how, and decide what the unit is now. */
function finish(draft: Draft, phase: Stopping): void {
  const { spec, facts, effects } = draft;
  const timeout = formatDuration(spec.stop.timeoutMs ?? FINAL_TIMEOUT_MS);
  const killedText = `did not stop within ${timeout} of ${spec.stop.signal}`;
  const ending: Ending | null =
    phase.killed && phase.requested
      ? { ...(phase.ending ?? ended('stop-timeout', '')), cause: 'stop-timeout', kind: 'timeout', text: killedText }
      : phase.ending;
  if (ending !== null) record(draft, ending, phase);
  effects.push({ type: 'end' });
  if (phase.abandoned && spec.stop.killMode !== 'none') {
    enter(draft, { at: 'failed', text: `some of its processes outlived ${spec.stop.finalSignal}` });
    return;
  }
  if (phase.requested || ending === null) {
    enter(draft, { at: 'stopped', text: phase.killed ? killedText : null });
    return;
  }
  const uptimeMs = uptime(draft, phase.readyAt);
  const { tally } = draft.state;
  const decision = afterEnding(spec.restart, tally, { ...facts, ending, uptimeMs });
  switch (decision.action) {
    case 'restart': {
      draft.state = { ...draft.state, tally: decision.tally };
      const deadline = facts.nowMs + decision.delayMs;
      if (decision.delayMs <= 0) enter(draft, { at: 'stopped', text: ending.text });
      else enter(draft, { at: 'backoff', deadline, ending });
      return;
    }
    case 'give-up':
      enter(draft, { at: 'failed', text: decision.text });
      return;
    case 'rest':
      enter(draft, ending.kind === 'clean' ? { at: 'completed' } : { at: 'failed', text: ending.text });
      return;
  }
}

function enter(draft: Draft, phase: Phase): void {
  draft.state = { ...draft.state, phase };
}

function clearTally(draft: Draft): void {
  const { tally } = draft.state;
  draft.state = { ...draft.state, tally: { ...FRESH_TALLY, restarts: tally.restarts } };
}

function bound(fromMs: number, lengthMs: number | null): Deadline {
  return lengthMs === null ? null : fromMs + lengthMs;
}

function uptime(draft: Draft, readyAt: number | null): number {
  return readyAt === null ? 0 : draft.facts.nowMs - readyAt;
}

function ended(cause: Ending['cause'], text: string): Ending {
  return { cause, kind: 'unclean-code', code: null, signal: null, text };
}

function record(draft: Draft, ending: Ending, of: Pick<Stopping, 'requested' | 'readyAt'>): void {
  const exit: ExitRecord = {
    code: ending.code,
    signal: ending.signal,
    cause: ending.cause,
    atWall: draft.facts.wallMs,
    uptimeMs: uptime(draft, of.readyAt),
    attempt: draft.state.tally.attempt,
    requested: of.requested,
    text: ending.text,
  };
  draft.state = { ...draft.state, history: [...draft.state.history, exit].slice(-HISTORY_LENGTH) };
  draft.effects.push({ type: 'record', exit });
}

type Variables = Readonly<Record<string, string>>;

function spawnRun(draft: Draft, role: 'main' | CommandRole, command: Command, variables: Variables): Run {
  const id = draft.state.runs + 1;
  draft.state = { ...draft.state, runs: id };
  draft.effects.push({ type: 'spawn', run: id, role, command, variables });
  return { id, process: null };
}

function spawnHelper(
  draft: Draft,
  role: CommandRole,
  index: number,
  command: Command,
  variables: Variables,
): Helper {
  return { ...spawnRun(draft, role, command, variables), role, index };
}

function signalHeld(draft: Draft, phase: Stopping, signal: string): void {
  for (const run of [phase.main, phase.helper]) {
    if (run?.process) draft.effects.push({ type: 'signal', process: run.process, signal });
  }
}

function mainPid(main: Run | null): Variables {
  return main?.process ? { MAINPID: String(main.process.pid) } : {};
}

/** As systemd.exec(5) names them, for stopPost. */
function resultVariables(ending: Ending | null): Variables {
  if (ending === null) return { SERVICE_RESULT: 'success' };
  const result = { SERVICE_RESULT: serviceResult(ending) };
  if (ending.signal !== null) {
    const how = ending.cause === 'core' ? 'dumped' : 'killed';
    return { ...result, EXIT_CODE: how, EXIT_STATUS: ending.signal.replace(/^SIG/, '') };
  }
  return ending.code === null ? result : { ...result, EXIT_CODE: 'exited', EXIT_STATUS: String(ending.code) };
}

function serviceResult(ending: Ending): string {
  if (ending.kind === 'clean') return 'success';
  if (ending.kind === 'timeout') return 'timeout';
  switch (ending.cause) {
    case 'core':
      return 'core-dump';
    case 'signal':
      return 'signal';
    case 'spawn':
      return 'resources';
    case 'exit':
    case 'start-pre':
    case 'start-post':
    case 'start-timeout':
    case 'runtime-max':
    case 'stop-timeout':
    case 'unknown':
      return 'exit-code';
  }
}
