import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { encodeRecord } from '../../../src/logs/spool-record.ts';
import { Spool } from '../../../src/logs/spool.ts';
import { temporaryDirectory } from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { createFakeClock, type FakeClock } from '../../support/fakes/clock.ts';

interface Scene {
  readonly path: string;
  readonly clock: FakeClock;
  readonly faults: readonly string[];
  /** Two pipes, non-blocking, to be written to and read. */
  readonly pipes: readonly [number, number];
  open(bootId?: string, path?: string): Spool;
}

function createScene(t: TestContext): Scene {
  const directory = temporaryDirectory(t);
  const paths = ['out', 'err'].map((name) => join(directory, name));
  execFileSync('mkfifo', paths);
  const [stdout = -1, stderr = -1] = paths.map((path) =>
    openSync(path, constants.O_RDWR | constants.O_NONBLOCK),
  );
  cleanUp(t, () => [stdout, stderr].forEach((fd) => closeSync(fd)));
  const path = join(directory, 'spools', 'web.spool');
  mkdirSync(join(directory, 'spools'));
  const clock = createFakeClock();
  const faults: string[] = [];
  const open = (bootId = 'this boot', at = path): Spool => {
    const spool = new Spool({ path: at, bootId, clock, onFault: (reason) => faults.push(reason) });
    cleanUp(t, () => spool.close());
    return spool;
  };
  return { path, clock, faults, pipes: [stdout, stderr], open };
}

const into = Buffer.alloc(64 * 1024);

function take({ pipes }: Scene, spool: Spool, stream: 0 | 1, text: string): string {
  writeSync(pipes[stream], text);
  return into.toString('utf8', 0, spool.take(stream, pipes[stream], into));
}

/** What a daemon that was killed now would leave, as the next one finds it; of a copy, so that this one lives on. */
function leftBy(scene: Scene, isAppended = false): readonly (readonly [number, string])[] {
  const next = openCopy(scene);
  return next.resume(isAppended).map(({ stream, bytes }) => [stream, bytes.toString()] as const);
}

function openCopy({ path, open }: Scene): Spool {
  copyFileSync(path, `${path}.copy`);
  return open('this boot', `${path}.copy`);
}

test('Spool: what is taken and not appended is left to the next daemon, in the order in which it was taken', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  assert.deepEqual(spool.resume(false), []);
  assert.equal(existsSync(scene.path), false, 'nothing was taken yet');
  assert.equal(take(scene, spool, 0, 'one '), 'one ');
  take(scene, spool, 0, 'two ');
  take(scene, spool, 1, 'oops ');
  take(scene, spool, 0, 'three ');
  assert.equal(spool.take(0, scene.pipes[0], into), 0, 'the pipe is empty');
  assert.deepEqual(spool.taken, [14, 5]);
  assert.deepEqual(leftBy(scene), [
    [0, 'one two '],
    [1, 'oops '],
    [0, 'three '],
  ]);
  spool.appended([4, 5]);
  assert.deepEqual(leftBy(scene), [
    [0, 'two '],
    [0, 'three '],
  ]);
});

test('Spool: an append that was begun counts as far as it was done', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  take(scene, spool, 0, 'one two ');
  const append = { directory: '/log', file: '1:2', size: 3, length: 4, after: [4, 0] } as const;
  spool.appending(append);
  assert.deepEqual(openCopy(scene).begun, append);
  assert.deepEqual(leftBy(scene, false), [[0, 'one two ']]);
  assert.deepEqual(leftBy(scene, true), [[0, 'two ']]);
  spool.appended([4, 0]);
  assert.equal(openCopy(scene).begun, null);
  assert.deepEqual(leftBy(scene), [[0, 'two ']]);
});

test('Spool: when all is appended the file is empty, and close() removes it', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  take(scene, spool, 0, 'line\n');
  take(scene, spool, 1, 'line\n');
  assert.ok(statSync(scene.path).size > 0);
  assert.equal(statSync(scene.path).mode & 0o777, 0o600);
  spool.appended([5, 5]);
  assert.equal(statSync(scene.path).size, 0);
  take(scene, spool, 1, 'more');
  spool.close();
  assert.deepEqual(leftBy(scene), [[1, 'more']], 'what is not appended stays');
  const next = scene.open();
  next.resume(false);
  next.appended(next.taken);
  next.close();
  assert.equal(existsSync(scene.path), false);
});

test('Spool: unfinished lines stay when room is made for a flood, and for one that changes streams all the time', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  take(scene, spool, 1, 'prompt: ');
  const flood = 'x'.repeat(60_000);
  let rounds = 0;
  for (; !spool.isFull; rounds += 1) take(scene, spool, 0, flood);
  assert.ok(rounds > 10);
  spool.appended([spool.taken[0] - 7, 0]);
  assert.equal(spool.isFull, false);
  assert.ok(statSync(scene.path).size < 200_000, `${statSync(scene.path).size} bytes`);
  assert.deepEqual(leftBy(scene), [
    [0, 'xxxxxxx'],
    [1, 'prompt: '],
  ]);
  take(scene, spool, 1, 'answer');
  assert.deepEqual(leftBy(scene), [
    [0, 'xxxxxxx'],
    [1, 'prompt: '],
    [1, 'answer'],
  ]);
  let said = 'prompt: answer';
  for (let round = 0; round < 1000; round += 1) {
    take(scene, spool, 0, '-');
    said += take(scene, spool, 1, '.');
    if (spool.isFull) spool.appended([spool.taken[0] - 7, 0]);
    assert.equal(spool.isFull, false, `after ${round} changes`);
  }
  const joined = ['', ''];
  spool.appended([spool.taken[0] - 7, 0]);
  for (const [stream, text] of leftBy(scene)) joined[stream] += text;
  assert.deepEqual(joined, ['-'.repeat(7), said]);
});

test('Spool: the numbers of records go round, and of two records the later one holds all the same', (t) => {
  const scene = createScene(t);
  const sequence = 2 ** 32 - 4;
  const state = {
    boot: 'this boot',
    base: [0, 0],
    done: [0, 0],
    ranges: [],
    tail: null,
    append: null,
    runEnds: [],
  } as const;
  const nothing = Buffer.alloc(0);
  writeFileSync(scene.path, encodeRecord({ sequence, state, kept: [nothing, nothing] }));
  const spool = scene.open();
  spool.resume(false);
  const left: (readonly [number, string])[] = [];
  for (let count = 0; count < 8; count += 1) {
    const stream = count % 2 === 0 ? 0 : 1;
    left.push([stream, take(scene, spool, stream, `${count}`)]);
    assert.deepEqual(leftBy(scene), left);
  }
  spool.appended([4, 3]);
  assert.deepEqual(leftBy(scene), [[1, '7']]);
  assert.deepEqual(scene.faults, []);
});

test('Spool: a record that cannot be made costs the file, and the pipes are read on', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  take(scene, spool, 0, 'one two ');
  const size: unknown = 1n;
  spool.appending({ directory: '/log', file: '1:2', size: size as number, length: 4, after: [4, 0] });
  assert.match(scene.faults.join(), /BigInt/);
  assert.equal(existsSync(scene.path), false);
  spool.appended([8, 0]);
  assert.equal(take(scene, spool, 1, 'three'), 'three');
  assert.deepEqual(spool.taken, [8, 5]);
});

test('Spool: the file of another boot, and one that is no spool, say nothing', (t) => {
  const scene = createScene(t);
  take(scene, scene.open('another boot'), 0, 'lost with its pipe');
  assert.deepEqual(scene.open().resume(false), []);
  writeFileSync(scene.path, 'x'.repeat(200_000));
  const spool = scene.open();
  assert.equal(spool.begun, null);
  assert.deepEqual(spool.resume(false), []);
  assert.equal(take(scene, spool, 0, 'goes on'), 'goes on');
  assert.deepEqual(leftBy(scene), [[0, 'goes on']]);
});

test('Spool: the file of a daemon that could not see process 1 is of this boot', (t) => {
  const scene = createScene(t);
  take(scene, scene.open('this'), 0, 'still there');
  assert.deepEqual(leftBy(scene), [[0, 'still there']]);
});

test('Spool: without a file the pipes are read on, it is said once, and tried again after a minute', (t) => {
  const scene = createScene(t);
  const directory = join(scene.path, '..');
  rmSync(directory, { recursive: true });
  const spool = scene.open();
  assert.equal(take(scene, spool, 0, 'one'), 'one');
  assert.equal(take(scene, spool, 0, 'two'), 'two');
  assert.equal(scene.faults.length, 1);
  assert.match(scene.faults[0] ?? '', /^ENOENT: no such file or directory$/);
  mkdirSync(directory);
  spool.appended(spool.taken);
  take(scene, spool, 0, 'three');
  assert.equal(existsSync(scene.path), false, 'not yet');
  spool.appended(spool.taken);
  scene.clock.advance(60_000);
  assert.equal(take(scene, spool, 0, 'four'), 'four');
  assert.deepEqual(leftBy(scene), [[0, 'four']]);
  assert.equal(scene.faults.length, 1);
});

test('Spool: abandon() leaves the path to another', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  take(scene, spool, 0, 'old');
  spool.abandon();
  const next = scene.open();
  take(scene, next, 0, 'new');
  spool.appended(spool.taken);
  spool.close();
  assert.deepEqual(leftBy(scene), [[0, 'new']]);
  assert.equal(take(scene, spool, 0, 'read on'), 'read on');
  assert.deepEqual(leftBy(scene), [[0, 'new']], 'and made no file of its own');
});

test('Spool: where runs ended is left to the next daemon until the streams are in the log up to there', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  spool.endRun(spool.taken);
  assert.equal(existsSync(scene.path), false, 'nothing is at stake');
  writeSync(scene.pipes[0], 'unread');
  spool.endRun([6, 0]);
  assert.deepEqual(openCopy(scene).runEnds, [[6, 0]], 'nothing was taken yet');
  take(scene, spool, 0, ' and more');
  take(scene, spool, 1, 'oops');
  spool.endRun([15, 4]);
  spool.endRun([15, 4]);
  assert.deepEqual(openCopy(scene).runEnds, [
    [6, 0],
    [15, 4],
  ]);
  spool.appended([6, 4]);
  assert.deepEqual(openCopy(scene).runEnds, [[15, 4]]);
  spool.endRun([18, 4]);
  spool.appended([15, 4]);
  assert.deepEqual(
    openCopy(scene).runEnds,
    [[18, 4]],
    'all that was taken is in the log, and some is unread',
  );
  take(scene, spool, 0, 'end');
  spool.appended([18, 4]);
  spool.close();
  assert.equal(existsSync(scene.path), false);
});

test('Spool: of a run whose unread output went with its last process, the end is where its output ends now', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  take(scene, spool, 0, 'taken');
  spool.endRun([9, 3]);
  const next = openCopy(scene);
  next.unread([0, 3]);
  assert.deepEqual(next.runEnds, [[5, 3]]);
  assert.deepEqual(scene.open('this boot', `${scene.path}.copy`).runEnds, [[5, 3]], 'also for one after it');
  next.close();
});

test('Spool: a record has room for the nearest ends of runs, however many there are', (t) => {
  const scene = createScene(t);
  const spool = scene.open();
  for (let end = 1; end <= 5000; end += 1) spool.endRun([1e12 + end, 1e12]);
  assert.ok(statSync(scene.path).size <= 128 * 1024);
  assert.deepEqual(scene.faults, []);
  assert.deepEqual(openCopy(scene).runEnds[0], [1e12 + 1, 1e12]);
});
