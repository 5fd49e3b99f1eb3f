// What is drawn in place must be erased whole: no line may be wider than the terminal, or it takes two of its lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Context } from '../../../src/cli/context.ts';
import { NO_COLOURS } from '../../../src/cli/palette.ts';
import { progressView } from '../../../src/cli/progress.ts';

// oxlint-disable-next-line no-control-regex -- the cursor up some lines, and what is below it gone
const ERASE = /\u001b\[(?:\d+F|J)/g;
const LONG = `a-${'long-'.repeat(24)}name`;

function contextOf(width: number | null, noted: string[]): Context {
  const screen = { width, height: 24, palette: NO_COLOURS, unicode: true };
  return {
    invocation: { verb: 'reload', operands: [], options: {} },
    paths: { units: '', runtime: '', state: '', logs: '', socket: '' },
    uid: 0,
    env: {},
    out: screen,
    err: screen,
    json: false,
    print: (text) => void assert.fail(text),
    note: (text) => void noted.push(text),
    now: () => 0,
  };
}

function drawn(t: TestContext, width: number, reason: string): readonly string[] {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const noted: string[] = [];
  const view = progressView(contextOf(width, noted), 'reload', [LONG]);
  t.mock.timers.tick(100);
  view.update({ type: 'progress', unit: LONG, state: 'starting', reason });
  view.update({ type: 'progress', unit: 'web', state: 'running', reason });
  view.update({ type: 'progress', unit: 'db', state: 'completed', reason });
  t.mock.timers.tick(100);
  view.close();
  assert.equal(noted.at(-1), '\u001b[3F\u001b[J', 'three lines are taken back');
  const lines = noted.flatMap((text) => text.replaceAll(ERASE, '').split('\n'));
  assert.ok(lines.some((line) => line.includes('starting')));
  return lines;
}

for (const width of [40, 80, 120]) {
  test(`progressView() draws no line wider than ${width} columns`, (t) => {
    for (const line of drawn(
      t,
      width,
      'a reason of many words that goes on and on and never ends, as reasons may',
    )) {
      assert.ok(line.length <= width, `${line.length}: ${line}`);
    }
  });

  test(`progressView() counts wide characters in ${width} columns`, (t) => {
    for (const line of drawn(
      t,
      width,
      '"/opt/日本語の説明と絵文字/サーバー" does not exist, and 🎉 neither',
    )) {
      // Two columns for each of these, and one for the signs and the ellipsis.
      const columns = line.length + (line.match(/[\u3000-\u9fff\uff00-\uffef]/g)?.length ?? 0);
      assert.ok(columns <= width, `${columns}: ${line}`);
    }
  });
}

test('progressView() is silent where there is no terminal', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const noted: string[] = [];
  const view = progressView(contextOf(null, noted), 'reload', ['web']);
  t.mock.timers.tick(1000);
  view.close();
  assert.deepEqual(noted, []);
});
