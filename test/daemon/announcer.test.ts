// What is told of what happens: which of it is an event, which of it a line of the daemon's own log.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Announcer } from '../../src/daemon/announcer.ts';
import { EventHub } from '../../src/daemon/event-hub.ts';
import type { Look } from '../../src/daemon/look.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { State } from '../../src/model/state.ts';
import { API_VERSION } from '../../src/wire/v1.ts';
import type { EventLine } from '../../src/wire/v1.ts';

const ALL = { units: [], types: [], snapshot: false, after: null };

interface Scene {
  readonly hub: EventHub;
  readonly announcer: Announcer;
  readonly heard: EventLine[];
  readonly logged: string[];
}

function createScene({ isHeard = true } = {}): Scene {
  const hub = new EventHub(() => 0);
  const heard: EventLine[] = [];
  const logged: string[] = [];
  if (isHeard) hub.subscribe(ALL, (line) => heard.push(line));
  const announcer = new Announcer(hub, {
    write: (level, event, message, fields = {}) =>
      logged.push(`${level} ${event}: ${message} ${JSON.stringify(fields)}`),
    close: () => undefined,
  });
  return { hub, announcer, heard, logged };
}

function looking(state: State, pid: number | null = null): Look {
  return { state, ready: false, wanted: 'up', reason: 'so it is', pid };
}

for (const [what, from, to, line] of [
  ['a unit that is new and stopped', null, looking('stopped'), null],
  ['a unit that is starting', looking('stopped'), looking('starting'), null],
  [
    'a unit that runs',
    looking('starting', 7),
    looking('running', 7),
    'info state: running: so it is {"unit":"web","state":"running","pid":7}',
  ],
  ['one that runs on, for another reason', looking('running', 7), looking('running', 7), null],
  [
    'one that runs as another process',
    looking('running', 7),
    looking('running', 8),
    'info state: running: so it is {"unit":"web","state":"running","pid":8}',
  ],
  ['one whose main process has ended before the others', looking('stopping', 7), looking('stopping'), null],
  [
    'one whose main process has ended, and that does more',
    { ...looking('stopping', 7), reason: 'sent SIGTERM' },
    looking('stopping'),
    'info state: stopping: so it is {"unit":"web","state":"stopping"}',
  ],
  [
    'one that is to be restarted',
    looking('running', 7),
    looking('backoff'),
    'warning state: backoff: so it is {"unit":"web","state":"backoff"}',
  ],
  [
    'one that has failed',
    looking('running', 7),
    looking('failed'),
    'error state: failed: so it is {"unit":"web","state":"failed"}',
  ],
] as const) {
  test(`Announcer looked(): ${what} is an event, ${line === null ? 'and no line of the log' : 'and a line'}`, () => {
    const { announcer, heard, logged } = createScene();
    announcer.looked('web', from, to);
    assert.deepEqual([heard.map(({ type }) => type), logged], [['state'], line === null ? [] : [line]]);
  });
}

test('Announcer sampled(): samples of usage are events while somebody listens, and no others', () => {
  const sources = { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' } as const;
  const sample = { cpuPercent: 1, memoryBytes: 1000, tasks: 1, memoryPeakBytes: null, sources };
  const { announcer, hub } = createScene({ isHeard: false });
  announcer.sampled('web', sample);
  assert.deepEqual(hub.since(0, ALL), []);
  const heard: EventLine[] = [];
  const listening = hub.subscribe(ALL, (line) => heard.push(line));
  announcer.sampled('web', sample);
  listening.close();
  announcer.sampled('web', sample);
  const usage = { cpuPercent: 1, memoryBytes: 1000, tasks: 1 };
  const line = {
    apiVersion: API_VERSION,
    seq: 1,
    at: '1970-01-01T00:00:00.000Z',
    type: 'usage',
    unit: 'web',
  };
  assert.deepEqual(heard, [{ ...line, usage, source: sources }]);
});

test('Announcer logging(): an event says all that is wrong with a log, a line what is new', () => {
  const { announcer, heard, logged } = createScene();
  const stats = { bytes: 0, lines: 0, droppedLines: 3, droppedBytes: 9, problem: 'a; b' };
  announcer.logging('web', 'b', stats);
  announcer.logging('web', null, { ...stats, problem: null });
  assert.deepEqual(
    heard.map((line) => line.type === 'log' && [line.problem, line.droppedLines]),
    [
      ['a; b', 3],
      [null, 3],
    ],
  );
  assert.deepEqual(logged, [
    'error log: b {"unit":"web"}',
    'info log: log can be written again {"unit":"web"}',
  ]);
});

test('Announcer applied(): each problem is a line; a set without a unit says where its files go', () => {
  const place = { file: '/units/web.yaml', line: 1, column: 1, field: null };
  const problem: Problem = { severity: 'warning', unit: 'web', ...place, code: 'odd', message: 'odd' };
  const moves = { goals: [], excused: new Set<string>(), stranded: new Set<string>() };
  const { announcer, heard, logged } = createScene();
  announcer.applied({ plan: { id: 'p1', units: [], unchanged: 2 }, problems: [problem], ...moves }, '/units');
  announcer.applied({ plan: { id: 'p2', units: [], unchanged: 0 }, problems: [], ...moves }, '/units');
  assert.deepEqual(
    heard.map((line) => line.type === 'reload' && [line.plan, line.moved, line.problems]),
    [
      ['p1', 0, 1],
      ['p2', 0, 0],
    ],
  );
  assert.match(logged[0] ?? '', /^warning problem: .*odd.*\{"unit":"web"\}$/);
  assert.deepEqual(logged.slice(1), [
    'info reload: applied plan p1: 0 moved, 2 unchanged {}',
    'info reload: applied plan p2: no units, unit files go to "/units" {}',
  ]);
});
