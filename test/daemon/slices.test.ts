// inSlices(): who else has work gets a turn after each slice of time, counted on a clock that the steps move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnitSource } from '../../src/config/parse.ts';
import { loadingSet } from '../../src/config/load-set.ts';
import { planning } from '../../src/core/reconcile.ts';
import { newFleet } from '../../src/core/fleet.ts';
import { atOnce } from '../../src/core/steps.ts';
import type { Steps } from '../../src/core/steps.ts';
import { inSlices } from '../../src/daemon/slices.ts';

interface Counted {
  readonly turns: number;
  /** Most time that went by between two turns. */
  readonly longestMs: number;
}

/** Each step costs `stepMs`. */
async function counted(steps: Steps<unknown>, stepMs: number): Promise<Counted> {
  let [nowMs, turns, lastMs, longestMs] = [0, 0, 0, 0];
  function* timed(): Steps<void> {
    for (;;) {
      const step = steps.next();
      nowMs += stepMs;
      if (step.done === true) return;
      yield;
    }
  }
  const next = async (): Promise<void> => {
    longestMs = Math.max(longestMs, nowMs - lastMs);
    turns += 1;
    nowMs += 100;
    lastMs = nowMs;
  };
  await inSlices(timed(), { nowMs: () => nowMs, next });
  return { turns, longestMs: Math.max(longestMs, nowMs - lastMs) };
}

function sources(count: number): readonly UnitSource[] {
  return Array.from({ length: count }, (_, at) => {
    const name = `u${at}`;
    const wants = at === 0 ? '' : `wants: [u${at - 1}]\n`;
    return { name, file: `/units/${name}.yaml`, bytes: Buffer.from(`command: x\n${wants}`) };
  });
}

test('inSlices() gives the result, and no turn away for what is done within one slice', async () => {
  function* steps(): Steps<string> {
    yield;
    return 'done';
  }
  const next = async (): Promise<void> => assert.fail('a turn was given away');
  assert.equal(await inSlices(steps(), { nowMs: () => 0, next }), 'done');
});

test('inSlices() runs every step within, a slice at a time', async () => {
  let [nowMs, slices, isWithin] = [0, 0, false];
  function* steps(): Steps<void> {
    for (let step = 0; step < 10; step += 1) {
      assert.equal(isWithin, true);
      nowMs += 1;
      yield;
    }
  }
  const within = async <R>(slice: () => R): Promise<R> => {
    slices += 1;
    isWithin = true;
    const result = slice();
    isWithin = false;
    return result;
  };
  await inSlices(steps(), { nowMs: () => nowMs, next: async () => undefined, within });
  assert.equal(slices, 4);
});

test('loadingSet() and planning() have a step for each unit in each of their passes', async () => {
  const files = sources(500);
  const load = await counted(loadingSet(files), 0.1);
  assert.ok(load.turns > 100, `${load.turns} turns`);
  assert.ok(load.longestMs < 4, `${load.longestMs} ms without a turn`);
  const { specs } = atOnce(loadingSet(files));
  const plan = await counted(
    planning(specs, newFleet(), () => ({})),
    0.1,
  );
  assert.ok(plan.turns > 100, `${plan.turns} turns`);
  assert.ok(plan.longestMs < 4, `${plan.longestMs} ms without a turn`);
});
