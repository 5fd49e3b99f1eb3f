// What the journal says, as lines of text: which stand now, and what those of an earlier daemon come to. No file.
//
// - The first line says whose journal it is. Each other is one sealed record. The last may not open, since it was being
//   written when the daemon died. Any other that does not is damage: it is counted, and the records behind it hold all
//   the same, or what they tell of would run twice.
// - A unit's record stands for it until a later one. What was spawned for it has a record of its own, and so has each end
//   of a run, behind the first that knows of it: a unit that has ended often is written as quickly as one that never has.
// - The unit's file goes with it, in the form that the unit was last given: each unit can be taken up by itself, also
//   one whose file is gone and that was being stopped.
import type { Activation, Intent } from '../core/fleet.ts';
import { HISTORY_LENGTH } from '../core/machine-state.ts';
import type { MachineState } from '../core/machine-state.ts';
import type { ExitStatus, ProcessId, ProcessTree } from '../model/process.ts';
import { isSameExit } from '../model/state.ts';
import type { ExitRecord } from '../model/state.ts';
import { seal, unseal } from './sealed-line.ts';
import type { GoodFile } from './store.ts';

/** What is written of a unit. */
export interface UnitRecord {
  readonly state: MachineState;
  readonly sinceWall: number | null;
  /** Also in the state directory, which may be one that takes no writes. */
  readonly intent: Intent | null;
  /** How many words there had been when it was written (Fleet.seq). A record of an earlier version does not say. */
  readonly seq?: number;
  readonly activation: Activation | null;
  readonly cycle: string | null;
  readonly removed: boolean;
  readonly tree: ProcessTree;
}

/** The last process that was spawned for a unit; its record may not know of it yet. */
export interface SpawnedRun {
  readonly run: number;
  readonly process: ProcessId;
  /** How it has ended, where the unit has not heard of that: its place may yet be taken. */
  readonly status?: ExitStatus;
}

export interface Journalled {
  readonly units: ReadonlyMap<string, UnitRecord>;
  readonly spawned: ReadonlyMap<string, SpawnedRun>;
  /** The file of each unit in the form that the unit was last given. */
  readonly files: readonly GoodFile[];
}

/** Whose journal it is. */
export interface JournalOwner {
  readonly bootId: string;
  readonly version: number;
  readonly unitsDirectory: string;
}

type Line =
  | ({ readonly type: 'boot' } & JournalOwner)
  /** The history in its state is empty, as other lines say that. One of an earlier version has it whole. */
  | { readonly type: 'unit'; readonly name: string; readonly unit: UnitRecord }
  | { readonly type: 'ended'; readonly name: string; readonly exit: ExitRecord }
  | { readonly type: 'spawned'; readonly name: string; readonly spawned: SpawnedRun }
  | { readonly type: 'file'; readonly name: string; readonly file: GoodFile }
  | { readonly type: 'gone'; readonly name: string };

/** The lines that hold of one unit, as they are to be written. */
interface Latest {
  unit: string;
  /** A line for each end that the unit remembers. */
  ends: readonly string[];
  /** What `ends` print. */
  history: readonly ExitRecord[];
  spawned: string;
  file: string;
  /** What `file` prints. */
  source: GoodFile | null;
}

/** The lines that stand. What a change gives is what is to be written of it; empty: nothing new. */
export class JournalLines {
  readonly #first: string;
  readonly #latest = new Map<string, Latest>();

  constructor(owner: JournalOwner) {
    this.#first = printed({ type: 'boot', ...owner });
  }

  /** All that stand, as one text. */
  all(): string {
    const units = [...this.#latest.values()].map(
      ({ unit, ends, spawned, file }) => unit + ends.join('') + spawned + file,
    );
    return [this.#first, ...units].join('');
  }

  /** What an earlier daemon left stands until it is replaced. */
  take({ units, spawned, files }: Journalled): void {
    const sources = new Map(files.map((file) => [file.name, file]));
    for (const [name, unit] of units) {
      const run = spawned.get(name);
      this.unit(name, unit, sources.get(name) ?? null);
      if (run !== undefined) this.spawned(name, run);
    }
  }

  /**
   * `file`: what the unit was made from. Its line comes last: a unit that is to restart with a new file says so before
   * the new file counts as the one that runs.
   */
  unit(name: string, unit: UnitRecord, file: GoodFile | null): string {
    const { history } = unit.state;
    const line = printed({ type: 'unit', name, unit: { ...unit, state: { ...unit.state, history: [] } } });
    const latest = this.#latestOf(name);
    let news = latest.unit === line ? '' : line;
    latest.unit = line;
    if (history !== latest.history) {
      const ends = newEnds(latest.history, history).map((exit) => printed({ type: 'ended', name, exit }));
      latest.ends = [...latest.ends, ...ends].slice(-HISTORY_LENGTH);
      latest.history = history;
      news += ends.join('');
    }
    if (file !== null && latest.source !== file && !isSameFile(latest.source, file)) {
      latest.file = printed({ type: 'file', name, file });
      latest.source = file;
      news += latest.file;
    }
    return news;
  }

  spawned(name: string, spawned: SpawnedRun): string {
    const latest = this.#latestOf(name);
    latest.spawned = printed({ type: 'spawned', name, spawned });
    return latest.spawned;
  }

  gone(name: string): string {
    return this.#latest.delete(name) ? printed({ type: 'gone', name }) : '';
  }

  #latestOf(name: string): Latest {
    const known = this.#latest.get(name);
    if (known !== undefined) return known;
    const fresh: Latest = { unit: '', ends: [], history: [], spawned: '', file: '', source: null };
    this.#latest.set(name, fresh);
    return fresh;
  }
}

/** What the first line of a journal says; null: it is damaged. */
export function ownerIn(text: string): JournalOwner | null {
  const [first = ''] = text.split('\n', 1);
  const line = parsed(first);
  return line?.type === 'boot' ? line : null;
}

/** What its other lines come to, and how many of them are damaged. */
export function recordsIn(text: string): Journalled & { readonly damaged: number } {
  const units = new Map<string, UnitRecord>();
  const ends = new Map<string, ExitRecord[]>();
  const spawned = new Map<string, SpawnedRun>();
  const files = new Map<string, GoodFile>();
  const [, ...lines] = text.split('\n');
  let damaged = 0;
  for (const [at, line] of lines.entries()) {
    const record = parsed(line);
    if (record === null) damaged += at < lines.length - 1 ? 1 : 0;
    else if (record.type === 'unit') units.set(record.name, record.unit);
    else if (record.type === 'ended')
      ends.set(record.name, [...(ends.get(record.name) ?? []), record.exit].slice(-HISTORY_LENGTH));
    else if (record.type === 'spawned') spawned.set(record.name, record.spawned);
    else if (record.type === 'file') files.set(record.name, record.file);
    else if (record.type === 'gone') for (const map of [units, ends, spawned, files]) map.delete(record.name);
  }
  for (const [name, history] of ends) {
    const unit = units.get(name);
    if (unit !== undefined) units.set(name, { ...unit, state: { ...unit.state, history } });
  }
  return { units, spawned, files: [...files.values()], damaged };
}

/** Those behind the last that is known; all, where that is forgotten. */
function newEnds(known: readonly ExitRecord[], history: readonly ExitRecord[]): readonly ExitRecord[] {
  const last = known.at(-1);
  if (last === undefined) return history;
  return history.slice(history.findLastIndex((exit) => isSameExit(exit, last)) + 1);
}

function isSameFile(a: GoodFile | null, b: GoodFile): boolean {
  return a?.file === b.file && a.text === b.text;
}

function printed(line: Line): string {
  return seal(line);
}

function parsed(line: string): Line | null {
  // The seal says that it is what a daemon wrote, the version that it is one of ours.
  return (unseal(line) ?? null) as Line | null;
}
