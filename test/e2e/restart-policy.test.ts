// Which ends of a service bring it back: systemd's table, and the exit statuses that overrule it, on real processes.
// Every pause is an hour long, so that a unit that is to come back stays in backoff for the test to see.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { ExitCause, State } from '../../src/model/state.ts';
import type { RestartPolicy } from '../../src/model/unit.ts';
import { child } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

interface End {
  readonly fields: string;
  readonly exit: { readonly code: number | null; readonly signal: string | null; readonly cause: ExitCause };
  /** Policies that bring a service back after it. */
  readonly restarts: readonly RestartPolicy[];
  /** What it is under the others. */
  readonly rest: State;
}

const ENDS: Readonly<Record<string, End>> = {
  'clean-code': {
    fields: `command: ${child.exit} 0`,
    exit: { code: 0, signal: null, cause: 'exit' },
    restarts: ['always', 'on-success'],
    rest: 'completed',
  },
  'unclean-code': {
    fields: `command: ${child.exit} 3`,
    exit: { code: 3, signal: null, cause: 'exit' },
    restarts: ['always', 'on-failure'],
    rest: 'failed',
  },
  'clean-signal': {
    fields: `command: ${child.dieBy} TERM`,
    exit: { code: null, signal: 'SIGTERM', cause: 'signal' },
    restarts: ['always', 'on-success'],
    rest: 'completed',
  },
  'unclean-signal': {
    fields: `command: ${child.dieBy} KILL`,
    exit: { code: null, signal: 'SIGKILL', cause: 'signal' },
    restarts: ['always', 'on-failure', 'on-abnormal', 'on-abort'],
    rest: 'failed',
  },
  'core-dump': {
    // Each in a directory of its own: the kernel writes one file `core` at a time.
    fields: `command: [/bin/sh, -c, 'mkdir "in-$UNITD_UNIT"; cd "in-$UNITD_UNIT"; exec ${child.dieBy} ABRT']`,
    exit: { code: null, signal: 'SIGABRT', cause: mayDumpCore() ? 'core' : 'signal' },
    restarts: ['always', 'on-failure', 'on-abnormal', 'on-abort'],
    rest: 'failed',
  },
  'start-timeout': {
    fields: 'command: sleep infinity\nstartPre: [sleep infinity]\nstartTimeout: 10ms',
    exit: { code: null, signal: null, cause: 'start-timeout' },
    restarts: ['always', 'on-failure', 'on-abnormal'],
    rest: 'failed',
  },
  'runtime-max': {
    fields: 'command: sleep infinity\nruntimeMax: 10ms',
    exit: { code: null, signal: 'SIGTERM', cause: 'runtime-max' },
    restarts: ['always', 'on-failure', 'on-abnormal'],
    rest: 'failed',
  },
  'failed-exec': {
    fields: 'command: /nonexistent/program',
    exit: { code: null, signal: null, cause: 'spawn' },
    restarts: ['always', 'on-failure'],
    rest: 'failed',
  },
};
const POLICIES: readonly RestartPolicy[] = [
  'no',
  'always',
  'on-success',
  'on-failure',
  'on-abnormal',
  'on-abort',
];

for (const [name, end] of Object.entries(ENDS)) {
  test(`restart.policy after ${name} is that of systemd's table`, async (t) => {
    const files = POLICIES.map((policy) => [
      `${policy}.yaml`,
      `${end.fields}\nrestart: { policy: ${policy}, delay: 1h, maxDelay: 1h }\n`,
    ]);
    const unitd = await startUnitd(t, Object.fromEntries(files));
    const expected = Object.fromEntries(
      POLICIES.map((policy) => [policy, end.restarts.includes(policy) ? 'backoff' : end.rest]),
    );
    await unitd.until(expected);
    for (const unit of (await unitd.status()).units) {
      const { code, signal, cause } = unit.lastExit ?? {};
      assert.deepEqual({ code, signal, cause }, end.exit, unit.name);
      assert.equal(unit.restarts, unit.state === 'backoff' ? 1 : 0, unit.name);
      assert.equal(unit.nextStartAt === null, unit.state !== 'backoff', unit.name);
      assert.equal(unit.pid, null, unit.name);
      assert.equal(unit.ready, false, unit.name);
    }
  });
}

test('restart: preventExitStatus, forceExitStatus and successExitStatus overrule the policy', async (t) => {
  const pause = 'delay: 1h, maxDelay: 1h';
  const unitd = await startUnitd(t, {
    'prevented-code.yaml': `
      command: ${child.exit} 9
      restart: { policy: always, preventExitStatus: [9], ${pause} }`,
    'prevented-signal.yaml': `
      command: ${child.dieBy} KILL
      restart: { policy: always, preventExitStatus: [SIGKILL], ${pause} }`,
    'not-prevented.yaml': `
      command: ${child.exit} 8
      restart: { policy: always, preventExitStatus: [9], ${pause} }`,
    'forced-code.yaml': `
      command: ${child.exit} 0
      restart: { policy: on-failure, forceExitStatus: [0], ${pause} }`,
    'forced-signal.yaml': `
      command: ${child.dieBy} USR1
      restart: { policy: no, forceExitStatus: [SIGUSR1], ${pause} }`,
    'success-code.yaml': `
      command: ${child.exit} 143
      successExitStatus: [143]
      restart: { policy: on-failure, ${pause} }`,
    'success-signal.yaml': `
      command: ${child.dieBy} KILL
      successExitStatus: [SIGKILL]
      restart: { policy: on-failure, ${pause} }`,
    'success-restarted.yaml': `
      command: ${child.exit} 143
      successExitStatus: [143]
      restart: { policy: on-success, ${pause} }`,
  });
  await unitd.until({
    'prevented-code': 'failed',
    'prevented-signal': 'failed',
    'not-prevented': 'backoff',
    'forced-code': 'backoff',
    'forced-signal': 'backoff',
    'success-code': 'completed',
    'success-signal': 'completed',
    'success-restarted': 'backoff',
  });
});

function mayDumpCore(): boolean {
  return spawnSync('sh', ['-c', 'ulimit -H -c'], { encoding: 'utf8' }).stdout.trim() !== '0';
}
