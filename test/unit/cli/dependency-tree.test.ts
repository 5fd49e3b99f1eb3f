import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphOf, rootsOf, treesText } from '../../../src/cli/dependency-tree.ts';
import { NO_COLOURS } from '../../../src/cli/palette.ts';
import type { Screen } from '../../../src/cli/screen.ts';
import type { GraphUnit } from '../../../src/wire/v1.ts';

const PIPE: Screen = { width: null, height: null, palette: NO_COLOURS, unicode: true };

function unit(name: string, dependencies: GraphUnit['dependencies'] = {}): GraphUnit {
  return { name, type: 'service', state: 'running', ready: true, reason: 'running', dependencies };
}

function drawn(
  units: readonly GraphUnit[],
  reverse = false,
  roots?: readonly string[],
  screen: Screen = PIPE,
): string {
  const graph = graphOf(units, reverse);
  return treesText(graph, roots ?? rootsOf(graph), screen);
}

test('treesText() on a terminal cuts reasons, so that no line wraps', () => {
  const failed = {
    state: 'failed',
    ready: false,
    reason: 'exited with code 1; gave up after 5 restarts',
  } as const;
  assert.equal(
    drawn(
      [
        {
          ...unit('all', { requires: ['web', 'db'] }),
          state: 'waiting',
          ready: false,
          reason: 'waiting for "web", which failed',
        },
        { ...unit('web', { requires: ['db'] }), ...failed },
        { ...unit('db', { wants: ['cache'] }), ...failed },
        unit('cache'),
      ],
      false,
      undefined,
      { ...PIPE, width: 54 },
    ),
    `\
◌ all waiting: waiting for "web", which failed
├─ ✗ web (requires) failed: exited with code 1; gave…
│  └─ ✗ db (requires) failed: exited with code 1; gav…
│     └─ ● cache (wants) running
└─ ✗ db (requires) failed: exited with… (see above) ↑
`,
  );
});

test('treesText() draws what each unit needs, with the field and the state', () => {
  const db: GraphUnit = { ...unit('db'), state: 'backoff', ready: false, reason: 'exited with code 1' };
  assert.equal(
    drawn([
      unit('all', { requires: ['web'], wants: ['cache'] }),
      unit('cache'),
      db,
      unit('web', { requires: ['db'] }),
    ]),
    `\
● all running
├─ ● web (requires) running
│  └─ ↻ db (requires) backoff: exited with code 1
└─ ● cache (wants) running
`,
  );
});

test('treesText() of a chain of ten thousand ends where it is no picture any more, and says from where on', () => {
  const chain = Array.from({ length: 10_000 }, (_, at) =>
    unit(`u${at}`, at === 9_999 ? {} : { requires: [`u${at + 1}`] }),
  );
  const lines = drawn(chain).trimEnd().split('\n');
  assert.equal(lines.length, 42);
  assert.match(lines.at(-2) ?? '', /● u40 \(requires\) running$/);
  assert.match(lines.at(-1) ?? '', /└─ … and on from u40$/);
});

test('treesText() names all fields of one edge, and ends at those that are no need', () => {
  assert.equal(
    drawn(
      [
        unit('a', { requires: ['b'], after: ['b', 'c'] }),
        unit('b'),
        unit('c', { requires: ['d'] }),
        unit('d'),
      ],
      false,
      ['a'],
    ),
    `\
● a running
├─ ● b (requires, after) running
└─ ● c (after) running
`,
  );
});

test('treesText() draws a shared subtree once', () => {
  assert.equal(
    drawn([
      unit('a', { requires: ['b', 'c'] }),
      unit('b', { requires: ['c'] }),
      unit('c', { requires: ['d'] }),
      unit('d'),
    ]),
    `\
● a running
├─ ● b (requires) running
│  └─ ● c (requires) running
│     └─ ● d (requires) running
└─ ● c (requires) running (see above) ↑
`,
  );
});

test('treesText() grows with the edges of a graph, not with its paths', () => {
  const layers = 24;
  const units = Array.from({ length: layers }, (_, at) => [
    unit(`a${at}`, at + 1 < layers ? { requires: [`a${at + 1}`, `b${at + 1}`] } : {}),
    unit(`b${at}`, at + 1 < layers ? { requires: [`a${at + 1}`, `b${at + 1}`] } : {}),
  ]).flat();
  const lines = drawn(units).trimEnd().split('\n').length;
  assert.equal(lines, 2 + 4 * (layers - 1));
});

test('graphOf() reversed leads to those who need a unit', () => {
  assert.equal(
    drawn([unit('a', { requires: ['b'] }), unit('b'), unit('c', { wants: ['b'] })], true, ['b']),
    `\
● b running
├─ ● a (requires) running
└─ ● c (wants) running
`,
  );
});

test('rootsOf() leaves no unit out, not even a ring of wants', () => {
  const graph = graphOf([unit('a', { wants: ['b'] }), unit('b', { wants: ['a'] }), unit('c')], false);
  assert.deepEqual(rootsOf(graph), ['c', 'a']);
  assert.equal(treesText(graph, ['a'], PIPE).split('\n').length, 4);
});

test('treesText() marks a name that nobody has', () => {
  assert.match(drawn([unit('a', { wants: ['ghost'] })]), /└─ \? ghost \(wants\) no such unit/);
});
