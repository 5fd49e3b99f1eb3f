// The end of a run, from the first signal until nothing of it is left. machine.ts says the rules of it. Pure. What the
// unit is then is finishing.ts's answer.
import { formatDuration } from '../base/duration.ts';
import type { ExitStatus } from '../model/process.ts';
import type { SignalName, UnitSpec } from '../model/unit.ts';
import { bound, clearTally, enter, mainPid, spawnHelper } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Helper, MachineEvent, Stopping } from './machine-state.ts';
import { FINAL_TIMEOUT_MS, finish } from './finishing.ts';
import { endingOf, statusText } from './restart.ts';
import type { Ending } from './restart.ts';
import { resultVariables } from './result-variables.ts';

type StopFacts = Pick<Stopping, 'main' | 'helper' | 'ending' | 'requested' | 'readyAt' | 'wasUp'>;

export function beginStop(draft: Draft, from: StopFacts): void {
  const { spec, facts } = draft;
  const { main, helper, ending, requested, readyAt, wasUp } = from;
  const since = facts.nowMs;
  const deadline = bound(since, spec.stop.timeoutMs);
  const flags = { signalled: false, cleared: false, killed: false, abandoned: false, trouble: null };
  const base = { main, ending, requested, readyAt, wasUp, since, deadline, ...flags };
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
  const since = facts.nowMs;
  const deadline = bound(since, timeoutMs);
  const phase: Stopping = { ...from, step: 'signal', since, deadline, signalled: occupied && wholeTree };
  enter(draft, phase);
  if (!occupied) settle(draft, phase);
  else if (wholeTree) effects.push({ type: 'signal-tree', signal });
  else if (killMode !== 'none') signalHeld(draft, phase, signal);
}

function enterFinal(draft: Draft, from: Stopping): void {
  const { spec, facts, effects } = draft;
  const { killMode, finalSignal, timeoutMs } = spec.stop;
  if (killMode === 'none') return afterFinal(draft, { ...from, main: null, helper: null, abandoned: true });
  const since = facts.nowMs;
  const deadline = since + finalMs(timeoutMs);
  const phase: Stopping = { ...from, step: 'final', since, deadline, signalled: true };
  enter(draft, phase);
  if (killMode === 'process') signalHeld(draft, phase, finalSignal);
  else effects.push({ type: 'signal-tree', signal: finalSignal }, { type: 'survey' });
}

/** However short the timeout: on a busy machine a tree that has been killed needs a while until it is gone. */
const SHORTEST_FINAL_MS = 5000;

function finalMs(timeoutMs: number | null): number {
  return Math.max(timeoutMs ?? FINAL_TIMEOUT_MS, SHORTEST_FINAL_MS);
}

function isFinal({ step, signalled }: Stopping): boolean {
  return step === 'final' || (step === 'sweep' && signalled);
}

/** What all of the tree had to get, and whoever is found of it yet; null: nothing that could be sent once more. */
export function lastSignalOf(spec: UnitSpec, phase: Stopping): SignalName | null {
  return isFinal(phase) && coversTree(spec) ? spec.stop.finalSignal : null;
}

export function hurry(draft: Draft): void {
  const { phase } = draft.state;
  if (phase.at !== 'stopping') return;
  if (phase.step === 'command' || phase.step === 'signal') enterFinal(draft, phase);
  if (phase.step === 'post' && phase.helper?.process) {
    killHelper(draft, phase.helper);
    const trouble = `stopPost[${phase.helper.index}] was ended in a hurry`;
    postNext(draft, { ...phase, trouble }, draft.spec.stopPost.length);
  }
}

/** The held processes are gone: see to the rest of the tree, or go on. */
function settle(draft: Draft, phase: Stopping): void {
  if (phase.main !== null || phase.helper !== null) return;
  if (coversTree(draft.spec)) draft.effects.push({ type: 'survey' });
  else if (phase.step === 'sweep') finish(draft, phase);
  else afterFinal(draft, phase);
}

function coversTree({ stop: { killMode } }: UnitSpec): boolean {
  return killMode === 'control-group' || killMode === 'mixed';
}

/** Nothing is left that a signal should reach: stopPost. */
function afterFinal(draft: Draft, phase: Stopping): void {
  if (draft.spec.stopPost.length === 0) finish(draft, phase);
  else postNext(draft, phase, 0);
}

function postNext(draft: Draft, from: Stopping, index: number): void {
  const { spec, facts } = draft;
  const since = facts.nowMs;
  const deadline = bound(since, spec.stop.timeoutMs);
  const phase: Stopping = { ...from, helper: null, since, deadline, signalled: false };
  const command = spec.stopPost[index];
  if (command === undefined) {
    const last: Stopping = { ...phase, step: 'sweep' };
    enter(draft, last);
    settle(draft, last);
  } else {
    const completed = from.wasUp && spec.type === 'oneshot' ? (draft.state.history.at(-1) ?? null) : null;
    const variables = resultVariables(from.ending, completed);
    const helper = spawnHelper(draft, 'stopPost', index, command, variables);
    enter(draft, { ...phase, step: 'post', helper });
  }
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
      return;
  }
}

/** What the file says of stops holds for this one: it may have ended by that already. */
function respecified(draft: Draft, phase: Stopping): void {
  const { timeoutMs } = draft.spec.stop;
  const deadline = isFinal(phase) ? phase.since + finalMs(timeoutMs) : bound(phase.since, timeoutMs);
  const next: Stopping = { ...phase, deadline };
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

/** A process whose spawn was under way when the stop began: it missed the signal of this step. */
function runThere(draft: Draft, phase: Stopping, event: Extract<MachineEvent, { type: 'spawned' }>): void {
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
      else if (!phase.signalled) sweep(draft, phase);
      return;
    case 'command':
    case 'post':
      return;
  }
}

function sweep(draft: Draft, phase: Stopping): void {
  const { finalSignal, timeoutMs } = draft.spec.stop;
  const since = draft.facts.nowMs;
  enter(draft, { ...phase, since, deadline: since + finalMs(timeoutMs), signalled: true });
  draft.effects.push({ type: 'signal-tree', signal: finalSignal }, { type: 'survey' });
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

function killHelper(draft: Draft, helper: Helper | null): void {
  if (helper?.process) {
    draft.effects.push({ type: 'signal', process: helper.process, signal: 'SIGKILL' });
  }
}

function signalHeld(draft: Draft, phase: Stopping, signal: string): void {
  for (const run of [phase.main, phase.helper]) {
    if (run?.process) draft.effects.push({ type: 'signal', process: run.process, signal });
  }
}
