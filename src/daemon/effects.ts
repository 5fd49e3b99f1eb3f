// Carries out what the machines ask for, through the ports, and answers with the facts that come of it. It decides
// nothing: which process belongs to which run, and what was last sent to a whole unit, is all that it remembers.
import { messageOf } from '../base/fault.ts';
import type { MachineEffect, MachineEvent } from '../core/machine-state.ts';
import { keyOf, UNKNOWN_STATUS } from '../model/process.ts';
import type { ExitStatus, ProcessId, ProcessTree, SpawnFailure } from '../model/process.ts';
import type { SignalName, UnitSpec } from '../model/unit.ts';
import type { Member, Processes, SpawnResult } from '../os/ports.ts';
import { Activations } from './activations.ts';
import type { MainSeeker } from './main-seeker.ts';
import { requestFor } from './spawn-request.ts';
import type { RequestSources, SpawnEffect } from './spawn-request.ts';
import { Surveys } from './surveys.ts';

export interface EffectPorts extends RequestSources {
  readonly processes: Processes;
  readonly send: (unit: string, event: MachineEvent) => void;
  /** A process of the unit is about to be there. */
  readonly onSpawning: (unit: string) => void;
  /** Begins to look for the main process that a forking unit's command has left behind. */
  readonly seekMain: (spec: UnitSpec, run: number) => void;
  /** Tells whom the main process of a run, which has ended, has left in its place; null: the run is over. */
  readonly succeed: MainSeeker['succeed'];
  readonly onSpawned: (unit: string, run: number, process: ProcessId) => void;
  /** The kernel refused a cgroup, a limit or a signal. */
  readonly onTrouble: (unit: string, message: string) => void;
}

/** The last signal that went to a unit's whole tree, and who has had it. */
interface Pursuit {
  readonly signal: SignalName;
  readonly reached: Set<string>;
}

interface RunPlace {
  readonly unit: string;
  readonly run: number;
}

/** An end that was not clean may be the OOM killer's doing. */
export function withOomKills(status: ExitStatus, tree: ProcessTree, processes: Processes): ExitStatus {
  if (status.code === 0) return status;
  const oomKills = processes.oomKills(tree);
  return oomKills === 0 ? status : { ...status, oomKills };
}

export class Effects {
  readonly #ports: EffectPorts;
  /** By process: the end of an adopted one may be told when its pid is another's. */
  readonly #runs = new Map<string, RunPlace>();
  readonly #activations: Activations;
  readonly #surveys: Surveys;
  readonly #pursuits = new Map<string, Pursuit>();

  constructor(ports: EffectPorts) {
    this.#ports = ports;
    this.#activations = new Activations(ports.processes, ports.onTrouble);
    this.#surveys = new Surveys(ports.processes, this.#activations, {
      onSurvivors: (unit) => {
        this.#pursue(unit);
      },
      onSurveyed: (unit, survivors) => {
        ports.send(unit, { type: 'surveyed', survivors });
      },
    });
    ports.processes.onReaped((process, status) => {
      this.#reaped(process, status);
    });
  }

  perform(spec: UnitSpec, effect: MachineEffect): void {
    const unit = spec.name;
    const { send } = this.#ports;
    switch (effect.type) {
      case 'begin':
        this.#pursuits.delete(unit);
        this.#activations.begin(spec);
        return;
      case 'spawn': {
        // What was signalled is gone, or this would not be spawned; what follows is not meant.
        this.#pursuits.delete(unit);
        const result = this.#spawn(spec, effect);
        if ('failure' in result)
          send(unit, { type: 'spawn-failed', run: effect.run, failure: result.failure });
        else send(unit, { type: 'spawned', run: effect.run, process: result.process });
        return;
      }
      case 'seek-main':
        this.#ports.seekMain(spec, effect.run);
        return;
      case 'signal':
        this.#signal(unit, effect.process, effect.signal);
        return;
      case 'signal-tree':
        this.#pursuits.set(unit, { signal: effect.signal, reached: new Set() });
        this.#pursue(unit);
        return;
      case 'limit':
        this.#activations.limit(spec);
        return;
      case 'survey':
        this.#surveys.begin(unit);
        return;
      case 'end':
        this.#surveys.end(unit);
        this.#pursuits.delete(unit);
        this.#activations.release(unit);
        return;
      case 'record':
        return;
    }
  }

  /** Knows a process that an earlier daemon spawned for this run of the unit. */
  restore(unit: string, tree: ProcessTree, runs: ReadonlyMap<number, ProcessId>): void {
    this.#activations.restore(unit, tree);
    for (const [run, process] of runs) this.#runs.set(keyOf(process), { unit, run });
  }

  /** Takes a process of the unit that was not spawned, but is its main process from now on. */
  takeMain(unit: string, run: number, process: ProcessId): void {
    this.#ports.onSpawned(unit, run, process);
    this.#runs.set(keyOf(process), { unit, run });
    this.#activations.takeLeader(unit, process);
    if (!this.#ports.processes.adopt(process)) {
      // It has ended since it was found, and nobody learns how any more.
      this.#runs.delete(keyOf(process));
      queueMicrotask(() => this.#ports.send(unit, { type: 'exited', run, status: UNKNOWN_STATUS }));
    }
  }

  /** Looks whether anything of the unit lives, and again whenever something ends. */
  watch(unit: string): void {
    this.#surveys.begin(unit);
  }

  treeOf(unit: string): ProcessTree {
    return this.#activations.treeOf(unit);
  }

  members(unit: string): readonly Member[] {
    return this.#activations.members(unit);
  }

  /** Waits for no more ends; what it has begun, lives on. */
  close(): void {
    this.#surveys.close();
  }

  forget(unit: string): void {
    this.#activations.forget(unit);
    this.#surveys.end(unit);
    this.#pursuits.delete(unit);
  }

  #pursue(unit: string): void {
    const pursuit = this.#pursuits.get(unit);
    if (pursuit === undefined) return;
    const { signal, reached } = pursuit;
    this.#ports.processes.signalTree(this.treeOf(unit), signal, reached, (process) => {
      this.#denied(unit, process, signal);
    });
  }

  /** As systemd does, lets a stopped process go on, so that it acts on what it was sent. */
  #signal(unit: string, process: ProcessId, signal: SignalName): void {
    const { processes, onTrouble } = this.#ports;
    const result = processes.signal(process, signal);
    if (result === 'denied') this.#denied(unit, process, signal);
    if (result === 'unknown')
      onTrouble(unit, `cannot send ${signal} to pid ${process.pid}: /proc does not show it`);
    if (result === 'sent' && signal !== 'SIGKILL') processes.signal(process, 'SIGCONT');
  }

  /** As of a program that changes its user, to a daemon that is not root: the unit does not end by it. */
  #denied(unit: string, { pid }: ProcessId, signal: SignalName): void {
    this.#ports.onTrouble(unit, `cannot send ${signal} to pid ${pid}: not permitted`);
  }

  /** The machine waits for an answer, also where nobody foresaw what is in the way: no descriptor, no /proc. */
  #spawn(
    spec: UnitSpec,
    effect: SpawnEffect,
  ): { readonly process: ProcessId } | { readonly failure: SpawnFailure } {
    const unit = spec.name;
    const lack = this.#activations.lack(unit);
    if (lack !== null) {
      const reason = `its resources cannot be in force, since ${lack}`;
      return { failure: { stage: 'resources', errno: null, reason } };
    }
    let result: SpawnResult;
    try {
      const made = requestFor(this.#ports, spec, effect, this.treeOf(unit));
      if ('failure' in made) return made;
      this.#ports.onSpawning(unit);
      result = this.#ports.processes.spawn(made.request);
    } catch (error) {
      return { failure: { stage: 'resources', errno: null, reason: messageOf(error) } };
    }
    if (!result.ok) return { failure: result.failure };
    this.#ports.onSpawned(unit, effect.run, result.process);
    this.#runs.set(keyOf(result.process), { unit, run: effect.run });
    this.#activations.addLeader(unit, result.process);
    return { process: result.process };
  }

  #reaped(process: ProcessId | null, status: ExitStatus): void {
    const place = process === null ? undefined : this.#runs.get(keyOf(process));
    if (process !== null && place !== undefined) {
      this.#runs.delete(keyOf(process));
      const { unit, run } = place;
      this.#ports.succeed(unit, { run, process, status }, (successor) => {
        if (successor === null) this.#ended(unit, run, status);
        else {
          this.takeMain(unit, run, successor);
          this.#ports.send(unit, { type: 'main-moved', run, process: successor });
        }
      });
    }
    this.#surveys.again();
  }

  #ended(unit: string, run: number, status: ExitStatus): void {
    const told = withOomKills(status, this.treeOf(unit), this.#ports.processes);
    this.#ports.send(unit, { type: 'exited', run, status: told });
  }
}
