import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { errnoName } from '../../../src/os/errno.ts';

test('errnoName: the name that manuals use, and the number where there is none', () => {
  assert.equal(errnoName(constants.errno.ENOENT), 'ENOENT');
  assert.equal(errnoName(constants.errno.EAGAIN), 'EAGAIN');
  assert.equal(errnoName(9999), 'errno 9999');
});
