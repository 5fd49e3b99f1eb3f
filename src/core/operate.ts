// What an operator's word changes in the fleet. Pure but for the Fleet it amends; converge does the rest.
//
// start    The unit is wanted up until stop or release says otherwise; what it requires, wants or is bound to and has
//          ended, in failure or cleanly, or is in backoff, is tried again at once; of conflicting units it wins. A unit
//          that is up is left alone; one that has ended and is being tidied up comes back without a pause.
// stop     Wanted down, whatever files and other units say, until start or release; it survives reloads and restarts.
// restart  As start; what is there goes down once, with all that requires it or is part of it, and comes back.
// release  The file's word holds again.
// reset    Failures and all counts are forgotten; a failed unit, or one in backoff, that is wanted is tried at once.
import { amend, conflictsOf, hasEndedCleanly, needsStop } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import { deliver } from './converge.ts';
import type { Instant, Outputs } from './converge.ts';

export type Verb = 'start' | 'stop' | 'restart' | 'release' | 'reset';

/** Takes the word in; the caller converges after it. Unknown and removed units are the caller's to refuse. */
export function operate(fleet: Fleet, name: string, verb: Verb, instant: Instant, outputs: Outputs): void {
  const unit = fleet.units.get(name);
  if (unit === undefined) return;
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
  for (const other of conflictsOf(fleet, unit)) {
    const rival = fleet.units.get(other);
    if (rival?.intent?.wanted === 'up') said(fleet, other, { intent: null }, outputs);
    if (rival?.activation) said(fleet, other, { activation: null }, outputs);
  }
  const isContested = conflictsOf(fleet, unit).length > 0;
  said(fleet, name, { intent: enabled && !isContested ? null : { wanted: 'up', seq } }, outputs);
  for (const other of requirementsToRetry(fleet, unit)) retry(fleet, other, instant, outputs);
  if (!needsStop(unit) || unit.state.phase.at === 'stopping') retry(fleet, unit, instant, outputs);
}

/** One that is not up, and does not move but to its end, is due at once. */
function retry(fleet: Fleet, unit: Unit, instant: Instant, outputs: Outputs): void {
  const { name } = unit.spec;
  if (hasEndedCleanly(unit)) deliver(fleet, name, { type: 'stop-requested' }, instant, outputs);
  deliver(fleet, name, { type: 'cleared', counts: 'attempts' }, instant, outputs);
}

/** All that the unit needs or wants, however far up, that has ended and is not tried again, or not at once. */
function requirementsToRetry(fleet: Fleet, unit: Unit): readonly Unit[] {
  const ended: Unit[] = [];
  const seen = new Set([unit.spec.name]);
  const queue = [unit];
  for (const { spec } of queue) {
    for (const name of [...spec.requires, ...spec.wants, ...spec.bindsTo]) {
      const other = fleet.units.get(name);
      if (other === undefined || seen.has(name)) continue;
      seen.add(name);
      queue.push(other);
      const { at } = other.state.phase;
      const isOut = at === 'failed' || at === 'backoff' || at === 'stopping';
      if (isOut || hasEndedCleanly(other)) ended.push(other);
    }
  }
  return ended;
}
