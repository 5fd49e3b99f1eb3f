// Owns the one mutable map: the fleet, and for each unit its timer, its output and what was last told of it. Takes
// facts in one at a time, has core decide, has effects carried out, and tells what changed.
//
// Telling. What a unit looks like is told when a slice of work is done, not at each step of its machine: a crash shows
// as backoff, not as the instants of stopping in between. Exits are told one by one.
//
// Turns. Work is done in slices of a few milliseconds with the event loop's turn in between, so that the exits that
// come in during a large reload are answered in time. Facts go first: convergence only goes on when none is waiting.
import { converge, deliver } from '../core/converge.ts';
import type { Instant, Output as CoreOutput } from '../core/converge.ts';
import { isUp, newFleet } from '../core/fleet.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import { deadlineOf } from '../core/machine-state.ts';
import type { MachineEffect, MachineEvent } from '../core/machine-state.ts';
import { publicState, reasonOf } from '../core/view.ts';
import type { State, Wanted } from '../model/state.ts';
import type { Clock, Timer } from '../os/ports.ts';
import type { ExitRecord } from '../model/state.ts';

/** How a unit looks at one moment, as far as subscribers are told. */
export interface Look {
  readonly state: State;
  readonly ready: boolean;
  readonly wanted: Wanted;
  readonly reason: string;
  readonly pid: number | null;
}

export interface SupervisorEvents {
  /** A unit's facts may have changed, whether it looks different or not. */
  readonly onChanged: (unit: Unit) => void;
  /** A unit looks different; `from` is null when it is new. */
  readonly onLook: (name: string, from: Look | null, to: Look) => void;
  readonly onExit: (name: string, exit: ExitRecord) => void;
  readonly onForgotten: (name: string) => void;
  /** Nothing is left to decide, until the next fact. */
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

/** Longest run of work before the event loop gets its turn. */
const SLICE_MS = 8;
/** Units that act between two looks at the clock. */
const BATCH = 16;

interface Work {
  readonly unit: string | null;
  readonly run: (fleet: Fleet, instant: Instant, outputs: CoreOutput[]) => void;
}

interface Armed {
  readonly deadline: number;
  readonly timer: Timer;
}

export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #events: SupervisorEvents;
  readonly #fleet: Fleet = newFleet();
  readonly #looks = new Map<string, Look>();
  readonly #armed = new Map<string, Armed>();
  readonly #touched = new Set<string>();
  /** Units to be shown when this slice is done. */
  readonly #toShow = new Set<string>();
  #queue: Work[] = [];
  #isWorking = false;
  #isScheduled = false;

  constructor(ports: SupervisorPorts, events: SupervisorEvents) {
    this.#ports = ports;
    this.#events = events;
  }

  /** For reading; changes go through change() and send(). */
  get fleet(): Readonly<Fleet> {
    return this.#fleet;
  }

  /** Nothing is left to decide, until the next fact. */
  get isSettled(): boolean {
    return !this.#isWorking && this.#queue.length === 0 && this.#fleet.dirty.size === 0;
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
    for (const { timer } of this.#armed.values()) timer.close();
    this.#armed.clear();
    this.#queue = [];
    this.#fleet.units.clear();
    this.#fleet.dirty.clear();
  }

  #enqueue(work: Work): void {
    this.#queue.push(work);
    this.#work();
  }

  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    const end = this.#ports.clock.monotonicMs() + SLICE_MS;
    try {
      while (this.#workOnce()) {
        if (this.#ports.clock.monotonicMs() < end) continue;
        this.#schedule();
        return;
      }
    } finally {
      this.#showAll();
      this.#isWorking = false;
    }
    this.#settled();
  }

  /** One piece of work, or one batch of convergence; false when there is neither. */
  #workOnce(): boolean {
    const work = this.#queue.shift();
    const outputs: CoreOutput[] = [];
    try {
      if (work !== undefined) work.run(this.#fleet, this.instant(), outputs);
      else if (this.#fleet.dirty.size > 0) converge(this.#fleet, this.instant(), outputs, BATCH);
      else return false;
    } catch (error) {
      this.#events.onBug(work?.unit ?? null, error);
    }
    this.#take(outputs);
    return true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#work();
    });
  }

  #take(outputs: readonly CoreOutput[]): void {
    const exits: CoreOutput[] = [];
    for (const output of outputs) {
      const unit = this.#fleet.units.get(output.unit);
      try {
        if (output.type === 'effect' && unit !== undefined) this.#perform(unit, output.effect);
        else if (output.type === 'touched') this.#toShow.add(output.unit);
        else if (output.type === 'forgotten') this.#forget(output.unit);
        else if (output.type === 'exit') exits.push(output);
      } catch (error) {
        this.#events.onBug(output.unit, error);
      }
    }
    for (const exit of exits) if (exit.type === 'exit') this.#events.onExitAction(exit.unit, exit.code);
  }

  #perform(unit: Unit, effect: MachineEffect): void {
    if (effect.type === 'record') this.#events.onExit(unit.spec.name, effect.exit);
    this.#ports.perform(unit, effect);
  }

  #showAll(): void {
    for (const name of this.#toShow) {
      const unit = this.#fleet.units.get(name);
      if (unit === undefined) continue;
      this.#events.onChanged(unit);
      this.#show(unit);
    }
    this.#toShow.clear();
  }

  #show(unit: Unit): void {
    const { name } = unit.spec;
    this.#arm(name, deadlineOf(unit.state.phase));
    const before = this.#looks.get(name) ?? null;
    const after = lookOf(unit);
    if (before !== null && isSameLook(before, after)) return;
    this.#looks.set(name, after);
    this.#touched.add(name);
    this.#events.onLook(name, before, after);
  }

  #arm(name: string, deadline: number | null): void {
    const armed = this.#armed.get(name);
    if (armed?.deadline === deadline) return;
    armed?.timer.close();
    this.#armed.delete(name);
    if (deadline === null) return;
    const timer = this.#ports.clock.arm(deadline, () => {
      if (this.#armed.get(name)?.timer === timer) this.#armed.delete(name);
      this.send(name, { type: 'deadline-passed', deadline });
    });
    this.#armed.set(name, { deadline, timer });
  }

  #forget(name: string): void {
    if (this.#fleet.units.has(name)) return;
    this.#arm(name, null);
    this.#looks.delete(name);
    this.#touched.add(name);
    this.#events.onForgotten(name);
  }

  #settled(): void {
    if (this.#touched.size === 0) return;
    const touched = new Set(this.#touched);
    this.#touched.clear();
    this.#events.onSettled(touched);
  }
}

function lookOf(unit: Unit): Look {
  return {
    state: publicState(unit),
    ready: isUp(unit),
    wanted: unit.verdict.wanted,
    reason: reasonOf(unit),
    pid: mainPid(unit),
  };
}

/** Of the main process; null while there is none. */
export function mainPid(unit: Unit): number | null {
  const { phase } = unit.state;
  return 'main' in phase ? (phase.main?.process?.pid ?? null) : null;
}

function isSameLook(a: Look, b: Look): boolean {
  return (
    a.state === b.state &&
    a.ready === b.ready &&
    a.wanted === b.wanted &&
    a.reason === b.reason &&
    a.pid === b.pid
  );
}
