// Between two runs: what a unit is once it has ended by itself, once the end of another starts it anew, once it was
// started too often in a row, and once its restart settings change in a pause. machine.ts says the rules of it. Pure.
// Whether a restart follows, and when, is core/restart's answer.
//
// A pause remembers what it was decided from. So settings that change in it lead to what they would have led to at its
// beginning: to a pause that ends sooner or later, but counts from then; to a start at once; or to none at all.
import { ended, enter } from './draft.ts';
import type { Draft } from './draft.ts';
import type { PauseBasis, Phase } from './machine-state.ts';
import { afterActivation, afterEnding, counted, wasHealthy } from './restart.ts';
import type { Ending, RestartDecision, RestartTally } from './restart.ts';
import { spared } from './streak.ts';

/** A run has ended by itself. */
export function endRun(draft: Draft, ending: Ending, uptimeMs: number | null): void {
  const { facts, state } = draft;
  const cause = { end: 'own', uptimeMs } as const;
  follow(draft, state.tally, ending, { atMs: facts.nowMs, random: facts.random, cause });
}

/** The end of another unit starts it anew. */
export function activate(draft: Draft): void {
  const { facts, state } = draft;
  const cause = { end: 'other', restedAt: state.tally.restedAt ?? null } as const;
  const ending = ended('exit', state.history.at(-1)?.text ?? 'has ended');
  follow(draft, state.tally, ending, { atMs: facts.nowMs, random: facts.random, cause });
}

/** It is to start, and has done so too often in a row. */
export function slowDown(draft: Draft): void {
  const { facts, state } = draft;
  const ending = ended('exit', 'was started too often in a row');
  const cause = { end: 'none' } as const;
  follow(draft, state.tally, ending, { atMs: facts.nowMs, random: facts.random, cause });
}

/** The pause is over. */
export function endPause(draft: Draft, { ending }: Extract<Phase, { at: 'backoff' }>): void {
  enter(draft, { at: 'stopped', text: ending.text });
  spare(draft);
}

/** Its restart settings have changed in a pause. */
export function decideAnew(draft: Draft, phase: Extract<Phase, { at: 'backoff' }>): void {
  const { facts, state } = draft;
  const { restarts, attempt, stamps } = state.tally;
  const tally = { restarts: restarts - 1, attempt: attempt - 1, stamps: stamps.slice(0, -1) };
  if (phase.basis !== undefined) {
    follow(draft, tally, phase.ending, phase.basis);
    return;
  }
  // When it began nobody knows: no later than now, and it was not to be longer than this.
  const cause = { end: 'own', uptimeMs: null } as const;
  follow(draft, tally, phase.ending, { atMs: facts.nowMs, random: facts.random, cause }, phase.deadline);
}

/** It has run, and no restart follows by itself. */
export function rest(
  draft: Draft,
  phase: Extract<Phase, { at: 'completed' | 'failed' }>,
  sinceMs = draft.facts.nowMs,
): void {
  enter(draft, phase);
  setTally(draft, { ...draft.state.tally, restedAt: sinceMs });
}

/** `tally`: as it was when the basis was. */
function follow(
  draft: Draft,
  tally: RestartTally,
  ending: Ending,
  basis: PauseBasis,
  latestMs = Infinity,
): void {
  const { spec, facts } = draft;
  const { cause } = basis;
  const decision = decisionFrom(draft, tally, ending, basis);
  if (decision.action === 'restart') {
    setTally(draft, decision.tally);
    const deadline = Math.min(basis.atMs + decision.delayMs, latestMs);
    if (deadline > facts.nowMs) enter(draft, { at: 'backoff', deadline, ending, basis });
    else {
      enter(draft, { at: 'stopped', text: cause.end === 'own' ? ending.text : null });
      if (decision.tally.restarts > tally.restarts) spare(draft);
    }
    return;
  }
  const isHealthy = cause.end === 'own' && wasHealthy(spec.restart, cause.uptimeMs);
  setTally(draft, isHealthy ? { ...tally, attempt: 0 } : tally);
  const sinceMs = cause.end === 'other' ? (cause.restedAt ?? basis.atMs) : basis.atMs;
  if (decision.action === 'give-up') rest(draft, { at: 'failed', text: decision.text }, sinceMs);
  else if (ending.kind === 'clean') rest(draft, { at: 'completed', swept: true }, sinceMs);
  else rest(draft, { at: 'failed', text: ending.text }, sinceMs);
}

function decisionFrom(
  { spec, facts }: Draft,
  tally: RestartTally,
  ending: Ending,
  { atMs, random, cause }: PauseBasis,
): RestartDecision {
  const then = { nowMs: atMs, random, upheld: facts.upheld };
  if (cause.end === 'own') {
    return afterEnding(spec.restart, tally, { ...then, ending, uptimeMs: cause.uptimeMs });
  }
  if (cause.end === 'none') {
    return counted(spec.restart, tally, { ...then, isHealthy: false, text: ending.text });
  }
  return afterActivation(spec.restart, tally, { ...then, text: ending.text, restedAt: cause.restedAt });
}

function spare(draft: Draft): void {
  const streak = spared(draft.state.streak, draft.facts.nowMs);
  if (streak !== undefined) draft.state = { ...draft.state, streak };
}

function setTally(draft: Draft, tally: RestartTally): void {
  draft.state = { ...draft.state, tally };
}
