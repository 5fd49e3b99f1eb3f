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
// stopped    At rest. start-requested begins an activation; when that is one too many in a row (streak.ts) it makes it
//            backoff or failed, as a restart would. start-refused makes it failed. activated, here and in the next two,
//            makes it stopped and due; or backoff, if it came to rest after a run only lately; or failed, if that makes
//            too many restarts: so units that start each other by their ends do not go round without a pause.
// completed  A oneshot that succeeded (it counts as up), or a service that ended cleanly and is not to be restarted.
//            stop-requested runs a oneshot's stop.command and stopPost and ends what it left running; activated waits
//            for that.
// failed     At rest; only an explicit start (or cleared, or activated) leaves it. stop-requested makes it stopped.
// backoff    Its deadline makes it stopped, which is to say due: reconcile starts it when nothing is in the way.
//            stop-requested makes it stopped at once, cleared likewise. respecified says that its restart settings
//            have changed: what they would have led to when the pause began is so from now on.
// starting   startPre in order, then main. A service is running once main is there and startPost is done; a oneshot is
//            completed once main has exited cleanly and startPost is done. A forking unit's command is no main, but a
//            helper that leaves one behind: when it has exited cleanly, main is sought. main-found makes it main,
//            main-unknown says what is wanting as yet, main-lost that there is none any more; then it is as with a
//            service. One startTimeout bounds all of it. Whatever fails here leads to stopping, without stop.command,
//            since it never came up.
// running    main's own end, runtimeMax or stop-requested lead to stopping. main-ended says that who takes its place is
//            waited for, main-moved that main is another process now, the latter also while stopping. A target has no
//            main and nothing to stop.
// stopping   command -> signal -> final -> post -> sweep, each skipped where there is nothing to do. It is over when
//            main, the current helper and (killMode control-group and mixed) the whole tree are gone. `requested`
//            says that an operator, a reload or a dependency wants it down: then it ends in stopped, and restarting
//            is just that followed by a start. Otherwise core/restart decides between backoff, completed and failed,
//            unless it is cleared meanwhile: then it ends in stopped too. hurried goes on to final, or ends the
//            stopPost that runs and leaves out those after it. respecified has the new stop settings hold for this
//            stop: its deadlines, who has to be gone, and a signal that is another now is sent. What outlives
//            finalSignal, in final or in sweep, is abandoned, and the unit is failed and says so.
//
// A failed spawn is an end like any other, not a special case. An uptime long enough to begin the count of restarts
// again is found by arithmetic at the end of the run, not by a timer.
import { formatDuration } from '../base/duration.ts';
import type { UnitSpec } from '../model/unit.ts';
import { bound, clearTally, ended, enter } from './draft.ts';
import type { Draft } from './draft.ts';
import type { MachineEvent, MachineState, Phase, Step, StepFacts, Stopping } from './machine-state.ts';
import { activate, decideAnew, endPause, slowDown } from './resting.ts';
import { endingOf } from './restart.ts';
import type { Ending } from './restart.ts';
import { begin, stepStarting } from './starting.ts';
import { beginStop, hurry } from './stop-steps.ts';
import { lengthened } from './streak.ts';
import { stepStopping } from './stopping.ts';

type Running = Extract<Phase, { at: 'running' }>;
type AtRest = Exclude<Phase, Extract<Phase, { at: 'starting' }> | Running | Stopping>;

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
      if (phase.at !== 'backoff') start(draft);
      return;
    case 'stop-requested':
      if (phase.at === 'completed' && !phase.swept) stopCompleted(draft, true);
      else if (phase.at !== 'stopped') enter(draft, { at: 'stopped', text: null });
      return;
    case 'start-refused':
      if (phase.at === 'stopped') enter(draft, { at: 'failed', text: event.text });
      return;
    case 'activated':
      if (phase.at !== 'backoff' && (phase.at !== 'completed' || phase.swept)) activate(draft);
      return;
    case 'cleared':
      clearTally(draft, event.counts);
      if (phase.at === 'failed' || phase.at === 'backoff') enter(draft, { at: 'stopped', text: null });
      return;
    case 'deadline-passed':
      if (phase.at === 'backoff' && phase.deadline === event.deadline) endPause(draft, phase);
      return;
    case 'hurried':
      if (phase.at === 'completed' && !phase.swept) {
        stopCompleted(draft, false);
        hurry(draft);
      }
      return;
    case 'respecified':
      if (phase.at === 'backoff') decideAnew(draft, phase);
      return;
    case 'spawned':
    case 'spawn-failed':
    case 'exited':
    case 'main-found':
    case 'main-unknown':
    case 'main-lost':
    case 'main-ended':
    case 'main-moved':
    case 'surveyed':
      return;
  }
}

function start(draft: Draft): void {
  const streak = lengthened(draft.state.streak, draft.facts);
  if (streak === null) slowDown(draft);
  else {
    draft.state = { ...draft.state, streak };
    begin(draft);
  }
}

/** `wasUp`: it has its stop.command. */
function stopCompleted(draft: Draft, wasUp: boolean): void {
  beginStop(draft, { main: null, helper: null, ending: null, requested: true, readyAt: null, wasUp });
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
        draft.effects.push({ type: 'limit' });
      }
      return;
    case 'cleared':
      clearTally(draft, event.counts);
      return;
    case 'main-ended':
      if (phase.main?.id === event.run) enter(draft, { ...phase, main: { ...phase.main, process: null } });
      return;
    case 'main-moved':
      if (phase.main?.id === event.run) {
        enter(draft, { ...phase, main: { ...phase.main, process: event.process } });
      }
      return;
    case 'start-requested':
    case 'start-refused':
    case 'activated':
    case 'spawned':
    case 'spawn-failed':
    case 'main-found':
    case 'main-unknown':
    case 'main-lost':
    case 'surveyed':
      return;
  }
}
