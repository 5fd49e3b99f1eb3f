// Brings the fleet towards what is wanted: deliver() takes one fact to one unit, converge() works off whatever that
// made doubtful. Both only return what the daemon shall do; the daemon does it and delivers the facts that come of it.
//
// Two phases, so that no unit acts on a half-settled view: first all verdicts are brought up to date, then every unit
// whose verdict or phase changed acts once (starts, stops, forgets its cycle), which makes neighbours doubtful again;
// and so on until nothing is. It ends: verdicts follow an acyclic order, and each action moves a machine forward.
//
// The cost of an event is that of the units that name, or are named by, those whose verdict it changes.
import { claimOf, inheritedCycle, isKeptDown, wantedOf } from './down-reason.ts';
import { amend, conflictsOf, isUp, needsStop, NEW_VERDICT } from './fleet.ts';
import type { Fleet, Unit } from './fleet.ts';
import { PULLING_FIELDS } from './graph.ts';
import { step } from './machine.ts';
import type { MachineEffect, MachineEvent } from './machine-state.ts';
import type { Steps } from './steps.ts';
import { isUpheld, sameForOthers, sameVerdict, startCheck, stopWait, verdictOf } from './verdict.ts';

export interface Instant {
  readonly nowMs: number;
  readonly wallMs: number;
  /** In [0, 1); every unit of one instant draws its own value from it. */
  readonly random: number;
}

export type Output =
  | { readonly type: 'effect'; readonly unit: string; readonly effect: MachineEffect }
  /** Its phase, verdict or pids may have changed: show it anew, arm its deadline. */
  | { readonly type: 'touched'; readonly unit: string }
  /** Removed and at rest: nothing of it is left in the fleet. */
  | { readonly type: 'forgotten'; readonly unit: string }
  /** failureAction or successAction: the daemon is to end. */
  | { readonly type: 'exit'; readonly unit: string; readonly code: number };

export type Outputs = Output[];

/** Takes one event to one unit's machine. A unit that is gone makes it nothing. */
export function deliver(
  fleet: Fleet,
  name: string,
  event: MachineEvent,
  instant: Instant,
  outputs: Outputs,
): void {
  const unit = fleet.units.get(name);
  if (unit === undefined) return;
  const facts = {
    nowMs: instant.nowMs,
    wallMs: instant.wallMs,
    random: drawFor(name, instant.random),
    upheld: isUpheld(fleet, unit),
    words: fleet.words,
  };
  const { state, effects } = step(unit.spec, unit.state, event, facts);
  for (const effect of effects) outputs.push({ type: 'effect', unit: name, effect });
  if (state === unit.state) return;
  const isMoved = state.phase.at !== unit.state.phase.at;
  amend(fleet, name, { state, sinceWall: isMoved ? instant.wallMs : unit.sinceWall });
  outputs.push({ type: 'touched', unit: name });
  // Who waits for one that has failed says why it has, which a start that is refused for its limit makes longer.
  if (isMoved || state.phase.at === 'failed') doubtNeighbours(fleet, unit);
  if (!isMoved) return;
  if (state.phase.at === 'failed') ended(fleet, unit, 'onFailure', event.type === 'start-refused', outputs);
  if (state.phase.at === 'completed') ended(fleet, unit, 'onSuccess', false, outputs);
}

/** The draws of one instant differ from unit to unit, or units that fail together would all come back together. */
function drawFor(name: string, random: number): number {
  let hash = 0;
  for (let at = 0; at < name.length; at += 1) hash = (hash * 31 + name.charCodeAt(at)) % 65_521;
  return (random + hash / 65_521) % 1;
}

function ended(
  fleet: Fleet,
  unit: Unit,
  field: 'onFailure' | 'onSuccess',
  isRefusal: boolean,
  outputs: Outputs,
): void {
  const { spec } = unit;
  for (const name of spec[field]) {
    // A refusal takes no time: units that lack a requisite and name each other in onFailure would never be done.
    const isEcho = isRefusal && fleet.units.get(name)?.state.phase.at === 'failed';
    if (!isEcho) bringUp(fleet, name, spec.name, field);
  }
  const action = field === 'onFailure' ? spec.failureAction : spec.successAction;
  if (action === 'exit' && !fleet.shuttingDown) {
    // What was refused has not run: its last exit is of an earlier life.
    const exit = isRefusal ? null : fleet.units.get(spec.name)?.state.history.at(-1);
    const code = exit?.code ?? (field === 'onFailure' ? 1 : 0);
    outputs.push({ type: 'exit', unit: spec.name, code: field === 'onFailure' && code === 0 ? 1 : code });
  }
}

/**
 * onFailure and onSuccess start their units anew each time, unless these are there already or held down. It is a start
 * like an operator's: it comes after all words and starts before it, and so wins a conflict with whoever these brought
 * up, the unit that has ended for one.
 */
function bringUp(fleet: Fleet, name: string, by: string, field: 'onFailure' | 'onSuccess'): void {
  const unit = fleet.units.get(name);
  if (unit === undefined || unit.removed || unit.intent?.wanted === 'down') return;
  const { at } = unit.state.phase;
  if (at === 'running' || at === 'starting') return;
  fleet.seq += 1;
  const activation = { by, field, seq: fleet.seq };
  if (at === 'backoff') amend(fleet, name, { activation });
  else {
    const cycle = at === 'completed' && needsStop(unit) ? `started by "${by}"` : unit.cycle;
    amend(fleet, name, { activation: { ...activation, isDue: true }, cycle });
  }
}

/**
 * Works off the doubtful units. `budget` bounds how many verdicts are looked at, so that a reload of thousands can be
 * spread over several turns of the event loop; true when nothing is left to do.
 */
export function converge(fleet: Fleet, instant: Instant, outputs: Outputs, budget = Infinity): boolean {
  let left = budget;
  while (fleet.dirty.size > 0) {
    const acting = settleVerdicts(fleet, instant, outputs);
    for (const name of acting) {
      act(fleet, name, instant, outputs);
      left -= 1;
    }
    if (left <= 0) return fleet.dirty.size === 0;
  }
  return true;
}

/** Phase one. Returns the units that were doubtful, in the order in which they became so. */
export function settleVerdicts(
  fleet: Fleet,
  { wallMs }: Pick<Instant, 'wallMs'>,
  outputs: Outputs,
): ReadonlySet<string> {
  const seen = new Set<string>();
  for (const name of fleet.dirty) if (settle(fleet, name, wallMs, outputs)) seen.add(name);
  return seen;
}

/** The same in steps, for a fleet that nobody else changes meanwhile, and in which no time passes. */
export function* settlingVerdicts(fleet: Fleet): Steps<ReadonlySet<string>> {
  const seen = new Set<string>();
  for (const name of fleet.dirty) {
    if (settle(fleet, name, null, [])) seen.add(name);
    yield;
  }
  return seen;
}

/** Brings one doubtful unit's verdict up to date; false when it is gone. */
function settle(fleet: Fleet, name: string, wallMs: number | null, outputs: Outputs): boolean {
  fleet.dirty.delete(name);
  const unit = fleet.units.get(name);
  if (unit === undefined) return false;
  const cycle = inheritedCycle(fleet, unit);
  const known = cycle === null ? unit : { ...unit, cycle };
  const verdict = verdictOf(fleet, known);
  const isNew = cycle !== null || !sameForOthers(verdict, unit.verdict);
  const isTold = !sameVerdict(verdict, unit.verdict);
  // At rest it is its verdict that makes it `stopped` or `waiting`.
  const isOther = unit.state.phase.at === 'stopped' && verdict.wanted !== unit.verdict.wanted;
  const sinceWall = isOther && unit.verdict !== NEW_VERDICT ? wallMs : (unit.sinceWall ?? wallMs);
  const next = isNew || isTold ? { ...known, verdict, sinceWall } : unit;
  fleet.units.set(name, next);
  if (isTold) outputs.push({ type: 'touched', unit: name });
  if (isNew) {
    pullIn(fleet, next);
    doubtNeighbours(fleet, next);
  }
  bePulledIn(fleet, next);
  return true;
}

/** Marks all whose verdicts may follow from this unit's, by its file and by the graph as they are. */
export function doubtNeighbours(fleet: Fleet, unit: Unit): void {
  const { name, conflicts, partOf } = unit.spec;
  for (const other of fleet.graph.predecessors(name)) fleet.dirty.add(other);
  for (const other of fleet.graph.successors(name)) fleet.dirty.add(other);
  for (const edge of fleet.graph.namedBy(name)) {
    fleet.dirty.add(edge.name);
    // What the members of a ring inherit depends on all of it.
    for (const member of fleet.graph.ring(edge.name)) fleet.dirty.add(member);
  }
  for (const other of [...conflicts, ...partOf, ...unit.spec.upholds]) fleet.dirty.add(other);
}

type PullingField = (typeof PULLING_FIELDS)[number];

/** A unit that is to come up takes with it what it requires, wants or is bound to; one that is up, what it upholds. */
function pullIn(fleet: Fleet, unit: Unit): void {
  const seq = claimOf(unit);
  for (const field of PULLING_FIELDS) {
    if (!isPulling(fleet, unit, field)) continue;
    for (const name of unit.spec[field]) {
      const other = fleet.units.get(name);
      if (other === undefined || other.removed || other.intent !== null) continue;
      const isNew = other.activation === null ? !other.spec.enabled || seq > 0 : other.activation.seq < seq;
      if (isNew) activate(fleet, unit, other, field);
    }
  }
}

/** The other way round, for one that nobody wants: those who name it may have nothing new about them. */
function bePulledIn(fleet: Fleet, unit: Unit): void {
  const { spec, removed, intent, activation } = unit;
  if (removed || spec.enabled || intent !== null || activation !== null) return;
  for (const { name, field } of fleet.graph.namedBy(spec.name)) {
    const by = fleet.units.get(name);
    const pulling = PULLING_FIELDS.find((other) => other === field);
    if (by === undefined || pulling === undefined || !isPulling(fleet, by, pulling)) continue;
    if (activate(fleet, by, unit, pulling)) return;
  }
}

function isPulling(fleet: Fleet, unit: Unit, field: PullingField): boolean {
  return wantedOf(fleet, unit) === 'up' && (field !== 'upholds' || isUp(unit)) && !isKeptDown(fleet, unit);
}

function activate(fleet: Fleet, by: Unit, unit: Unit, field: PullingField): boolean {
  if (conflictsOf(fleet, by).includes(unit.spec.name)) return false;
  const seq = claimOf(by);
  const { activation: known } = unit;
  // What an end is still to start is due all the same.
  const activation = known?.isDue === true ? { ...known, seq } : { by: by.spec.name, field, seq };
  amend(fleet, unit.spec.name, { activation });
  // Nobody may have wanted it for a moment, in which those that it pulls in were found to be nobody's.
  for (const pulling of PULLING_FIELDS) for (const name of unit.spec[pulling]) fleet.dirty.add(name);
  return true;
}

/** Phase two: the one thing that this unit does next, if any. */
export function act(fleet: Fleet, name: string, instant: Instant, outputs: Outputs): void {
  const unit = fleet.units.get(name);
  if (unit === undefined) return;
  if (!sameVerdict(unit.verdict, verdictOf(fleet, unit))) {
    fleet.dirty.add(name);
    return;
  }
  const { phase } = unit.state;
  const send = (event: MachineEvent): void => {
    deliver(fleet, name, event, instant, outputs);
  };
  if (unit.cycle !== null && !needsStop(unit)) {
    if (phase.at !== 'stopped')
      send(phase.at === 'completed' ? { type: 'stop-requested' } : { type: 'cleared', counts: 'attempts' });
    amend(fleet, name, { cycle: null });
    doubtNeighbours(fleet, unit);
  } else if (unit.activation?.isDue === true && !needsStop(unit)) {
    const { by, field, seq } = unit.activation;
    amend(fleet, name, { activation: { by, field, seq } });
    send({ type: 'activated' });
  } else if (unit.verdict.down !== null) {
    actDown(fleet, unit, send, outputs);
  } else if (phase.at === 'stopped') {
    const check = startCheck(fleet, unit);
    if (check.start === 'now') send({ type: 'start-requested' });
    if (check.start === 'refuse') send({ type: 'start-refused', text: check.text });
  } else if ((phase.at === 'completed' || phase.at === 'failed') && !isUp(unit) && isUpheld(fleet, unit)) {
    if (startCheck(fleet, unit).start === 'now') send({ type: 'start-requested' });
  }
}

function actDown(fleet: Fleet, unit: Unit, send: (event: MachineEvent) => void, outputs: Outputs): void {
  const { phase } = unit.state;
  const { name } = unit.spec;
  if (needsStop(unit)) {
    const isTold = phase.at === 'stopping' && phase.requested;
    if (!isTold && (phase.at === 'stopping' || stopWait(fleet, unit) === null))
      send({ type: 'stop-requested' });
  } else if (unit.removed) {
    doubtNeighbours(fleet, unit);
    fleet.retiredRuns = Math.max(fleet.retiredRuns, unit.state.runs);
    fleet.units.delete(name);
    fleet.dirty.delete(name);
    outputs.push({ type: 'forgotten', unit: name });
  } else if (phase.at === 'backoff' || (phase.at === 'completed' && unit.verdict.wanted === 'down')) {
    send({ type: 'stop-requested' });
  }
}
