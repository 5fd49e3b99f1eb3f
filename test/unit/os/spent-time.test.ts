// What a tree has spent between two looks, whoever of it has ended meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spentBetween } from '../../../src/os/spent-time.ts';
import type { ProcessTime } from '../../../src/os/spent-time.ts';

/** Of each process: pid, its parent's, what it has used, and what its ended children had. */
type Row = readonly [pid: number, parentPid: number, ownMs: number, reapedMs: number];

function look(...rows: readonly Row[]): ReadonlyMap<string, ProcessTime> {
  return new Map(
    rows.map(([pid, parentPid, ownMs, reapedMs]) => [
      String(pid),
      { pid, parentPid, ownMs, reapedMs, owedMs: 0 },
    ]),
  );
}

/** Between each two looks. */
function spent(...looks: readonly ReadonlyMap<string, ProcessTime>[]): readonly number[] {
  let [before] = looks;
  return looks.slice(1).map((now) => {
    const { spentMs, times } = spentBetween(before ?? new Map(), now);
    before = times;
    return spentMs;
  });
}

test('spentBetween: what is new brings all, what is known the rest, and the first look counts all', () => {
  assert.deepEqual(spent(new Map(), look([2, 1, 100, 50]), look([2, 1, 130, 50], [3, 2, 7, 0])), [150, 37]);
});

test('spentBetween: children that began and ended between two looks count with their parent', () => {
  assert.deepEqual(spent(look([2, 1, 10, 1000]), look([2, 1, 10, 1850])), [850]);
});

test('spentBetween: of a child that has ended, what was counted while it lived is not counted again', () => {
  assert.deepEqual(spent(look([2, 1, 0, 0], [3, 2, 300, 0]), look([2, 1, 0, 500])), [200]);
  // With all that its own children had used.
  assert.deepEqual(spent(look([2, 1, 0, 0], [3, 2, 300, 40]), look([2, 1, 0, 500])), [160]);
});

test('spentBetween: a child whose time comes only at the next look is not counted again then', () => {
  const [alive, gone, come] = [look([2, 1, 0, 0], [3, 2, 300, 0]), look([2, 1, 0, 0]), look([2, 1, 0, 310])];
  assert.deepEqual(spent(alive, gone, come), [0, 10]);
});

test('spentBetween: time that nobody got is not waited for any longer than that', () => {
  const looks = [0, 0, 200].map((reapedMs) => look([2, 1, 0, reapedMs]));
  assert.deepEqual(spent(look([2, 1, 0, 0], [3, 2, 300, 0]), ...looks), [0, 0, 200]);
});

test('spentBetween: a parent that ends takes its time to its own parent, with that of its children', () => {
  const alive = look([2, 1, 0, 0], [3, 2, 100, 0], [4, 3, 1000, 0]);
  assert.deepEqual(spent(alive, look([2, 1, 0, 1130])), [30]);
});

test('spentBetween: a parent that ends with nobody above it takes its time along, and nothing is below 0', () => {
  const alive = look([2, 1, 100, 5000], [3, 2, 50, 0], [4, 2, 60, 0]);
  assert.deepEqual(spent(alive, look([3, 1, 70, 0]), look([3, 1, 75, 0])), [20, 5]);
});

test('spentBetween: an orphan’s time goes to whom it was given', () => {
  // 2 takes orphans in; 3 has ended, 4 is its child.
  const looks = [
    look([2, 1, 0, 0], [3, 2, 0, 0], [4, 3, 100, 0]),
    look([2, 1, 0, 0], [4, 2, 150, 0]),
    look([2, 1, 0, 190]),
  ];
  assert.deepEqual(spent(...looks), [50, 40]);
});

test('spentBetween: parents that seem to be each other’s children are no trap', () => {
  assert.deepEqual(spent(look([2, 3, 1, 0], [3, 2, 1, 0], [4, 3, 1, 0]), look()), [0]);
});
