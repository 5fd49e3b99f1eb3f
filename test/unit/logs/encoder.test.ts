import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from '../../../src/logs/backlog.ts';
import { Encoder } from '../../../src/logs/encoder.ts';
import type { LogFormat } from '../../../src/model/unit.ts';
import { createFakeClock } from '../../support/fakes/clock.ts';

interface Scene {
  readonly encoder: Encoder;
  /** Of all that was lost. */
  readonly lost: { lines: number; bytes: number };
  /** What has come since the last call. */
  batches(): readonly string[];
}

function createScene(format: LogFormat = 'raw'): Scene {
  const backlog = new Backlog(() => Promise.reject(new Error('nobody starts it')));
  const lost = { lines: 0, bytes: 0 };
  const encoder = new Encoder({
    format,
    clock: createFakeClock(),
    backlog,
    onLost: (lines, bytes) => {
      lost.lines += lines;
      lost.bytes += bytes;
    },
  });
  return { encoder, lost, batches: () => backlog.takeAll().map(({ bytes }) => bytes.toString()) };
}

test('Encoder: unended lines of runs end where these do, wherever the chunks are cut', () => {
  for (const cut of [0, 1, 3, 4, 7, 10]) {
    const { encoder, lost, batches } = createScene();
    encoder.endRunAt([3, 0]);
    encoder.endRunAt([3, 0]);
    encoder.endRunAt([7, 0]);
    const bytes = Buffer.from('onetwo\nrest');
    assert.equal(encoder.take(0, bytes.subarray(0, cut)), false);
    assert.equal(encoder.take(0, bytes.subarray(cut)), false);
    assert.deepEqual(encoder.encoded, [7, 0]);
    encoder.endRunAt([11, 0]);
    encoder.endRuns();
    assert.deepEqual(encoder.encoded, [11, 0]);
    assert.deepEqual(batches(), ['onetwo\nrest'], `cut at ${cut}`);
    assert.deepEqual(lost, { lines: 0, bytes: 0 });
  }
});

test('Encoder: what an earlier daemon dealt with is not looked for again, and its runs are over', () => {
  const { encoder, batches } = createScene();
  encoder.endRunAt([5, 2]);
  encoder.endRunAt([8, 2]);
  encoder.startAt([5, 2]);
  encoder.endRuns();
  encoder.take(0, Buffer.from('cutnext\n'));
  assert.deepEqual(encoder.encoded, [13, 2]);
  assert.deepEqual(batches(), ['cutnext\n']);
});

test('Encoder: each format that is asked for begins a batch', () => {
  const { encoder, batches } = createScene();
  encoder.take(1, Buffer.from('one\n'));
  encoder.format = 'json';
  encoder.take(1, Buffer.from('two\n'));
  encoder.take(0, Buffer.from('three\n'));
  const [first, second] = batches();
  assert.equal(first, 'one\n');
  assert.match(second ?? '', /^\{.*"stderr","text":"two"\}\n\{.*"stdout","text":"three"\}\n$/);
});

test('Encoder: what comes while nothing can be written is lost line by line, the one that has begun with its end', () => {
  const { encoder, lost, batches } = createScene();
  encoder.take(0, Buffer.from('begun'));
  encoder.beginLosing();
  assert.deepEqual(lost, { lines: 0, bytes: 5 });
  assert.equal(encoder.take(0, Buffer.from(' and over\nmore\ncut')), true);
  assert.deepEqual(lost, { lines: 2, bytes: 23 });
  assert.equal(encoder.headlessLines, 1);
  const notice = encoder.notice('unitd: some lines are missing');
  assert.equal(notice.bytes.toString(), 'unitd: some lines are missing\n');
  encoder.recover();
  assert.equal(encoder.take(0, Buffer.from(' short')), true);
  assert.equal(encoder.take(0, Buffer.from(' too\nkept\n')), true);
  assert.equal(encoder.take(0, Buffer.from('kept\n')), false);
  assert.deepEqual(lost, { lines: 2, bytes: 34 }, 'who recovers counts the line that is headless by then');
  assert.deepEqual(encoder.encoded, [44, 0]);
  assert.deepEqual(batches(), ['kept\nkept\n']);
});

test('Encoder: a line that has lost its beginning and ends with its run is lost then', () => {
  const { encoder, lost } = createScene();
  encoder.take(1, Buffer.from('begun'));
  encoder.beginLosing();
  encoder.endRunAt([0, 5]);
  encoder.endRuns();
  assert.deepEqual(lost, { lines: 1, bytes: 5 });
  assert.equal(encoder.headlessLines, 0);
});

test('Encoder: the notice ends lines of which a piece is in the log', () => {
  const { encoder } = createScene('cri');
  encoder.take(0, Buffer.alloc(20_000, 'x'));
  encoder.beginLosing();
  const lines = encoder.notice('missing').bytes.toString().split('\n');
  assert.match(lines[0] ?? '', / stdout F $/);
  assert.match(lines[1] ?? '', / stderr F missing$/);
  encoder.recover();
  assert.match(encoder.notice('again').bytes.toString(), /^[^\n]* stderr F again\n$/);
});
