import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnitStatus } from '../../../src/wire/v1.ts';
import { API_VERSION } from '../../../src/wire/v1.ts';
import { COLOURS, NO_COLOURS } from '../../../src/cli/palette.ts';
import type { Screen } from '../../../src/cli/screen.ts';
import { statusScreen } from '../../../src/cli/status-table.ts';
import { SAMPLE_DAEMON, SAMPLE_PROBLEM, SAMPLE_UNITS, sampleUnit } from '../../support/sample-documents.ts';

const NOW = Date.parse('2026-11-22T10:00:00.000Z');

function screen(width: number | null, over: Partial<Screen> = {}): Screen {
  return { width, height: 24, palette: NO_COLOURS, unicode: true, ...over };
}

async function shown(
  units: readonly UnitStatus[],
  on: Screen,
  daemon: Partial<typeof SAMPLE_DAEMON> = {},
): Promise<string> {
  const document = { apiVersion: API_VERSION, daemon: { ...SAMPLE_DAEMON, ...daemon }, units } as const;
  return statusScreen(document, on, NOW);
}

test('statusScreen() at 120 columns shows every column and the units that need attention last', async () => {
  assert.equal(
    await shown(SAMPLE_UNITS, screen(120)),
    `\
  UNIT        STATE           SINCE  RESTARTS  PID   CPU  MEMORY  TASKS  NOTE
✓ migrate     completed         59m         0    -     -       -      -  Schema migration
● web         running           59m         2  412  1.5%    7.0M      3  Front end
○ mailer      stopped (held)     2h         0    -     -       -      -  stopped by an operator
◌ api         waiting            3s         0    -     -       -      -  waiting for requirement "db", which is backing
                                                                         off
◌ everything  waiting            3s         0    -     -       -      -  waiting for requirement "api", which is waiting
↻ db          backoff         in 8s         3    -     -       -      -  exited with code 1; restart 4 in 8 s
✗ reports     failed            30m         5    -     -       -      -  killed by SIGKILL; gave up after 5 restarts in
                                                                         10 min

7 units: 2 up, 1 stopped, 2 waiting, 1 backoff, 1 failed
`,
  );
});

test('statusScreen() shortens a long name in its middle before it gives up a column', async () => {
  const name = 'a-name-that-somebody-made-up-for-the-billing-service-of-a-deployment-in-eu-west-1';
  const web = SAMPLE_UNITS.find((unit) => unit.name === 'web');
  assert.ok(web !== undefined);
  const units = [{ ...web, name }, web];
  assert.equal(
    await shown(units, screen(120)),
    `\
  UNIT                                                     STATE    SINCE  RESTARTS  PID   CPU  MEMORY  TASKS  NOTE
● a-name-that-somebody-made-u…f-a-deployment-in-eu-west-1  running    59m         2  412  1.5%    7.0M      3  Front end
● web                                                      running    59m         2  412  1.5%    7.0M      3  Front end

2 units: 2 up
`,
  );
});

test('statusScreen() at 80 columns gives up figures before it gives up reasons', async () => {
  assert.equal(
    await shown(SAMPLE_UNITS, screen(80)),
    `\
  UNIT        STATE           SINCE  RESTARTS  NOTE
✓ migrate     completed         59m         0  Schema migration
● web         running           59m         2  Front end
○ mailer      stopped (held)     2h         0  stopped by an operator
◌ api         waiting            3s         0  waiting for requirement "db",
                                               which is backing off
◌ everything  waiting            3s         0  waiting for requirement "api",
                                               which is waiting
↻ db          backoff         in 8s         3  exited with code 1; restart 4 in
                                               8 s
✗ reports     failed            30m         5  killed by SIGKILL; gave up after
                                               5 restarts in 10 min

7 units: 2 up, 1 stopped, 2 waiting, 1 backoff, 1 failed
`,
  );
});

test('statusScreen() at 60 columns keeps name, state and reason', async () => {
  assert.equal(
    await shown(SAMPLE_UNITS, screen(60)),
    `\
  UNIT        STATE           NOTE
✓ migrate     completed       Schema migration
● web         running         Front end
○ mailer      stopped (held)  stopped by an operator
◌ api         waiting         waiting for requirement "db",
                              which is backing off
◌ everything  waiting         waiting for requirement "api",
                              which is waiting
↻ db          backoff         exited with code 1; restart 4
                              in 8 s
✗ reports     failed          killed by SIGKILL; gave up
                              after 5 restarts in 10 min

7 units: 2 up, 1 stopped, 2 waiting, 1 backoff, 1 failed
`,
  );
});

test('statusScreen() into a pipe cuts nothing short and keeps every column', async () => {
  assert.equal(
    await shown(
      [
        sampleUnit('a-unit-with-a-name-that-would-not-fit-anywhere', {
          state: 'failed',
          reason: 'a reason '.repeat(30).trim(),
        }),
        sampleUnit('b', { state: 'stopped', wanted: 'down' }),
      ],
      screen(null),
    ),
    `\
  UNIT                                            STATE    SINCE  RESTARTS  PID  CPU  MEMORY  TASKS  NOTE
○ b                                               stopped     2h         0    -    -       -      -
✗ a-unit-with-a-name-that-would-not-fit-anywhere  failed      2h         0    -    -       -      -  ${'a reason '.repeat(30).trim()}

2 units: 1 stopped, 1 failed
`,
  );
});

test('statusScreen() aligns notes of wide characters by their columns', async () => {
  const text = await shown(
    [sampleUnit('a', { description: '注文サービス'.repeat(8), state: 'running', ready: true, restarts: 1 })],
    screen(60),
  );
  assert.equal(text.split('\n')[1], '● a     running     2h         1  注文サービス注文サービス…');
});

test('statusScreen() shortens a name in its middle when even the bare table is too wide', async () => {
  const name = 'payments-worker-for-the-northern-region-eu-1';
  const text = await shown([sampleUnit(name, { state: 'failed', reason: 'exited with code 1' })], screen(60));
  assert.match(text, /^✗ payments-worker…rn-region-eu-1 {2}failed/m);
  for (const line of text.split('\n')) assert.ok(line.length <= 60, line);
});

test('statusScreen() uses ASCII signs where the terminal has no others', async () => {
  const text = await shown(
    [
      sampleUnit('a', { state: 'running', ready: true }),
      sampleUnit('b', { state: 'failed', reason: 'gone' }),
    ],
    screen(80, { unicode: false }),
  );
  assert.match(text, /^\* a/m);
  assert.match(text, /^x b/m);
});

test('statusScreen() says state by colour too', async () => {
  const text = await shown(
    [sampleUnit('b', { state: 'failed', reason: 'gone' })],
    screen(80, { palette: COLOURS }),
  );
  assert.ok(text.includes(COLOURS.red('failed')));
  assert.ok(text.includes(COLOURS.red('1 failed')));
});

test('statusScreen() tells of a degraded daemon and what is wrong', async () => {
  const text = await shown([], screen(80), { degraded: true, problems: [SAMPLE_PROBLEM] });
  assert.equal(
    text,
    `\
▲ degraded: 1 error in the unit files, their units stay as they were
  /etc/unitd/units.d/web.yaml:4:3: cannot read field "restart.polcy": no such
    field, did you mean "policy"
`,
  );
});

test('statusScreen() tells a running unit that is not ready from one that is up', async () => {
  const text = await shown(
    [sampleUnit('a', { state: 'running', ready: false, reason: 'not ready yet' })],
    screen(80),
  );
  assert.match(text, /^◐ a {5}running, not ready .*not ready yet$/m);
  assert.match(text, /1 unit: 1 not ready$/m);
});

test('statusScreen() lets no control character of a reason reach the terminal', async () => {
  const reason = 'killed\u001b[2J\u0007 by\t\u202emagic';
  const text = await shown([sampleUnit('a', { state: 'failed', reason })], screen(80));
  assert.match(text, /killed\ufffd\[2J\ufffd by \ufffdmagic$/m);
});
