// Where no descriptor is to be had but the spare ones: the limit on open files of this process is lowered to what is open.
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { ownLimit, RESOURCES, setOwnLimit } from '../../../src/os/libc/limit.ts';
import { withSpare } from '../../../src/os/spare-descriptor.ts';
import { POOL_THREADS } from '../../../src/os/thread-pool.ts';

const open = (): number => openSync('/dev/null', 'r');
const look = (): true => {
  closeSync(open());
  return true;
};

/** Runs `act` with no descriptor left but the spare ones. */
function withNoneLeft(act: () => void): void {
  assert.equal(withSpare(look), true);
  const before = ownLimit(RESOURCES.nofile);
  const lowest = open();
  closeSync(lowest);
  setOwnLimit(RESOURCES.nofile, { ...before, soft: lowest });
  try {
    assert.throws(look, { code: 'EMFILE' });
    act();
  } finally {
    setOwnLimit(RESOURCES.nofile, before);
  }
}

/** A look at each of whose first tries somebody is quicker to open a file, and keeps it open. */
function raced(thefts: number, taken: number[]): () => true {
  return () => {
    if (taken.length < thefts) taken.push(open());
    return look();
  };
}

test('withSpare() has room where there is none, again and again', () => {
  withNoneLeft(() => {
    for (let index = 0; index < 20; index += 1) assert.equal(withSpare(look), true);
  });
});

test('withSpare() has room though each thread of the pool takes one, and as much again once they give them back', () => {
  withNoneLeft(() => {
    for (let round = 0; round < 3; round += 1) {
      const taken: number[] = [];
      assert.equal(withSpare(raced(POOL_THREADS - 1, taken)), true);
      assert.equal(taken.length, POOL_THREADS - 1);
      assert.equal(withSpare(look), true);
      for (const fd of taken) closeSync(fd);
      assert.equal(withSpare(look), true);
    }
  });
});

test('withSpare() throws what is thrown: that there is no room, too', () => {
  withNoneLeft(() => {
    const taken: number[] = [];
    assert.throws(() => withSpare(raced(Infinity, taken)), { code: 'EMFILE' });
    for (const fd of taken) closeSync(fd);
    assert.throws(() => withSpare(() => openSync('/nonexistent', 'r')), { code: 'ENOENT' });
    assert.equal(withSpare(look), true);
  });
});
