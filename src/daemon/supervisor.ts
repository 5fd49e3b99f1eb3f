// Owns the one mutable map: the fleet. Takes facts in one at a time, has core decide, has effects carried out, and tells
// what changed.
//
// Telling. What a unit looks like is told when a slice of work is done, not at each step of its machine: a crash shows
// as backoff, not as the instants of stopping in between. Exits are told one by one.
//
// Turns. Work is done in slices of a few milliseconds with the event loop's turn in between, so that the exits that
// come in during a large reload are answered in time. Facts go first, then what follows from them; effects that did
// not fit into the slice of the round that decided them wait in the backlog. Those of one unit keep their order.
// What changed in a slice is told and written down at its end, in the order in which it changed; where that is
// thousands, the others come in later ones.
import { converge, deliver } from '../core/converge.ts';
import type { Instant, Output as CoreOutput } from '../core/converge.ts';
import { newFleet } from '../core/fleet.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import { deadlineOf } from '../core/machine-state.ts';
import type { MachineEffect, MachineEvent } from '../core/machine-state.ts';
import type { ExitRecord } from '../model/state.ts';
import type { Clock } from '../os/ports.ts';
import { Backlog } from './backlog.ts';
import { Deadlines } from './deadlines.ts';
import { lookOf } from './look.ts';
import type { Look } from './look.ts';
import { ToldLooks } from './told-looks.ts';

export interface SupervisorEvents {
  /** A unit's facts may have changed, whether it looks different or not; all that they ask for has been done. */
  readonly onChanged: (unit: Unit) => void;
  /** A unit looks different; `from` is null when it is new. */
  readonly onLook: (name: string, from: Look | null, to: Look) => void;
  readonly onExit: (name: string, exit: ExitRecord) => void;
  readonly onForgotten: (name: string) => void;
  /** Nothing is left to decide, until the next fact, and all that was decided has been told. */
  readonly onSettled: (touched: ReadonlySet<string>) => void;
  /** A unit's failureAction or successAction. */
  readonly onExitAction: (name: string, code: number) => void;
  /** Deciding or doing threw: a bug. That unit's event is lost, the daemon lives. */
  readonly onBug: (name: string | null, error: unknown) => void;
}

export interface SupervisorPorts {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Carries an effect out now; facts that come of it go to send(). */
  readonly perform: (unit: Unit, effect: MachineEffect) => void;
}

/**
 * Longest run of work before the event loop gets its turn; one round of decisions is never cut. A slice of a reload may
 * come in the same turn.
 */
const SLICE_MS = 5;
/** And to tell what changed. */
const SHOW_MS = 2;
/** Converging stops after each round, to look for new facts and at the clock. */
const ONE_ROUND = 1;

interface Work {
  readonly unit: string | null;
  readonly run: (fleet: Fleet, instant: Instant, outputs: CoreOutput[]) => void;
}

export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #events: SupervisorEvents;
  readonly #fleet: Fleet = newFleet();
  readonly #toldLooks: ToldLooks;
  readonly #deadlines: Deadlines;
  readonly #touched = new Set<string>();
  /** Units that have changed in this slice. */
  readonly #changed = new Set<string>();
  /** Units to be shown when the slice is done, as far as there is time. */
  readonly #toShow = new Set<string>();
  #queue: Work[] = [];
  readonly #backlog = new Backlog();
  #onDecided: (() => void)[] = [];
  #isWorking = false;
  #isScheduled = false;

  /** `looks`: what was told of units before, by the version that this one took over from. */
  constructor(
    ports: SupervisorPorts,
    events: SupervisorEvents,
    looks: ReadonlyMap<string, Look> = new Map(),
  ) {
    this.#ports = ports;
    this.#events = events;
    this.#toldLooks = new ToldLooks(events.onLook, looks);
    this.#deadlines = new Deadlines(ports.clock, (name, deadline) => {
      this.send(name, { type: 'deadline-passed', deadline });
    });
  }

  /** What was last told of each unit. */
  get looks(): ReadonlyMap<string, Look> {
    return this.#toldLooks.last;
  }

  /** For reading; changes go through change() and send(). */
  get fleet(): Readonly<Fleet> {
    return this.#fleet;
  }

  /** Nothing is left to decide, until the next fact, and all that was decided has been told. */
  get isSettled(): boolean {
    return !this.#isWorking && !this.#hasWork();
  }

  /** Calls back, once, as soon as nothing is left to decide: what was decided may still be to be done, and told. */
  whenDecided(act: () => void): void {
    this.#onDecided.push(act);
    if (!this.#isWorking) this.#tellDecided();
  }

  instant(): Instant {
    const { clock, random } = this.#ports;
    return { nowMs: clock.monotonicMs(), wallMs: clock.wallMs(), random: random() };
  }

  send(name: string, event: MachineEvent): void {
    this.#enqueue({
      unit: name,
      run: (fleet, instant, outputs) => {
        deliver(fleet, name, event, instant, outputs);
      },
    });
  }

  /** Lets `amend` change the fleet (an operator's word, a plan) in its turn, then works off what follows. */
  change(amend: (fleet: Fleet, instant: Instant, outputs: CoreOutput[]) => void): void {
    this.#enqueue({ unit: null, run: amend });
  }

  look(name: string): Look | null {
    const unit = this.#fleet.units.get(name);
    return unit === undefined ? null : lookOf(unit);
  }

  /** Disarms every timer; no fact is taken in after it. */
  close(): void {
    this.#deadlines.close();
    this.#queue = [];
    this.#backlog.clear();
    this.#onDecided = [];
    this.#changed.clear();
    this.#toShow.clear();
    this.#fleet.units.clear();
    this.#fleet.dirty.clear();
  }

  #hasWork(): boolean {
    return this.#hasTurns() || this.#toShow.size > 0;
  }

  #hasTurns(): boolean {
    return this.#hasDecisions() || this.#backlog.size > 0;
  }

  #hasDecisions(): boolean {
    return this.#queue.length > 0 || this.#fleet.dirty.size > 0;
  }

  #tellDecided(): void {
    if (this.#onDecided.length === 0 || this.#hasDecisions()) return;
    const told = this.#onDecided;
    this.#onDecided = [];
    for (const act of told) this.#guard(null, act);
  }

  #enqueue(work: Work): void {
    this.#queue.push(work);
    // A slice that is due takes it first; working now would give each of many facts in a row a slice of its own.
    if (!this.#isWorking && !this.#isScheduled) this.#work();
  }

  #work(): void {
    this.#isWorking = true;
    const { clock } = this.#ports;
    const endMs = clock.monotonicMs() + SLICE_MS;
    // A slice may be due for nothing but what is still to be shown.
    if (this.#hasTurns()) {
      do this.#workOnce(endMs);
      while (this.#hasTurns() && clock.monotonicMs() < endMs);
    }
    this.#showUntil(clock.monotonicMs() + SHOW_MS);
    this.#isWorking = false;
    if (this.#hasWork()) this.#schedule();
    else this.#settled();
  }

  /** The oldest fact; or else one round of convergence; or else one unit of the backlog. */
  #workOnce(endMs: number): void {
    const work = this.#queue.shift();
    const outputs: CoreOutput[] = [];
    this.#guard(work?.unit ?? null, () => {
      if (work !== undefined) work.run(this.#fleet, this.instant(), outputs);
      else if (this.#fleet.dirty.size > 0) converge(this.#fleet, this.instant(), outputs, ONE_ROUND);
      else outputs.push(...this.#backlog.shift());
    });
    this.#take(outputs, endMs);
    this.#tellDecided();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#work();
    });
  }

  #take(outputs: readonly CoreOutput[], endMs: number): void {
    for (const output of outputs) {
      const isLate =
        this.#backlog.has(output.unit) ||
        (output.type === 'effect' && this.#ports.clock.monotonicMs() >= endMs);
      if (isLate) this.#backlog.add(output);
      else this.#guard(output.unit, () => this.#carryOut(output));
    }
  }

  #carryOut(output: CoreOutput): void {
    switch (output.type) {
      case 'effect': {
        const { effect } = output;
        const unit = this.#fleet.units.get(output.unit);
        if (unit === undefined) return;
        if (effect.type === 'record') this.#events.onExit(unit.spec.name, effect.exit);
        this.#ports.perform(unit, effect);
        return;
      }
      case 'touched':
        this.#changed.add(output.unit);
        return;
      case 'forgotten':
        this.#forget(output.unit);
        return;
      case 'exit':
        this.#events.onExitAction(output.unit, output.code);
        return;
    }
  }

  /** A bug, ours or a listener's, costs the unit what was under way, and nobody else anything. */
  #guard(unit: string | null, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#events.onBug(unit, error);
    }
  }

  /** One at least: however busy, all are told in the end. What is due is known at once all the same. */
  #showUntil(endMs: number): void {
    for (const name of this.#changed) {
      this.#toShow.add(name);
      const unit = this.#fleet.units.get(name);
      if (unit !== undefined)
        this.#guard(name, () => this.#deadlines.set(name, deadlineOf(unit.state.phase)));
    }
    this.#changed.clear();
    for (const name of this.#toShow) {
      this.#toShow.delete(name);
      this.#tell(name);
      if (this.#ports.clock.monotonicMs() >= endMs) return;
    }
  }

  #tell(name: string): void {
    const unit = this.#fleet.units.get(name);
    if (unit === undefined) return;
    this.#guard(name, () => {
      if (!this.#backlog.has(name)) this.#events.onChanged(unit);
      this.#touched.add(name);
      this.#toldLooks.tell(unit);
    });
  }

  #forget(name: string): void {
    if (this.#fleet.units.has(name)) return;
    this.#deadlines.set(name, null);
    this.#toldLooks.forget(name);
    this.#touched.add(name);
    this.#events.onForgotten(name);
  }

  #settled(): void {
    const touched = new Set(this.#touched);
    this.#touched.clear();
    this.#guard(null, () => {
      this.#events.onSettled(touched);
    });
  }
}
