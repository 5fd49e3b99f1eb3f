// What an operator's word changes in the fleet. Pure but for the Fleet it amends; converge does the rest.
//
// start    The unit is wanted up until stop or release says otherwise; what it requires, wants or is bound to and has
//          ended, in failure or cleanly, or is in backoff, is tried again at once; of conflicting units it wins, and so
//          does what it requires or is bound to. A unit that is up is left alone; one that has ended and is being tidied
//          up comes back without a pause.
// stop     Wanted down, whatever files and other units say, until start or release; it survives reloads and restarts.
// restart  As start; what is there goes down once, with all that requires it or is part of it, and comes back.
// release  The file's word holds again.
// reset    Failures and all counts are forgotten; a failed unit, or one in backoff, that is wanted is tried at once.
import { amend, conflictsOf, hasEndedCleanly, isUp, needsStop } from './fleet.ts';
import type { Fleet, Intent, Unit } from './fleet.ts';
import { deliver } from './converge.ts';
import type { Instant, Outputs } from './converge.ts';

export type Verb = 'start' | 'stop' | 'restart' | 'release' | 'reset';

/** Takes the word in; the caller converges after it. Unknown and removed units are the caller's to refuse. */
export function operate(fleet: Fleet, name: string, verb: Verb, instant: Instant, outputs: Outputs): void {
  const unit = fleet.units.get(name);
  if (unit === undefined) return;
  fleet.words += 1;
  switch (verb) {
    case 'start':
      bringUp(fleet, unit, instant, outputs);
      return;
    case 'restart':
      bringUp(fleet, unit, instant, outputs);
      if (needsStop(unit)) said(fleet, name, { cycle: 'restarted by the operator' }, outputs);
      return;
    case 'stop':
      said(fleet, name, { intent: { wanted: 'down', seq: nextSeq(fleet) }, activation: null }, outputs);
      if (!needsStop(unit)) deliver(fleet, name, { type: 'stop-requested' }, instant, outputs);
      return;
    case 'release':
      nextSeq(fleet);
      said(fleet, name, { intent: null }, outputs);
      return;
    case 'reset':
      nextSeq(fleet);
      deliver(fleet, name, { type: 'cleared', counts: 'all' }, instant, outputs);
      return;
  }
}

/** Told also where no verdict follows from it: the next daemon has to know of it. */
function said(
  fleet: Fleet,
  name: string,
  change: Partial<Pick<Unit, 'intent' | 'activation' | 'cycle'>>,
  outputs: Outputs,
): void {
  amend(fleet, name, change);
  outputs.push({ type: 'touched', unit: name });
}

function nextSeq(fleet: Fleet): number {
  fleet.seq += 1;
  return fleet.seq;
}

function bringUp(fleet: Fleet, unit: Unit, instant: Instant, outputs: Outputs): void {
  const { name, enabled } = unit.spec;
  const seq = nextSeq(fleet);
  silenceRivals(fleet, unit, outputs);
  const isContested = conflictsOf(fleet, unit).length > 0;
  said(fleet, name, { intent: enabled && !isContested ? null : { wanted: 'up', seq } }, outputs);
  claimRequirements(fleet, unit, seq, outputs);
  for (const { other } of needsOf(fleet, unit, ['requires', 'wants', 'bindsTo'])) {
    if (isToRetry(other)) retry(fleet, other, instant, outputs);
  }
  if (!needsStop(unit) || unit.state.phase.at === 'stopping') retry(fleet, unit, instant, outputs);
}

/** One that is not up, and does not move but to its end, is due at once. */
function retry(fleet: Fleet, unit: Unit, instant: Instant, outputs: Outputs): void {
  const { name } = unit.spec;
  if (hasEndedCleanly(unit)) deliver(fleet, name, { type: 'stop-requested' }, instant, outputs);
  deliver(fleet, name, { type: 'cleared', counts: 'attempts' }, instant, outputs);
}

function isToRetry(unit: Unit): boolean {
  const { at } = unit.state.phase;
  return at === 'failed' || at === 'backoff' || at === 'stopping' || hasEndedCleanly(unit);
}

/** What earlier words or ends have brought up beside this one. */
function silenceRivals(fleet: Fleet, unit: Unit, outputs: Outputs): void {
  for (const other of conflictsOf(fleet, unit)) {
    const rival = fleet.units.get(other);
    if (rival?.intent?.wanted === 'up') said(fleet, other, { intent: null }, outputs);
    if (rival?.activation) said(fleet, other, { activation: null }, outputs);
  }
}

/**
 * What the unit cannot do without, and has lost a conflict, wins it by the same word: it could not be pulled in, as the
 * unit is down for just that. Not against what is needed too: that contradicts itself, and waits.
 */
function claimRequirements(fleet: Fleet, unit: Unit, seq: number, outputs: Outputs): void {
  const needs = needsOf(fleet, unit, ['requires', 'bindsTo']);
  const needed = new Set([unit.spec.name, ...needs.map(({ other }) => other.spec.name)]);
  for (const { other, by, field } of needs) {
    const rivals = conflictsOf(fleet, other);
    if (rivals.length === 0 || isUp(other) || other.intent?.wanted === 'down') continue;
    if (rivals.some((rival) => needed.has(rival))) continue;
    silenceRivals(fleet, other, outputs);
    const intent: Intent | null = other.intent === null ? null : { ...other.intent, seq };
    said(fleet, other.spec.name, { intent, activation: { by, field, seq } }, outputs);
  }
}

type NeedingField = 'requires' | 'wants' | 'bindsTo';

interface Need {
  readonly other: Unit;
  readonly by: string;
  readonly field: NeedingField;
}

/** All that the unit names in these fields, however far up, each once. */
function needsOf(fleet: Fleet, unit: Unit, fields: readonly NeedingField[]): readonly Need[] {
  const needs: Need[] = [];
  const seen = new Set([unit.spec.name]);
  const queue = [unit];
  for (const { spec } of queue) {
    for (const field of fields) {
      for (const name of spec[field]) {
        const other = fleet.units.get(name);
        if (other === undefined || seen.has(name)) continue;
        seen.add(name);
        queue.push(other);
        needs.push({ other, by: spec.name, field });
      }
    }
  }
  return needs;
}
