// Takes up what an earlier daemon left: its units as they stood, and the processes that still live. Run once, before
// the first set of unit files is looked at; what changed meanwhile is then an ordinary reload.
//
// - A process is adopted only if its pid still has the start time that was written down.
// - One whose spawn was not written down any more is found by the run that its environment names. Where there is none,
//   nobody knows whether it was not started or has ended, and it counts as ended. The oldest one that leads a session
//   is taken for it: what it forked into a session of its own is younger, and passes for it if it is gone already.
// - A unit whose earlier file is not valid for this version is taken up by its present one, and what runs of it restarts.
//   Where that is not valid either, its processes are left alone.
// - What its unit may have is in force again: a daemon may have been killed between its word and the deed, and whoever
//   started this one may have had to take the controllers away to be let into the cgroup, as systemd has to.
// - What an earlier daemon spawned and had not moved to its unit's cgroup yet is moved there now.
// - A main process that ended meanwhile and named another one in its pidFile has handed over to that.
// - Any other that ended meanwhile ended nobody knows how: its unit hears of an end with status unknown, which restart
//   policies take as an unclean exit code. One that ends from now on is reported with its status where the kernel
//   tells it (a child of ours after reexec; else Linux 6.15 or newer), and so is one whose end the earlier daemon had
//   seen, and waited for who would take its place.
// - Deadlines stand: they are on the monotonic clock, which runs on within the boot. But before a stop counts as overdue,
//   it is looked who is left; in the middle of an exec, nobody can tell at once.
import { deliver } from '../core/converge.ts';
import type { Instant, Outputs as CoreOutputs } from '../core/converge.ts';
import { amend, isMoving, needsStop, newUnit, regraph } from '../core/fleet.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import { lastSignalOf } from '../core/stopping.ts';
import type { Helper, MachineEvent, Phase, Run } from '../core/machine-state.ts';
import { UNKNOWN_STATUS } from '../model/process.ts';
import type { ProcessId } from '../model/process.ts';
import { isUnlimited } from '../model/unit.ts';
import type { Processes } from '../os/ports.ts';
import type { DaemonLog } from './daemon-log.ts';
import { withOomKills } from './effects.ts';
import type { Effects } from './effects.ts';
import { successorOf } from './main-seeker.ts';
import type { SpawnedRun, UnitRecord } from './journal-lines.ts';
import type { Outputs, Writer } from './outputs.ts';
import type { Earlier } from './reload.ts';

export interface AdoptedUnit {
  readonly name: string;
  /** Its living processes that were spawned directly. */
  readonly processes: readonly ProcessId[];
  /** What its machine has to hear, in this order. */
  readonly facts: readonly MachineEvent[];
}

export interface Adoption {
  readonly adopted: readonly AdoptedUnit[];
  /** Units that were valid for an earlier daemon and are not for this one: their processes are left alone. */
  readonly unreadable: readonly { readonly name: string; readonly pids: readonly number[] }[];
}

/** For that look. */
const LOOK_MS = 1000;

const FOREIGN = 'its file of then is not valid for this version';

interface Ports {
  readonly processes: Processes;
  readonly effects: Effects;
}

/** Has the units of an earlier daemon go on in an empty fleet. The caller converges. */
export function takeUp(
  earlier: Earlier,
  fleet: Fleet,
  ports: Ports & { readonly outputs: Pick<Outputs, 'readOn'>; readonly log: DaemonLog },
  instant: Instant,
  outputs: CoreOutputs,
): void {
  const { adopted, unreadable } = adopt(earlier, fleet, ports);
  for (const { name, pids } of unreadable) {
    const message = `cannot adopt unit "${name}": its file is not valid for this version, left running`;
    ports.log.write('error', 'adopted', `${message}: pid ${pids.join(', ')}`, { unit: name });
  }
  for (const { name, processes, facts } of adopted) {
    const unit = fleet.units.get(name);
    if (unit === undefined) continue;
    const { spec, state } = unit;
    outputs.push({ type: 'touched', unit: name });
    // Its pipes may hold what was written meanwhile, or was not read any more when its last process ended.
    if (state.activation > 0 && spec.command !== null) {
      ports.outputs.readOn(name, () => writerOf(fleet.units.get(name)));
    }
    for (const fact of facts) deliver(fleet, name, fact, instant, outputs);
    const pids = processes.map(({ pid }) => pid).join(', ');
    if (pids !== '') ports.log.write('info', 'adopted', `adopted, pid ${pids}`, { unit: name });
    const now = fleet.units.get(name)?.state ?? state;
    const { phase } = now;
    if (phase.at === 'stopping') {
      const deadline = phase.deadline === null ? null : Math.max(phase.deadline, instant.nowMs + LOOK_MS);
      amend(fleet, name, { state: { ...now, phase: { ...phase, deadline } } });
      // Whoever was forked while it went round may not have been met.
      const signal = lastSignalOf(spec, phase);
      if (signal !== null) ports.effects.perform(spec, { type: 'signal-tree', signal });
      ports.effects.watch(name);
    }
    if (phase.at === 'starting' && phase.seeking) {
      ports.effects.perform(spec, { type: 'seek-main', run: phase.seeking.id });
    }
  }
}

function writerOf(unit: Unit | undefined): Writer | null {
  return unit === undefined ? null : { spec: unit.spec, isOver: !needsStop(unit) };
}

/** Puts the journalled units into the fleet; their facts are still to be delivered. */
export function adopt(earlier: Earlier, fleet: Fleet, ports: Ports): Adoption {
  const adopted: AdoptedUnit[] = [];
  const unreadable: { name: string; pids: readonly number[] }[] = [];
  for (const [name, record] of earlier.units) {
    const readable = earlier.set.get(name);
    const spec = readable ?? earlier.next.get(name);
    if (spec === undefined) {
      const pids = ports.processes.members(record.tree).map(({ pid }) => pid);
      if (pids.length > 0) unreadable.push({ name, pids });
      continue;
    }
    const { state, sinceWall, intent, seq, activation, removed } = record;
    const isThere = isMoving(state.phase) || state.phase.at === 'running';
    const cycle = readable === undefined && isThere ? FOREIGN : record.cycle;
    fleet.units.set(name, newUnit(spec));
    amend(fleet, name, { state, sinceWall, intent, activation, cycle, removed });
    // Words to come count from the last one on that is known of.
    fleet.seq = Math.max(fleet.seq, seq ?? 0, intent?.seq ?? 0, activation?.seq ?? 0);
    adopted.push(
      adoptProcesses(name, fleet.units.get(name), record, earlier.spawned.get(name) ?? null, ports),
    );
  }
  regraph(fleet);
  return { adopted, unreadable };
}

function adoptProcesses(
  name: string,
  unit: Unit | undefined,
  { state, tree }: UnitRecord,
  spawned: SpawnedRun | null,
  { processes, effects }: Ports,
): AdoptedUnit {
  const living = new Map<number, ProcessId>();
  const leaders = [...tree.leaders];
  const facts: MachineEvent[] = [];
  for (const run of runsOf(state.phase)) {
    const last = spawned?.run === run.id ? spawned : null;
    const written = last?.process ?? null;
    const process = run.process ?? written ?? processes.findLeader(tree.invocationId, run.id);
    if (process !== null) {
      if (run.process === null) facts.push({ type: 'spawned', run: run.id, process });
      // Dead or alive: what it forked is found through it.
      if (!leaders.some(({ pid, startTicks }) => pid === process.pid && startTicks === process.startTicks)) {
        leaders.push(process);
      }
    }
    if (run.process === null && written === null) processes.encloseLeft(tree, process);
    if (process !== null && processes.adopt(process)) {
      living.set(run.id, process);
      continue;
    }
    const successor = successorOf(unit, run.id, () => processes.members({ ...tree, leaders }));
    if (successor !== null && processes.adopt(successor)) {
      living.set(run.id, successor);
      leaders.push(successor);
      facts.push({ type: 'main-moved', run: run.id, process: successor });
    } else {
      const status = last?.status ?? UNKNOWN_STATUS;
      facts.push({ type: 'exited', run: run.id, status: withOomKills(status, tree, processes) });
    }
  }
  effects.restore(name, { ...tree, leaders }, living);
  if (unit !== undefined && living.size > 0 && !isUnlimited(unit.spec.resources)) {
    effects.perform(unit.spec, { type: 'limit' });
  }
  return { name, processes: [...living.values()], facts };
}

function runsOf(phase: Phase): readonly (Run | Helper)[] {
  const main = 'main' in phase ? phase.main : null;
  const helper = 'helper' in phase ? phase.helper : null;
  return [main, helper].flatMap((run) => (run === null ? [] : [run]));
}
