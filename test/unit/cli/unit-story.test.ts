import assert from 'node:assert/strict';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { STEERING } from '../../../src/base/steering.ts';
import { NO_COLOURS } from '../../../src/cli/palette.ts';
import type { Screen } from '../../../src/cli/screen.ts';
import { storyText } from '../../../src/cli/unit-story.ts';
import { sampleUnit, sampleUnitDocument } from '../../support/sample-documents.ts';

const NOW = Date.parse('2026-11-22T10:00:00.000Z');

const screen = (width: number | null): Screen => ({
  width,
  height: 24,
  palette: NO_COLOURS,
  unicode: true,
});

const DB = {
  name: 'db',
  field: 'requires',
  state: 'backoff',
  ready: false,
  held: false,
  reason: 'exited with code 1; attempt 4 is due',
} as const;

const SIGSEGV = {
  code: null,
  signal: 'SIGSEGV',
  at: '2026-11-22T09:00:04.000Z',
  cause: 'core',
  text: 'was killed by SIGSEGV and dumped core',
  uptimeMs: 0,
  attempt: 0,
  requested: false,
} as const;

/** Everything that a story can tell, in words that are longer than a narrow terminal. */
function longStory(): Parameters<typeof storyText>[0] {
  const unit = sampleUnit('orders', {
    description: '注文サービス: takes orders from the shop and passes them on to the warehouse',
    state: 'running',
    stateSince: '2026-11-22T09:00:05.000Z',
    wanted: 'up',
    held: true,
    reason: 'up again: was killed by SIGSEGV and dumped core',
    pid: 412,
    startedAt: '2026-11-22T09:00:05.000Z',
    restarts: 2,
    lastExit: { code: null, signal: 'SIGSEGV', at: '2026-11-22T09:00:04.000Z', cause: 'core' },
    usage: { cpuPercent: 1.5, memoryBytes: 7340032, tasks: 3 },
    fence: 'session',
  });
  const story = sampleUnitDocument(unit, [DB]);
  const sample = { at: '2026-11-22T09:59:55.000Z', cpuPercent: 1.5, memoryBytes: 7340032, tasks: 3 };
  return {
    ...story,
    cgroup: null,
    effective: { command: ['/srv/orders/bin/serve', '--port', '8080', '--verbose', '--workers', '16'] },
    dependents: [{ ...DB, name: 'a-unit-with-a-name-of-more-than-forty-columns', field: 'bindsTo' }],
    usage: { ...story.usage, samples: Array.from({ length: 30 }, () => sample) },
    logs: {
      ...story.logs,
      droppedLines: 3,
      droppedBytes: 90,
      problem: 'ENOSPC: no space left on device, write',
    },
  };
}

for (const width of [60, 80, 200]) {
  test(`storyText() at ${width} columns is nowhere wider`, async () => {
    const lines = (await storyText(longStory(), [], screen(width), NOW)).split('\n');
    assert.deepEqual(
      lines.filter((line) => stringWidth(line) > width),
      [],
    );
  });
}

test('storyText() at 40 columns gives up the bars and wraps its sentences below where they begin', async () => {
  const text = await storyText(longStory(), [], screen(40), NOW);
  assert.equal(
    text,
    `\
◐ orders
             注文サービス: takes orders
             from the shop and passes
             them on to the warehouse
      state  running, not ready for 59m,
             since 2026-11-22 09:00:05
        why  up again: was killed by
             SIGSEGV and dumped core
       held  an operator's start holds,
             until: unitd stop orders
             (or release)
       type  service
       file  /etc/unitd/units.d/orders.yaml
    command  /srv/orders/bin/serve
             --port 8080 --verbose
             --workers 16
  processes  412 /usr/bin/node s… (main)
             └─ 413 /usr/bin/node worke…
      fence  session
      usage  cpu      1.5%  peak    12%
             memory   7.0M  peak   8.0M
             tasks       3  peak      4
             measured by cgroup
      needs  ↻ db (requires) backoff:
               exited with code 1;
               attempt 4 is due
  needed by  ↻ a-unit-with-a-name-of-more-than-forty-columns
               (bindsTo) backoff: exited
               with code 1; attempt 4 is
               due
   restarts  2
                59m ago  killed by
                         SIGTERM after
                         2s, asked for
       logs  /var/log/unitd/orders
             (2.0K, 17 lines by this
             daemon)
             3 lines dropped (90B)
             ENOSPC: no space left on
             device, write
`,
  );
});

test('storyText() shows of a very long line of log as much as six lines of the terminal hold', async () => {
  const line = { unit: 'orders', time: null, stream: null, text: 'x'.repeat(100_000) };
  const shown = (await storyText(longStory(), [line], screen(80), NOW)).match(/x{100,}.?/)?.[0];
  assert.equal(shown, `${'x'.repeat(479)}…`);
  assert.match(await storyText(longStory(), [line], screen(null), NOW), /x{100000}\n$/);
});

test('storyText() without a terminal wraps nothing', async () => {
  const text = await storyText(longStory(), [], screen(null), NOW);
  assert.match(text, /^◐ orders {2}注文サービス: takes .* warehouse$/m);
  assert.match(text, /^ {6}needs {2}↻ db \(requires\) backoff: exited with code 1; attempt 4 is due$/m);
});

test('storyText() tells who is needed from who is only named', async () => {
  const web = { name: 'web', state: 'running', ready: true, reason: '' } as const;
  const story = {
    ...longStory(),
    dependencies: [
      { ...web, field: 'conflicts' },
      { ...DB, field: 'wants' },
    ],
    dependents: [{ ...web, field: 'onFailure' }],
  } as const;
  const text = await storyText(story, [], screen(null), NOW);
  assert.match(
    text,
    /^ {6}needs {2}↻ db \(wants\) .*\n {6}names {2}● web \(conflicts\) .*\n {3}named by {2}● web \(onFailure\) /m,
  );
});

test('storyText() quotes the words of a command as a shell reads them', async () => {
  const effective = { command: ['/bin/sh', '-c', "echo 'it''s' done", ''] };
  const text = await storyText({ ...longStory(), effective }, [], screen(null), NOW);
  assert.match(text, /^ {4}command {2}\/bin\/sh -c 'echo '\\''it'\\'''\\''s'\\'' done' ''$/m);
});

test('storyText() shows what would steer the terminal, wherever it stands', async () => {
  const story = longStory();
  const odd = '\u001b[2J\u009b2J\u202e';
  const text = await storyText(
    {
      ...story,
      file: odd,
      effective: { command: [odd], documentation: [`man:${odd}`] },
      history: [{ ...SIGSEGV, text: odd }],
      logs: { ...story.logs, problem: odd },
    },
    [],
    screen(80),
    NOW,
  );
  assert.deepEqual(
    text.match(STEERING)?.filter((character) => character !== '\n'),
    [],
  );
});

test('storyText() counts one task and one line as one', async () => {
  const { unit, usage, logs, ...rest } = longStory();
  const story = {
    ...rest,
    unit: { ...unit, usage: null },
    usage: { ...usage, peakTasks: 1 },
    logs: { ...logs, lines: 1, droppedLines: 1 },
  };
  const text = await storyText(story, [], screen(null), NOW);
  assert.match(text, / memory, 1 task$/m);
  assert.match(text, /, 1 line by this daemon\)$/m);
  assert.match(text, /^ +1 line dropped /m);
});
