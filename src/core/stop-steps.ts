// The steps of a stop, command -> signal -> final -> post -> sweep: how each is entered, and which follows once nothing
// is left that it is for. machine.ts says the rules of it. Pure.
import type { UnitSpec } from '../model/unit.ts';
import { bound, enter, mainPid, spawnHelper } from './draft.ts';
import type { Draft } from './draft.ts';
import { FINAL_TIMEOUT_MS, finish } from './finishing.ts';
import type { Helper, Stopping } from './machine-state.ts';
import { resultVariables } from './result-variables.ts';

type StopFacts = Pick<Stopping, 'main' | 'helper' | 'ending' | 'requested' | 'readyAt' | 'wasUp'>;

export function beginStop(draft: Draft, from: StopFacts): void {
  const { spec, facts } = draft;
  const { main, helper, ending, requested, readyAt, wasUp } = from;
  const since = facts.nowMs;
  const deadline = bound(since, spec.stop.timeoutMs);
  const flags = { signalled: false, cleared: false, killed: false, abandoned: false };
  const base = { main, ending, requested, readyAt, wasUp, since, deadline, sent: null, trouble: null };
  const { command } = spec.stop;
  if (wasUp && command !== null) {
    const stopHelper = spawnHelper(draft, 'stop', 0, command, mainPid(main));
    enter(draft, { ...base, ...flags, at: 'stopping', step: 'command', helper: stopHelper });
  } else enterSignal(draft, { ...base, ...flags, at: 'stopping', step: 'signal', helper });
}

export function enterSignal(draft: Draft, from: Stopping): void {
  const since = draft.facts.nowMs;
  const deadline = bound(since, draft.spec.stop.timeoutMs);
  const phase: Stopping = { ...from, step: 'signal', since, deadline, signalled: false };
  if (phase.main !== null || phase.helper !== null) enter(draft, withSignal(draft, phase));
  else {
    enter(draft, phase);
    settle(draft, phase);
  }
}

function withSignal(draft: Draft, phase: Stopping): Stopping {
  const { signal, killMode } = draft.spec.stop;
  if (killMode === 'none') return phase;
  const signalled = killMode === 'control-group';
  if (signalled) draft.effects.push({ type: 'signal-tree', signal });
  else signalHeld(draft, phase, signal);
  return { ...phase, signalled, sent: signal };
}

/** What is sent in this step is another signal by now: those who got the earlier one get it too. */
export function resend(draft: Draft, phase: Stopping): Stopping {
  const { signal, finalSignal, killMode } = draft.spec.stop;
  if (phase.sent === undefined || killMode === 'none') return phase;
  if (isFinal(phase)) return phase.sent === finalSignal ? phase : withFinal(draft, phase);
  const isMeant = phase.main !== null || phase.helper !== null || phase.signalled;
  return phase.step === 'signal' && isMeant && phase.sent !== signal ? withSignal(draft, phase) : phase;
}

/** The held processes are gone: see to the rest of the tree, or go on. */
export function settle(draft: Draft, phase: Stopping): void {
  if (phase.main !== null || phase.helper !== null) return;
  if (coversTree(draft.spec)) draft.effects.push({ type: 'survey' });
  else if (phase.step === 'sweep') finish(draft, phase);
  else afterFinal(draft, phase);
}

export function enterFinal(draft: Draft, from: Stopping): void {
  const { killMode, timeoutMs } = draft.spec.stop;
  if (killMode === 'none') return afterFinal(draft, { ...from, main: null, helper: null, abandoned: true });
  const since = draft.facts.nowMs;
  const deadline = since + finalMs(timeoutMs);
  enter(draft, withFinal(draft, { ...from, step: 'final', since, deadline, signalled: true }));
}

function withFinal(draft: Draft, phase: Stopping): Stopping {
  const { killMode, finalSignal } = draft.spec.stop;
  if (killMode === 'process') signalHeld(draft, phase, finalSignal);
  else draft.effects.push({ type: 'signal-tree', signal: finalSignal }, { type: 'survey' });
  return { ...phase, sent: finalSignal };
}

/** Nothing is left that a signal should reach: stopPost. */
export function afterFinal(draft: Draft, phase: Stopping): void {
  if (draft.spec.stopPost.length === 0) finish(draft, phase);
  else postNext(draft, phase, 0);
}

export function postNext(draft: Draft, from: Stopping, index: number): void {
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

export function sweep(draft: Draft, phase: Stopping): void {
  const { finalSignal, timeoutMs } = draft.spec.stop;
  const since = draft.facts.nowMs;
  const deadline = since + finalMs(timeoutMs);
  enter(draft, { ...phase, since, deadline, signalled: true, sent: finalSignal });
  draft.effects.push({ type: 'signal-tree', signal: finalSignal }, { type: 'survey' });
}

/** Goes on to final, or ends the stopPost that runs and leaves out those after it. */
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

/** However short the timeout: on a busy machine a tree that has been killed needs a while until it is gone. */
const SHORTEST_FINAL_MS = 5000;

export function finalMs(timeoutMs: number | null): number {
  return Math.max(timeoutMs ?? FINAL_TIMEOUT_MS, SHORTEST_FINAL_MS);
}

export function isFinal({ step, signalled }: Stopping): boolean {
  return step === 'final' || (step === 'sweep' && signalled);
}

export function coversTree({ stop: { killMode } }: UnitSpec): boolean {
  return killMode === 'control-group' || killMode === 'mixed';
}

export function killHelper(draft: Draft, helper: Helper | null): void {
  if (helper?.process) {
    draft.effects.push({ type: 'signal', process: helper.process, signal: 'SIGKILL' });
  }
}

function signalHeld(draft: Draft, phase: Stopping, signal: string): void {
  for (const run of [phase.main, phase.helper]) {
    if (run?.process) draft.effects.push({ type: 'signal', process: run.process, signal });
  }
}
