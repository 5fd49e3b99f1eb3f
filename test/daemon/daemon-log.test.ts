// The daemon's own log: JSON lines for programs, plain or coloured ones for eyes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDaemonLog } from '../../src/daemon/daemon-log.ts';
import type { DaemonLog } from '../../src/daemon/daemon-log.ts';
import type { LogSink } from '../../src/os/log-sink.ts';
import type { OwnLog } from '../../src/os/own-log.ts';

const AT = Date.UTC(2026, 10, 22, 9, 30, 1, 5);

interface Kept extends LogSink {
  readonly text: () => string;
}

function keptBy(isTerminal: boolean, dropped = 0): Kept {
  let text = '';
  return {
    isTerminal,
    write: (line) => void (text += line),
    takeDropped: () => dropped,
    close: () => undefined,
    text: () => text,
  };
}

const UNBOUND: OwnLog = { writes: () => undefined, wrote: () => null };

function logTo(sink: LogSink, env: NodeJS.ProcessEnv = {}, own: OwnLog = UNBOUND): DaemonLog {
  return createDaemonLog({ sink, own, wallMs: () => AT, env });
}

test('createDaemonLog: to a pipe, one JSON object a line, whatever the message holds', () => {
  const sink = keptBy(false);
  const log = logTo(sink);
  log.write('warning', 'unit', 'two\nlines', { unit: 'web', pid: 7 });
  log.write('info', 'ready', 'ready');
  const lines = sink.text().trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line): unknown => JSON.parse(line)),
    [
      {
        time: '2026-11-22T09:30:01.005Z',
        level: 'warning',
        event: 'unit',
        message: 'two\nlines',
        unit: 'web',
        pid: 7,
      },
      { time: '2026-11-22T09:30:01.005Z', level: 'info', event: 'ready', message: 'ready' },
    ],
  );
});

test('createDaemonLog: to a terminal, time, unit and message, coloured by level', () => {
  const sink = keptBy(true);
  logTo(sink, { TERM: 'xterm' }).write('error', 'state', 'failed: x', { unit: 'web' });
  assert.equal(sink.text(), '\x1b[2m09:30:01\x1b[0m \x1b[31mweb: failed: x\x1b[0m\n');
});

test('createDaemonLog: to a terminal, without what would steer it', () => {
  const sink = keptBy(true);
  const log = logTo(sink, { TERM: 'dumb' });
  log.write('error', 'state', 'failed: "\x9b2J\x1b]0;x\x07\u202e" is no name\n\tat x');
  assert.equal(sink.text(), '09:30:01 failed: "\ufffd2J\ufffd]0;x\ufffd\ufffd" is no name\n\tat x\n');
});

for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
  test(`createDaemonLog: no colour with ${JSON.stringify(env)}`, () => {
    const sink = keptBy(true);
    logTo(sink, env).write('error', 'state', 'failed');
    assert.equal(sink.text(), '09:30:01 failed\n');
  });
}

test('createDaemonLog: lines that nobody read are counted before the next one', () => {
  const sink = keptBy(false, 3);
  logTo(sink).write('info', 'ready', 'ready');
  const [first, second] = sink.text().split('\n');
  assert.match(
    first ?? '',
    /"level":"warning","event":"log","message":"3 lines of this log were dropped, as nobody/,
  );
  assert.match(second ?? '', /"message":"ready"/);
});

test('createDaemonLog: says once that its file cannot be kept within bounds, behind the line that made it too large', () => {
  const sink = keptBy(false);
  const troubles = ['cannot rotate log "x": ENOSPC: no space left on device'];
  const asked: number[] = [];
  const own: OwnLog = {
    ...UNBOUND,
    wrote: (bytes) => {
      asked.push(bytes);
      return troubles.shift() ?? null;
    },
  };
  logTo(sink, {}, own).write('info', 'ready', 'ready \u00e9');
  const [first = '', second = '', rest] = sink.text().split('\n');
  assert.match(first, /"message":"ready/);
  assert.match(second, /"level":"warning","event":"log","message":"cannot rotate log/);
  assert.equal(rest, '');
  assert.deepEqual(asked, [Buffer.byteLength(first) + 1, Buffer.byteLength(second) + 1]);
});
