// All unit files of a directory as one set: each parsed, then checked together. Takes bytes, opens nothing.
import type { Problem } from '../model/problem.ts';
import type { UnitSpec } from '../model/unit.ts';
import { atOnce, type Steps } from '../core/steps.ts';
import { checkingResources, type Lacks } from './check-resources.ts';
import { checkingSet, type Places } from './check-set.ts';
import { type ParsedUnit, parseUnit, type UnitSource } from './parse.ts';
import { fingerprintOf, placeAt, sourceText } from './source.ts';
import { type SourceNode, type Step, valueOffset } from './tree.ts';
import { parseYaml } from './yaml.ts';

/** Results of an earlier load by file, so that a reload parses only what has changed. Owned by the caller. */
export type ParseCache = Map<
  string,
  { readonly name: string; readonly fingerprint: string; readonly parsed: ParsedUnit }
>;

export interface LoadedSet {
  /** The units of the files without errors of their own; only good as a set when there are no errors. */
  readonly specs: ReadonlyMap<string, UnitSpec>;
  /** By file, then by place. */
  readonly problems: readonly Problem[];
  /** Of each unit's file, by the name of the unit. */
  readonly fingerprints: ReadonlyMap<string, string>;
}

/**
 * Brings `cache` up to date with `files`: what is no longer there is dropped from it. `lacks`: of cgroup controllers
 * where the units are to run.
 */
export function loadSet(files: readonly UnitSource[], cache?: ParseCache, lacks?: Lacks): LoadedSet {
  return atOnce(loadingSet(files, cache, lacks));
}

/** In steps, of which none is longer than the parsing of one file. */
export function* loadingSet(
  files: readonly UnitSource[],
  cache: ParseCache = new Map(),
  lacks: Lacks = () => null,
): Steps<LoadedSet> {
  const specs = new Map<string, UnitSpec>();
  const sources = new Map<string, UnitSource>();
  const fingerprints = new Map<string, string>();
  const problems: Problem[] = [];
  const broken = new Map<string, UnitSpec | null>();
  for (const input of files) {
    yield;
    const first = sources.get(input.name);
    if (first !== undefined) {
      problems.push(definedTwice(first, input));
      continue;
    }
    sources.set(input.name, input);
    const fingerprint = fingerprintOf(input.bytes);
    fingerprints.set(input.name, fingerprint);
    const parsed = parsedOnce(input, cache, fingerprint);
    problems.push(...parsed.problems);
    if (parsed.spec === null) broken.set(input.name, parsed.remains);
    else specs.set(input.name, parsed.spec);
  }
  const present = new Set(files.map(({ file }) => file));
  for (const file of cache.keys()) if (!present.has(file)) cache.delete(file);
  const places = placesIn(sources);
  problems.push(...(yield* checkingSet([...specs.values()], places, broken)));
  problems.push(...(yield* checkingResources([...specs.values()], places, lacks)));
  return { specs, problems: problems.toSorted(byPlace), fingerprints };
}

/** Parses one file into the cache, unless its content is there already. */
function parsedOnce(input: UnitSource, cache: ParseCache, fingerprint: string): ParsedUnit {
  const known = cache.get(input.file);
  if (known?.fingerprint === fingerprint && known.name === input.name) return known.parsed;
  const parsed = parseUnit(input);
  cache.set(input.file, { name: input.name, fingerprint, parsed });
  return parsed;
}

function definedTwice(first: UnitSource, second: UnitSource): Problem {
  return {
    severity: 'error',
    unit: second.name,
    file: second.file,
    line: null,
    column: null,
    field: null,
    code: 'duplicate-unit',
    message: `cannot load unit "${second.name}": ${first.file} defines it too, expected one file a unit`,
  };
}

/** Places are looked up in the text again, only for what goes wrong, rather than kept for every field of every unit. */
function placesIn(sources: ReadonlyMap<string, UnitSource>): Places {
  const trees = new Map<string, { readonly text: string; readonly root: SourceNode } | null>();
  return (unit, field) => {
    const input = sources.get(unit);
    if (input === undefined) return null;
    let tree = trees.get(unit);
    if (tree === undefined) {
      const source = sourceText(input.bytes);
      const root = source.ok ? parseYaml(source.text).root : null;
      tree = source.ok && root !== null ? { text: source.text, root } : null;
      trees.set(unit, tree);
    }
    if (tree === null) return null;
    return { file: input.file, ...placeAt(tree.text, valueOffset(tree.root, stepsOf(field))) };
  };
}

/** The steps of `requires[0]`, of `resources.memoryMax`. */
function stepsOf(field: string): readonly Step[] {
  return field.split(/[.[]/).map((step) => (step.endsWith(']') ? Number(step.slice(0, -1)) : step));
}

function byPlace(a: Problem, b: Problem): number {
  const [fileA, fileB] = [a.file ?? '', b.file ?? ''];
  if (fileA !== fileB) return fileA < fileB ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
