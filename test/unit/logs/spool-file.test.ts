import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BYTES_AT, createSpoolFile, openSpoolFile } from '../../../src/logs/spool-file.ts';
import type { SpoolFile } from '../../../src/logs/spool-file.ts';
import { temporaryDirectory } from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';

const NOTHING = Buffer.alloc(0);

function say(file: SpoolFile, done: number): void {
  const state = {
    boot: 'this boot',
    base: [0, 0],
    done: [done, 0],
    ranges: [],
    tail: null,
    append: null,
    runEnds: [],
  } as const;
  file.writeRecord({ state, kept: [NOTHING, NOTHING] });
}

function said(path: string): number | null {
  const file = openSpoolFile(path);
  try {
    return file.latestRecord()?.state.done[0] ?? null;
  } finally {
    file.close();
  }
}

test('spool file: the last record holds, and the one before it where that was torn', (t) => {
  const path = join(temporaryDirectory(t), 'spool');
  const file = createSpoolFile(path);
  cleanUp(t, () => file.close());
  assert.equal(said(path), null);
  for (const done of [1, 2, 3]) {
    say(file, done);
    assert.equal(said(path), done);
  }
  const whole = readFileSync(path);
  say(file, 4);
  const after = readFileSync(path);
  const changed = after.findIndex((byte, index) => byte !== whole[index]);
  for (const length of [1, 30, 60]) {
    const torn = Buffer.from(whole);
    after.copy(torn, changed, changed, changed + length);
    writeFileSync(`${path}.torn`, torn);
    assert.equal(said(`${path}.torn`), 3, `after ${length} bytes`);
  }
});

test('spool file: who goes on with one writes the record that is later than those that are there', (t) => {
  const path = join(temporaryDirectory(t), 'spool');
  const first = createSpoolFile(path);
  for (const done of [1, 2, 3]) say(first, done);
  first.close();
  const second = openSpoolFile(path);
  cleanUp(t, () => second.close());
  assert.equal(second.latestRecord()?.state.done[0], 3);
  say(second, 4);
  assert.equal(said(path), 4);
});

test('spool file: takes what a pipe holds, as far as it fits, and gives it back from where it was put', (t) => {
  const directory = temporaryDirectory(t);
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const pipeFd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  cleanUp(t, () => closeSync(pipeFd));
  const path = join(directory, 'spool');
  const file = createSpoolFile(path);
  cleanUp(t, () => file.close());
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const into = Buffer.alloc(4);
  assert.equal(file.takeFrom(pipeFd, BYTES_AT, into), 0);
  writeSync(pipeFd, 'abcdef');
  assert.equal(file.takeFrom(pipeFd, BYTES_AT, into), 4);
  assert.equal(into.toString(), 'abcd');
  assert.equal(file.takeFrom(pipeFd, BYTES_AT + 4, into), 2);
  assert.equal(file.end(), BYTES_AT + 6);
  file.read(into, BYTES_AT + 2);
  assert.equal(into.toString(), 'cdef');
  assert.throws(() => file.read(into, BYTES_AT + 3), /^Error: a short read$/);
  assert.throws(() => file.takeFrom(-1, BYTES_AT, into), /^Error: EBADF/);
  file.cutToRecords();
  assert.equal(file.end(), BYTES_AT);
  file.empty();
  assert.equal(statSync(path).size, 0);
  assert.equal(file.end(), BYTES_AT);
});
