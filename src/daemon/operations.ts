// Waits until the units that somebody moved are where they were asked to be, or will not get there by themselves.
// Decides nothing about units; it only reads the fleet whenever that has settled. A unit that was to go down and is
// wanted up again before it is there will not be seen down: whoever waits for that has failed.
import { comesBack } from '../core/down-reason.ts';
import { isUp, needsStop } from '../core/fleet.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import { each } from '../core/steps.ts';
import { publicState, reasonOf } from '../core/view.ts';
import type { MovedUnit } from '../wire/v1.ts';
import type { Clock, Timer } from '../os/ports.ts';
import type { Progress } from './control.ts';
import type { Look } from './look.ts';
import { inSlices } from './slices.ts';

export interface Goal {
  readonly name: string;
  /** there: whatever state it is in, it was all that was asked. */
  readonly want: 'up' | 'down' | 'there';
  /** up: only an activation later than this one counts. */
  readonly afterActivation: number;
  /** It already was where it was asked to be: say `unchanged` rather than `done`. */
  readonly isThere: boolean;
}

export interface WaitOptions {
  /** false: no longer than it takes to decide, on which the answer rests. */
  readonly wait: boolean;
  /** null: for ever. */
  readonly timeoutMs: number | null;
  readonly progress: Progress;
  readonly hangup: AbortSignal;
}

/** How far the fleet is. */
export interface Settling {
  readonly isSettled: boolean;
  readonly whenDecided: (act: () => void) => void;
}

interface Operation {
  readonly waits: boolean;
  readonly open: Map<string, Goal>;
  /** Of these, who is to come up and has not begun: it may yet be brought in by one that is under way. */
  readonly idle: Set<string>;
  readonly moved: Map<string, MovedUnit>;
  readonly progress: Progress;
  readonly end: () => void;
  /** All its goals were looked at once, with nothing left to decide; from then on only those that are touched can change. */
  isChecked: boolean;
}

export class Operations {
  readonly #fleet: () => Readonly<Fleet>;
  readonly #clock: Clock;
  readonly #settling: Settling;
  readonly #running = new Set<Operation>();
  #isInterrupted = false;

  constructor(fleet: () => Readonly<Fleet>, clock: Clock, settling: Settling) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#settling = settling;
  }

  /** Resolves with one row a goal, in their order. */
  async wait(goals: readonly Goal[], options: WaitOptions): Promise<readonly MovedUnit[]> {
    const { promise, resolve } = withResolvers();
    const operation: Operation = {
      waits: options.wait,
      open: new Map(goals.map((goal) => [goal.name, goal])),
      idle: new Set(),
      moved: new Map(),
      progress: options.progress,
      end: resolve,
      isChecked: false,
    };
    this.#running.add(operation);
    let timer: Timer | null = null;
    options.hangup.addEventListener('abort', resolve, { once: true });
    const check = (): void => this.#check(operation, operation.open.keys());
    if (!options.wait) this.#settling.whenDecided(check);
    else if (this.#settling.isSettled) check();
    const waits = options.wait || !operation.isChecked;
    if (operation.open.size > 0 && waits && !options.hangup.aborted && !this.#isInterrupted) {
      if (options.timeoutMs !== null) {
        timer = this.#clock.arm(this.#clock.monotonicMs() + options.timeoutMs, resolve);
      }
      if (options.wait) await inSlices(each(goals, (goal) => this.#tellStanding(operation, goal)));
      await promise;
    }
    timer?.close();
    options.hangup.removeEventListener('abort', resolve);
    this.#running.delete(operation);
    const rows: MovedUnit[] = [];
    const steps = each(goals, (goal) => {
      const ended = operation.idle.has(goal.name) ? 'failed' : good(goal);
      const outcome = operation.open.has(goal.name) && ended !== 'failed' ? 'pending' : ended;
      rows.push(operation.moved.get(goal.name) ?? this.#row(goal, outcome));
    });
    await inSlices(steps);
    return rows;
  }

  looked(name: string, look: Look): void {
    for (const operation of this.#running) {
      if (!operation.open.has(name)) continue;
      operation.progress({ type: 'progress', unit: name, state: look.state, reason: look.reason });
    }
  }

  settled(touched: ReadonlySet<string>): void {
    for (const operation of this.#running) {
      this.#check(operation, operation.isChecked ? touched : operation.open.keys());
    }
  }

  /** Ends every wait with what is there, now and from now on: the next version is to go on with it. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.close();
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  /** Ends every wait with what is there: the daemon is going. */
  close(): void {
    for (const operation of this.#running) operation.end();
  }

  /** What a unit has begun to do at the word itself, before anybody waited for it. */
  #tellStanding({ open, progress }: Operation, { name }: Goal): void {
    const unit = open.has(name) ? this.#fleet().units.get(name) : undefined;
    if (unit === undefined) return;
    progress({ type: 'progress', unit: name, state: publicState(unit), reason: reasonOf(unit) });
  }

  #check(operation: Operation, names: Iterable<string>): void {
    operation.isChecked = true;
    const decide = (goal: Goal, outcome: MovedUnit['outcome']): void => {
      operation.open.delete(goal.name);
      // How it stands at the end is all that is to be told of one that was asked for nothing: of thousands, row by row.
      if (goal.want !== 'there') operation.moved.set(goal.name, this.#row(goal, outcome));
    };
    for (const name of names) {
      const goal = operation.open.get(name);
      if (goal === undefined) continue;
      const outcome = this.#outcomeOf(goal);
      operation.idle.delete(name);
      if (outcome === 'failed' && this.#isIdle(goal)) operation.idle.add(name);
      else if (outcome !== 'pending') decide(goal, outcome);
    }
    const isOver = operation.idle.size === operation.open.size || !operation.waits;
    if (!isOver) return;
    for (const name of operation.idle) {
      const goal = operation.open.get(name);
      if (goal !== undefined) decide(goal, 'failed');
    }
    operation.end();
  }

  #isIdle({ name, want, afterActivation }: Goal): boolean {
    const activation = this.#fleet().units.get(name)?.state.activation ?? 0;
    return want === 'up' && activation <= afterActivation;
  }

  #row(goal: Goal, outcome: MovedUnit['outcome']): MovedUnit {
    const unit = this.#fleet().units.get(goal.name);
    const { name } = goal;
    if (unit === undefined)
      return { name, state: 'stopped', ready: false, outcome, reason: 'its file was removed' };
    const isOverruled = goal.want === 'down' && outcome === 'failed' && !isDown(unit);
    const reason = isOverruled ? 'wanted up again before it was down' : reasonOf(unit);
    return { name, state: publicState(unit), ready: isUp(unit), outcome, reason };
  }

  #outcomeOf(goal: Goal): MovedUnit['outcome'] {
    const unit = this.#fleet().units.get(goal.name);
    if (goal.want === 'there') return good(goal);
    if (goal.want === 'up') return unit === undefined || unit.removed ? 'failed' : outcomeOfStart(goal, unit);
    if (unit === undefined) return good(goal);
    // It may go down and come up in one slice, unseen.
    if (!isDown(unit)) return comesBack(this.#fleet(), unit) ? 'failed' : 'pending';
    return unit.state.phase.at === 'failed' ? 'failed' : good(goal);
  }
}

function isDown(unit: Unit): boolean {
  return !needsStop(unit) && unit.state.phase.at !== 'backoff';
}

function good({ isThere }: Goal): 'done' | 'unchanged' {
  return isThere ? 'unchanged' : 'done';
}

function outcomeOfStart(goal: Goal, unit: Unit): MovedUnit['outcome'] {
  const { state, verdict, cycle } = unit;
  if (cycle !== null) return 'pending';
  switch (state.phase.at) {
    case 'starting':
    case 'stopping':
      return 'pending';
    case 'running':
    case 'completed':
      return verdict.down === null && state.activation > goal.afterActivation ? good(goal) : 'pending';
    case 'failed':
    case 'backoff':
      return 'failed';
    case 'stopped':
      return verdict.wanted === 'up' && verdict.pending ? 'pending' : 'failed';
  }
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
