// Of a set with errors the one that can run, around them: a bad file never takes a running unit down.
//
// A unit with an error is replaced by its form in the fallback (the set as it runs), or left out where there is none.
// Where that does not help, the error came with another unit's file, or went with it: then the units that name each
// other with this one take their earlier forms too, those that are new or gone first, and so on outwards. So what is in
// the fallback stays, in one form or the other, if the fallback is good itself.
//
// A unit whose one fault is a controller that this machine lacks stays where nothing else is to be had of it: what of
// it runs is not ended for that, and what does not, will not start and says why.
import { NO_CONTROLLER } from '../config/check-resources.ts';
import { loadSet } from '../config/load-set.ts';
import type { LoadedSet } from '../config/load-set.ts';
import type { UnitSource } from '../config/parse.ts';
import type { Problem } from '../model/problem.ts';
import { DEPENDENCY_FIELDS } from '../model/unit.ts';
import type { UnitSpec } from '../model/unit.ts';
import type { UnitSet } from './unit-set.ts';

type Sources = ReadonlyMap<string, UnitSource>;
type Neighbours = ReadonlyMap<string, ReadonlySet<string>>;

interface Around {
  readonly neighbours: Neighbours;
  readonly replaced: ReadonlySet<string>;
  readonly chosen: Sources;
  readonly fallback: Sources;
}

/** Its problems are those of the files as they are, and what became for them of files that have none. */
export function usableSet(
  set: UnitSet,
  fallback: Sources,
  load: (sources: readonly UnitSource[]) => LoadedSet,
): UnitSet {
  const chosen = set.isBlind ? new Map(fallback) : new Map(set.files.map((source) => [source.name, source]));
  const replaced = new Set<string>();
  const putBack = (name: string, isToGoWithout: boolean): void => {
    replaced.add(name);
    const earlier = fallback.get(name);
    if (earlier !== undefined) chosen.set(name, earlier);
    else if (isToGoWithout) chosen.delete(name);
  };
  const ran = (): LoadedSet => loadSet([...fallback.values()], new Map());
  const unreadable = set.problems.filter((problem) => problem.severity === 'error' && problem.unit !== null);
  const wrong = new Set(
    set.problems.flatMap(({ severity, unit }) => (severity === 'error' ? (unit ?? []) : [])),
  );
  /** What is wrong with units without the files that are. */
  const followed = new Map<string, Problem>();
  const problemsOf = (files: Sources): readonly Problem[] => {
    const others = set.isBlind ? [] : differences(set, files, fallback, wrong, followed);
    return others.length === 0 ? set.problems : [...set.problems, ...others];
  };
  let faulty = faultyAmong(unreadable);
  let failing = new Set(unreadable.flatMap((problem) => problem.unit ?? []));
  let neighbours: Neighbours | null = null;
  for (;;) {
    const untried = [...failing].filter((name) => !replaced.has(name));
    if (untried.length > 0) {
      for (const name of untried) putBack(name, faulty.has(name));
    } else if (failing.size > 0) {
      neighbours ??= neighboursIn(set.specs, ran().specs);
      const around = { neighbours, replaced, chosen, fallback };
      const suspects = new Set([...failing].flatMap((name) => suspectsAround(name, around)));
      for (const name of suspects) putBack(name, true);
      if (suspects.size === 0) for (const name of failing) chosen.delete(name);
    }
    const loaded = load([...chosen.values()]);
    const errors = loaded.problems.filter((problem) => problem.severity === 'error');
    faulty = faultyAmong(errors);
    const open = errors.filter(({ code, unit }) => code !== NO_CONTROLLER || !replaced.has(unit ?? ''));
    if (open.length === 0)
      return { ...set, ...loaded, files: [...chosen.values()], problems: problemsOf(chosen) };
    for (const problem of open) if (problem.unit !== null) followed.set(problem.unit, problem);
    failing = new Set(open.flatMap((problem) => problem.unit ?? []).filter((name) => chosen.has(name)));
    // An error that names no unit cannot be cut out.
    if (failing.size === 0)
      return { ...set, ...ran(), files: [...fallback.values()], problems: problemsOf(fallback) };
  }
}

/** Of units with nothing wrong in their files, or without one any more, those that are not as these have it. */
function differences(
  { files }: UnitSet,
  chosen: Sources,
  fallback: Sources,
  wrong: ReadonlySet<string>,
  followed: ReadonlyMap<string, Problem>,
): readonly Problem[] {
  const wanted = new Map(files.map((source) => [source.name, source]));
  const problems: Problem[] = [];
  for (const name of new Set([...wanted.keys(), ...chosen.keys()])) {
    const source = wanted.get(name);
    if (wrong.has(name) || isSameSource(source, chosen.get(name))) continue;
    const place = followed.get(name) ?? { file: source?.file ?? null, line: null, column: null, field: null };
    const { file, line, column, field } = place;
    const becomes = fallback.has(name) ? 'it stays as it was' : 'it is left out';
    const message = `${whyNot(name, source, followed.get(name))}; ${becomes}`;
    problems.push({ severity: 'warning', unit: name, file, line, column, field, code: 'left-out', message });
  }
  return problems;
}

function whyNot(name: string, source: UnitSource | undefined, followed: Problem | undefined): string {
  if (source === undefined)
    return `cannot remove unit "${name}": another is not valid without it, expected no file to name it`;
  if (followed !== undefined) return `${followed.message} (among the files that are valid)`;
  return `cannot load unit "${name}": with it another is not valid, expected files that fit together`;
}

/** Units that are wrong whatever the machine is. */
function faultyAmong(errors: readonly Problem[]): ReadonlySet<string> {
  return new Set(errors.flatMap(({ code, unit }) => (code === NO_CONTROLLER ? [] : (unit ?? []))));
}

/** The units that name each other in a dependency field in any of the sets. */
function neighboursIn(...sets: readonly ReadonlyMap<string, UnitSpec>[]): Neighbours {
  const neighbours = new Map<string, Set<string>>();
  const link = (from: string, to: string): void => {
    const known = neighbours.get(from);
    if (known === undefined) neighbours.set(from, new Set([to]));
    else known.add(to);
  };
  for (const spec of sets.flatMap((specs) => [...specs.values()])) {
    for (const other of DEPENDENCY_FIELDS.flatMap((field) => spec[field])) {
      link(spec.name, other);
      link(other, spec.name);
    }
  }
  return neighbours;
}

/** The nearest units around `name` that are not as in `fallback`; of these only those that are new or gone, if any. */
function suspectsAround(name: string, { neighbours, replaced, chosen, fallback }: Around): readonly string[] {
  const seen = new Set([name]);
  for (let layer: readonly string[] = [name]; layer.length > 0;) {
    const next = new Set(layer.flatMap((unit) => [...(neighbours.get(unit) ?? [])]));
    layer = [...next].filter((unit) => !seen.has(unit));
    for (const unit of layer) seen.add(unit);
    const others = layer.filter(
      (unit) => !replaced.has(unit) && !isSameSource(chosen.get(unit), fallback.get(unit)),
    );
    const newOrGone = others.filter((unit) => !chosen.has(unit) || !fallback.has(unit));
    if (newOrGone.length > 0) return newOrGone;
    if (others.length > 0) return others;
  }
  return [];
}

function isSameSource(a: UnitSource | undefined, b: UnitSource | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a.bytes, b.bytes) === 0);
}
