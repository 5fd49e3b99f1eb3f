import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers } from '../../../src/os/user-namespace.ts';

test('covers() has the ids of every line of a map, and none beside them', () => {
  const map =
    '         0       1000          1\n         1     100000      65536\n     70000          5          2\n';
  const rows: readonly [number, boolean][] = [
    [0, true],
    [1, true],
    [65_536, true],
    [65_537, false],
    [69_999, false],
    [70_001, true],
    [70_002, false],
    [4_294_967_294, false],
  ];
  for (const [id, expected] of rows) assert.equal(covers(map, id), expected, String(id));
  assert.equal(covers('         0          0 4294967295\n', 4_294_967_294), true);
  assert.equal(covers('', 0), false);
});
