// boundOwnLog() on real files: a log that has grown to its bound makes room behind the descriptors that lead to it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { boundOwnLog, type OwnLog } from '../../src/os/own-log.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';

const MAX_BYTES = 1000;

interface Place {
  readonly directory: string;
  readonly path: string;
  readonly fds: readonly [number, number];
  readonly own: OwnLog;
  /** Writes a line of this many bytes and gives what the log has to say. */
  readonly write: (letter: string, bytes: number) => string | null;
  /** The files by name, each as the letters that its lines are made of. */
  readonly files: () => Readonly<Record<string, string>>;
}

function place(t: TestContext, maxFiles = 2): Place {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'unitd.log');
  const fds = [openSync(path, 'a', 0o600), openSync(path, 'a')] as const;
  cleanUp(t, () => fds.forEach((fd) => closeSync(fd)));
  const own = boundOwnLog({ path, fds, maxBytes: MAX_BYTES, maxFiles });
  const lettersIn = (name: string): string =>
    readFileSync(join(directory, name), 'utf8').replace(/(.)\1*\n/g, '$1');
  return {
    directory,
    path,
    fds,
    own,
    write: (letter, bytes) => {
      own.writes();
      return own.wrote(writeSync(fds[0], `${letter.repeat(bytes - 1)}\n`));
    },
    files: () => Object.fromEntries(readdirSync(directory).map((name) => [name, lettersIn(name)])),
  };
}

test('boundOwnLog() moves a file that has grown to its bound aside, line by line, and keeps so many', (t) => {
  const { write, files } = place(t);
  const said = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((letter) => write(letter, 500));
  assert.deepEqual(new Set(said), new Set([null]));
  assert.deepEqual(files(), { 'unitd.log': '', 'unitd.log.1': 'gh', 'unitd.log.2': 'ef' });
  write('i', 500);
  assert.deepEqual(files(), { 'unitd.log': 'i', 'unitd.log.1': 'gh', 'unitd.log.2': 'ef' });
});

test('boundOwnLog() has every descriptor of the file lead to the new one, with the mode of the old', (t) => {
  const { path, fds, write, files } = place(t);
  chmodSync(path, 0o640);
  write('a', MAX_BYTES);
  for (const fd of fds) writeSync(fd, 'b\n');
  assert.deepEqual(files(), { 'unitd.log': 'bb', 'unitd.log.1': 'a' });
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

test('boundOwnLog() counts what was there before it, and what others write', (t) => {
  const { fds, own, write, files } = place(t);
  writeSync(fds[1], `${'a'.repeat(MAX_BYTES - 11)}\n`);
  assert.equal(write('b', 9), null);
  assert.deepEqual(files(), { 'unitd.log': 'ab' });
  assert.equal(write('c', 2), null);
  assert.deepEqual(files(), { 'unitd.log': '', 'unitd.log.1': 'abc' });
  assert.equal(own.wrote(0), null);
});

test('boundOwnLog() goes on in a file that somebody has emptied', (t) => {
  const { path, write, files } = place(t);
  write('a', 900);
  truncateSync(path, 0);
  write('b', 900);
  assert.deepEqual(files(), { 'unitd.log': 'b' });
});

test('boundOwnLog() begins a new file where another program has moved its own', (t) => {
  const { directory, fds, path, write, files } = place(t);
  write('a', 10);
  renameSync(path, join(directory, 'moved'));
  write('b', 10);
  assert.deepEqual(files(), { moved: 'a', 'unitd.log': 'b' });
  for (const fd of fds) writeSync(fd, 'c\n');
  write('d', MAX_BYTES);
  assert.deepEqual(files(), { moved: 'a', 'unitd.log': '', 'unitd.log.1': 'bccd' });
});

test('boundOwnLog() goes on in the file that another program has put in the place of its own', (t) => {
  const { directory, path, write, files } = place(t);
  write('a', 10);
  renameSync(path, join(directory, 'moved'));
  closeSync(openSync(path, 'a', 0o640));
  write('b', 10);
  assert.deepEqual(files(), { moved: 'a', 'unitd.log': 'b' });
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

test('boundOwnLog() begins a new file as soon as its removed directory is there again', (t) => {
  const { directory, path, write, files } = place(t);
  rmSync(directory, { recursive: true });
  write('a', 10);
  mkdirSync(directory);
  spawnSync('mkfifo', [path]);
  write('b', 10);
  rmSync(path);
  write('c', 10);
  assert.deepEqual(files(), { 'unitd.log': 'c' });
});

test('boundOwnLog() leaves alone what never lay at its path', (t) => {
  const { directory, fds, path, files } = place(t);
  renameSync(path, join(directory, 'moved'));
  const own = boundOwnLog({ path, fds, maxBytes: MAX_BYTES, maxFiles: 2 });
  own.writes();
  own.wrote(writeSync(fds[0], `${'a'.repeat(MAX_BYTES)}\n`));
  assert.deepEqual(files(), { moved: 'a' });
});

test('boundOwnLog() leaves alone what it writes to where its path leads nowhere', (t) => {
  const { fds, path } = place(t);
  const own = boundOwnLog({ path: join(path, 'below/a-file'), fds, maxBytes: MAX_BYTES, maxFiles: 2 });
  assert.equal(own.wrote(writeSync(fds[0], 'a'.repeat(MAX_BYTES))), null);
});

// A directory cannot be replaced by a file (rename(2)), nor made in the place of another (open(2)).
for (const [obstacle, errno] of [
  ['unitd.log.1', /EISDIR|ENOTEMPTY|EEXIST/],
  ['unitd.log.new', /EEXIST|EISDIR/],
] as const) {
  test(`boundOwnLog() says why it cannot rotate, with a directory at ${obstacle}, and goes on in the file it has`, (t) => {
    const { directory, path, write } = place(t, 1);
    mkdirSync(join(directory, obstacle));
    const said = write('a', MAX_BYTES) ?? '';
    assert.match(said, /^cannot rotate log ".*\/unitd\.log": [A-Z]+: [^,]+$/);
    assert.match(said, errno);
    assert.equal(write('b', 10), null, 'not with every line');
    assert.match(readFileSync(path, 'utf8'), /^a+\nb+\n$/);
    assert.deepEqual(readdirSync(directory), ['unitd.log', obstacle], 'nothing else is left');
  });
}
