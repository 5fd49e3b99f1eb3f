// Supervisor, effects and operations put together as daemon.ts does, over a clock and processes that the test holds
// in its hand. No child, no pipe, no file: time passes when the test says so.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { effectiveUnit } from '../../src/config/effective.ts';
import { deadlineOf } from '../../src/core/machine-state.ts';
import type { MachineEffect } from '../../src/core/machine-state.ts';
import { operate } from '../../src/core/operate.ts';
import type { Verb } from '../../src/core/operate.ts';
import { commitAll, planning } from '../../src/core/reconcile.ts';
import { atOnce } from '../../src/core/steps.ts';
import { Effects } from '../../src/daemon/effects.ts';
import type { Look } from '../../src/daemon/look.ts';
import { Operations } from '../../src/daemon/operations.ts';
import type { Output } from '../../src/daemon/output.ts';
import { Supervisor } from '../../src/daemon/supervisor.ts';
import type { ExitStatus, ProcessId } from '../../src/model/process.ts';
import type { ExitRecord } from '../../src/model/state.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import type { Clock } from '../../src/os/ports.ts';
import { createFakeClock } from '../support/fakes/clock.ts';
import type { FakeClock } from '../support/fakes/clock.ts';
import { createFakeProcesses } from '../support/fakes/processes.ts';
import type { FakeProcesses } from '../support/fakes/processes.ts';

export const FAILURE: ExitStatus = { code: 1, signal: null, coreDumped: false };
export const SUCCESS: ExitStatus = { code: 0, signal: null, coreDumped: false };

export interface Told {
  readonly name: string;
  readonly from: Look | null;
  readonly to: Look;
}

export interface RigOptions {
  /** How far the clock moves with each spawn. */
  readonly spawnCostMs?: number;
  /** Called before an effect is carried out; what it throws is a bug of the daemon. */
  readonly beforeEffect?: (unit: string, effect: MachineEffect) => void;
  /** Called with each look; what it throws is a bug of a listener. */
  readonly onLook?: (told: Told) => void;
  /** Called whenever nothing is left to decide. */
  readonly onSettled?: () => void;
}

export interface Rig {
  readonly clock: FakeClock;
  readonly processes: FakeProcesses;
  readonly supervisor: Supervisor;
  readonly effects: Effects;
  readonly operations: Operations;
  readonly told: readonly Told[];
  readonly exits: readonly (readonly [string, ExitRecord])[];
  readonly exitActions: readonly (readonly [string, number])[];
  readonly forgotten: readonly string[];
  readonly bugs: readonly (readonly [string | null, unknown])[];
  /** Makes `specs` the whole set, as a reload does. */
  load(...specs: readonly UnitSpec[]): void;
  operate(name: string, verb: Verb): void;
  /** Ends the unit's main process. */
  exit(name: string, status?: ExitStatus): void;
  /** Resolves when all reports of the fake kernel are taken in and nothing is left to decide. */
  rest(): Promise<void>;
  look(name: string): Look;
  /** The main process that runs. */
  main(name: string): ProcessId;
  /** How many processes were spawned for the unit so far. */
  spawns(name: string): number;
  /** Times of all armed timers, in order. */
  armed(): readonly number[];
  /** What has to be armed: the deadline of each unit's phase, in order. */
  deadlines(): readonly number[];
}

export const FAKE_OUTPUT: Output = {
  stdoutFd: 11,
  stderrFd: 12,
  update: () => undefined,
  stats: () => ({ bytes: 0, lines: 0, droppedLines: 0, droppedBytes: 0, problem: null }),
  settle: async () => await Promise.resolve(),
  close: async () => await Promise.resolve(),
};

export function createRig(options: RigOptions = {}): Rig {
  const clock = createFakeClock();
  const timers = new Set<{ readonly atMs: number }>();
  let reports = 0;
  const processes = createFakeProcesses({
    defer: (deliver) => {
      reports += 1;
      setImmediate(() => {
        reports -= 1;
        deliver();
      });
    },
  });
  const told: Told[] = [];
  const exits: (readonly [string, ExitRecord])[] = [];
  const exitActions: (readonly [string, number])[] = [];
  const forgotten: string[] = [];
  const bugs: (readonly [string | null, unknown])[] = [];

  const supervisor: Supervisor = new Supervisor(
    {
      clock: recorded(clock, timers),
      random: () => 0.5,
      perform: (unit, effect) => {
        options.beforeEffect?.(unit.spec.name, effect);
        if (effect.type === 'spawn') clock.advance(options.spawnCostMs ?? 0);
        effects.perform(unit.spec, effect);
      },
    },
    {
      onChanged: () => undefined,
      onLook: (name, from, to) => {
        told.push({ name, from, to });
        operations.looked(name, to);
        options.onLook?.({ name, from, to });
      },
      onExit: (name, exit) => exits.push([name, exit]),
      onForgotten: (name) => {
        forgotten.push(name);
        effects.forget(name);
      },
      onSettled: (touched) => {
        operations.settled(touched);
        options.onSettled?.();
      },
      onExitAction: (name, code) => exitActions.push([name, code]),
      onBug: (name, error) => bugs.push([name, error]),
    },
  );
  const effects = new Effects({
    processes,
    inherited: { PATH: '/bin' },
    outputFor: () => FAKE_OUTPUT,
    send: (unit, event) => supervisor.send(unit, event),
    onSpawning: () => undefined,
    seekMain: () => undefined,
    succeed: (_unit, _ended, tell) => tell(null),
    onSpawned: () => undefined,
    onTrouble: (unit, message) => bugs.push([unit, message]),
  });
  const operations = new Operations(() => supervisor.fleet, clock, supervisor);

  const main = (name: string): ProcessId => {
    const pid = supervisor.look(name)?.pid;
    const record = processes.spawned.find(({ process }) => process.pid === pid);
    if (record === undefined) throw new Error(`unit "${name}" has no main process`);
    return record.process;
  };

  return {
    clock,
    processes,
    supervisor,
    effects,
    operations,
    told,
    exits,
    exitActions,
    forgotten,
    bugs,
    load: (...specs) => {
      const desired = new Map(specs.map((spec) => [spec.name, spec]));
      supervisor.change((fleet, instant, outputs) => {
        commitAll(desired, atOnce(planning(desired, fleet, effectiveUnit)), fleet, instant, outputs);
      });
    },
    operate: (name, verb) => {
      supervisor.change((fleet, instant, outputs) => operate(fleet, name, verb, instant, outputs));
    },
    exit: (name, status = FAILURE) => processes.exit(main(name), status),
    rest: async () => {
      for (let quietTurns = 0; quietTurns < 3;) {
        await nextTurn();
        quietTurns = supervisor.isSettled && reports === 0 ? quietTurns + 1 : 0;
      }
    },
    look: (name) => {
      const look = supervisor.look(name);
      if (look === null) throw new Error(`there is no unit "${name}"`);
      return look;
    },
    main,
    spawns: (name) =>
      processes.spawned.filter(({ request }) => request.environment['UNITD_UNIT'] === name).length,
    armed: () => [...timers].map(({ atMs }) => atMs).sort((a, b) => a - b),
    deadlines: () =>
      [...supervisor.fleet.units.values()]
        .flatMap(({ state }) => deadlineOf(state.phase) ?? [])
        .sort((a, b) => a - b),
  };
}

function recorded(clock: FakeClock, timers: Set<{ readonly atMs: number }>): Clock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    arm: (atMs, callback) => {
      const entry = { atMs };
      timers.add(entry);
      const timer = clock.arm(atMs, () => {
        timers.delete(entry);
        callback();
      });
      return {
        close: () => {
          timers.delete(entry);
          timer.close();
        },
      };
    },
  };
}
