import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { errnoName, thrownErrno } from '../../../src/os/errno.ts';

test('errnoName: the name that manuals use, and the number where there is none', () => {
  assert.equal(errnoName(constants.errno.ENOENT), 'ENOENT');
  assert.equal(errnoName(constants.errno.EAGAIN), 'EAGAIN');
  assert.equal(errnoName(9999), 'errno 9999');
});

test('thrownErrno: the name of what a system call failed with; what is no such failure goes on', () => {
  const thrownBy = (act: () => void): string => {
    try {
      act();
    } catch (error) {
      return thrownErrno(error);
    }
    return 'nothing';
  };
  assert.equal(
    thrownBy(() => readFileSync('/nonexistent')),
    'ENOENT',
  );
  const bug = new TypeError('a bug');
  assert.throws(
    () =>
      thrownBy(() => {
        throw bug;
      }),
    bug,
  );
});
