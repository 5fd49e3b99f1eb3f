// Random sets of units for the simulated world: every dependency field, an order without cycles, and the settings
// that change how a unit starts and ends. And random edits of a set, as somebody's editor would make them.
import { STRONG_FIELDS } from '../../src/core/graph.ts';
import { DEPENDENCY_FIELDS } from '../../src/model/unit.ts';
import type { Command, DependencyField, UnitSpec } from '../../src/model/unit.ts';
import { command, unitSpec } from '../unit/core/unit-spec.ts';

type Random = () => number;

/** Units of a set are numbered; those that imply an order name only lower numbers, `before` and onSuccess higher ones. */
const NAMES_LOWER: readonly DependencyField[] = ['requires', 'wants', 'requisite', 'bindsTo', 'after'];
const NAMES_HIGHER: readonly DependencyField[] = ['before', 'onSuccess'];

const CHANCE: Readonly<Record<DependencyField, number>> = {
  requires: 0.2,
  wants: 0.12,
  requisite: 0.05,
  bindsTo: 0.1,
  partOf: 0.08,
  upholds: 0.06,
  conflicts: 0.05,
  after: 0.12,
  before: 0.08,
  onFailure: 0.05,
  onSuccess: 0.05,
};

export function unitName(index: number): string {
  return `u${index}`;
}

export function randomSet(random: Random, size: number): readonly UnitSpec[] {
  return consistent(Array.from({ length: size }, (_, index) => randomUnit(random, index, size)));
}

/** Units that may start each other for ever. */
export function randomRing(random: Random, size: number): readonly UnitSpec[] {
  return consistent(Array.from({ length: size }, (_, index) => randomUnit(random, index, size, true)));
}

/** Some units changed, some removed, some new; what named a removed unit no longer does. */
export function editedSet(random: Random, specs: readonly UnitSpec[], size: number): readonly UnitSpec[] {
  const known = new Map(specs.map((spec) => [spec.name, spec]));
  const edited: UnitSpec[] = [];
  for (let index = 0; index < size; index += 1) {
    const spec = known.get(unitName(index));
    const draw = random();
    if (spec === undefined) {
      if (draw < 0.5) edited.push(randomUnit(random, index, size));
    } else if (draw < 0.15) edited.push(randomUnit(random, index, size));
    else if (draw < 0.25) edited.push({ ...spec, command: spec.command && command(`/bin/${draw}`) });
    else if (draw < 0.3) edited.push({ ...spec, description: `${draw}` });
    else if (draw < 0.35) edited.push({ ...spec, enabled: !spec.enabled });
    else if (draw < 0.4) {
      const killMode = draw < 0.37 ? 'process' : spec.stop.killMode;
      edited.push({ ...spec, stop: { ...spec.stop, timeoutMs: 5_000, killMode }, startTimeoutMs: 7_000 });
    } else if (draw < 0.45) {
      const policy = draw < 0.42 ? 'no' : spec.restart.policy;
      edited.push({ ...spec, restart: { ...spec.restart, policy, delayMs: 500, limit: 2 } });
    } else if (draw < 0.9) edited.push({ ...spec });
  }
  const names = new Set(edited.map((spec) => spec.name));
  return consistent(
    edited.map((spec) => withDependencies(spec, (field) => spec[field].filter((name) => names.has(name)))),
  );
}

/** Between one unit and another that needs it, a conflict says two things: neither holds, the files are refused. */
function consistent(specs: readonly UnitSpec[]): readonly UnitSpec[] {
  const needs = new Map(specs.map((spec) => [spec.name, STRONG_FIELDS.flatMap((field) => spec[field])]));
  const isNeeded = (by: string, other: string): boolean => needs.get(by)?.includes(other) === true;
  return specs.map((spec) => ({
    ...spec,
    conflicts: spec.conflicts.filter((other) => !isNeeded(spec.name, other) && !isNeeded(other, spec.name)),
  }));
}

function withDependencies(spec: UnitSpec, namesOf: (field: DependencyField) => readonly string[]): UnitSpec {
  return { ...spec, ...Object.fromEntries(DEPENDENCY_FIELDS.map((field) => [field, namesOf(field)])) };
}

function randomUnit(random: Random, index: number, size: number, mayGoRound = false): UnitSpec {
  const chance = (likelihood: number): boolean => random() < likelihood;
  const among = <T>(...values: readonly [T, ...T[]]): T =>
    values[Math.floor(random() * values.length)] ?? values[0];
  const commands = (): readonly Command[] =>
    chance(0.7) ? [] : [command('/bin/first'), ...(chance(0.4) ? [command('-/bin/second')] : [])];
  const type = among('service', 'service', 'service', 'forking', 'oneshot', 'target');
  const spec = unitSpec(unitName(index), {
    type,
    enabled: chance(0.75),
    startPre: commands(),
    startPost: commands(),
    stopPost: commands(),
    startTimeoutMs: among(90_000, 5_000, null),
    runtimeMaxMs: chance(0.1) ? 30_000 : null,
    restart: {
      policy: among('always', 'on-failure', 'no', 'on-success', 'on-abnormal'),
      delayMs: among(0, 100, 1_000),
      limit: among(0, 0, 3),
      jitter: among(0, 0.5),
    },
    stop: {
      timeoutMs: among(10_000, 1_000, null),
      killMode: among('control-group', 'control-group', 'mixed', 'process', 'none'),
      finalSignal: among('SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM'),
      command: chance(0.2) ? command('/bin/stop') : null,
    },
  });
  return withDependencies(spec, (field) => {
    const names: string[] = [];
    for (let other = 0; other < size; other += 1) {
      if (NAMES_LOWER.includes(field) && other >= index) continue;
      if (NAMES_HIGHER.includes(field) && other <= index && !(mayGoRound && field === 'onSuccess')) continue;
      if (!mayGoRound && isLeftOut(field, other, size)) continue;
      if (chance(mayGoRound ? 2 * CHANCE[field] : CHANCE[field])) names.push(unitName(other));
    }
    return names;
  });
}

/** Units that start each other by their ends, or what they are part of, go round for ever: the file says so. */
function isLeftOut(field: DependencyField, other: number, size: number): boolean {
  const isSuccessSet = size % 2 === 0;
  if (field === 'onSuccess') return !isSuccessSet || other < size - 1;
  if (field === 'onFailure') return isSuccessSet;
  if (field === 'partOf') return other === size - 1;
  return field === 'upholds' && size % 3 === 0;
}
