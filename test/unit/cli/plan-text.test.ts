import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_COLOURS } from '../../../src/cli/palette.ts';
import { planText, valueText } from '../../../src/cli/plan-text.ts';
import type { Screen } from '../../../src/cli/screen.ts';
import { SAMPLE_PLAN } from '../../support/sample-documents.ts';

const PIPE: Screen = { width: null, height: null, palette: NO_COLOURS, unicode: true };

test('planText() shows each unit with its sign, its reason and what becomes of each changed field', () => {
  assert.equal(
    planText(SAMPLE_PLAN, PIPE),
    `\
+ cache    start    new file
- mailer   stop     file removed
~ migrate  update   logs.maxSize changed
    logs.maxSize: 10MB → 20MB  (in place)
± web      restart  command changed
    command:  [/usr/bin/node, a.js] → [/usr/bin/node, b.js]  (restarts it)
    startPre: [] → [[/bin/true]]  (at its next start)

plan 5f2c9b1d0a7e: 1 to start, 1 to restart, 1 to update, 1 to stop, 4 unchanged
`,
  );
});

test('planText() says of a change that needs a new process when the unit that is down gets it', () => {
  const changes = [{ field: 'command', from: ['a'], to: ['b'], effect: 'restart' }] as const;
  const units = [
    { name: 'failed', action: 'start', reason: 'command changed; it had failed', changes },
    { name: 'held', action: 'update', reason: 'command changed', changes },
    { name: 'off', action: 'stop', reason: 'enabled is false', changes },
  ] as const;
  const effects = planText({ id: '0', units, unchanged: 0 }, PIPE).match(/\(.*\)/g);
  assert.deepEqual(effects, ['(starts it)', '(at its next start)', '(at its next start)']);
});

test('planText() on a terminal puts values below each other that do not fit beside each other', () => {
  const text = planText({ ...SAMPLE_PLAN, units: SAMPLE_PLAN.units.slice(2) }, { ...PIPE, width: 60 });
  assert.equal(
    text,
    `\
~ migrate  update   logs.maxSize changed
    logs.maxSize: 10MB → 20MB  (in place)
± web      restart  command changed
    command:  (restarts it)
      - [/usr/bin/node, a.js]
      + [/usr/bin/node, b.js]
    startPre: [] → [[/bin/true]]  (at its next start)

plan 5f2c9b1d0a7e: 1 to restart, 1 to update, 4 unchanged
`,
  );
});

test('planText() of an empty plan is one line', () => {
  assert.equal(
    planText({ id: '0', units: [], unchanged: 37 }, PIPE),
    'plan 0: nothing to do, 37 unchanged\n',
  );
});

test('planText() without Unicode tells all four actions apart', () => {
  const signs = planText(SAMPLE_PLAN, { ...PIPE, unicode: false }).match(/^\S(?= )/gm);
  assert.deepEqual(signs, ['+', '-', '~', '*']);
});

for (const [value, text] of [
  ['1s', '1s'],
  ['two words', 'two words'],
  ['', '""'],
  ['# not a comment', '"# not a comment"'],
  [8080, '8080'],
  [false, 'false'],
  [null, 'none'],
  [undefined, 'none'],
  [['/bin/sh', '-c', 'a, b'], '[/bin/sh, -c, "a, b"]'],
  [{ PORT: '8080' }, '{ PORT: 8080 }'],
  [{}, '{}'],
  ['bell\u0007', 'bell\ufffd'],
] as const) {
  test(`valueText() shows ${JSON.stringify(value)} as ${text}`, () => assert.equal(valueText(value), text));
}
