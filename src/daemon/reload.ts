// From the unit files to the fleet: load, plan, and, unless it was only a look, commit. All or nothing, except where
// `partial` or the daemon's own start asks for the largest set around the errors.
//
// Waiting for the moved units is not part of a load (load-queue.ts), so one that mends a slow start does not wait for it.
//
// A reload that finds the very set that was applied last has nothing to plan and nothing to commit. Any other is planned
// in slices, on a snapshot of the fleet, so that exits are answered meanwhile; then it is committed: in one go what hangs
// together, and after that, in slices again, what changes for single units alone. An operator's word between plan and
// commit has it planned anew; after a few such, it is planned and committed in one. At the daemon's start, what an
// earlier one left is taken up, planned and committed in one go: in between it would be brought towards what the old
// files want.
import type { UnitSource } from '../config/parse.ts';
import { settleVerdicts } from '../core/converge.ts';
import type { Instant, Outputs } from '../core/converge.ts';
import type { Fleet } from '../core/fleet.ts';
import { commit, commitAll, commitAlone, snapshotOf } from '../core/reconcile.ts';
import type { Decision } from '../core/reconcile.ts';
import { atOnce, each } from '../core/steps.ts';
import type { Plan } from '../model/plan.ts';
import { hasErrors } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { UnitSpec } from '../model/unit.ts';
import type { Expectation } from '../os/ports.ts';
import type { Answer } from './control.ts';
import { deciding, emptyPlan, fingerprintOf } from './decide.ts';
import type { Journalled } from './journal-lines.ts';
import { movesOf } from './goals.ts';
import type { Moves } from './goals.ts';
import type { Found, Records } from './records.ts';
import { LoadQueue } from './load-queue.ts';
import { invalidFiles, planMoved } from './refusals.ts';
import { goodFileOf, lastForms, sourcesOf, takingFrom } from './set-files.ts';
import { inSlices } from './slices.ts';
import type { GoodFile } from './store.ts';
import type { Supervisor } from './supervisor.ts';
import type { UnitDirectory } from './unit-directory.ts';
import type { UnitSet } from './unit-set.ts';

export interface ReloadOptions {
  readonly partial: boolean;
  /** Apply this plan or refuse. */
  readonly planId: string | null;
}

export interface Applied extends Moves {
  readonly plan: Plan;
  readonly problems: readonly Problem[];
}

/** What an earlier daemon left, its files read again. */
export interface Earlier extends Journalled {
  readonly set: ReadonlyMap<string, UnitSpec>;
  /** The units that are about to be the fleet's, for those whose earlier files say nothing to this version. */
  readonly next: ReadonlyMap<string, UnitSpec>;
}

export interface BootFacts extends Found {
  /** What the version before this one had applied holds on, whatever the files say now; null: they say what holds. */
  readonly standing: StandingSet | null;
}

/** A set as it was applied, with what was wrong with the files then. */
export interface StandingSet {
  readonly files: readonly GoodFile[];
  readonly problems: readonly Problem[];
}

/** The fleet for as long as nobody else has it, what time it is then, and where what follows goes. */
type Turn = [fleet: Fleet, instant: Instant, outputs: Outputs];

/** A set that was taken in, but for what is still to be taken in unit by unit. */
interface Taken {
  readonly applied: Applied;
  readonly decision: Decision | null;
}

interface CommitOptions {
  readonly before?: (...turn: Turn) => void;
  readonly planId: string | null;
  /** Nothing new is applied: nothing is told of it. */
  readonly isSilent?: boolean;
}

export interface ReloaderPorts {
  readonly directory: UnitDirectory;
  readonly supervisor: Supervisor;
  readonly records: Records;
  /** Puts the units of an earlier daemon into the fleet, which is empty. */
  readonly adopt: (earlier: Earlier, fleet: Fleet, instant: Instant, outputs: Outputs) => void;
  /** See Processes. */
  readonly expectSpawns: () => Expectation;
  /** A unit that a set moves has its new spec. */
  readonly onMoved: (name: string) => void;
  /** A set was applied. */
  readonly onApplied: (applied: Applied) => void;
}

function spawns({ units }: Plan): boolean {
  return units.some(({ action }) => action === 'start' || action === 'restart');
}

/** Of planning beside operators who speak meanwhile. */
const MOST_TRIES = 5;

export class Reloader {
  readonly #ports: ReloaderPorts;
  readonly #loads = new LoadQueue<Answer<Applied>>();
  /** What runs, in the form that it was applied in. */
  #running: ReadonlyMap<string, UnitSource> = new Map();
  #problems: readonly Problem[] = [];
  /** The last that was applied. */
  #set: UnitSet | null = null;

  constructor(ports: ReloaderPorts) {
    this.#ports = ports;
  }

  /** Of the last set that was applied; errors among them mean that the daemon runs degraded. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** For the next version. */
  get standing(): StandingSet {
    return { files: [...this.#running.values()].map(goodFileOf), problems: this.#problems };
  }

  fileOf(unit: string): string | null {
    return this.#running.get(unit)?.file ?? null;
  }

  /**
   * The first set: of what is not valid now, the last good form; operators' words as they stood; and what an earlier
   * daemon left running taken up before, so that what changed meanwhile is an ordinary reload.
   */
  async boot(facts: BootFacts): Promise<Applied> {
    const booted = await this.#loads.take('boot', async () => await this.#bootNow(facts));
    if (!booted.ok) throw new Error(booted.error.detail);
    return booted.value;
  }

  /** Resolves when no load is under way and none is queued. */
  async idle(): Promise<void> {
    await this.#loads.idle();
  }

  async #bootNow({ lastGood, left, standing: applied }: BootFacts): Promise<Answer<Applied>> {
    const { directory, records, adopt } = this.#ports;
    const standing = applied === null ? null : directory.standing(sourcesOf(applied.files), applied.problems);
    const set = standing ?? (await directory.load());
    const isUsable = standing !== null || !hasErrors(set.problems);
    const usable = isUsable ? set : directory.usable(set, sourcesOf(lastForms(left, lastGood)));
    const earlier =
      left === null ? null : { ...left, set: directory.parse(sourcesOf(left.files)), next: usable.specs };
    return await this.#commit(usable, {
      before: (fleet, instant, outputs) => {
        if (earlier === null) return;
        for (const file of earlier.files) this.#tellSource(earlier.set, file);
        adopt(earlier, fleet, instant, outputs);
        records.entered(fleet, false);
        // The plan compares with what holds of them now; what follows from that is still to be done.
        for (const name of settleVerdicts(fleet, instant, outputs)) fleet.dirty.add(name);
      },
      planId: null,
      isSilent: standing !== null,
    });
  }

  async plan(
    partial: boolean,
  ): Promise<Answer<{ readonly plan: Plan; readonly problems: readonly Problem[] }>> {
    const loaded = this.#loadable(await this.#ports.directory.load(), partial);
    if (!loaded.ok) return loaded;
    const { fleet } = this.#ports.supervisor;
    const set = loaded.value;
    const plan = set === this.#set ? emptyPlan(set) : (await inSlices(deciding(set, snapshotOf(fleet)))).plan;
    return { ok: true, value: { plan, problems: set.problems } };
  }

  async apply(options: ReloadOptions): Promise<Answer<Applied>> {
    return await this.#loads.take(JSON.stringify(options), async () => await this.#applyNow(options));
  }

  async #applyNow({ partial, planId }: ReloadOptions): Promise<Answer<Applied>> {
    const loaded = this.#loadable(await this.#ports.directory.load(), partial);
    if (!loaded.ok) return loaded;
    return await this.#commit(loaded.value, { planId });
  }

  #loadable(set: UnitSet, partial: boolean): Answer<UnitSet> {
    if (!hasErrors(set.problems)) return { ok: true, value: set };
    if (!partial || set.isBlind) return invalidFiles(set.problems);
    return { ok: true, value: this.#ports.directory.usable(set, this.#running) };
  }

  async #commit(set: UnitSet, options: CommitOptions): Promise<Answer<Applied>> {
    const { supervisor, records, expectSpawns, onApplied, onMoved } = this.#ports;
    if (set === this.#set) return this.#confirm(set, options);
    const taking = await inSlices(takingFrom(set));
    await inSlices(each(taking.files, (file) => this.#tellSource(set.specs, file)));
    let committed: Answer<Taken> | null = null;
    for (let tries = options.before === undefined ? 0 : MOST_TRIES; committed === null; tries += 1) {
      const { seq, shuttingDown } = supervisor.fleet;
      const decided = tries < MOST_TRIES ? await inSlices(deciding(set, snapshotOf(supervisor.fleet))) : null;
      const expected = decided !== null && spawns(decided.plan) ? expectSpawns() : null;
      await expected?.ready;
      committed = await this.#inTurn<Answer<Taken> | null>((fleet, instant, outputs) => {
        options.before?.(fleet, instant, outputs);
        const isPast = fleet.seq !== seq || fleet.shuttingDown !== shuttingDown;
        if (decided !== null && isPast) return null;
        const holds = decided ?? atOnce(deciding(set, fleet));
        if (options.planId !== null && options.planId !== holds.plan.id) {
          return planMoved(options.planId, holds.plan);
        }
        const { decision } = holds;
        const moves = movesOf(holds.plan, fleet);
        const take = options.before === undefined ? commit : commitAll;
        take(set.specs, decision, fleet, instant, outputs);
        records.entered(fleet, !hasErrors(set.problems));
        const applied = { plan: holds.plan, problems: set.problems, ...moves };
        return { ok: true, value: { applied, decision: take === commit ? decision : null } };
      }).finally(() => expected?.close());
    }
    if (!committed.ok) return committed;
    const { applied, decision } = committed.value;
    if (decision !== null) await this.#takeInAlone(set, decision);
    await inSlices(each(applied.plan.units, ({ name }) => onMoved(name)));
    this.#running = taking.running;
    this.#set = set;
    this.#problems = set.problems;
    const good = hasErrors(set.problems) ? null : atOnce(fingerprintOf(set));
    // The version before this one has written it down.
    if (options.isSilent === true) records.hasLastGood(good);
    else if (good !== null) records.saveLastGood(good, taking.files);
    if (options.isSilent !== true) onApplied(applied);
    return { ok: true, value: applied };
  }

  async #takeInAlone({ specs }: UnitSet, decision: Decision): Promise<void> {
    let turn: Turn;
    const steps = each(decision.alone, (name) => commitAlone(specs, decision, name, ...turn));
    const within = async <R>(slice: () => R): Promise<R> =>
      await this.#inTurn((...given) => {
        turn = given;
        return slice();
      });
    await inSlices(steps, { within });
  }

  #tellSource(specs: ReadonlyMap<string, UnitSpec>, file: GoodFile): void {
    const spec = specs.get(file.name);
    if (spec !== undefined) this.#ports.records.cameFrom(spec, file);
  }

  /** The set that was applied last, as it was found again: the fleet is made of it. */
  #confirm(set: UnitSet, { planId }: CommitOptions): Answer<Applied> {
    const plan = emptyPlan(set);
    if (planId !== null && planId !== plan.id) return planMoved(planId, plan);
    const applied = {
      plan,
      problems: set.problems,
      goals: [],
      excused: new Set<string>(),
      stranded: new Set<string>(),
    };
    this.#ports.onApplied(applied);
    return { ok: true, value: applied };
  }

  /** What `act` gives, which has the fleet to itself. */
  async #inTurn<T>(act: (...turn: Turn) => T): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      this.#ports.supervisor.change((fleet, instant, outputs) => {
        try {
          resolve(act(fleet, instant, outputs));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }
}
