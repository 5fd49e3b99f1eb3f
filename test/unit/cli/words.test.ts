import assert from 'node:assert/strict';
import { test } from 'node:test';
import { momentOf } from '../../../src/cli/local-time.ts';
import { logText, NameColumn } from '../../../src/cli/log-text.ts';
import { COLOURS, NO_COLOURS } from '../../../src/cli/palette.ts';
import { counted, shortBytes, shortPercent, sparkline } from '../../../src/cli/quantities.ts';
import { screenOf } from '../../../src/cli/screen.ts';
import type { Screen } from '../../../src/cli/screen.ts';
import {
  measureFor,
  middleTruncated,
  oneColumnEach,
  truncated,
  wrapped,
} from '../../../src/cli/text-width.ts';

for (const [bytes, text] of [
  [0, '0B'],
  [999, '999B'],
  [1000, '1.0K'],
  [10_240, '10K'],
  [7_340_032, '7.0M'],
  [1_073_741_824, '1.0G'],
  [1_047_527_424, '999M'],
] as const) {
  test(`shortBytes() of ${bytes} is ${text}`, () => assert.equal(shortBytes(bytes), text));
}

test('shortPercent() has one digit behind the point below ten, none above and none for nothing', () => {
  assert.deepEqual([0, 0.04, 1.5, 9.94, 9.96, 210.4].map(shortPercent), [
    '0%',
    '0.0%',
    '1.5%',
    '9.9%',
    '10%',
    '210%',
  ]);
});

test('counted() groups thousands, and one is one', () => {
  assert.deepEqual(
    [0, 1, 999, 1000, 1234567].map((count) => counted(count, 'line')),
    ['0 lines', '1 line', '999 lines', '1,000 lines', '1,234,567 lines'],
  );
});

test('sparkline() shows the newest values, scaled to their largest', () => {
  assert.equal(sparkline([9, 0, 1, 2, 4], 4), '▁▃▅█');
  assert.equal(sparkline([0, 0], 4), '▁▁');
});

const UTF8 = { unicode: true };

test('wrapped() breaks at spaces and cuts its last line short', () => {
  assert.deepEqual(wrapped('one two three four', 9, 2, oneColumnEach, UTF8), ['one two', 'three fo…']);
  assert.deepEqual(wrapped('unbreakable', 5, 3, oneColumnEach, UTF8), ['unbre', 'akabl', 'e']);
  assert.deepEqual(wrapped('fits', 4, 1, oneColumnEach, UTF8), ['fits']);
});

test('truncated() never splits a character of two columns', async () => {
  const measure = await measureFor(['注文サービス']);
  assert.equal(truncated('注文サービス', 6, measure, UTF8), '注文…');
  assert.equal(measure('👩‍👩‍👧'), 2);
});

test('middleTruncated() keeps both ends', () => {
  assert.equal(middleTruncated('payments-eu-1', 9, UTF8), 'paym…eu-1');
  assert.equal(middleTruncated('short', 9, UTF8), 'short');
});

test('where the terminal is not to be trusted with more than ASCII, what is cut off is marked in that', () => {
  const ascii = { unicode: false };
  assert.equal(truncated('one two three', 9, oneColumnEach, ascii), 'one tw...');
  assert.equal(middleTruncated('payments-eu-1', 9, ascii), 'pay...u-1');
  assert.equal(middleTruncated('payments', 4, ascii), 'p...');
  assert.deepEqual(wrapped('one two three four', 9, 2, oneColumnEach, ascii), ['one two', 'three...']);
});

const TTY = { isTTY: true, columns: 100, rows: 30 };
for (const [title, stream, env, choice, colours] of [
  ['a terminal', TTY, {}, 'auto', true],
  ['a terminal with NO_COLOR', TTY, { NO_COLOR: '1' }, 'auto', false],
  ['a terminal with an empty NO_COLOR', TTY, { NO_COLOR: '' }, 'auto', true],
  ['a dumb terminal', TTY, { TERM: 'dumb' }, 'auto', false],
  ['a pipe', { ...TTY, isTTY: false }, {}, 'auto', false],
  ['a pipe with --color always', { ...TTY, isTTY: false }, { NO_COLOR: '1' }, 'always', true],
  ['a terminal with --color never', TTY, {}, 'never', false],
] as const) {
  test(`screenOf() ${colours ? 'colours' : 'does not colour'} ${title}`, () => {
    assert.equal(screenOf(stream, env, choice).palette, colours ? COLOURS : NO_COLOURS);
  });
}

test('screenOf() takes a terminal that knows no size for one of 80 columns and 24 lines', () => {
  for (const size of [undefined, 0]) {
    const { width, height } = screenOf({ isTTY: true, columns: size, rows: size }, {}, 'auto');
    assert.deepEqual([width, height], [80, 24]);
  }
});

test('screenOf() takes a terminal without a locale for one that speaks UTF-8, and believes a locale that does not', () => {
  assert.equal(screenOf(TTY, {}, 'auto').unicode, true);
  assert.equal(screenOf(TTY, { LANG: 'de_DE.UTF-8' }, 'auto').unicode, true);
  assert.equal(screenOf(TTY, { LANG: 'de_DE.UTF-8', LC_ALL: 'C' }, 'auto').unicode, false);
});

const NOW = Date.parse('2026-11-22T10:00:00Z');
test('momentOf() reads how long ago, a time of today, a date and a full time', () => {
  assert.equal(momentOf('10m', 600_000, NOW), NOW - 600_000);
  assert.equal(momentOf('2026-11-22T09:00:00Z', null, NOW), NOW - 3_600_000);
  assert.equal(momentOf('2026-11-22 09:00', null, NOW), new Date(2026, 10, 22, 9).getTime());
  assert.equal(momentOf('2026-11-22', null, NOW), new Date(2026, 10, 22).getTime());
  const today = new Date(NOW);
  assert.equal(
    momentOf('9:30', null, NOW),
    new Date(today.getFullYear(), today.getMonth(), today.getDate(), 9, 30).getTime(),
  );
});

test('momentOf() of what RFC 3339 cannot say is the nearest that it can', () => {
  const earliest = Date.parse('0000-01-01T00:00:00Z');
  for (const agoMs of [9_007_199_222_400_000, 100_000_000_000_000])
    assert.equal(momentOf('ago', agoMs, NOW), earliest);
  assert.equal(momentOf('9999-12-31T23:59:59-01:00', null, NOW), Date.parse('9999-12-31T23:59:59.999Z'));
});

for (const text of [
  '',
  'yesterday',
  '25:00',
  '10:61',
  '2026-13-01',
  '2026-02-30',
  '2026-02-30T10:00Z',
  '10',
]) {
  test(`momentOf() does not take "${text}" for a time`, () => assert.equal(momentOf(text, null, NOW), null));
}

const TERMINAL: Screen = { width: 80, height: 24, palette: NO_COLOURS, unicode: true };
const LINE = {
  unit: 'web',
  time: '2026-11-22T10:00:00.500000000Z',
  stream: 'stdout',
  text: 'a\u001b[31mred\u001b[2Jb\u202ec',
} as const;

test('logText() into a pipe is the bare text, to the byte', () => {
  assert.equal(logText(LINE, { times: 'none', names: null }, { ...TERMINAL, width: null }), LINE.text);
});

test('logText() on a terminal lets colours pass and nothing else that steers it', () => {
  assert.equal(
    logText(LINE, { times: 'none', names: null }, TERMINAL),
    'a\u001b[31mred\u241b[2Jb\ufffdc\u001b[0m',
  );
});

test('logText() of several units begins with the unit, in columns', () => {
  const look = { times: 'full', names: new NameColumn(['web', 'worker']) } as const;
  assert.equal(logText({ ...LINE, text: 'x' }, look, TERMINAL), '2026-11-22T10:00:00.500000000Z web    │ x');
});
