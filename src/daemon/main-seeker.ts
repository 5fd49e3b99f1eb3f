// Finds the main processes that the commands of forking units leave behind. Asked once for each, it looks again and
// again until it has found one, no process is left, or it is told to give up. It signals nobody and reaps nobody. Where a
// process cannot be told to be anybody's, it may be the one: nobody says when its exec is over.
//
// With a pidFile: the process that the file names, as soon as it is one of the unit's. A file that is left over from
// an earlier run names nobody's or a stranger's, and is waited out like one that is not there.
// When that main process has ended, whom the file names by then is main in its place, as with systemd: so nginx and
// others hand over to a new version of theirs. sshd, told to read its configuration again, goes to the background once
// more where its parent is not process 1: it ends first, and well, and then the new one writes the file.
// Without: the only process of the unit whose parent is none of its processes. A worker has its parent among them; of
// two orphans one may yet end. It has to be the same one in two looks in a row: a daemon that forks twice, as gunicorn
// does, forks the second time from a child that is such a process too, for some milliseconds.
import type { Unit } from '../core/fleet.ts';
import type { MachineEvent } from '../core/machine-state.ts';
import { keyOf } from '../model/process.ts';
import type { ProcessId } from '../model/process.ts';
import type { UnitSpec } from '../model/unit.ts';
import type { Clock, Timer } from '../os/ports.ts';
import { parentOf } from '../os/process-nodes.ts';
import type { SpawnedRun } from './journal-lines.ts';
import { pidIn } from './pid-file.ts';

/** Nobody tells of a file that is written into; looked at so often for a start's short while. */
const LOOK_EVERY_MS = 20;
/** sshd writes its pidFile within milliseconds; gunicorn looks once a second whether the old master has gone. */
const SUCCESSION_MS = 2000;

export interface SeekerPorts {
  readonly clock: Clock;
  readonly unitOf: (name: string) => Unit | undefined;
  /** The unit's living processes. */
  readonly members: (unit: string) => readonly ProcessId[];
  /** Some process that could be the unit's was left out of the last answer. */
  readonly isUnsure: () => boolean;
  readonly send: (unit: string, event: MachineEvent) => void;
  /** Until it is told who is main in the place of this one, nobody else knows that it has ended. */
  readonly onWaiting: (unit: string, ended: EndedRun) => void;
  /** The process is about to be told as main. */
  readonly onFound: (unit: string, run: number, process: ProcessId) => void;
}

type EndedRun = Required<SpawnedRun>;

type Named = { readonly found: ProcessId } | { readonly wanting: string };
type Look = Named | { readonly guessed: ProcessId } | 'nobody';

/** What the looks before came to: whom the last one guessed (see keyOf), and what was told of what is wanting. */
interface Before {
  readonly guessed: string | null;
  readonly told: string | null;
}

export class MainSeeker {
  readonly #ports: SeekerPorts;
  readonly #timers = new Map<string, Timer>();

  constructor(ports: SeekerPorts) {
    this.#ports = ports;
  }

  /** Answers from the event loop's next turn on, so that the caller's work is done by then. */
  seek(spec: UnitSpec, run: number): void {
    this.#seekFrom(spec, run, { guessed: null, told: null }, this.#ports.clock.monotonicMs());
  }

  /** Tells whom the main process of this run, which has ended, has left in its place; null: nobody. */
  succeed(unit: string, ended: EndedRun, tell: (successor: ProcessId | null) => void): void {
    const { clock, members, isUnsure, unitOf, onWaiting } = this.#ports;
    const { run } = ended;
    const untilMs = clock.monotonicMs() + (ended.status.code === 0 ? SUCCESSION_MS : 0);
    const isTold = (): boolean => {
      const known = unitOf(unit);
      const successor = successorOf(known, run, () => members(unit));
      const mayCome = pidFileOf(known, run) !== null && (members(unit).length > 0 || isUnsure());
      if (successor === null && mayCome && clock.monotonicMs() < untilMs) return false;
      tell(successor);
      return true;
    };
    const lookAgain = (): void => {
      this.#lookAt(unit, clock.monotonicMs() + LOOK_EVERY_MS, () => {
        if (!isTold()) lookAgain();
      });
    };
    // Of other runs of the unit too, a helper's and one that was given up: what is waited for otherwise goes on.
    if (isTold()) return;
    onWaiting(unit, ended);
    lookAgain();
  }

  giveUp(unit: string): void {
    this.#timers.get(unit)?.close();
    this.#timers.delete(unit);
  }

  close(): void {
    for (const unit of [...this.#timers.keys()]) this.giveUp(unit);
  }

  #seekFrom(spec: UnitSpec, run: number, before: Before, atMs: number): void {
    const { name } = spec;
    const { clock, members, isUnsure, send, onFound } = this.#ports;
    this.#lookAt(name, atMs, () => {
      const again = (next: Before): void =>
        this.#seekFrom(spec, run, next, clock.monotonicMs() + LOOK_EVERY_MS);
      const found = (process: ProcessId): void => {
        onFound(name, run, process);
        send(name, { type: 'main-found', run, process });
      };
      const look = lookFor(spec.pidFile, members(name));
      if (look === 'nobody') {
        if (isUnsure()) again(before);
        else send(name, { type: 'main-lost', run });
      } else if ('found' in look) found(look.found);
      else if ('guessed' in look) {
        const guessed = keyOf(look.guessed);
        if (guessed === before.guessed) found(look.guessed);
        else again({ ...before, guessed });
      } else {
        if (look.wanting !== before.told) send(name, { type: 'main-unknown', run, text: look.wanting });
        again({ guessed: null, told: look.wanting });
      }
    });
  }

  #lookAt(unit: string, atMs: number, look: () => void): void {
    this.giveUp(unit);
    const timer = this.#ports.clock.arm(atMs, () => {
      this.#timers.delete(unit);
      look();
    });
    this.#timers.set(unit, timer);
  }
}

/** Whom the main process of this run, which has ended, has named in its place; null: nobody, so the run is over. */
export function successorOf(
  unit: Unit | undefined,
  run: number,
  members: () => readonly ProcessId[],
): ProcessId | null {
  const pidFile = pidFileOf(unit, run);
  if (pidFile === null) return null;
  const look = namedBy(pidFile, members());
  return 'found' in look ? look.found : null;
}

/** The file that may name another process in the place of this run's; null: its end is the unit's. */
function pidFileOf(unit: Unit | undefined, run: number): string | null {
  if (unit === undefined) return null;
  const { phase } = unit.state;
  return phase.at === 'running' && phase.main?.id === run ? unit.spec.pidFile : null;
}

function lookFor(pidFile: string | null, members: readonly ProcessId[]): Look {
  if (members.length === 0) return 'nobody';
  if (pidFile !== null) return namedBy(pidFile, members);
  const pids = new Set<number | null>(members.map(({ pid }) => pid));
  const orphans = members.filter((member) => !pids.has(parentOf(member)));
  const [first] = orphans;
  if (first !== undefined && orphans.length === 1) return { guessed: first };
  const wanting = `${orphans.length} of its processes could be the main one, expected one, or a pidFile`;
  return { wanting };
}

function namedBy(pidFile: string, members: readonly ProcessId[]): Named {
  const named = pidIn(pidFile);
  if ('wanting' in named) return named;
  const found = members.find(({ pid }) => pid === named.pid);
  if (found !== undefined) return { found };
  return { wanting: `its pidFile "${pidFile}" names pid ${named.pid}, which is none of its processes` };
}
