import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { afterEnding, backoffMs, endingOf, FRESH_TALLY } from '../../../src/core/restart.ts';
import type { Ending, ExitKind } from '../../../src/core/restart.ts';
import type { ExitStatus } from '../../../src/model/process.ts';
import type { RestartPolicy } from '../../../src/model/unit.ts';
import { DEFAULT_RESTART, unitSpec } from './unit-spec.ts';

function ending(kind: ExitKind, code: number | null = null, signal: string | null = null): Ending {
  return { cause: 'exit', kind, code, signal, text: 'ended' };
}

const FACTS = { uptimeMs: 0, upheld: false, nowMs: 0, random: 0.5 };

// systemd.service(5), table 2: which ends each policy restarts after.
const TABLE: readonly (readonly [RestartPolicy, Readonly<Record<ExitKind, boolean>>])[] = [
  ['no', { clean: false, 'unclean-code': false, 'unclean-signal': false, timeout: false }],
  ['always', { clean: true, 'unclean-code': true, 'unclean-signal': true, timeout: true }],
  ['on-success', { clean: true, 'unclean-code': false, 'unclean-signal': false, timeout: false }],
  ['on-failure', { clean: false, 'unclean-code': true, 'unclean-signal': true, timeout: true }],
  ['on-abnormal', { clean: false, 'unclean-code': false, 'unclean-signal': true, timeout: true }],
  ['on-abort', { clean: false, 'unclean-code': false, 'unclean-signal': true, timeout: false }],
];

describe('afterEnding: the policy decides by the kind of the end', () => {
  for (const [policy, row] of TABLE) {
    for (const kind of ['clean', 'unclean-code', 'unclean-signal', 'timeout'] as const) {
      test(`${policy}, ${kind}: ${row[kind] ? 'restart' : 'rest'}`, () => {
        const facts = { ...FACTS, ending: ending(kind) };
        const { action } = afterEnding({ ...DEFAULT_RESTART, policy }, FRESH_TALLY, facts);
        assert.equal(action, row[kind] ? 'restart' : 'rest');
      });
    }
  }
});

describe('endingOf', () => {
  const web = unitSpec('web');
  const status = (code: number | null, signal: string | null = null, coreDumped = false): Ending =>
    endingOf({ code, signal, coreDumped }, web);

  test('code 0 is clean', () => assert.equal(status(0).kind, 'clean'));
  test('another code is unclean', () => assert.equal(status(1).kind, 'unclean-code'));
  for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE']) {
    test(`${name} is clean for a service`, () => assert.equal(status(null, name).kind, 'clean'));
    test(`${name} is unclean for a oneshot`, () => {
      const migrate = unitSpec('migrate', { type: 'oneshot' });
      assert.equal(endingOf({ code: null, signal: name, coreDumped: false }, migrate).kind, 'unclean-signal');
    });
  }
  test('another signal is unclean', () => assert.equal(status(null, 'SIGSEGV').kind, 'unclean-signal'));
  test('a core dump is its own cause', () => {
    assert.deepEqual(status(null, 'SIGTERM', true), {
      cause: 'core',
      kind: 'unclean-signal',
      code: null,
      signal: 'SIGTERM',
      text: 'was killed by SIGTERM and dumped core',
    });
  });
  const oom = (change: Partial<ExitStatus>): Pick<Ending, 'cause' | 'kind' | 'text'> => {
    const { cause, kind, text } = endingOf(
      { code: null, signal: null, coreDumped: false, oomKills: 1, ...change },
      unitSpec('web', { successExitStatus: { codes: [137], signals: ['SIGKILL'] } }),
    );
    return { cause, kind, text };
  };
  test('SIGKILL after an OOM kill is one, and unclean whatever the file counts as success', () => {
    const text = 'was killed by the OOM killer';
    assert.deepEqual(oom({ signal: 'SIGKILL' }), { cause: 'oom-kill', kind: 'unclean-signal', text });
  });
  test('code 137 is what a shell makes of it', () => {
    const text = 'exited with code 137 after the OOM killer had ended a process of it';
    assert.deepEqual(oom({ code: 137 }), { cause: 'oom-kill', kind: 'unclean-signal', text });
  });
  test('another code and another signal stay what they are, and the text tells of it', () => {
    assert.deepEqual(oom({ code: 1, oomKills: 2 }), {
      cause: 'exit',
      kind: 'unclean-code',
      text: 'exited with code 1 after the OOM killer had ended 2 processes of it',
    });
    assert.equal(oom({ signal: 'SIGSEGV' }).cause, 'signal');
    assert.equal(oom({}).cause, 'unknown');
  });
  test('SIGKILL without an OOM kill is a signal', () => {
    assert.equal(status(null, 'SIGKILL').cause, 'signal');
  });
  test('an end that nobody could learn is unclean', () => {
    assert.deepEqual([status(null).cause, status(null).kind], ['unknown', 'unclean-code']);
  });
  test('successExitStatus makes codes and signals clean', () => {
    const lenient = unitSpec('web', { successExitStatus: { codes: [143], signals: ['SIGUSR1'] } });
    assert.equal(endingOf({ code: 143, signal: null, coreDumped: false }, lenient).kind, 'clean');
    assert.equal(endingOf({ code: null, signal: 'SIGUSR1', coreDumped: false }, lenient).kind, 'clean');
  });
});

describe('afterEnding: exceptions', () => {
  const crash = { ...FACTS, ending: ending('unclean-code', 7) };

  test('preventExitStatus comes before the policy', () => {
    const restart = { ...DEFAULT_RESTART, preventExitStatus: { codes: [7], signals: [] } };
    assert.equal(afterEnding(restart, FRESH_TALLY, crash).action, 'rest');
  });
  test('preventExitStatus comes before forceExitStatus', () => {
    const both = { codes: [7], signals: [] };
    const restart = { ...DEFAULT_RESTART, preventExitStatus: both, forceExitStatus: both };
    assert.equal(afterEnding(restart, FRESH_TALLY, crash).action, 'rest');
  });
  test('forceExitStatus restarts where the policy would not', () => {
    const restart = {
      ...DEFAULT_RESTART,
      policy: 'no',
      forceExitStatus: { codes: [7], signals: [] },
    } as const;
    assert.equal(afterEnding(restart, FRESH_TALLY, crash).action, 'restart');
  });
  test('an upheld unit is restarted whatever its file says', () => {
    const restart = {
      ...DEFAULT_RESTART,
      policy: 'no',
      preventExitStatus: { codes: [7], signals: [] },
    } as const;
    assert.equal(afterEnding(restart, FRESH_TALLY, { ...crash, upheld: true }).action, 'restart');
  });
});

describe('backoffMs', () => {
  const restart = { ...DEFAULT_RESTART, delayMs: 1_000, factor: 2, maxDelayMs: 10_000, jitter: 0 };

  test('is delay * factor^attempt', () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((attempt) => backoffMs(restart, attempt, 0.5)),
      [1_000, 2_000, 4_000, 8_000],
    );
  });
  test('is at most maxDelay before the jitter', () => assert.equal(backoffMs(restart, 20, 0.5), 10_000));
  test('jitter spreads it evenly on both sides', () => {
    const spread = { ...restart, jitter: 0.1 };
    assert.deepEqual(
      [0, 0.5, 1].map((random) => backoffMs(spread, 0, random)),
      [900, 1_000, 1_100],
    );
  });
  test('a delay of zero stays zero when the power overflows', () => {
    assert.equal(backoffMs({ ...restart, delayMs: 0 }, 5_000, 0.5), 0);
  });
  test('stays at maxDelay when the power overflows', () =>
    assert.equal(backoffMs(restart, 5_000, 0.5), 10_000));
});

describe('afterEnding: limit', () => {
  const restart = { ...DEFAULT_RESTART, limit: 2, intervalMs: 60_000 };
  const at = (nowMs: number) => ({ ...FACTS, nowMs, ending: ending('unclean-code', 1) });

  test('gives up after so many restarts in the interval', () => {
    const tally = { restarts: 2, attempt: 2, stamps: [0, 30_000] };
    assert.deepEqual(afterEnding(restart, tally, at(59_999)), {
      action: 'give-up',
      text: 'ended; gave up after 2 restarts',
    });
  });
  test('restarts longer ago than the interval do not count', () => {
    const tally = { restarts: 2, attempt: 2, stamps: [0, 30_000] };
    assert.equal(afterEnding(restart, tally, at(60_000)).action, 'restart');
  });
  test('an upheld unit never gives up', () => {
    const tally = { restarts: 2, attempt: 2, stamps: [0, 30_000] };
    assert.equal(afterEnding(restart, tally, { ...at(40_000), upheld: true }).action, 'restart');
  });
  test('without a limit no times are kept', () => {
    const decision = afterEnding({ ...restart, limit: 0 }, FRESH_TALLY, at(5));
    assert.deepEqual(decision, {
      action: 'restart',
      delayMs: 1_000,
      tally: { restarts: 1, attempt: 1, stamps: [] },
    });
  });
  test('up for resetAfter, the attempts begin again and the restarts are still counted', () => {
    const tally = { restarts: 9, attempt: 5, stamps: [] };
    const decision = afterEnding({ ...restart, limit: 0 }, tally, { ...at(5), uptimeMs: 60_000 });
    assert.deepEqual(decision, {
      action: 'restart',
      delayMs: 0,
      tally: { restarts: 10, attempt: 0, stamps: [] },
    });
  });
});
