// Finds the main processes that the commands of forking units leave behind. Asked once for each, it looks again and
// again until it has found one, no process is left, or it is told to give up. It signals nobody and reaps nobody. Where a
// process cannot be told to be anybody's, it may be the one: nobody says when its exec is over.
//
// With a pidFile: the process that the file names, as soon as it is one of the unit's. A file that is left over from
// an earlier run names nobody's or a stranger's, and is waited out like one that is not there.
// Without: the only process of the unit whose parent is none of its processes. A worker has its parent among them; of
// two orphans one may yet end, as the child does that a daemon forks twice from.
import type { MachineEvent } from '../core/machine-state.ts';
import type { ProcessId } from '../model/process.ts';
import type { UnitSpec } from '../model/unit.ts';
import type { Clock, Timer } from '../os/ports.ts';
import { parentOf } from '../os/process-nodes.ts';
import { pidIn } from './pid-file.ts';

/** Nobody tells of a file that is written into; looked at so often for a start's short while. */
const LOOK_EVERY_MS = 20;

export interface SeekerPorts {
  readonly clock: Clock;
  /** The unit's living processes. */
  readonly members: (unit: string) => readonly ProcessId[];
  /** Some process that could be the unit's was left out of the last answer. */
  readonly isUnsure: () => boolean;
  readonly send: (unit: string, event: MachineEvent) => void;
  /** The process is about to be told as main. */
  readonly onFound: (unit: string, run: number, process: ProcessId) => void;
}

type Look = { readonly found: ProcessId } | { readonly wanting: string } | 'nobody';

export class MainSeeker {
  readonly #ports: SeekerPorts;
  readonly #timers = new Map<string, Timer>();

  constructor(ports: SeekerPorts) {
    this.#ports = ports;
  }

  /** Answers from the event loop's next turn on, so that the caller's work is done by then. */
  seek(spec: UnitSpec, run: number): void {
    this.#lookAt(spec, run, null, this.#ports.clock.monotonicMs());
  }

  giveUp(unit: string): void {
    this.#timers.get(unit)?.close();
    this.#timers.delete(unit);
  }

  close(): void {
    for (const unit of [...this.#timers.keys()]) this.giveUp(unit);
  }

  #lookAt(spec: UnitSpec, run: number, told: string | null, atMs: number): void {
    const { name } = spec;
    const { clock, members, isUnsure, send, onFound } = this.#ports;
    this.giveUp(name);
    const timer = clock.arm(atMs, () => {
      this.#timers.delete(name);
      const look = lookFor(spec.pidFile, members(name));
      if (look === 'nobody') {
        if (isUnsure()) this.#lookAt(spec, run, told, clock.monotonicMs() + LOOK_EVERY_MS);
        else send(name, { type: 'main-lost', run });
      } else if ('found' in look) {
        onFound(name, run, look.found);
        send(name, { type: 'main-found', run, process: look.found });
      } else {
        if (look.wanting !== told) send(name, { type: 'main-unknown', run, text: look.wanting });
        this.#lookAt(spec, run, look.wanting, clock.monotonicMs() + LOOK_EVERY_MS);
      }
    });
    this.#timers.set(name, timer);
  }
}

function lookFor(pidFile: string | null, members: readonly ProcessId[]): Look {
  if (members.length === 0) return 'nobody';
  if (pidFile !== null) return namedBy(pidFile, members);
  const pids = new Set<number | null>(members.map(({ pid }) => pid));
  const orphans = members.filter((member) => !pids.has(parentOf(member)));
  const [first] = orphans;
  if (first !== undefined && orphans.length === 1) return { found: first };
  const wanting = `${orphans.length} of its processes could be the main one, expected one, or a pidFile`;
  return { wanting };
}

function namedBy(pidFile: string, members: readonly ProcessId[]): Look {
  const named = pidIn(pidFile);
  if ('wanting' in named) return named;
  const found = members.find(({ pid }) => pid === named.pid);
  if (found !== undefined) return { found };
  return { wanting: `its pidFile "${pidFile}" names pid ${named.pid}, which is none of its processes` };
}
