// Carries out what the machines ask for, through the ports, and answers with the facts that come of it. It decides
// nothing: which process belongs to which run, and which tree to which unit, is all that it remembers.
import { randomUUID } from 'node:crypto';
import { expandWords } from '../core/expand.ts';
import { isSame } from '../core/fields.ts';
import type { MachineEffect, MachineEvent } from '../core/machine-state.ts';
import { keyOf } from '../model/process.ts';
import type { ExitStatus, ProcessId, ProcessTree, SpawnFailure, SpawnRequest } from '../model/process.ts';
import { isUnlimited } from '../model/unit.ts';
import type { ResourceSpec, SignalName, UnitSpec } from '../model/unit.ts';
import { RUN_VARIABLE } from '../os/ports.ts';
import type { Member, Processes, SpawnResult } from '../os/ports.ts';
import { environmentOf } from './environment.ts';
import type { Output } from './output.ts';

export interface EffectPorts {
  readonly processes: Processes;
  readonly inherited: Readonly<Record<string, string>>;
  /** Opens the unit's output, or gives the one that is open. Throws where the system refuses. */
  readonly outputFor: (spec: UnitSpec) => Output;
  readonly send: (unit: string, event: MachineEvent) => void;
  /** A process of the unit is about to be there. */
  readonly onSpawning: (unit: string) => void;
  /** Begins to look for the main process that a forking unit's command has left behind. */
  readonly seekMain: (spec: UnitSpec, run: number) => void;
  readonly onSpawned: (unit: string, run: number, process: ProcessId) => void;
  /** A settle that failed, or a signal that the kernel refused. */
  readonly onTrouble: (unit: string, message: string) => void;
}

/** The last signal that went to a unit's whole tree, and who has had it. */
interface Pursuit {
  readonly signal: SignalName;
  readonly reached: Set<string>;
}

type SpawnEffect = Extract<MachineEffect, { readonly type: 'spawn' }>;

interface RunPlace {
  readonly unit: string;
  readonly run: number;
}

/** Until the next look where the last one could not tell. */
const UNSURE_MS = 2;

const EMPTY_TREE: ProcessTree = { invocationId: '', leaders: [] };

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
  readonly #trees = new Map<string, ProcessTree>();
  readonly #pursuits = new Map<string, Pursuit>();
  /** Units that asked for a survey and may be waiting for the end of processes that are not ours to name. */
  readonly #surveying = new Set<string>();
  /** Units whose tree an earlier daemon began: nobody is told of the end of what their processes left behind. */
  readonly #inherited = new Set<string>();
  /** What holds in the cgroup of each unit, as far as this daemon has seen to it. */
  readonly #resources = new Map<string, ResourceSpec>();
  /** Why the activation cannot have the resources of its unit. It does not run without them. */
  readonly #unlimited = new Map<string, string>();
  #surveyScheduled = false;
  #isSurveySoon = false;

  constructor(ports: EffectPorts) {
    this.#ports = ports;
    ports.processes.onReaped((process, status) => {
      this.#reaped(process, status);
    });
  }

  perform(spec: UnitSpec, effect: MachineEffect): void {
    const unit = spec.name;
    const { send } = this.#ports;
    switch (effect.type) {
      case 'begin':
        this.#begin(spec);
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
        this.#limit(spec);
        return;
      case 'survey':
        this.#surveying.add(unit);
        this.#survey(unit);
        return;
      case 'end':
        this.#surveying.delete(unit);
        this.#pursuits.delete(unit);
        this.#release(unit);
        return;
      case 'record':
        return;
    }
  }

  /** Knows a process that an earlier daemon spawned for this run of the unit. */
  restore(unit: string, tree: ProcessTree, runs: ReadonlyMap<number, ProcessId>): void {
    this.#trees.set(unit, tree);
    this.#inherited.add(unit);
    for (const [run, process] of runs) this.#runs.set(keyOf(process), { unit, run });
  }

  /** Takes a process of the unit that was not spawned, but is its main process from now on. */
  takeMain(unit: string, run: number, process: ProcessId): void {
    const tree = this.treeOf(unit);
    this.#ports.onSpawned(unit, run, process);
    this.#runs.set(keyOf(process), { unit, run });
    const others = tree.leaders.filter(({ pid }) => pid !== process.pid);
    this.#trees.set(unit, { ...tree, leaders: [...others, process] });
    if (!this.#ports.processes.adopt(process)) {
      // It has ended since it was found, and nobody learns how any more.
      this.#runs.delete(keyOf(process));
      const status = { code: null, signal: null, coreDumped: false };
      queueMicrotask(() => this.#ports.send(unit, { type: 'exited', run, status }));
    }
  }

  /** Looks whether anything of the unit lives, and again whenever something ends. */
  watch(unit: string): void {
    this.#surveying.add(unit);
    this.#survey(unit);
  }

  treeOf(unit: string): ProcessTree {
    return this.#trees.get(unit) ?? EMPTY_TREE;
  }

  members(unit: string): readonly Member[] {
    const tree = this.treeOf(unit);
    return tree.leaders.length === 0 ? [] : this.#ports.processes.members(tree);
  }

  forget(unit: string): void {
    this.#release(unit);
    this.#trees.delete(unit);
    this.#resources.delete(unit);
    this.#unlimited.delete(unit);
    this.#inherited.delete(unit);
    this.#surveying.delete(unit);
    this.#pursuits.delete(unit);
  }

  #pursue(unit: string): void {
    const pursuit = this.#pursuits.get(unit);
    if (pursuit === undefined) return;
    this.#ports.processes.signalTree(this.treeOf(unit), pursuit.signal, pursuit.reached);
  }

  #begin({ name: unit, resources }: UnitSpec): void {
    const { processes, onTrouble } = this.#ports;
    // What could not go with the activation before may have ended since.
    this.#release(unit);
    const tree = { invocationId: randomUUID().replaceAll('-', ''), leaders: [] };
    this.#inherited.delete(unit);
    this.#pursuits.delete(unit);
    this.#unlimited.delete(unit);
    this.#resources.set(unit, resources);
    try {
      const cgroup = processes.enclose(unit, resources);
      this.#trees.set(unit, cgroup === null ? tree : { ...tree, cgroup });
    } catch (error) {
      this.#trees.set(unit, tree);
      const reason = error instanceof Error ? error.message : String(error);
      if (isUnlimited(resources)) onTrouble(unit, `${reason}; its processes are held by session`);
      else this.#unlimited.set(unit, reason);
    }
  }

  /** Of a unit that runs. One that was taken back may have been limited otherwise by an earlier daemon. */
  #limit({ name: unit, resources }: UnitSpec): void {
    const { processes, onTrouble } = this.#ports;
    const inForce = this.#resources.get(unit) ?? null;
    if (inForce !== null && isSame(inForce, resources)) return;
    const refused = processes.limit(this.treeOf(unit), inForce, resources);
    // Of what was refused nobody knows what holds.
    if (refused === null) this.#resources.set(unit, resources);
    else this.#resources.delete(unit);
    if (refused !== null) onTrouble(unit, `its resources are not all in force: ${refused}`);
  }

  /** The cgroup of an activation goes with the last of its processes. */
  #release(unit: string): void {
    const tree = this.#trees.get(unit);
    if (tree?.cgroup === undefined || !this.#ports.processes.release(tree)) return;
    this.#trees.set(unit, { invocationId: tree.invocationId, leaders: [] });
  }

  /** As systemd does, lets a stopped process go on, so that it acts on what it was sent. */
  #signal(unit: string, process: ProcessId, signal: SignalName): void {
    const { processes, onTrouble } = this.#ports;
    const result = processes.signal(process, signal);
    if (result === 'denied') onTrouble(unit, `cannot send ${signal} to pid ${process.pid}: not permitted`);
    if (result === 'unknown')
      onTrouble(unit, `cannot send ${signal} to pid ${process.pid}: /proc does not show it`);
    if (result === 'sent' && signal !== 'SIGKILL') processes.signal(process, 'SIGCONT');
  }

  /** The machine waits for an answer, also where nobody foresaw what is in the way: no descriptor, no /proc. */
  #spawn(
    spec: UnitSpec,
    effect: SpawnEffect,
  ): { readonly process: ProcessId } | { readonly failure: SpawnFailure } {
    const unit = spec.name;
    const tree = this.treeOf(unit);
    let result: SpawnResult;
    try {
      const made = this.#requestFor(spec, effect, tree);
      if ('failure' in made) return made;
      this.#ports.onSpawning(unit);
      result = this.#ports.processes.spawn(made.request);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { failure: { stage: 'resources', errno: null, reason } };
    }
    if (!result.ok) return { failure: result.failure };
    this.#ports.onSpawned(unit, effect.run, result.process);
    this.#runs.set(keyOf(result.process), { unit, run: effect.run });
    this.#trees.set(unit, { ...tree, leaders: [...tree.leaders, result.process] });
    return { process: result.process };
  }

  /** Throws where the system refuses its output, or to say what has to be known. */
  #requestFor(
    spec: UnitSpec,
    effect: SpawnEffect,
    tree: ProcessTree,
  ): { readonly request: SpawnRequest } | { readonly failure: SpawnFailure } {
    const unlimited = this.#unlimited.get(spec.name);
    if (unlimited !== undefined) {
      const reason = `its resources cannot be in force, since ${unlimited}`;
      return { failure: { stage: 'resources', errno: null, reason } };
    }
    const made = environmentOf({
      inherited: this.#ports.inherited,
      spec,
      invocationId: tree.invocationId,
      variables: { ...effect.variables, [RUN_VARIABLE]: String(effect.run) },
    });
    if (!made.ok) return { failure: made.failure };
    const expanded = expandWords(effect.command.argv, made.environment);
    if (!expanded.ok) {
      const reason = `\${${expanded.missing}} in its command is not set in its environment`;
      return { failure: { stage: 'command', errno: null, reason } };
    }
    const output = this.#ports.outputFor(spec);
    const request: SpawnRequest = {
      argv: expanded.argv,
      environment: made.environment,
      workingDirectory: spec.workingDirectory,
      user: spec.user,
      group: spec.group,
      supplementaryGroups: spec.supplementaryGroups,
      umask: spec.umask,
      limits: spec.limits,
      nice: spec.nice,
      oomScoreAdjust: spec.oomScoreAdjust,
      noNewPrivileges: spec.noNewPrivileges,
      stdoutFd: output.stdoutFd,
      stderrFd: output.stderrFd,
      ...(tree.cgroup === undefined ? {} : { cgroup: tree.cgroup }),
    };
    return { request };
  }

  #reaped(process: ProcessId | null, status: ExitStatus): void {
    const place = process === null ? undefined : this.#runs.get(keyOf(process));
    if (process !== null && place !== undefined) {
      this.#runs.delete(keyOf(process));
      const told = withOomKills(status, this.treeOf(place.unit), this.#ports.processes);
      this.#ports.send(place.unit, { type: 'exited', run: place.run, status: told });
    }
    // The end of an orphan may be the end of some tree that is waited for; which one, it cannot say any more.
    this.#surveyAll();
  }

  #surveyAll(): void {
    if (this.#surveying.size === 0 || this.#surveyScheduled) return;
    this.#surveyScheduled = true;
    setImmediate(() => {
      this.#surveyScheduled = false;
      for (const unit of [...this.#surveying]) this.#survey(unit);
    });
  }

  /** Nobody says when an exec is over. */
  #surveySoon(): void {
    if (this.#isSurveySoon) return;
    this.#isSurveySoon = true;
    setTimeout(() => {
      this.#isSurveySoon = false;
      this.#surveyAll();
    }, UNSURE_MS);
  }

  #survey(unit: string): void {
    const members = this.members(unit);
    const isTold = members.length > 0 && this.#ports.processes.tellWhenEmpty(this.treeOf(unit));
    if (!isTold && this.#inherited.has(unit)) this.#watchAll(members);
    // Who was in the middle of fork or exec when the signal went round could not be found then.
    if (members.length > 0) this.#pursue(unit);
    else if (this.#ports.processes.isUnsure()) {
      this.#surveySoon();
      return;
    }
    this.#ports.send(unit, { type: 'surveyed', survivors: members.length > 0 });
  }

  #watchAll(members: readonly ProcessId[]): void {
    const watched = members.map((member) => this.#ports.processes.adopt(member));
    // Who ended before it was watched is not reported.
    if (watched.includes(false)) this.#surveyAll();
  }
}
