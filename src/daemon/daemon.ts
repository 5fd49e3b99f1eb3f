// Puts the parts of the daemon together and passes on to each what another reports; opens them and closes them in their
// order. What is told of it stands in announcer.ts, what is written down in records.ts, what clients are answered in
// answers.ts; what a signal or the end of the program does, in lifecycle.ts.
import { join } from 'node:path';
import { stackOf } from '../base/fault.ts';
import { needsStop } from '../core/fleet.ts';
import type { Unit } from '../core/fleet.ts';
import type { UnitSpec } from '../model/unit.ts';
import type { Clock, Measurable, Meter, Processes, Readiness } from '../os/ports.ts';
import { takeUp } from './adoption.ts';
import { Announcer } from './announcer.ts';
import { Answers } from './answers.ts';
import type { Answer, Control } from './control.ts';
import { Effects } from './effects.ts';
import { EventHub } from './event-hub.ts';
import { HandedOperations } from './handed-operations.ts';
import type { HandOver, Origin } from './handover.ts';
import { inTime } from './in-time.ts';
import { MainSeeker } from './main-seeker.ts';
import { Operations } from './operations.ts';
import { Outputs } from './outputs.ts';
import { removePidFile } from './pid-file.ts';
import { Records } from './records.ts';
import type { RecordsOptions } from './records.ts';
import { Reloader } from './reload.ts';
import { Sampler } from './sampler.ts';
import { Shutdown } from './shutdown.ts';
import { Supervisor } from './supervisor.ts';
import { Tidying } from './tidying.ts';
import { UnitDirectory } from './unit-directory.ts';
import type { ReexecDocument } from '../wire/v1.ts';

/** How long a busy fleet, or a slow disk, is waited for before the next version takes over all the same. */
const LEAVE_PATIENCE_MS = 10_000;

export interface DaemonOptions extends RecordsOptions {
  readonly origin: Origin;
  readonly clock: Clock;
  readonly processes: Processes;
  /** For the units' output; the caller closes it after the daemon. */
  readonly readiness: Readiness;
  readonly meter: Meter;
  readonly random: () => number;
  readonly inherited: Readonly<Record<string, string>>;
  readonly insecurePermissions: boolean;
  /** null: usage is not measured. */
  readonly usageIntervalMs: number | null;
  /** A unit's failureAction or successAction wants the daemon to end with this code. */
  readonly onExitAction: (unit: string, code: number) => void;
  /** Of the version that this one took over from; null if it was started. */
  readonly handOver: HandOver | null;
  /** Gives back memory that a load, and what it starts, takes for a moment only; node never would. */
  readonly tidy: () => void;
  /** A client wants the version on disk to take over. */
  readonly reexec: () => Promise<Answer<ReexecDocument>>;
}

/** What only the daemon knows of all that is handed over. */
export type Left = Pick<HandOver, 'pipeFds' | 'looks' | 'events' | 'operations' | 'standing'>;

export class Daemon {
  /** For the API. */
  readonly control: Control;
  readonly #options: DaemonOptions;
  readonly #hub: EventHub;
  readonly #announcer: Announcer;
  readonly #records: Records;
  readonly #supervisor: Supervisor;
  readonly #shutdown: Shutdown;
  readonly #effects: Effects;
  readonly #seeker: MainSeeker;
  readonly #operations: Operations;
  readonly #reloader: Reloader;
  readonly #sampler: Sampler;
  readonly #outputs: Outputs;
  readonly #handed: HandedOperations;
  readonly #tidying: Tidying;

  constructor(options: DaemonOptions) {
    const { clock, processes, log, paths, handOver } = options;
    this.#options = options;
    this.#handed = new HandedOperations(handOver?.operations ?? []);
    this.#hub = new EventHub(() => clock.wallMs(), handOver?.events);
    this.#announcer = new Announcer(this.#hub, log);
    this.#tidying = new Tidying(clock, options.tidy);
    this.#records = new Records(options);
    this.#supervisor = new Supervisor(
      {
        clock,
        random: options.random,
        perform: (unit, effect) => {
          this.#effects.perform(unit.spec, effect);
          if (effect.type === 'end') this.#ended(unit.spec);
        },
      },
      {
        onChanged: (unit) => this.#writeDown(unit),
        onLook: (name, from, to) => {
          this.#announcer.looked(name, from, to);
          this.#operations.looked(name, to);
          if (to.state === 'running' || to.state === 'starting') this.#sampler.wake();
        },
        onExit: (unit, exit) => {
          this.#records.exited(unit, exit);
          this.#announcer.exited(unit, exit);
        },
        onForgotten: (name) => this.#forgotten(name),
        onSettled: (touched) => {
          this.#operations.settled(touched);
          this.#shutdown.settled();
        },
        onExitAction: options.onExitAction,
        onBug: (unit, error) => log.write('error', 'bug', stackOf(error), { unit }),
      },
      new Map(handOver?.looks),
    );
    this.#shutdown = new Shutdown(this.#supervisor);
    this.#outputs = new Outputs({
      fifoDirectory: join(paths.runtime, 'fifo'),
      logDirectory: paths.logs,
      bootId: options.bootId,
      clock,
      readiness: options.readiness,
      onProblem: (unit, problem) => this.#announcer.logging(unit, problem, this.#outputs.stats(unit)),
      onTrouble: (unit, message) => log.write('error', 'log', message, { unit }),
    });
    this.#effects = new Effects({
      processes,
      inherited: options.inherited,
      outputFor: (spec) => this.#outputs.openFor(spec),
      send: (unit, event) => this.#supervisor.send(unit, event),
      onSpawning: (name) => this.#writeDown(this.#supervisor.fleet.units.get(name)),
      onSpawned: (unit, run, process) => this.#records.spawned(unit, { run, process }),
      seekMain: (spec, run) => this.#seeker.seek(spec, run),
      succeed: (...asked) => this.#seeker.succeed(...asked),
      onTrouble: (unit, message) => log.write('warning', 'unit', message, { unit }),
    });
    this.#seeker = new MainSeeker({
      clock,
      unitOf: (name) => this.#supervisor.fleet.units.get(name),
      members: (unit) => this.#effects.members(unit),
      isUnsure: () => processes.isUnsure(),
      send: (unit, event) => this.#supervisor.send(unit, event),
      onWaiting: (unit, ended) => {
        this.#records.spawned(unit, ended);
        this.#supervisor.send(unit, { type: 'main-ended', run: ended.run });
      },
      onFound: (unit, run, process) => this.#effects.takeMain(unit, run, process),
    });
    this.#operations = new Operations(() => this.#supervisor.fleet, clock, this.#supervisor);
    this.#reloader = new Reloader({
      directory: new UnitDirectory(paths.units, options.insecurePermissions, (name) => processes.lacks(name)),
      supervisor: this.#supervisor,
      records: this.#records,
      adopt: (earlier, fleet, ...turn) =>
        takeUp(earlier, fleet, { processes, effects: this.#effects, outputs: this.#outputs, log }, ...turn),
      expectSpawns: () => processes.expectSpawns(),
      onMoved: (name) => {
        const spec = this.#supervisor.fleet.units.get(name)?.spec;
        if (spec !== undefined) this.#outputs.update(spec);
      },
      onApplied: (applied) => {
        if (applied.plan.units.length > 0) this.#tidying.later();
        this.#announcer.applied(applied, paths.units);
      },
    });
    this.#sampler = new Sampler({
      clock,
      meter: options.meter,
      intervalMs: options.usageIntervalMs,
      trees: () => this.#livingTrees(),
      members: (unit) => this.#effects.members(unit),
      onSample: (unit, usage) => this.#announcer.sampled(unit, usage),
      onTrouble: (message) => log.write('warning', 'usage', message),
    });
    this.control = new Answers({
      paths,
      origin: options.origin,
      clock,
      processes,
      supervisor: this.#supervisor,
      effects: this.#effects,
      outputs: this.#outputs,
      reloader: this.#reloader,
      operations: this.#operations,
      sampler: this.#sampler,
      intents: this.#records.intents,
      hub: this.#hub,
      handed: this.#handed,
      reexec: options.reexec,
    });
  }

  /**
   * Takes up what an earlier daemon left, loads the unit files and begins to start what they want. Never fails for the
   * files' sake; throws when the journal cannot be read or written. Says whether there was anything to take up.
   */
  async boot(): Promise<{ readonly hasTakenUp: boolean }> {
    const { lastGood, left } = this.#records.open();
    const trees = left === null ? [] : [...left.units.values()].map(({ tree }) => tree);
    for (const cgroup of this.#options.processes.sweep(trees)) {
      this.#options.log.write('warning', 'fence', `processes of nobody's are left in cgroup "${cgroup}"`);
    }
    await this.#reloader.boot({ lastGood, left, standing: this.#options.handOver?.standing ?? null });
    this.#tidying.later();
    return { hasTakenUp: left !== null && left.units.size > 0 };
  }

  /** Why no other version could go on from what is written down; null: it could. */
  get cannotBeReplaced(): string | null {
    return this.#records.trouble;
  }

  announceReady(): void {
    this.#announcer.phase('ready');
  }

  /** stopAll() is to come: what is not up by now stays down. */
  startNothing(): void {
    this.#shutdown.foresee();
  }

  /** Takes all units down, dependants first; resolves when they are at rest. */
  async stopAll(): Promise<void> {
    this.#announcer.phase('stopping');
    await this.#shutdown.begin();
  }

  /** stopAll(), under way or still to come, shall not wait for anybody's grace. */
  hurry(): void {
    this.#shutdown.hurry();
  }

  /** Clients are to turn to the next version, with what they wait for too. Resolves when no load is under way. */
  async prepareToLeave(): Promise<void> {
    this.#announcer.phase('replacing');
    this.#operations.interrupt();
    await this.#reloader.idle();
  }

  /**
   * Lets go of everything for the next version to go on with. Nothing is decided, started or reaped from the moment on
   * at which nothing was left to decide: what ends then waits for the next version, and so do deadlines.
   */
  async leave(): Promise<Left> {
    const { clock, log, processes } = this.#options;
    const untilMs = clock.monotonicMs() + LEAVE_PATIENCE_MS;
    await this.#reloader.idle();
    while (!this.#supervisor.isSettled && clock.monotonicMs() < untilMs) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    processes.leave();
    const left = {
      pipeFds: this.#outputs.held(),
      looks: [...this.#supervisor.looks],
      events: this.#hub.soFar(),
      operations: this.#handed.given,
      standing: this.#reloader.standing,
    };
    const closedByMs = clock.monotonicMs() + LEAVE_PATIENCE_MS;
    const closed = this.close().then(() => true);
    if ((await inTime(closed, closedByMs, clock)) === null) {
      const message = 'a disk is slow: what was read and is not yet in a log or a state file is lost';
      log.write('warning', 'reexec', message);
    }
    return left;
  }

  /** Writes down what is to be kept and lets go of everything; units that still run, run on. */
  async close(): Promise<void> {
    this.#tidying.close();
    this.#effects.close();
    this.#seeker.close();
    this.#sampler.close();
    this.#operations.close();
    this.#supervisor.close();
    const forgets = this.#shutdown.isBegun && this.#options.holdsRuntime();
    this.#records.closeJournal(forgets);
    await this.#outputs.close(forgets);
    await this.#records.close();
  }

  #ended({ name, pidFile }: UnitSpec): void {
    this.#outputs.settle(name);
    this.#seeker.giveUp(name);
    const trouble = pidFile === null ? null : removePidFile(pidFile);
    if (trouble !== null) this.#options.log.write('warning', 'unit', trouble, { unit: name });
  }

  #writeDown(unit: Unit | undefined): void {
    if (unit === undefined) return;
    this.#records.changed(unit, this.#supervisor.fleet.seq, this.#effects.treeOf(unit.spec.name));
  }

  #forgotten(name: string): void {
    this.#announcer.removed(name);
    this.#records.forgotten(name);
    this.#effects.forget(name);
    this.#sampler.forget(name);
    this.#outputs.forget(name);
  }

  #livingTrees(): ReadonlyMap<string, Measurable> {
    const trees = new Map<string, Measurable>();
    for (const [name, unit] of this.#supervisor.fleet.units) {
      if (needsStop(unit)) trees.set(name, this.#effects.treeOf(name));
    }
    return trees;
  }
}
