// unitd.unit(5) against the program: the fields, what a change of each does, restarts and dependencies are made from
// the schema and from core itself, and the overviews that are written by hand agree with core.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIELDS } from '../../../src/core/fields.ts';
import { afterEnding, FRESH_TALLY, type ExitKind } from '../../../src/core/restart.ts';
import { DEPENDENCY_FIELDS, type DependencyField, type RestartPolicy } from '../../../src/model/unit.ts';
import { environmentOf } from '../../../src/daemon/environment.ts';
import { RUN_VARIABLE } from '../../../src/os/ports.ts';
import { effectTable, fieldList, policyTable, sceneList, schemaNamed } from '../../support/manual-parts.ts';
import { assertParts, readManual, sectionOf } from '../../support/manual.ts';
import { outcomeOf, SCENES, type SceneName } from '../core/dependency-scenes.ts';
import { unitSpec } from '../core/unit-spec.ts';

const POLICIES: readonly RestartPolicy[] = [
  'no',
  'always',
  'on-success',
  'on-failure',
  'on-abnormal',
  'on-abort',
];
const KINDS: readonly (readonly [ExitKind, string])[] = [
  ['clean', 'clean'],
  ['unclean-code', 'unclean code'],
  ['unclean-signal', 'unclean signal'],
  ['timeout', 'timeout'],
];

function isRestarted(policy: RestartPolicy, kind: ExitKind): boolean {
  const none = { codes: [], signals: [] };
  const restart = {
    policy,
    delayMs: 0,
    factor: 1,
    maxDelayMs: 0,
    jitter: 0,
    resetAfterMs: 0,
    limit: 0,
    intervalMs: 1,
    preventExitStatus: none,
    forceExitStatus: none,
  };
  const ending = { cause: 'exit', kind, code: 0, signal: null, text: '' } as const;
  return (
    afterEnding(restart, FRESH_TALLY, { ending, uptimeMs: null, upheld: false, nowMs: 0, random: 0 })
      .action === 'restart'
  );
}

const OF_ONE_FAILED_OR_ENABLED: readonly SceneName[] = [
  'bFails',
  'bRecovers',
  'bIsStopped',
  'bIsRestarted',
  'bCrashes',
  'bComesBack',
  'bEnds',
  'bDies',
  'bIsChanged',
  'aIsStopped',
  'aIsRestarted',
];
/** Scenes in which the files would be wrong, or A could not be up. */
const IMPOSSIBLE: Readonly<Partial<Record<DependencyField, readonly SceneName[]>>> = {
  conflicts: OF_ONE_FAILED_OR_ENABLED,
  requisite: ['bStartsBesideA', 'aAloneIsStopped', 'aFails', 'aSucceeds'],
};

/** Of each scene the fields by what becomes of A and B. */
function scenes(): Parameters<typeof sceneList>[0] {
  const isSceneName = (name: string): name is SceneName => Object.hasOwn(SCENES, name);
  return Object.keys(SCENES)
    .filter(isSceneName)
    .map((name) => {
      const outcomes = new Map<string, DependencyField[]>();
      for (const field of DEPENDENCY_FIELDS) {
        if (IMPOSSIBLE[field]?.includes(name) === true) continue;
        const [a = '', b = ''] = outcomeOf(field, SCENES[name]).split(', ');
        const outcome = `A ${a}, B ${b}`;
        outcomes.set(outcome, [...(outcomes.get(outcome) ?? []), field]);
      }
      return { title: SCENES[name].title, outcomes };
    });
}

test('unitd.unit(5) has the fields of the schema, the effects of changes, and what core does on ends and in scenes', () => {
  assertParts(
    'unitd.unit.5',
    new Map([
      ['fields', fieldList(schemaNamed('unit'))],
      ['policies', policyTable(POLICIES, KINDS, isRestarted)],
      ['scenes', sceneList(scenes())],
      ['effects', effectTable(Object.values(FIELDS))],
    ]),
  );
});

/** What a cell of the two overviews says of A, as the word of the scenes. */
const OVERVIEW_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^A stays/, 'runs on'],
  [/^A is restarted|^A is stopped first, and starts after B/, 'restarted'],
  [/^A is stopped.*; it waits|^A waits/, 'waiting'],
  [/^A starts/, 'started'],
  [/^A fails/, 'failed'],
];

for (const [heading, column, name] of [
  ['When A is to start', 3, 'bFails'],
  ['While A is up', 1, 'bIsStopped'],
  ['While A is up', 2, 'bIsRestarted'],
  ['While A is up', 3, 'bCrashes'],
] as const) {
  test(`unitd.unit(5) agrees in "${heading}", column ${column}, with ${name}`, () => {
    for (const cells of rowsOf(sectionOf(readManual('unitd.unit.5'), 'Ss', heading))) {
      const field = DEPENDENCY_FIELDS.find((known) => cells[0] === `${known}: [B]`);
      const cell = cells[column] ?? '';
      if (field === undefined || cell === '\\-') continue;
      const word = OVERVIEW_WORDS.find(([pattern]) => pattern.test(cell))?.[1];
      assert.equal(word, outcomeOf(field, SCENES[name]).split(', ')[0], `${field}: "${cell}"`);
    }
  });
}

/** Rows of the table of a section; text blocks are one cell. */
function rowsOf(section: string): readonly (readonly string[])[] {
  const table = section.split('.TS\n')[1]?.split('.TE\n')[0] ?? '';
  const lines = table
    .replaceAll(/T\{\n([^]*?)\nT\}/g, (_, text: string) => text.replaceAll('\n', ' '))
    .split('\n');
  return lines.filter((line) => line.includes('|')).map((line) => line.split('|'));
}

test('unitd.unit(5) names every variable that the daemon adds to an environment', () => {
  const made = environmentOf({
    inherited: {},
    spec: unitSpec('web', { user: 'root' }),
    invocationId: 'a1',
    variables: { [RUN_VARIABLE]: '1' },
  });
  assert.ok(made.ok);
  const section = sectionOf(readManual('unitd.unit.5'), 'Sh', 'ENVIRONMENT OF A UNIT');
  const told = [...section.matchAll(/^\.Ev (.*)$/gm)].flatMap(([, names = '']) => names.split(/[ ,]+/));
  assert.deepEqual(
    Object.keys(made.environment).filter((name) => !told.includes(name)),
    [],
  );
});
