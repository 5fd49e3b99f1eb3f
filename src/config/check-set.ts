// What can only be wrong with units together: names that nobody has, orders that go round, conflicts between units
// that the files want up at the same time, or that one unit needs. It reads no file.
import { findingOrderingCycles, PULLING_FIELDS, STRONG_FIELDS } from '../core/graph.ts';
import type { Steps } from '../core/steps.ts';
import type { Problem } from '../model/problem.ts';
import { DEPENDENCY_FIELDS, type UnitSpec, withoutEnding } from '../model/unit.ts';
import { suggestion } from './suggestion.ts';

/** Where a field of a unit's file stands, `requires[0]`; null when nobody knows. */
export type Places = (
  unit: string,
  field: string,
) => { readonly file: string; readonly line: number; readonly column: number } | null;

/** Comparisons of names per check, so that ten thousand typing errors among ten thousand units stay quick. */
const MAX_COMPARISONS = 200_000;

/**
 * `broken`: units whose files exist but have errors, with what could be read of them. To name one is no error of the
 * one who does; the names that they give are looked up too, so that all that is wrong is said at once.
 */
export function* checkingSet(
  specs: readonly UnitSpec[],
  places: Places,
  broken: ReadonlyMap<string, UnitSpec | null> = new Map(),
): Steps<readonly Problem[]> {
  const remains = [...broken.values()].flatMap((spec) => spec ?? []);
  return [
    ...(yield* unknownNames([...specs, ...remains], places, broken.keys())),
    ...(yield* orderingCycles(specs, places)),
    ...(yield* impossibleConflicts(specs, places)),
  ];
}

function problem(places: Places, unit: string, field: string, code: string, text: string): Problem {
  const place = places(unit, field);
  return {
    severity: 'error',
    unit,
    file: place?.file ?? null,
    line: place?.line ?? null,
    column: place?.column ?? null,
    field,
    code,
    message: `cannot load unit "${unit}": ${text}`,
  };
}

function* unknownNames(
  specs: readonly UnitSpec[],
  places: Places,
  broken: Iterable<string>,
): Steps<readonly Problem[]> {
  const known = new Set([...specs.map((spec) => spec.name), ...broken]);
  const names = [...known];
  const problems: Problem[] = [];
  let comparisonsLeft = MAX_COMPARISONS;
  for (const spec of specs) {
    yield;
    for (const field of DEPENDENCY_FIELDS) {
      spec[field].forEach((name, index) => {
        if (known.has(name)) return;
        comparisonsLeft -= names.length;
        const bare = withoutEnding(name);
        // Its own name would be the next error.
        const others = comparisonsLeft > 0 ? names.filter((other) => other !== spec.name) : [];
        const alike = known.has(bare) && bare !== spec.name ? bare : suggestion(name, others);
        const expected = alike === null ? 'expected a unit of the set' : `did you mean ${alike}?`;
        const text = `${field}[${index}] is ${name}, which no file defines, ${expected}`;
        problems.push(problem(places, spec.name, `${field}[${index}]`, 'unknown-unit', text));
      });
    }
  }
  return problems;
}

function* orderingCycles(specs: readonly UnitSpec[], places: Places): Steps<readonly Problem[]> {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  return (yield* findingOrderingCycles(specs)).map((cycle) => {
    const [first = '', second = ''] = cycle;
    const { unit, field } = orderedBy(byName, first, second);
    const text = `it is in an ordering cycle: ${cycle.join(' after ')}, expected an order (requires, wants, requisite and bindsTo imply after)`;
    return problem(places, unit, field, 'dependency-cycle', text);
  });
}

/** The field that puts `later` after `earlier`: one of its own, or the other's `before`. */
function orderedBy(
  byName: ReadonlyMap<string, UnitSpec>,
  later: string,
  earlier: string,
): { readonly unit: string; readonly field: string } {
  for (const field of ['after', 'requires', 'wants', 'requisite', 'bindsTo'] as const) {
    const index = byName.get(later)?.[field].indexOf(earlier) ?? -1;
    if (index !== -1) return { unit: later, field: `${field}[${index}]` };
  }
  const index = byName.get(earlier)?.before.indexOf(later) ?? -1;
  return index === -1 ? { unit: later, field: 'after' } : { unit: earlier, field: `before[${index}]` };
}

/** For each unit that the files want up, who pulls it in: null for a unit that is enabled itself. */
function* wantedUnits(specs: readonly UnitSpec[]): Steps<ReadonlyMap<string, string | null>> {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const wanted = new Map<string, string | null>();
  for (const spec of specs) if (spec.enabled) wanted.set(spec.name, null);
  // a Map goes on to what is added while it is walked
  for (const name of wanted.keys()) {
    yield;
    for (const field of PULLING_FIELDS) {
      for (const other of byName.get(name)?.[field] ?? []) {
        if (byName.has(other) && !wanted.has(other)) wanted.set(other, name);
      }
    }
  }
  return wanted;
}

/** Of units in conflict that the files want up both, or of which one needs the other, or a third needs both. */
function* impossibleConflicts(specs: readonly UnitSpec[], places: Places): Steps<readonly Problem[]> {
  const wanted = yield* wantedUnits(specs);
  let needing: Needing | null = null;
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const spec of specs) {
    yield;
    for (const [index, other] of spec.conflicts.entries()) {
      const { name } = spec;
      const pair = [name, other].toSorted().join(' ');
      if (other === name || seen.has(pair)) continue;
      seen.add(pair);
      const tell = (text: string): void => {
        problems.push(
          problem(places, name, `conflicts[${index}]`, 'conflict', `it conflicts with ${other}, ${text}`),
        );
      };
      if (wanted.has(name) && wanted.has(other)) {
        const reasons = `${why(wanted, name)}; ${why(wanted, other)}`;
        tell(`and the files want both up (${reasons}), expected at most one enabled`);
        continue;
      }
      needing ??= yield* needingIn(specs);
      const by = nearestNeeding(needing, name, other);
      if (by !== null)
        tell(
          `and ${by.name} cannot be up without both (${by.paths.join('; ')}), expected at most one needed`,
        );
    }
  }
  return problems;
}

/** Of each unit, those that name it in a field without which they are not up. */
type Needing = ReadonlyMap<string, readonly string[]>;

function* needingIn(specs: readonly UnitSpec[]): Steps<Needing> {
  const needing = new Map<string, string[]>();
  for (const spec of specs) {
    yield;
    for (const name of STRONG_FIELDS.flatMap((field) => spec[field])) {
      const known = needing.get(name);
      if (known === undefined) needing.set(name, [spec.name]);
      else known.push(spec.name);
    }
  }
  return needing;
}

/** The nearest unit to `one` that is or needs each of the two, however far up, with the ways there; null: there is none. */
function nearestNeeding(
  needing: Needing,
  one: string,
  other: string,
): { readonly name: string; readonly paths: readonly string[] } | null {
  const [ways, others] = [waysTo(needing, one), waysTo(needing, other)];
  for (const name of ways.keys()) {
    if (!others.has(name)) continue;
    return { name, paths: [pathBy(ways, name), pathBy(others, name)].filter((path) => path !== name) };
  }
  return null;
}

/** Every unit that is `target` or needs it, nearest first, with the next on the way to it. */
function waysTo(needing: Needing, target: string): ReadonlyMap<string, string | null> {
  const ways = new Map<string, string | null>([[target, null]]);
  for (const name of ways.keys()) {
    for (const by of needing.get(name) ?? []) if (!ways.has(by)) ways.set(by, name);
  }
  return ways;
}

function pathBy(ways: ReadonlyMap<string, string | null>, from: string): string {
  const path: string[] = [];
  for (let at: string | null = from; at !== null; at = ways.get(at) ?? null) path.push(at);
  return path.join(' needs ');
}

function why(wanted: ReadonlyMap<string, string | null>, name: string): string {
  const puller = wanted.get(name);
  return puller === null || puller === undefined ? `${name} is enabled` : `${puller} pulls in ${name}`;
}
