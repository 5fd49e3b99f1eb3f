// From the bytes of one unit file to a unit or to everything that is wrong with it, each with its place. It opens no
// file and knows no other unit. A file never makes it throw.
import type { Problem } from '../model/problem.ts';
import type { UnitSpec } from '../model/unit.ts';
import { compileUnit } from './compile.ts';
import { shellFindings } from './shell-syntax.ts';
import { placeAt, sourceText } from './source.ts';
import { fieldOf, type Finding, type SourceNode, type Step, valueOffset } from './tree.ts';
import { schemaFindings } from './validate.ts';
import { parseYaml } from './yaml.ts';

export interface UnitSource {
  /** Of the unit. */
  readonly name: string;
  /** The path as problems show it. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

export interface ParsedUnit {
  /** null as soon as there is an error. */
  readonly spec: UnitSpec | null;
  /** Errors in the order of the file, then warnings. */
  readonly problems: readonly Problem[];
  /** Of a file with errors, what could be read all the same: good for checking the names in it, for nothing else. */
  readonly remains: UnitSpec | null;
}

/** More say nothing to a reader, and a hostile file could have thousands. */
const MAX_PROBLEMS = 100;

export function parseUnit(input: UnitSource): ParsedUnit {
  const source = sourceText(input.bytes);
  if (!source.ok) {
    const { code, place, actual, expected } = source;
    const problem = problemOf(input, { code, path: [], actual, expected }, place);
    return { spec: null, problems: [problem], remains: null };
  }
  const { root, findings, leftOut } = parseYaml(source.text);
  const all = [...findings];
  let spec: UnitSpec | null = null;
  let warnings: readonly Problem[] = [];
  if (root !== null) {
    all.push(...schemaFindings(root, leftOut));
    // compiling compares each fault with all before it: not worth it for a file that is wrong all over
    if (root.kind === 'mapping' && all.length <= MAX_PROBLEMS) spec = compiled(input.name, root, all);
    warnings = warningsOf(input, source.text, shellFindings(root));
  }
  if (all.length === 0) return { spec, problems: warnings, remains: null };
  return { spec: null, problems: [...problemsOf(input, source.text, all), ...warnings], remains: spec };
}

/** Compiles what the schema accepts of the file, so that one wrong field does not hide faults in others. */
function compiled(
  name: string,
  root: SourceNode & { readonly kind: 'mapping' },
  findings: Finding[],
): UnitSpec {
  // of a key that is set twice the first value stands, and is looked at
  const bad = findings.filter(({ code }) => code !== 'duplicate-key').map(({ path }) => path);
  const isBad = (path: readonly Step[]): boolean =>
    bad.some((other) => startsWith(path, other) || startsWith(other, path));
  const report = (path: readonly Step[], code: string, actual: string, expected: string): void => {
    // what stands in for a bad field is a default, about which there is nothing to say
    if (path[0] === 'restart' && path[1] === 'delay' && isBad(['restart', 'maxDelay'])) return;
    if (!isBad(path)) findings.push({ code, at: valueOffset(root, path), path, actual, expected });
  };
  return compileUnit(name, bad.length === 0 ? root.value : without(root.value, bad), report);
}

function startsWith(path: readonly Step[], start: readonly Step[]): boolean {
  return start.length <= path.length && start.every((step, index) => step === path[index]);
}

/** The fields without what is bad. A list keeps a hole, so that its other items keep their numbers. */
function without(
  fields: Readonly<Record<string, unknown>>,
  bad: readonly (readonly Step[])[],
): Readonly<Record<string, unknown>> {
  return bad.reduce<Readonly<Record<string, unknown>>>((left, path) => {
    const [first, ...rest] = path;
    if (first === undefined) return left;
    const { [first]: held, ...others } = left;
    const [second] = rest;
    if (Array.isArray(held) && typeof second === 'number') {
      const items: unknown[] = held.slice();
      Reflect.deleteProperty(items, second);
      return { ...others, [first]: items };
    }
    if (typeof held !== 'object' || held === null || Array.isArray(held) || second === undefined)
      return others;
    return { ...others, [first]: without(held as Record<string, unknown>, [rest]) };
  }, fields);
}

function problemsOf(input: UnitSource, text: string, findings: readonly Finding[]): readonly Problem[] {
  const sorted = findings.toSorted((a, b) => a.at - b.at);
  const problems = sorted
    .slice(0, MAX_PROBLEMS)
    .map((finding) => problemOf(input, finding, placeAt(text, finding.at)));
  const rest = sorted[MAX_PROBLEMS];
  if (rest !== undefined) {
    const actual = `has ${sorted.length - MAX_PROBLEMS} more problems from here on`;
    const more = { code: 'more-problems', path: [], actual, expected: 'expected a unit file' };
    problems.push(problemOf(input, more, placeAt(text, rest.at)));
  }
  return problems;
}

function warningsOf(input: UnitSource, text: string, findings: readonly Finding[]): readonly Problem[] {
  return findings.slice(0, MAX_PROBLEMS).map((finding) => ({
    ...problemOf(input, finding, placeAt(text, finding.at)),
    severity: 'warning',
    message: `cannot run ${fieldOf(finding.path) ?? ''} of unit "${input.name}" as a shell would: it ${finding.actual}, ${finding.expected}`,
  }));
}

function problemOf(
  input: UnitSource,
  finding: Omit<Finding, 'at'>,
  place: { readonly line: number; readonly column: number } | null,
): Problem {
  const field = fieldOf(finding.path);
  const subject = field === null ? '' : `${field} `;
  return {
    severity: 'error',
    unit: input.name,
    file: input.file,
    line: place?.line ?? null,
    column: place?.column ?? null,
    field,
    code: finding.code,
    message: `cannot load unit "${input.name}": ${subject}${finding.actual}, ${finding.expected}`,
  };
}
