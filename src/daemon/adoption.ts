// Takes up what an earlier daemon left: its units as they stood, and the processes that still live. Run once, before
// the first set of unit files is looked at; what changed meanwhile is then an ordinary reload.
//
// - A process is adopted only if its pid still has the start time that was written down.
// - One whose spawn was not written down any more is found by the run that its environment names.
// - One that ended meanwhile ended nobody knows how: its unit hears of an end with status unknown, which restart
//   policies take as an unclean exit code. One that ends from now on is reported with its status where the kernel
//   tells it (a child of ours after reexec; else Linux 6.15 or newer).
// - Deadlines stand: they are on the monotonic clock, which runs on within the boot.
import { amend, newUnit, regraph } from '../core/fleet.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import type { Helper, MachineEvent, MachineState, Phase, Run } from '../core/machine-state.ts';
import type { ProcessId, ProcessTree } from '../model/process.ts';
import type { UnitSpec } from '../model/unit.ts';
import type { Processes } from '../os/ports.ts';
import type { Effects } from './effects.ts';
import type { UnitRecord } from './journal.ts';

export interface AdoptedUnit {
  readonly name: string;
  /** Its living processes that were spawned directly. */
  readonly processes: readonly ProcessId[];
  /** What its machine has to hear, in this order. */
  readonly facts: readonly MachineEvent[];
}

/** Puts the journalled units into an empty fleet. The caller delivers the facts and converges. */
export function adopt(
  earlier: {
    readonly set: ReadonlyMap<string, UnitSpec>;
    readonly units: ReadonlyMap<string, UnitRecord>;
  },
  fleet: Fleet,
  ports: { readonly processes: Processes; readonly effects: Effects },
): readonly AdoptedUnit[] {
  const adopted: AdoptedUnit[] = [];
  for (const [name, spec] of earlier.set) {
    const record = earlier.units.get(name);
    const unit: Unit = newUnit(spec);
    fleet.units.set(name, unit);
    if (record === undefined) continue;
    const { activation, cycle, tree } = record;
    amend(fleet, name, { state: record.state, activation, cycle });
    adopted.push(adoptProcesses(name, record.state, tree, ports));
  }
  regraph(fleet);
  return adopted;
}

function adoptProcesses(
  name: string,
  state: MachineState,
  tree: ProcessTree,
  { processes, effects }: { readonly processes: Processes; readonly effects: Effects },
): AdoptedUnit {
  const living = new Map<number, ProcessId>();
  const facts: MachineEvent[] = [];
  for (const run of runsOf(state.phase)) {
    const process = run.process ?? processes.findLeader(tree.invocationId, run.id);
    if (process !== null && run.process === null) facts.push({ type: 'spawned', run: run.id, process });
    if (process !== null && processes.adopt(process)) living.set(run.id, process);
    else facts.push({ type: 'exited', run: run.id, status: { code: null, signal: null, coreDumped: false } });
  }
  const known = new Set(tree.leaders.map(({ pid }) => pid));
  const found = [...living.values()].filter(({ pid }) => !known.has(pid));
  effects.restore(name, { ...tree, leaders: [...tree.leaders, ...found] }, living);
  return { name, processes: [...living.values()], facts };
}

function runsOf(phase: Phase): readonly (Run | Helper)[] {
  const main = 'main' in phase ? phase.main : null;
  const helper = 'helper' in phase ? phase.helper : null;
  return [main, helper].flatMap((run) => (run === null ? [] : [run]));
}
