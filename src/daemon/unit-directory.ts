// Reads units.d into a set of units. It keeps what it has read and parsed, so that a reload costs what has changed; and
// it works in slices, so that no exit waits for it.
//
// Every file is read at every load, since neither time nor size of a file says that it is the same. Where it is, it is
// the same UnitSource again; and where all are, the load gives the same UnitSet.
import { NO_CONTROLLER, type Lacks } from '../config/check-resources.ts';
import { loadingSet, loadSet } from '../config/load-set.ts';
import type { ParseCache } from '../config/load-set.ts';
import type { UnitSource } from '../config/parse.ts';
import { unitNameOf } from '../config/unit-name.ts';
import { hasErrors } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { UnitSpec } from '../model/unit.ts';
import type { Steps } from '../core/steps.ts';
import { Turns } from '../base/turns.ts';
import { readUnitDirectory } from '../os/unit-files.ts';
import type { UnitFile } from '../os/unit-files.ts';
import { inSlices } from './slices.ts';
import type { UnitSet } from './unit-set.ts';
import { usableSet } from './usable-set.ts';

interface Listing {
  readonly sources: readonly UnitSource[];
  /** What is wrong with the names of the other files. */
  readonly misnamed: readonly Problem[];
}

export class UnitDirectory {
  readonly #directory: string;
  readonly #insecure: boolean;
  readonly #lacks: Lacks;
  readonly #cache: ParseCache = new Map();
  #last: UnitSet | null = null;
  #lastFiles: ReadonlyMap<string, UnitSource> = new Map();
  readonly #loads = new Turns();

  constructor(directory: string, insecure: boolean, lacks: Lacks = () => null) {
    this.#directory = directory;
    this.#insecure = insecure;
    this.#lacks = lacks;
  }

  /** One load after the other, so that a slow disk is read by few threads, however many ask. */
  async load(): Promise<UnitSet> {
    return await this.#loads.take(async () => await this.#loadNow());
  }

  async #loadNow(): Promise<UnitSet> {
    const listed = await readUnitDirectory(this.#directory, {
      insecure: this.#insecure,
      accepts: (name) => unitNameOf(name).kind !== 'ignored',
    });
    const { sources, misnamed } = await inSlices(this.#sourcesOf(listed.files));
    const problems: Problem[] = [...listed.problems.map((problem) => named(problem)), ...misnamed];
    if (this.#last !== null && problems.length === 0 && isSameList(sources, this.#last.files))
      return this.#last;
    const set = await inSlices(loadingSet(sources, this.#cache, this.#lacks));
    const isBlind = problems.some((problem) => problem.file === this.#directory);
    const { specs, fingerprints } = set;
    const loaded = { specs, files: sources, fingerprints, problems: [...problems, ...set.problems], isBlind };
    // A controller that was lacking may be there the next time.
    const isLacking = set.problems.some(({ code }) => code === NO_CONTROLLER);
    this.#last = problems.length === 0 && !isLacking ? loaded : null;
    this.#lastFiles = new Map(sources.map((source) => [source.file, source]));
    return loaded;
  }

  *#sourcesOf(files: readonly UnitFile[]): Steps<Listing> {
    const sources: UnitSource[] = [];
    const misnamed: Problem[] = [];
    for (const { name, file, bytes } of files) {
      yield;
      const reading = unitNameOf(name);
      if (reading.kind === 'unit') sources.push(this.#sourceOf({ name: reading.name, file, bytes }));
      if (reading.kind === 'invalid') misnamed.push(invalidName(file, reading.message));
    }
    return { sources, misnamed };
  }

  #sourceOf(read: UnitSource): UnitSource {
    const known = this.#lastFiles.get(read.file);
    return known?.name === read.name && Buffer.compare(known.bytes, read.bytes) === 0 ? known : read;
  }

  /** Units of files that are not in the directory (any more); one that does not parse is left out. */
  parse(sources: ReadonlyMap<string, UnitSource>): ReadonlyMap<string, UnitSpec> {
    return loadSet([...sources.values()]).specs;
  }

  /** The set of these files as it was applied, with its problems of then; null if it is not valid for this version. */
  standing(sources: ReadonlyMap<string, UnitSource>, problems: readonly Problem[]): UnitSet | null {
    const files = [...sources.values()];
    const set = loadSet(files, this.#cache, this.#lacks);
    if (hasErrors(set.problems)) return null;
    return { specs: set.specs, files, fingerprints: set.fingerprints, problems, isBlind: false };
  }

  /** The set around the errors: see usable-set.ts. */
  usable(set: UnitSet, fallback: ReadonlyMap<string, UnitSource>): UnitSet {
    return usableSet(set, fallback, (sources) => loadSet(sources, this.#cache, this.#lacks));
  }
}

function isSameList(a: readonly UnitSource[], b: readonly UnitSource[]): boolean {
  return a.length === b.length && a.every((source, index) => source === b[index]);
}

/** A file that could not be read still says which unit it is about. */
function named(problem: Problem): Problem {
  const base = problem.file?.split('/').at(-1) ?? '';
  const reading = unitNameOf(base);
  return reading.kind === 'unit' ? { ...problem, unit: reading.name } : problem;
}

function invalidName(file: string, message: string): Problem {
  return {
    severity: 'error',
    unit: null,
    file,
    line: null,
    column: null,
    field: null,
    code: 'file-name',
    message,
  };
}
