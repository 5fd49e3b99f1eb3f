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
//            What outlives finalSignal, in final or in sweep, is abandoned, and the unit is failed and says so.
//
// A failed spawn is an end like any other, not a special case. An uptime long enough to begin the count of restarts
// again is found by arithmetic at the end of the run, not by a timer.
import { formatDuration } from '../base/duration.ts';
import type { UnitSpec } from '../model/unit.ts';
import { bound, clearTally, ended, enter, mainPid, record, spawnHelper, spawnRun } from './draft.ts';
import type { Draft } from './draft.ts';
import type {
  Helper,
  MachineEvent,
  MachineState,
  Phase,
  Step,
  StepFacts,
  Stopping,
} from './machine-state.ts';
import { endingOf, statusText } from './restart.ts';
import type { Ending } from './restart.ts';
import { beginStop, hurry, stepStopping } from './stopping.ts';

type Starting = Extract<Phase, { at: 'starting' }>;
type Running = Extract<Phase, { at: 'running' }>;
type AtRest = Exclude<Phase, Starting | Running | Stopping>;

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
      if (phase.at === 'completed' && !phase.swept) {
        beginStop(draft, {
          main: null,
          helper: null,
          ending: null,
          requested: true,
          readyAt: null,
          wasUp: true,
        });
      } else if (phase.at !== 'stopped') enter(draft, { at: 'stopped', text: null });
      return;
    case 'start-refused':
      if (phase.at === 'stopped') enter(draft, { at: 'failed', text: event.text });
      return;
    case 'cleared':
      clearTally(draft, event.counts);
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
  startNext(
    draft,
    { at: 'starting', main: null, helper: null, ending: null, deadline, startedAt: facts.nowMs },
    0,
  );
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
  } else {
    // A reload has made a target of it meanwhile: what was started of the old unit goes first.
    beginStop(draft, { ...phase, helper: null, ending: null, requested: true, readyAt: null, wasUp: false });
  }
}

/** startPost from `index` on, or else the unit is up. A oneshot comes here without its main, which has exited. */
function startPostNext(draft: Draft, phase: Starting, index: number): void {
  const { spec, facts } = draft;
  const command = spec.startPost[index];
  if (command !== undefined) {
    enter(draft, { ...phase, helper: spawnHelper(draft, 'startPost', index, command, mainPid(phase.main)) });
  } else if (phase.main === null) {
    if (phase.ending !== null) record(draft, phase.ending, { requested: false, readyAt: null });
    draft.effects.push({ type: 'end' });
    enter(draft, { at: 'completed', swept: false });
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
        if (spec.type === 'oneshot' && ending.kind === 'clean') startPostNext(draft, { ...left, ending }, 0);
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
      clearTally(draft, event.counts);
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
      clearTally(draft, event.counts);
      return;
    case 'start-requested':
    case 'start-refused':
    case 'spawned':
    case 'spawn-failed':
    case 'surveyed':
      return;
  }
}
