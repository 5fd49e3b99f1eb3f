// What is drawn in place must be erased whole: no line may be wider than the terminal, or it takes two of its lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Context } from '../../../src/cli/context.ts';
import { NO_COLOURS } from '../../../src/cli/palette.ts';
import { progressView } from '../../../src/cli/progress.ts';

// oxlint-disable-next-line no-control-regex -- the cursor up some lines, the rest of a line gone, and lines cut off or wrapped
const ERASE = /\u001b\[(?:\d+F|K|\?7[hl])/g;
const LONG = `a-${'long-'.repeat(24)}name`;

function contextOf(width: number | null, noted: string[], height = 24): Context {
  const screen = { width, height, palette: NO_COLOURS, unicode: true };
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
  assert.ok(noted.at(-1)?.startsWith('\u001b[3F'), 'three lines are taken back');
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

test('progressView() leaves nothing on a terminal narrower than what it draws, nor in its history', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const noted: string[] = [];
  const view = progressView(contextOf(40, noted), 'restart', ['a-name-of-some-length', 'web']);
  view.update({ type: 'progress', unit: 'web', state: 'starting', reason: 'running startPre[0]' });
  t.mock.timers.tick(300);
  assert.match(shownAfter(noted.join(''), 20).join('\n'), /^. a-name-.*\n. web starting.*\n$/);
  view.close();
  assert.deepEqual(shownAfter(noted.join(''), 20), ['', '', '']);
});

test('progressView() counts units where it has no line for each', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const noted: string[] = [];
  const view = progressView(contextOf(80, noted, 4), 'restart', ['a', 'b', 'c', 'd']);
  t.mock.timers.tick(100);
  view.close();
  assert.match(shownAfter(noted[0] ?? '', 80)[0] ?? '', /^. restart 0\/4 units/);
});

// oxlint-disable-next-line no-control-regex
const STEPS = /\u001b\[(\d+)F|\u001b\[K|\u001b\[\?7[hl]|\n|\P{Cc}/gu;

/** The lines of a terminal of so many columns, steered by nothing else than this. */
function shownAfter(text: string, columns: number): readonly string[] {
  const lines = [''];
  let row = 0;
  let wraps = true;
  let read = 0;
  for (const [part, up] of text.matchAll(STEPS)) {
    read += part.length;
    if (up !== undefined) row -= Number(up);
    else if (part === '\u001b[K') lines[row] = '';
    else if (part.startsWith('\u001b')) wraps = part.endsWith('h');
    else {
      const isFull = part !== '\n' && (lines[row]?.length ?? 0) >= columns;
      if (isFull && !wraps) continue;
      if (isFull || part === '\n') lines[++row] ??= '';
      if (part !== '\n') lines[row] += part;
    }
  }
  assert.equal(read, text.length, JSON.stringify(text));
  return lines;
}

test('progressView() is silent where there is no terminal', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const noted: string[] = [];
  const view = progressView(contextOf(null, noted), 'reload', ['web']);
  t.mock.timers.tick(1000);
  view.close();
  assert.deepEqual(noted, []);
});
