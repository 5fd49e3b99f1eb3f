import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deadlineOf, NEW_STATE } from '../../src/core/machine-state.ts';
import type { MachineEvent, MachineState } from '../../src/core/machine-state.ts';
import { step } from '../../src/core/machine.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import { randomSet } from './fleet-units.ts';
import { randomFrom } from './fleet-world.ts';

// Facts of runs that are held, that were, and that never were; deadlines that are armed, and others.
function eventsFor(state: MachineState, status: number): readonly MachineEvent[] {
  const { phase } = state;
  const runs = [state.runs - 1, state.runs, state.runs + 1];
  const exits = [
    { code: 0, signal: null, coreDumped: false },
    { code: 1, signal: null, coreDumped: false },
    { code: null, signal: 'SIGSEGV', coreDumped: true },
    { code: null, signal: null, coreDumped: false },
  ] as const;
  const exit = exits[status % exits.length] ?? exits[0];
  const failure = { stage: 'command', errno: 'ENOENT', reason: 'no such file' } as const;
  return [
    { type: 'start-requested' },
    { type: 'stop-requested' },
    { type: 'hurried' },
    { type: 'start-refused', text: 'its requisite "db" is not up' },
    { type: 'cleared', counts: 'attempts' },
    { type: 'cleared', counts: 'all' },
    { type: 'respecified' },
    { type: 'activated' },
    { type: 'surveyed', survivors: true },
    { type: 'surveyed', survivors: false },
    { type: 'deadline-passed', deadline: deadlineOf(phase) ?? 0 },
    { type: 'deadline-passed', deadline: -1 },
    ...runs.map((run): MachineEvent => ({
      type: 'spawned',
      run,
      process: { pid: run + 100, startTicks: run },
    })),
    ...runs.map((run): MachineEvent => ({ type: 'spawn-failed', run, failure })),
    ...runs.map((run): MachineEvent => ({ type: 'exited', run, status: exit })),
    ...runs.map((run): MachineEvent => ({
      type: 'main-found',
      run,
      process: { pid: run + 100, startTicks: run },
    })),
    ...runs.map((run): MachineEvent => ({ type: 'main-unknown', run, text: 'its pidFile is not there yet' })),
    ...runs.map((run): MachineEvent => ({ type: 'main-lost', run })),
    ...runs.map((run): MachineEvent => ({ type: 'main-ended', run })),
    ...runs.map((run): MachineEvent => ({
      type: 'main-moved',
      run,
      process: { pid: run + 200, startTicks: run },
    })),
  ];
}

function heldRuns({ phase }: MachineState): readonly number[] {
  const runs = [];
  if ('main' in phase && phase.main !== null) runs.push(phase.main.id);
  if ('helper' in phase && phase.helper !== null) runs.push(phase.helper.id);
  return runs;
}

function checkStep(spec: UnitSpec, before: MachineState, event: MachineEvent, nowMs: number): MachineState {
  const { state, effects } = step(spec, before, event, {
    nowMs,
    wallMs: nowMs,
    random: 0.3,
    upheld: false,
    words: 0,
  });
  const what = `${before.phase.at} ${event.type}`;

  const spawns = effects.flatMap((effect) =>
    effect.type === 'spawn' || effect.type === 'seek-main' ? [effect.run] : [],
  );
  assert.deepEqual(
    spawns,
    spawns.map((_, index) => before.runs + 1 + index),
    `${what}: run ids are fresh and in order`,
  );
  assert.equal(state.runs, before.runs + spawns.length, what);

  const isStale =
    (event.type === 'spawned' ||
      event.type === 'spawn-failed' ||
      event.type === 'exited' ||
      event.type === 'main-ended' ||
      event.type === 'main-moved') &&
    !heldRuns(before).includes(event.run);
  const isUnsought =
    (event.type === 'main-found' || event.type === 'main-unknown' || event.type === 'main-lost') &&
    !(before.phase.at === 'starting' && before.phase.seeking?.id === event.run);
  const isLate = event.type === 'deadline-passed' && event.deadline !== deadlineOf(before.phase);
  if (isStale || isLate || isUnsought) {
    assert.equal(state, before, `${what}: stale, and changed something`);
    assert.deepEqual(effects, [], what);
  }

  // A held main is given up only by its own end, or left behind on purpose.
  const main = 'main' in before.phase ? before.phase.main : null;
  const still = 'main' in state.phase ? state.phase.main : null;
  if (main !== null && still?.id !== main.id) {
    const hasEnded = (event.type === 'exited' || event.type === 'spawn-failed') && event.run === main.id;
    const isLeft =
      event.type === 'deadline-passed' || (event.type === 'hurried' && spec.stop.killMode === 'none');
    assert.equal(hasEnded || isLeft, true, `${what}: main was forgotten`);
  }

  // A forking unit is up with the main process that was found, and with no other.
  if (spec.type === 'forking' && state.phase.at === 'running' && before.phase.at !== 'running') {
    assert.notEqual(state.phase.main?.process ?? null, null, `${what}: up without a main process`);
  }

  const { phase } = state;
  const deadline = deadlineOf(phase);
  if (deadline !== null) assert.equal(Number.isFinite(deadline), true, `${what}: deadline ${deadline}`);
  if (phase.at === 'starting' && spec.startTimeoutMs !== null) assert.notEqual(deadline, null, what);
  if (phase.at === 'stopping' && (spec.stop.timeoutMs !== null || phase.step === 'final')) {
    assert.notEqual(deadline, null, what);
  }

  const begins = effects.filter((effect) => effect.type === 'begin').length;
  assert.equal(
    begins > 0 &&
      before.phase.at !== 'stopped' &&
      before.phase.at !== 'completed' &&
      before.phase.at !== 'failed',
    false,
    `${what}: a start that was not at rest`,
  );
  return state;
}

test('step: any event in any phase is answered, and no rule is broken', () => {
  const scenario = fc.record({
    seed: fc.integer(),
    walk: fc.array(fc.nat(1_000), { maxLength: 60, size: 'max' }),
  });
  fc.assert(
    fc.property(scenario, ({ seed, walk }) => {
      const [spec] = randomSet(randomFrom(seed), 1);
      assert.ok(spec !== undefined);
      let state = NEW_STATE;
      let nowMs = 0;
      for (const pick of walk) {
        const events = eventsFor(state, pick);
        for (const event of events) checkStep(spec, state, event, nowMs);
        const next = events[pick % events.length];
        if (next !== undefined) state = checkStep(spec, state, next, nowMs);
        nowMs += pick;
      }
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
});

test('step: a stop that is told of every end comes to rest', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.nat(1_000), { maxLength: 30 }), (seed, walk) => {
      const [spec] = randomSet(randomFrom(seed), 1);
      assert.ok(spec !== undefined);
      let state = NEW_STATE;
      for (const pick of walk) {
        const events = eventsFor(state, pick);
        const next = events[pick % events.length];
        if (next !== undefined) state = checkStep(spec, state, next, 0);
      }
      state = checkStep(spec, state, { type: 'stop-requested' }, 0);
      for (
        let left = 20;
        left > 0 && state.phase.at !== 'stopped' && state.phase.at !== 'failed';
        left -= 1
      ) {
        for (const run of heldRuns(state)) {
          const status = { code: 0, signal: null, coreDumped: false };
          state = checkStep(spec, state, { type: 'exited', run, status }, 0);
        }
        state = checkStep(spec, state, { type: 'surveyed', survivors: false }, 0);
      }
      assert.match(state.phase.at, /^(stopped|failed)$/);
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
});
