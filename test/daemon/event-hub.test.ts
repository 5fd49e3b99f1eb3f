// EventHub: who gets which event, in which order and with which number; and the snapshot that opens a stream.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventHub } from '../../src/daemon/event-hub.ts';
import type { EventBody } from '../../src/daemon/event-hub.ts';
import type { EventQuery } from '../../src/daemon/control.ts';
import type { EventLine } from '../../src/wire/v1.ts';
import { schemaComplaints } from '../support/wire-schemas.ts';
import { createControlRig, valueOf } from './control-rig.ts';

const ALL: EventQuery = { units: [], types: [], snapshot: false, after: null };

const BODIES: readonly EventBody[] = [
  {
    type: 'state',
    unit: 'web',
    from: 'starting',
    to: 'running',
    ready: true,
    wanted: 'up',
    reason: 'up',
    pid: 7,
  },
  { type: 'removed', unit: 'db' },
  { type: 'daemon', phase: 'ready' },
  { type: 'log', unit: 'web', problem: null, droppedLines: 0 },
];

function seenBy(query: EventQuery): readonly string[] {
  const hub = new EventHub(() => 0);
  const seen: string[] = [];
  hub.subscribe(query, (line) => seen.push(`${line.seq} ${line.type}`));
  for (const body of BODIES) hub.publish(body);
  return seen;
}

test('publish: an empty query gets everything, in order, numbered from 1', () => {
  assert.deepEqual(seenBy(ALL), ['1 state', '2 removed', '3 daemon', '4 log']);
});

test('publish: units filters all, also what is about the daemon', () => {
  assert.deepEqual(seenBy({ ...ALL, units: ['db'] }), ['2 removed']);
  assert.deepEqual(seenBy({ ...ALL, units: ['web', 'db'], types: ['daemon', 'log'] }), ['4 log']);
});

test('publish: types filters all', () => {
  assert.deepEqual(seenBy({ ...ALL, types: ['log', 'daemon'] }), ['3 daemon', '4 log']);
  assert.deepEqual(seenBy({ ...ALL, types: ['log'], units: ['db'] }), []);
});

test('publish: every line has the version and the time, and fits the schema', () => {
  const hub = new EventHub(() => Date.UTC(2026, 10, 22, 10, 0, 0, 5));
  const lines: EventLine[] = [];
  hub.subscribe(ALL, (line) => lines.push(line));
  for (const body of BODIES) hub.publish(body);
  for (const line of lines) {
    assert.equal(line.apiVersion, 'unitd/v1');
    assert.equal(line.at, '2026-11-22T10:00:00.005Z');
    assert.deepEqual(schemaComplaints('event', line), []);
  }
});

test('close: nothing is told any more, to nobody else less, also from within a listener', () => {
  const hub = new EventHub(() => 0);
  const seen: string[] = [];
  const first = hub.subscribe(ALL, ({ seq }) => {
    seen.push(`first ${seq}`);
    first.close();
  });
  hub.subscribe(ALL, ({ seq }) => seen.push(`second ${seq}`));
  hub.publish({ type: 'removed', unit: 'a' });
  hub.publish({ type: 'removed', unit: 'b' });
  assert.deepEqual(seen, ['first 1', 'second 1', 'second 2']);
});

test('isHeard: as long as somebody listens, to whatever', () => {
  const hub = new EventHub(() => 0);
  assert.equal(hub.isHeard, false);
  const subscriptions = [
    hub.subscribe({ ...ALL, types: ['exit'] }, () => undefined),
    hub.subscribe(ALL, () => undefined),
  ];
  for (const subscription of subscriptions) {
    assert.equal(hub.isHeard, true);
    subscription.close();
  }
  assert.equal(hub.isHeard, false);
});

test('publish: a listener that throws keeps no other from hearing', () => {
  const hub = new EventHub(() => 0);
  const seen: string[] = [];
  hub.subscribe(ALL, () => {
    throw new Error('seeded');
  });
  hub.subscribe(ALL, ({ type }) => seen.push(type));
  assert.throws(() => hub.publish({ type: 'removed', unit: 'a' }), /seeded/);
  assert.deepEqual(seen, ['removed']);
});

test('events snapshot: opens with a state line of each unit by name, then what happens', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', 'command: /bin/web\n');
  rig.write('db', 'command: /bin/db\nenabled: false\n');
  await rig.boot();
  const lines: EventLine[] = [];
  const query = { ...ALL, snapshot: true };
  const subscription = valueOf(rig.control.events(query, (line) => lines.push(line)));
  assert.deepEqual(
    lines.map((line) => line.type === 'state' && [line.unit, line.from, line.to]),
    [
      ['db', null, 'stopped'],
      ['web', null, 'running'],
    ],
  );
  for (const line of lines) assert.deepEqual(schemaComplaints('event', line), []);
  subscription.close();
});

test('events snapshot: only where events of state are asked for', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', 'command: /bin/web\n');
  await rig.boot();
  const opening = (types: EventQuery['types']): readonly string[] => {
    const lines: string[] = [];
    const query = { ...ALL, snapshot: true, types };
    valueOf(rig.control.events(query, ({ type }) => lines.push(type))).close();
    return lines;
  };
  assert.deepEqual(opening(['exit']), []);
  assert.deepEqual(opening(['exit', 'state']), ['state']);
});

test('events snapshot: a unit that is named twice has one line', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', 'command: /bin/web\n');
  rig.write('db', 'command: /bin/db\n');
  await rig.boot();
  const lines: EventLine[] = [];
  const query = { ...ALL, snapshot: true, units: ['web', 'db', 'web'] };
  valueOf(rig.control.events(query, (line) => lines.push(line))).close();
  assert.deepEqual(
    lines.map((line) => line.type === 'state' && line.unit),
    ['web', 'db'],
  );
});

test('events: a unit that is not there is refused', async (t) => {
  const rig = createControlRig(t);
  await rig.boot();
  const answer = rig.control.events({ ...ALL, units: ['nobody'] }, () => undefined);
  assert.equal(answer.ok, false);
  assert.equal(answer.error.status, 404);
});

test('publish: that the daemon is being replaced is told to everybody, so that they know from where to go on', () => {
  const hub = new EventHub(() => 0);
  const seen: string[] = [];
  hub.subscribe({ ...ALL, types: ['exit'], units: ['db'] }, (line) => seen.push(`${line.seq} ${line.type}`));
  for (const body of BODIES) hub.publish(body);
  hub.publish({ type: 'daemon', phase: 'replacing' });
  assert.deepEqual(seen, ['5 daemon']);
});

test('since: what came after a number, for this query; numbers go on in the next version', () => {
  const first = new EventHub(() => 0);
  for (const body of BODIES) first.publish(body);
  const second = new EventHub(() => 0, JSON.parse(JSON.stringify(first.soFar())));
  second.publish({ type: 'removed', unit: 'web' });
  const since = (seq: number, query = ALL): readonly string[] =>
    second.since(seq, query).map((line) => `${line.seq} ${line.type}`);
  assert.deepEqual(since(2), ['3 daemon', '4 log', '5 removed']);
  assert.deepEqual(since(2, { ...ALL, units: ['web'], types: ['log', 'removed'] }), ['4 log', '5 removed']);
  assert.deepEqual(since(5), []);
  // A number that was never given is of a daemon before this one.
  assert.deepEqual(since(99), ['1 state', '2 removed', '3 daemon', '4 log', '5 removed']);
});

test('since: what is not kept any more is counted first', () => {
  const hub = new EventHub(() => 0);
  for (let number = 1; number <= 5000; number++) hub.publish({ type: 'removed', unit: 'web' });
  const [lost, ...rest] = hub.since(1, ALL);
  assert.ok(lost?.type === 'lost' && rest.length >= 1024);
  assert.deepEqual([lost.seq, lost.count], [rest[0] === undefined ? 0 : rest[0].seq - 1, lost.seq - 1]);
  assert.deepEqual(
    rest.map(({ seq }) => seq),
    rest.map((_line, index) => lost.seq + 1 + index),
  );
  assert.deepEqual(
    hub.since(4998, ALL).map(({ seq }) => seq),
    [4999, 5000],
  );
});
