// What comes of an event while a run is being ended, until nothing of it is left. machine.ts says the rules of it. Pure.
// The steps are those of stop-steps.ts; what the unit is then is finishing.ts's answer.
import { formatDuration } from '../base/duration.ts';
import type { ExitStatus } from '../model/process.ts';
import type { SignalName, UnitSpec } from '../model/unit.ts';
import { bound, clearTally, enter } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Helper, MachineEvent, Stopping } from './machine-state.ts';
import { FINAL_TIMEOUT_MS, finish } from './finishing.ts';
import { endingOf, statusText } from './restart.ts';
import type { Ending } from './restart.ts';
import {
  afterFinal,
  coversTree,
  enterFinal,
  enterSignal,
  finalMs,
  hurry,
  isFinal,
  killHelper,
  postNext,
  resend,
  settle,
  sweep,
} from './stop-steps.ts';

/** What all of the tree had to get, and whoever is found of it yet; null: nothing that could be sent once more. */
export function lastSignalOf(spec: UnitSpec, phase: Stopping): SignalName | null {
  return isFinal(phase) && coversTree(spec) ? spec.stop.finalSignal : null;
}

export function stepStopping(draft: Draft, phase: Stopping, event: MachineEvent): void {
  switch (event.type) {
    case 'exited':
      runGone(
        draft,
        phase,
        event.run,
        event.status,
        event.status.code === 0 ? null : statusText(event.status),
      );
      return;
    case 'spawn-failed':
      runGone(draft, phase, event.run, null, `could not be started: ${event.failure.reason}`);
      return;
    case 'spawned':
    case 'main-moved':
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
      respecified(draft, phase);
      return;
    case 'cleared':
      clearTally(draft, event.counts);
      enter(draft, { ...phase, cleared: true });
      return;
    case 'start-requested':
    case 'start-refused':
    case 'activated':
    case 'main-found':
    case 'main-unknown':
    case 'main-lost':
    case 'main-ended':
      return;
  }
}

/** What the file says of stops holds for this one, its signals too: it may have ended by that already. */
function respecified(draft: Draft, phase: Stopping): void {
  const { timeoutMs } = draft.spec.stop;
  const deadline = isFinal(phase) ? phase.since + finalMs(timeoutMs) : bound(phase.since, timeoutMs);
  const next = resend(draft, { ...phase, deadline });
  enter(draft, next);
  draft.effects.push({ type: 'limit' });
  settle(draft, next);
}

/** `status` null: it never was there. `failure`: what is to be told of it where it was a helper. */
function runGone(
  draft: Draft,
  phase: Stopping,
  run: number,
  status: ExitStatus | null,
  failure: string | null,
): void {
  if (phase.main?.id === run) {
    const left: Stopping = { ...phase, main: null, ending: endingOfMain(draft, phase.ending, status) };
    enter(draft, left);
    if (phase.step === 'signal' || phase.step === 'final') settle(draft, left);
  } else if (phase.helper?.id === run) {
    helperGone(draft, phase, phase.helper, failure);
  }
}

/** The reason that the stop had before stays; how main then ended is added to it. */
function endingOfMain(draft: Draft, known: Ending | null, status: ExitStatus | null): Ending | null {
  if (status === null) return known;
  return known === null
    ? endingOf(status, draft.spec)
    : { ...known, code: status.code, signal: status.signal };
}

/** stop.command is followed by the signal whatever came of it; a stopPost that fails is the last one. */
function helperGone(draft: Draft, phase: Stopping, helper: Helper, failure: string | null): void {
  const { stop, stopPost } = draft.spec;
  const left: Stopping = { ...phase, helper: null };
  if (phase.step === 'command') {
    const trouble =
      failure !== null && stop.command?.ignoreFailure !== true ? `stop.command ${failure}` : null;
    enterSignal(draft, { ...left, trouble });
  } else if (phase.step === 'post' && helper.role === 'stopPost') {
    const { index } = helper;
    if (failure === null || stopPost[index]?.ignoreFailure === true) postNext(draft, left, index + 1);
    else postNext(draft, { ...left, trouble: `stopPost[${index}] ${failure}` }, stopPost.length);
  } else {
    enter(draft, left);
    settle(draft, left);
  }
}

/** A process whose spawn, or move, was under way when the stop began: it missed the signal of this step. */
function runThere(
  draft: Draft,
  phase: Stopping,
  event: Extract<MachineEvent, { type: 'spawned' | 'main-moved' }>,
): void {
  const { killMode, signal, finalSignal } = draft.spec.stop;
  const isMain = phase.main?.id === event.run;
  if (!isMain && phase.helper?.id !== event.run) return;
  const main = isMain && phase.main !== null ? { ...phase.main, process: event.process } : phase.main;
  const helper =
    !isMain && phase.helper !== null ? { ...phase.helper, process: event.process } : phase.helper;
  enter(draft, { ...phase, main, helper });
  if (killMode === 'none') return;
  if (phase.step === 'signal') draft.effects.push({ type: 'signal', process: event.process, signal });
  if (phase.step === 'final') {
    draft.effects.push({ type: 'signal', process: event.process, signal: finalSignal });
  }
}

function surveyed(draft: Draft, phase: Stopping, survivors: boolean): void {
  if (phase.main !== null || phase.helper !== null || !coversTree(draft.spec)) return;
  const { killMode, signal } = draft.spec.stop;
  switch (phase.step) {
    case 'signal':
      if (!survivors) afterFinal(draft, phase);
      else if (killMode === 'mixed') enterFinal(draft, leftBehind(draft, phase));
      else if (!phase.signalled) {
        enter(draft, { ...leftBehind(draft, phase), signalled: true, sent: signal });
        draft.effects.push({ type: 'signal-tree', signal }, { type: 'survey' });
      }
      return;
    case 'final':
      if (!survivors) afterFinal(draft, phase);
      return;
    case 'sweep':
      if (!survivors) finish(draft, phase);
      else if (!phase.signalled) sweep(draft, phase);
      return;
    case 'command':
    case 'post':
      return;
  }
}

/** A daemon that goes to the background is most often the reason why a service ends at once, and well, again and again. */
function leftBehind({ spec }: Draft, phase: Stopping): Stopping {
  const { ending, requested, signalled } = phase;
  if (spec.type !== 'service' || requested || ending?.kind !== 'clean' || ending.code !== 0) return phase;
  // Said already, by a killMode that was another then.
  if (signalled) return phase;
  const text = `left processes behind, as type forking does, and ${ending.text}`;
  return { ...phase, ending: { ...ending, text } };
}

function stopTimedOut(draft: Draft, phase: Stopping): void {
  const { helper } = phase;
  switch (phase.step) {
    case 'command':
      killHelper(draft, helper);
      enterSignal(draft, { ...phase, trouble: `stop.command ${overdue(draft)}` });
      return;
    case 'signal':
      enterFinal(draft, { ...phase, killed: true });
      return;
    case 'final':
      afterFinal(draft, { ...phase, main: null, helper: null, abandoned: true });
      return;
    case 'post':
      killHelper(draft, helper);
      if (helper !== null) helperGone(draft, phase, helper, overdue(draft));
      return;
    case 'sweep':
      if (phase.signalled) finish(draft, { ...phase, abandoned: true });
      else sweep(draft, phase);
      return;
  }
}

function overdue(draft: Draft): string {
  return `did not end within ${formatDuration(draft.spec.stop.timeoutMs ?? FINAL_TIMEOUT_MS)}`;
}
