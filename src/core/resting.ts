// Between two runs: what a unit is once it has ended by itself, and once the end of another starts it anew. machine.ts
// says the rules of it. Pure. Whether a restart follows, and when, is core/restart's answer.
import { ended, enter } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Phase } from './machine-state.ts';
import { afterActivation, afterEnding, wasHealthy } from './restart.ts';
import type { Ending, RestartDecision, RestartTally } from './restart.ts';

/** A run has ended by itself. */
export function endRun(draft: Draft, ending: Ending, uptimeMs: number | null): void {
  const { spec, facts, state } = draft;
  const decision = afterEnding(spec.restart, state.tally, { ...facts, ending, uptimeMs });
  if (decision.action === 'restart') restart(draft, decision, ending);
  else if (decision.action === 'give-up') rest(draft, { at: 'failed', text: decision.text });
  else {
    if (wasHealthy(spec.restart, uptimeMs)) setTally(draft, { ...state.tally, attempt: 0 });
    rest(
      draft,
      ending.kind === 'clean' ? { at: 'completed', swept: true } : { at: 'failed', text: ending.text },
    );
  }
}

/** It has run, and no restart follows by itself. */
export function rest(draft: Draft, phase: Extract<Phase, { at: 'completed' | 'failed' }>): void {
  enter(draft, phase);
  setTally(draft, { ...draft.state.tally, restedAt: draft.facts.nowMs });
}

/** The end of another unit starts it anew. */
export function activate(draft: Draft): void {
  const { spec, facts, state } = draft;
  const text = state.history.at(-1)?.text ?? 'has ended';
  const decision = afterActivation(spec.restart, state.tally, { ...facts, text });
  if (decision.action === 'restart' && decision.delayMs <= 0) {
    setTally(draft, decision.tally);
    if (state.phase.at !== 'stopped') enter(draft, { at: 'stopped', text: null });
  } else if (decision.action === 'restart') restart(draft, decision, ended('exit', text));
  else if (decision.action === 'give-up') enter(draft, { at: 'failed', text: decision.text });
}

function restart(
  draft: Draft,
  { tally, delayMs }: Extract<RestartDecision, { action: 'restart' }>,
  ending: Ending,
): void {
  setTally(draft, tally);
  const deadline = draft.facts.nowMs + delayMs;
  if (delayMs <= 0) enter(draft, { at: 'stopped', text: ending.text });
  else enter(draft, { at: 'backoff', deadline, ending });
}

function setTally(draft: Draft, tally: RestartTally): void {
  draft.state = { ...draft.state, tally };
}
