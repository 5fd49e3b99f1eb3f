// The Clock port: one suite, the fake and the kernel's clock.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createClock } from '../../src/os/clock.ts';
import type { Clock } from '../../src/os/ports.ts';
import { createFakeClock } from '../support/fakes/clock.ts';

interface Subject {
  readonly clock: Clock;
  /** Lets at least this much time pass, and resolves when all that is due has fired. */
  pass(ms: number): Promise<void>;
}

const subjects: Readonly<Record<string, () => Subject>> = {
  'fake clock': () => {
    const clock = createFakeClock();
    return { clock, pass: async (ms) => clock.advance(ms) };
  },
  'real clock': () => {
    const clock = createClock();
    const pass = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        // Armed for later than all that a test armed before: timers fire in the order of their times.
        clock.arm(clock.monotonicMs() + ms + 2, () => setImmediate(resolve));
      });
    return { clock, pass };
  },
};

for (const [name, create] of Object.entries(subjects)) {
  describe(name, () => {
    test('arm() never calls back before its time', async () => {
      const { clock, pass } = create();
      const early: number[] = [];
      for (let offset = 0; offset < 40; offset++) {
        const atMs = clock.monotonicMs() + offset / 8;
        clock.arm(atMs, () => {
          if (clock.monotonicMs() < atMs) early.push(offset);
        });
      }
      await pass(20);
      assert.deepEqual(early, []);
    });

    test('arm() calls back once, in the order of the times', async () => {
      const { clock, pass } = create();
      const fired: string[] = [];
      const nowMs = clock.monotonicMs();
      clock.arm(nowMs + 9, () => fired.push('third'));
      clock.arm(nowMs + 6, () => fired.push('second'));
      clock.arm(nowMs + 3, () => fired.push('first'));
      await pass(10);
      await pass(10);
      assert.deepEqual(fired, ['first', 'second', 'third']);
    });

    test('arm() calls back from a later turn for a time that has passed', async () => {
      const { clock, pass } = create();
      let fired = 0;
      clock.arm(clock.monotonicMs() - 5, () => fired++);
      assert.equal(fired, 0);
      await pass(1);
      assert.equal(fired, 1);
    });

    test('Timer.close() keeps a timer from firing, and is harmless afterwards', async () => {
      const { clock, pass } = create();
      let fired = 0;
      const closed = clock.arm(clock.monotonicMs() + 1, () => fired++);
      const due = clock.arm(clock.monotonicMs() - 1, () => fired++);
      const kept = clock.arm(clock.monotonicMs() + 1, () => fired++);
      closed.close();
      due.close();
      await pass(5);
      kept.close();
      closed.close();
      assert.equal(fired, 1);
    });

    test('arm() waits for times that no 32-bit delay can hold', async () => {
      const { clock, pass } = create();
      let fired = 0;
      const timers = [2 ** 31, 2 ** 32 + 5, Infinity].map((afterMs) =>
        clock.arm(clock.monotonicMs() + afterMs, () => fired++),
      );
      await pass(5);
      for (const timer of timers) timer.close();
      assert.equal(fired, 0);
    });

    test('arm() refuses a time that is no number', () => {
      const { clock } = create();
      assert.throws(() => clock.arm(NaN, () => undefined), /cannot arm timer/);
    });

    test('monotonicMs() and wallMs() go on together', async () => {
      const { clock, pass } = create();
      const [monotonicMs, wallMs] = [clock.monotonicMs(), clock.wallMs()];
      await pass(20);
      assert.ok(clock.monotonicMs() - monotonicMs >= 20);
      assert.ok(clock.wallMs() > wallMs);
    });
  });
}

test('fake clock advance() fires a chain of timers that arm each other on the way', () => {
  const clock = createFakeClock();
  const firedAfterMs: number[] = [];
  const startMs = clock.monotonicMs();
  const again = (): void => {
    firedAfterMs.push(clock.monotonicMs() - startMs);
    clock.arm(clock.monotonicMs() + 10, again);
  };
  clock.arm(startMs + 10, again);
  clock.advance(35);
  assert.deepEqual(firedAfterMs, [10, 20, 30]);
  assert.equal(clock.nextDueMs, startMs + 40);
});

const ASLEEP = ['--time', '--boottime', '86400', '--fork'];
const cannotSleep =
  spawnSync('unshare', [...ASLEEP, 'true']).status !== 0 && 'needs time namespaces, and root';

test('monotonicMs() stands still while the machine sleeps', { skip: cannotSleep }, () => {
  const program = join(import.meta.dirname, '../../src/os/clock.js');
  const script = `import(${JSON.stringify(program)}).then(({ createClock }) => console.log(createClock().monotonicMs()))`;
  const asked = spawnSync('unshare', [...ASLEEP, process.execPath, '-e', script], { encoding: 'utf8' });
  const aheadMs = Number(asked.stdout) - createClock().monotonicMs();
  assert.ok(Math.abs(aheadMs) < 3_600_000, `${aheadMs} ms ahead after a day of sleep; ${asked.stderr}`);
});

test('real clock: after a pause of the process, what came in meanwhile goes before the timers that are late', async () => {
  const clock = createClock();
  const nowMs = clock.monotonicMs();
  const order: string[] = [];
  const fired = Promise.all(
    [1, 150].map(
      (afterMs) =>
        new Promise<void>((resolve) => {
          clock.arm(nowMs + afterMs, () => {
            order.push(`after ${afterMs}`);
            resolve();
          });
        }),
    ),
  );
  process.once('SIGWINCH', () => order.push('signal'));
  process.kill(process.pid, 'SIGWINCH');
  while (clock.monotonicMs() < nowMs + 200);
  await fired;
  assert.deepEqual(order, ['signal', 'after 1', 'after 150']);
});
