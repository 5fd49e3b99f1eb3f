// What signals to the daemon mean, handed to its listeners by the test: none is sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Control, OperationAnswer } from '../../src/daemon/control.ts';
import { Ending } from '../../src/daemon/ending.ts';
import { invalidFiles } from '../../src/daemon/refusals.ts';
import { listenToSignals } from '../../src/daemon/signals.ts';
import { cleanUp } from '../support/cleanup.ts';

const REFUSED = invalidFiles([
  {
    severity: 'error',
    unit: 'web',
    file: '/units/web.yaml',
    line: 1,
    column: 1,
    field: null,
    code: 'odd',
    message: 'odd',
  },
]);

interface Scene {
  readonly ending: Ending;
  readonly logged: string[];
  /** What the daemon was told to do. */
  readonly told: string[];
  deliver(signal: NodeJS.Signals): void;
  pass(ms: number): void;
  listening(): readonly string[];
  close(): void;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

function createScene(t: TestContext): Scene {
  let nowMs = 1_000;
  t.mock.method(performance, 'now', () => nowMs);
  const others = new Map(SIGNALS.map((signal) => [signal, process.listeners(signal)]));
  const ours = (signal: (typeof SIGNALS)[number]): readonly NodeJS.SignalsListener[] =>
    process.listeners(signal).filter((listener) => others.get(signal)?.includes(listener) !== true);
  const ending = new Ending();
  const logged: string[] = [];
  const told: string[] = [];
  const control: Pick<Control, 'reload'> = {
    reload: async () => {
      told.push('reload');
      return await Promise.resolve<OperationAnswer>(REFUSED);
    },
  };
  const log = {
    write: (level: string, event: string, message: string) =>
      void logged.push(`${level} ${event}: ${message}`),
    close: () => undefined,
  };
  const daemon = {
    control: control as Control,
    startNothing: () => void told.push('start nothing'),
    hurry: () => void told.push('hurry'),
  };
  const signals = listenToSignals(daemon, log, ending);
  cleanUp(t, () => signals.close());
  return {
    ending,
    logged,
    told,
    deliver: (signal) => {
      const known = SIGNALS.find((one) => one === signal) ?? assert.fail(signal);
      for (const listener of ours(known)) listener(signal);
    },
    pass: (ms) => (nowMs += ms),
    listening: () => SIGNALS.filter((signal) => ours(signal).length > 0),
    close: () => signals.close(),
  };
}

test('listenToSignals: a stop signal is a wish to end with 0; another soon after is the same, one later hurries', (t) => {
  const { ending, logged, told, deliver, pass } = createScene(t);
  deliver('SIGINT');
  pass(249);
  deliver('SIGTERM');
  assert.deepEqual(ending.first, { kind: 'end', code: 0 });
  assert.deepEqual([told, ending.wishes.hurry], [['start nothing'], false]);
  pass(1);
  deliver('SIGTERM');
  assert.deepEqual([told, ending.wishes.hurry], [['start nothing', 'start nothing', 'hurry'], true]);
  assert.deepEqual(logged, ['info signal: SIGINT: stopping', 'info signal: SIGTERM again: hurrying']);
});

test('listenToSignals: SIGHUP reloads, and the log says what is in the way', async (t) => {
  const { logged, told, deliver, ending } = createScene(t);
  deliver('SIGHUP');
  await nextTurn();
  assert.deepEqual(told, ['reload']);
  assert.deepEqual(logged, [
    'error problem: /units/web.yaml:1:1: odd',
    'error reload: cannot load the unit files: 1 error, expected none; nothing was changed',
  ]);
  assert.equal(ending.first, null);
});

test('listenToSignals: while the daemon is replaced a reload is left to the next version', (t) => {
  const { ending, told, deliver } = createScene(t);
  ending.replace('2');
  deliver('SIGHUP');
  deliver('SIGTERM');
  assert.deepEqual(told, []);
  assert.deepEqual(ending.wishes, { end: 0, reload: true, hurry: false });
});

test('listenToSignals: what node would make of SIGUSR1 and SIGUSR2 is not done, until it is closed', (t) => {
  const { ending, logged, told, deliver, listening, close } = createScene(t);
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) deliver(signal);
  assert.deepEqual([ending.first, logged, told], [null, [], []]);
  assert.deepEqual(listening(), SIGNALS);
  close();
  assert.deepEqual(listening(), []);
});
