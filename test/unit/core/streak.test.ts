import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { live } from './life.ts';
import { unitSpec } from './unit-spec.ts';

/** Started, and stopped for another unit, so often that one more start is too many. */
const FIVE_TIMES = Array.from({ length: 5 }, () => ['start', 'stop']).flat();

type Restart = NonNullable<Parameters<typeof unitSpec>[1]>['restart'];

interface Row {
  readonly name: string;
  readonly restart?: Restart;
  readonly events: readonly string[];
  readonly phase: string;
}

const ROWS: readonly Row[] = [
  { name: 'five starts are none too many', events: FIVE_TIMES.slice(0, -1), phase: 'running' },
  {
    name: 'the sixth takes a pause',
    events: [...FIVE_TIMES, 'start'],
    phase: 'backoff 1s: was started too often in a row',
  },
  {
    name: 'which is not taken twice',
    events: [...FIVE_TIMES, 'start', 'deadline', 'start'],
    phase: 'running',
  },
  {
    name: 'the one after it takes a longer one',
    events: [...FIVE_TIMES, 'start', 'deadline', 'start', 'stop', 'start'],
    phase: 'backoff 2s: was started too often in a row',
  },
  {
    name: 'so does one that does not wait for the end of a pause',
    events: [...FIVE_TIMES, 'start', 'stop', 'start'],
    phase: 'backoff 2s: was started too often in a row',
  },
  {
    name: 'it gives up',
    restart: { limit: 1 },
    events: [...FIVE_TIMES, 'start', 'deadline', 'start', 'stop', 'start'],
    phase: 'failed: was started too often in a row; gave up after 1 restart',
  },
  {
    name: 'with zero delay it is due at once',
    restart: { delayMs: 0 },
    events: [...FIVE_TIMES, 'start', 'start'],
    phase: 'running',
  },
  {
    name: 'it is no pause of a run that was never up, even where resetAfter is 0',
    restart: { resetAfterMs: 0 },
    events: [...FIVE_TIMES, 'start'],
    phase: 'backoff 1s: was started too often in a row',
  },
  {
    name: 'ten seconds after the first, starts are counted anew',
    events: [...FIVE_TIMES, 'wait 10s', 'start'],
    phase: 'running',
  },
  { name: 'after a word, likewise', events: [...FIVE_TIMES, 'word', 'start'], phase: 'running' },
  {
    name: 'cleared without a word, they are not',
    events: [...FIVE_TIMES, 'clear', 'start'],
    phase: 'backoff 1s: was started too often in a row',
  },
  {
    name: 'what the end of another starts counts',
    events: [...FIVE_TIMES, 'activate', 'start'],
    phase: 'backoff 1s: was started too often in a row',
  },
  {
    name: 'a changed delay holds for the pause under way',
    events: [...FIVE_TIMES, 'start', 'wait 400ms', 'respecify'],
    phase: 'backoff 600ms: was started too often in a row',
  },
];

describe('step: starts in a row', () => {
  for (const { name, restart = {}, events, phase } of ROWS) {
    test(name, () => {
      assert.equal(live(unitSpec('web', { type: 'target', restart }), events).phase, phase);
    });
  }
  test('restarts after a pause are not counted', () => {
    const again = (run: number): readonly string[] => [
      `exit ${run} 1`,
      'tree empty',
      'deadline',
      'start',
      `there ${run + 1}`,
    ];
    const events = ['start', 'there 1', ...Array.from({ length: 20 }, (_, at) => again(at + 1)).flat()];
    const spec = unitSpec('web', { restart: { delayMs: 1, factor: 1 } });
    assert.equal(live(spec, [...events, 'stop', 'exit 21 0', 'tree empty', 'start']).phase, 'starting main');
  });
});
