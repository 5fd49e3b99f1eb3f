// The daemon's own log: JSON lines for programs, plain or coloured ones for eyes, and a stream that may fail.
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { createDaemonLog } from '../../src/daemon/daemon-log.ts';
import type { LogStream } from '../../src/daemon/daemon-log.ts';

const AT = Date.UTC(2026, 10, 22, 9, 30, 1, 5);

interface Sink {
  readonly stream: LogStream;
  readonly text: () => string;
}

function sink(isTTY: boolean): Sink {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      text += String(chunk);
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), text: () => text };
}

test('createDaemonLog: to a pipe, one JSON object a line, whatever the message holds', () => {
  const { stream, text } = sink(false);
  const log = createDaemonLog(stream, () => AT, {});
  log.write('warning', 'unit', 'two\nlines', { unit: 'web', pid: 7 });
  log.write('info', 'ready', 'ready');
  const lines = text().trimEnd().split('\n');
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
  const { stream, text } = sink(true);
  createDaemonLog(stream, () => AT, { TERM: 'xterm' }).write('error', 'state', 'failed: x', { unit: 'web' });
  assert.equal(text(), '\x1b[2m09:30:01\x1b[0m \x1b[31mweb: failed: x\x1b[0m\n');
});

for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
  test(`createDaemonLog: no colour with ${JSON.stringify(env)}`, () => {
    const { stream, text } = sink(true);
    createDaemonLog(stream, () => AT, env).write('error', 'state', 'failed');
    assert.equal(text(), '09:30:01 failed\n');
  });
}

test('createDaemonLog: a stream that fails ends nobody', async () => {
  const stream = Object.assign(
    new Writable({
      write: (_chunk, _encoding, done) => {
        done(new Error('EPIPE'));
      },
    }),
    { isTTY: false },
  );
  const log = createDaemonLog(stream, () => AT, {});
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  log.write('info', 'ready', 'ready');
  await closed;
  log.write('info', 'ready', 'again');
  assert.equal(stream.errored?.message, 'EPIPE');
});
