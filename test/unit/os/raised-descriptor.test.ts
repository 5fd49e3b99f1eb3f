import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { ownLimit, RESOURCES, setOwnLimit } from '../../../src/os/libc/limit.ts';
import { makeRoomForRaised, raisedFd } from '../../../src/os/raised-descriptor.ts';
import { cleanUp } from '../../support/cleanup.ts';

/** Of the kernel's table of this process's descriptors (proc_pid_status(5)). */
function tableSize(): number {
  return Number(/^FDSize:\s*(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

// First of all, before a descriptor has been raised.
test('makeRoomForRaised() has the kernel enlarge its table, and keeps no descriptor', async () => {
  const open = readdirSync('/proc/self/fd').length;
  assert.ok(tableSize() <= 1024, `${tableSize()} descriptors`);
  await makeRoomForRaised();
  assert.ok(tableSize() > 1024, `${tableSize()} descriptors`);
  assert.equal(readdirSync('/proc/self/fd').length, open);
});

function limitTo(t: TestContext, soft: number): void {
  const before = ownLimit(RESOURCES.nofile);
  cleanUp(t, () => void setOwnLimit(RESOURCES.nofile, before));
  setOwnLimit(RESOURCES.nofile, { ...before, soft });
}

test('raisedFd() has what it is given lead there from above the low ones, and leaves the low one free', () => {
  const low = openSync('/dev/null', 'r');
  const raised = raisedFd(low);
  assert.ok(raised >= 1024, String(raised));
  assert.equal(fstatSync(raised).isCharacterDevice(), true);
  assert.throws(() => fstatSync(low), { code: 'EBADF' });
  closeSync(raised);
});

test('raisedFd() leaves it where it is if it may be no higher, but for the last of the low ones', (t) => {
  limitTo(t, 1024);
  const opened: number[] = [];
  cleanUp(t, () => opened.forEach((fd) => closeSync(fd)));
  const open = (): number => openSync('/dev/null', 'r');
  const low = raisedFd(open());
  opened.push(low);
  assert.ok(low < 1024, String(low));
  while ((opened.at(-1) ?? 0) < 767) opened.push(open());
  const last = open();
  assert.equal(last, 768);
  assert.throws(() => raisedFd(last), { code: 'EMFILE' });
  assert.throws(() => fstatSync(last), { code: 'EBADF' });
});
