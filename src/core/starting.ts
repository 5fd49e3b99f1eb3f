// The start of a unit: from the first startPre until it is up, or has failed to be. machine.ts says the rules of it.
// Pure.
import { formatDuration } from '../base/duration.ts';
import type { UnitSpec } from '../model/unit.ts';
import { bound, clearTally, ended, enter, mainPid, record, spawnHelper, spawnRun } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Helper, MachineEvent, Phase, StartCommands } from './machine-state.ts';
import { rest } from './resting.ts';
import { endingOf, statusText } from './restart.ts';
import type { Ending } from './restart.ts';
import { beginStop, hurry } from './stop-steps.ts';

type Starting = Extract<Phase, { at: 'starting' }>;

export function begin(draft: Draft): void {
  const { spec, facts, state } = draft;
  const { restarts, attempt, stamps } = state.tally;
  const tally = { restarts, attempt, stamps };
  draft.state = { ...state, tally, activation: state.activation + 1, startedWall: facts.wallMs };
  if (spec.command === null) {
    enter(draft, { at: 'running', main: null, deadline: null, readyAt: facts.nowMs });
    return;
  }
  draft.effects.push({ type: 'begin' });
  const deadline = bound(facts.nowMs, spec.startTimeoutMs);
  const nobody = { main: null, helper: null, seeking: null, ending: null };
  const commands = { startPre: spec.startPre, startPost: spec.startPost };
  startNext(draft, { at: 'starting', ...nobody, deadline, startedAt: facts.nowMs, commands }, 0);
}

/** What a start that is late was at, as a clause; null where nothing can be said but that it is late. */
function outstanding({ type }: UnitSpec, { helper, seeking, main }: Starting): string | null {
  if (helper === null && main !== null && type === 'oneshot') return 'its command has not ended';
  if (helper === null) return seeking?.text ?? null;
  // As a rule a program that stays in the foreground, which is a service and not a forking unit.
  if (helper.role === 'start') return 'its command has not ended, expected it to leave a daemon and end';
  return `${helper.role}[${helper.index}] has not ended`;
}

function commandsOf(draft: Draft, phase: Starting): StartCommands {
  return phase.commands ?? draft.spec;
}

/** startPre from `index` on, or else main. */
function startNext(draft: Draft, phase: Starting, index: number): void {
  const { spec, facts } = draft;
  const command = commandsOf(draft, phase).startPre[index];
  if (command !== undefined) {
    enter(draft, { ...phase, helper: spawnHelper(draft, 'startPre', index, command, {}) });
  } else if (spec.command !== null && spec.type === 'forking') {
    enter(draft, { ...phase, helper: spawnHelper(draft, 'start', 0, spec.command, {}) });
    draft.state = { ...draft.state, startedWall: facts.wallMs };
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
  const command = commandsOf(draft, phase).startPost[index];
  if (command !== undefined) {
    enter(draft, { ...phase, helper: spawnHelper(draft, 'startPost', index, command, mainPid(phase.main)) });
  } else if (phase.main === null) {
    if (phase.ending !== null) record(draft, phase.ending, { requested: false, readyAt: null });
    draft.effects.push({ type: 'end' });
    rest(draft, { at: 'completed', swept: false });
  } else {
    const deadline = bound(facts.nowMs, spec.runtimeMaxMs);
    enter(draft, { at: 'running', main: phase.main, deadline, readyAt: facts.nowMs });
  }
}

export function stepStarting(draft: Draft, phase: Starting, event: MachineEvent): void {
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
        const text = `could not be started: ${event.failure.reason}`;
        if (phase.helper.role === 'start') failStart(draft, { ...phase, helper: null }, ended('spawn', text));
        else helperEnded(draft, phase, phase.helper, text);
      }
      return;
    case 'exited':
      if (phase.helper?.id === event.run && phase.helper.role === 'start') {
        const ending = endingOf(event.status, spec);
        const left = { ...phase, helper: null };
        if (ending.kind === 'clean') seekMain(draft, left);
        else failStart(draft, left, ending);
      } else if (phase.main?.id === event.run) {
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
        const why = outstanding(spec, phase);
        const verb = spec.type === 'oneshot' ? 'complete' : 'start';
        const late = `did not ${verb} within ${formatDuration(spec.startTimeoutMs ?? 0)}`;
        const text = why === null ? late : `${late}: ${why}`;
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
      draft.effects.push({ type: 'limit' });
      return;
    case 'cleared':
      clearTally(draft, event.counts);
      return;
    case 'main-found':
      if (phase.seeking?.id === event.run) {
        const main = { id: event.run, process: event.process };
        startPostNext(draft, { ...phase, seeking: null, main }, 0);
      }
      return;
    case 'main-unknown':
      if (phase.seeking?.id === event.run) {
        enter(draft, { ...phase, seeking: { id: event.run, text: event.text } });
      }
      return;
    case 'main-lost':
      if (phase.seeking?.id === event.run) {
        const text = 'its command has ended and left no process';
        failStart(draft, { ...phase, seeking: null }, ended('exit', text));
      }
      return;
    case 'start-requested':
    case 'start-refused':
    case 'activated':
    case 'main-ended':
    case 'main-moved':
    case 'surveyed':
      return;
  }
}

/** The command of a forking unit has done its part. */
function seekMain(draft: Draft, phase: Starting): void {
  const id = draft.state.runs + 1;
  draft.state = { ...draft.state, runs: id };
  draft.effects.push({ type: 'seek-main', run: id });
  enter(draft, { ...phase, seeking: { id, text: null } });
}

/** A startPre or startPost is over; `trouble` says how it failed. */
function helperEnded(draft: Draft, phase: Starting, helper: Helper, trouble: string | null): void {
  const { startPre, startPost } = commandsOf(draft, phase);
  const commands = helper.role === 'startPre' ? startPre : startPost;
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
