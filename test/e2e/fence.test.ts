// The fence: whatever a unit's processes do, a stop finds them all and ends in its time, or says what is left. By cgroup
// and by session; what only a cgroup holds is named as such.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { processesIn, writeControl } from '../../src/os/cgroup.ts';
import { cannotUseCgroups, writableCgroup } from '../support/cgroups.ts';
import { child, openChannel, openGate } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { cannotRunAs, idsOf, PROGRAM } from '../support/launch.ts';
import { lineSplitter } from '../support/lines.ts';
import { isAlive } from '../support/processes.ts';
import { startUnitd, Unitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

const withoutCgroups = cannotUseCgroups();

/** Resolves when strace holds the process. */
async function traced(t: TestContext, pid: number): Promise<void> {
  const tracer = spawn('strace', ['-o', '/dev/null', '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  cleanUp(t, () => void tracer.kill('SIGKILL'));
  await new Promise<void>((resolve) => {
    tracer.stderr.on(
      'data',
      lineSplitter((line) => {
        if (line.includes('attached')) resolve();
      }),
    );
  });
}

/** A cgroup of the version 1 freezer: nothing that it holds can be killed, as in uninterruptible sleep. */
function freezer(t: TestContext): { readonly freeze: (pid: number) => void; readonly thaw: () => void } {
  const directory = join('/sys/fs/cgroup/freezer', `unitd-test-${process.pid}`);
  mkdirSync(directory);
  const thaw = (): void => void writeControl(directory, 'freezer.state', 'THAWED');
  cleanUp(t, () => {
    thaw();
    for (const pid of processesIn(directory)) writeControl(dirname(directory), 'cgroup.procs', String(pid));
    rmdirSync(directory);
  });
  return {
    freeze: (pid) => {
      assert.equal(writeControl(directory, 'cgroup.procs', String(pid)), null);
      assert.equal(writeControl(directory, 'freezer.state', 'FROZEN'), null);
    },
    thaw,
  };
}

const withoutFreezer =
  (!existsSync('/sys/fs/cgroup/freezer/cgroup.procs') || process.getuid?.() !== 0) &&
  'needs the freezer of cgroup version 1, and root';
const withoutStrace = spawnSync('strace', ['-V']).status !== 0 && 'strace is not installed';

const HOLDINGS = [
  { fence: 'cgroup', as: '', user: {}, reason: withoutCgroups },
  ...USERS.map(({ as, options, skip }) => ({
    fence: 'session',
    as: `, as ${as}`,
    user: options,
    reason: skip,
  })),
] as const;

for (const { fence, as, user, reason: skip } of HOLDINGS) {
  const by = `by ${fence}${as}`;
  const options = { args: ['--fence', fence], ...user };

  test(
    `${by}: what has forked twice, begun a session and forgotten its environment is stopped`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const files = { 'web.yaml': `command: ${child.forget} ${channel.path}\nstop: { timeout: 1h }` };
      const unitd = await startUnitd(t, files, options);
      const main = await channel.next('main');
      const escaped = await channel.next('escaped');
      await unitd.until({ web: 'running' });
      const both = new Set([main.pid, escaped.pid]);
      assert.deepEqual(new Set((await unitd.unit('web')).processes.map(({ pid }) => pid)), both);
      await unitd.kill('SIGKILL');
      await unitd.start();
      assert.deepEqual(new Set((await unitd.unit('web')).processes.map(({ pid }) => pid)), both);
      assert.equal((await unitd.cli('stop', 'web')).code, 0);
      assert.deepEqual([isAlive(main.pid), isAlive(escaped.pid)], [false, false]);
    },
  );

  test(`${by}: status names the fence of the daemon and of each unit`, { skip }, async (t) => {
    const channel = openChannel(t);
    const files = {
      'web.yaml': `command: ${child.announce} ${channel.path}`,
      'all.yaml': 'type: target\nrequires: [web]',
      'idle.yaml': `command: ${child.announce} ${channel.path}\nenabled: false`,
    };
    // To measure, the daemon starts a program of its own once, which would be in its cgroup.
    const args = [...options.args, '--usage-interval', 'infinity'];
    const unitd = await startUnitd(t, files, { ...options, args });
    const { pid } = await channel.next('up');
    await unitd.until({ web: 'running', all: 'running' });
    const { daemon, units } = await unitd.status();
    assert.equal(daemon.fence, fence);
    assert.deepEqual(Object.fromEntries(units.map((unit) => [unit.name, unit.fence])), {
      web: fence,
      all: null,
      idle: null,
    });
    const { cgroup } = await unitd.unit('web');
    if (fence === 'session') assert.equal(cgroup, null);
    else {
      assert.equal(cgroup, join(unitd.fenceDirectory ?? '', 'web.unit'));
      assert.deepEqual(processesIn(cgroup), [pid]);
      assert.deepEqual(processesIn(join(unitd.fenceDirectory ?? '', 'daemon')), [unitd.pid]);
    }
    const { stdout } = await unitd.cli('status', 'web');
    assert.match(stdout, cgroup === null ? /fence {2}session\n/ : new RegExp(`fence {2}cgroup ${cgroup}\n`));
    assert.equal((await unitd.cli('stop', 'all', 'web')).code, 0);
    if (cgroup !== null) assert.equal(existsSync(cgroup), false);
  });

  test(
    `${by}: a daemon that a unit of the killed one has started outlives a stop of it`,
    { skip },
    async (t) => {
      const gate = openGate(t);
      const daemon = `${process.execPath} ${PROGRAM} daemon --fence ${fence}`;
      const files = {
        'shell.yaml': `command: [sh, -c, 'read -r line < ${gate.path}; ${daemon}; :']`,
        'web.yaml': 'command: sleep infinity',
      };
      const unitd = await startUnitd(t, files, options);
      await unitd.until({ shell: 'running', web: 'running' });
      await unitd.kill('SIGKILL');
      gate.open();
      await unitd.untilLog('shell', '"event":"ready"');
      const { pid } = (await unitd.status()).daemon;
      assert.equal((await unitd.cli('restart', 'web')).code, 0);
      const { processes } = await unitd.unit('shell');
      assert.ok(!processes.some((process) => process.pid === pid), JSON.stringify(processes));
      const { code, stderr } = await unitd.cli('stop', 'shell');
      assert.equal(code, 0, stderr);
      await unitd.until({ shell: 'stopped', web: 'running' });
      assert.equal((await unitd.status()).daemon.pid, pid);
      process.kill(pid, 'SIGTERM');
      while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(unitd.processes(), []);
      if (unitd.fenceDirectory !== null) assert.equal(existsSync(unitd.fenceDirectory), false);
    },
  );

  test(`${by}: a stop in the middle of a bomb of forks ends all of it`, { skip }, async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(
      t,
      { 'web.yaml': `command: ${child.bomb} ${channel.path} 6\nstop: { timeout: 100ms }` },
      options,
    );
    await channel.next('bomb', 3);
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    assert.deepEqual(unitd.processes(), []);
    assert.equal((await unitd.unit('web')).unit.lastExit?.cause, 'stop-timeout');
  });

  test(
    `${by}: what ignores TERM is killed when its time is up, and what is stopped goes on to end`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'deaf.yaml': `command: ${child.ignoreTerm} ${channel.path} deaf\nstop: { timeout: 100ms }`,
          'still.yaml': `command: ${child.doubleFork} ${channel.path}\nstop: { timeout: 1h }`,
        },
        options,
      );
      const still = await Promise.all([channel.next('main'), channel.next('grandchild')]);
      await channel.next('deaf');
      for (const { pid } of still) process.kill(pid, 'SIGSTOP');
      assert.equal((await unitd.cli('stop', 'deaf', 'still')).code, 0);
      assert.deepEqual(unitd.processes(), []);
      const { units } = await unitd.status();
      assert.deepEqual(
        units.map(({ name, lastExit }) => [name, lastExit?.cause]),
        [
          ['deaf', 'stop-timeout'],
          ['still', 'signal'],
        ],
      );
    },
  );

  test(`${by}: what is traced ends`, { skip: skip || withoutStrace }, async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(
      t,
      {
        'polite.yaml': `command: ${child.announce} ${channel.path} polite\nstop: { timeout: 1h }`,
        'deaf.yaml': `command: ${child.ignoreTerm} ${channel.path} deaf\nstop: { timeout: 100ms }`,
      },
      options,
    );
    for (const word of ['polite', 'deaf']) await traced(t, (await channel.next(word)).pid);
    assert.equal((await unitd.cli('stop', 'polite', 'deaf')).code, 0);
    assert.deepEqual(unitd.processes(), []);
  });

  test(
    `${by}: what cannot be killed is named, and the stop ends in its time`,
    { skip: skip || withoutFreezer },
    async (t) => {
      const channel = openChannel(t);
      const { freeze, thaw } = freezer(t);
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `command: ${child.doubleFork} ${channel.path}\nstop: { timeout: 100ms }\nrestart: { policy: no }`,
        },
        options,
      );
      const [main, frozen] = await Promise.all([channel.next('main'), channel.next('grandchild')]);
      await unitd.until({ web: 'running' });
      freeze(frozen.pid);
      assert.equal((await unitd.cli('stop', 'web')).code, 1);
      const { unit, processes } = await unitd.unit('web');
      assert.deepEqual([unit.state, unit.reason], ['failed', 'some of its processes outlived SIGKILL']);
      assert.deepEqual(
        processes.map(({ pid }) => pid),
        [frozen.pid],
      );
      assert.equal(isAlive(main.pid), false);

      // It is not taken for one of the next activation's, and does not keep that from starting.
      assert.equal((await unitd.cli('start', 'web')).code, 0);
      const next = await channel.next('main', 1);
      const { pid: grandchild } = await channel.next('grandchild', 1);
      assert.deepEqual(
        new Set((await unitd.unitWith('web', 2)).processes.map(({ pid }) => pid)),
        new Set([next.pid, grandchild]),
      );
      thaw();
    },
  );
}

test(
  'by cgroup: what a unit hides in a cgroup below its own, and what it froze, is stopped',
  { skip: withoutCgroups },
  async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(t, {
      'web.yaml': `command: ${child.forget} ${channel.path}\nstop: { timeout: 1h }`,
    });
    const escaped = await channel.next('escaped');
    await channel.next('main');
    const { cgroup } = await unitd.unit('web');
    const inner = join(cgroup ?? '', 'inner');
    mkdirSync(inner);
    assert.equal(writeControl(inner, 'cgroup.procs', String(escaped.pid)), null);
    assert.equal(writeControl(cgroup ?? '', 'cgroup.freeze', '1'), null);
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    assert.equal(isAlive(escaped.pid), false);
    assert.equal(existsSync(cgroup ?? ''), false);
  },
);

test(
  'by cgroup: a main process that has left its cgroup is stopped with what it forked',
  { skip: withoutCgroups },
  async (t) => {
    const gate = openGate(t);
    const channel = openChannel(t);
    const unitd = await startUnitd(t, {
      'web.yaml': `
        command:
          - /bin/sh
          - -c
          - 'read x <"$0"; echo $$$$ >"$1/cgroup.procs"; shift; exec "$@"'
          - ${gate.path}
          - ${writableCgroup()}
          - ${child.doubleFork}
          - ${channel.path}`,
    });
    await unitd.until({ web: 'running' });
    gate.open();
    const pids = await Promise.all([channel.next('main'), channel.next('grandchild')]);
    await unitd.until({ web: 'running' });
    assert.equal((await unitd.unitWith('web', 2)).processes.length, 2);
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    for (const { pid } of pids) assert.equal(isAlive(pid), false);
  },
);

for (const next of ['cgroup', 'session'] as const) {
  test(
    `a daemon by ${next} takes back the cgroups of the one before, with all that is in them`,
    { skip: withoutCgroups },
    async (t) => {
      const channel = openChannel(t);
      const files = {
        'web.yaml': `command: ${child.forget} ${channel.path}\nstop: { timeout: 1h }`,
        'job.yaml': `type: oneshot\ncommand: 'true'`,
      };
      const unitd = await startUnitd(t, files);
      const [main, escaped] = await Promise.all([channel.next('main'), channel.next('escaped')]);
      await unitd.until({ web: 'running', job: 'completed' });
      const before = await unitd.unit('web');
      const fenceDirectory = unitd.fenceDirectory ?? '';
      await unitd.kill('SIGKILL');
      mkdirSync(join(fenceDirectory, 'gone.unit'));
      await unitd.start('--fence', next);
      const after = await unitd.unit('web');
      assert.deepEqual([after.cgroup, after.unit.fence], [before.cgroup, 'cgroup']);
      assert.deepEqual(new Set(after.processes.map(({ pid }) => pid)), new Set([main.pid, escaped.pid]));
      assert.equal((await unitd.status()).daemon.fence, next);
      assert.equal((await unitd.cli('stop', 'web')).code, 0);
      assert.deepEqual([isAlive(main.pid), isAlive(escaped.pid)], [false, false]);
      assert.equal(existsSync(before.cgroup ?? ''), false);
      assert.equal(existsSync(join(fenceDirectory, 'gone.unit')), false);
      assert.equal((await unitd.cli('start', 'web')).code, 0);
      assert.equal((await unitd.unit('web')).unit.fence, next);
    },
  );
}

test(
  'what is left of a journal that is gone is told and left alone, beside the unit that starts',
  { skip: withoutCgroups },
  async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(
      t,
      { 'web.yaml': `command: ${child.announce} ${channel.path}` },
      { leavesProcesses: true },
    );
    const left = await channel.next('up');
    await unitd.until({ web: 'running' });
    await unitd.kill('SIGKILL');
    rmSync(join(unitd.runtime, 'journal'));
    await unitd.start();
    await unitd.says('processes of nobody');
    const next = await channel.next('up', 1);
    const { cgroup, processes } = await unitd.unit('web');
    assert.equal(basename(cgroup ?? ''), 'web.unit.2');
    assert.deepEqual(
      processes.map(({ pid }) => pid),
      [next.pid],
    );
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    assert.deepEqual([isAlive(left.pid), isAlive(next.pid)], [true, false]);
  },
);

test(
  'an ordinary user to whom no cgroup is delegated has the session, and --fence cgroup says why',
  { skip: cannotRunAs('nobody') },
  async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(
      t,
      { 'web.yaml': `command: ${child.announce} ${channel.path}` },
      { asUser: 'nobody' },
    );
    await channel.next('up');
    assert.equal((await unitd.status()).daemon.fence, 'session');
    await unitd.says('units are held by session: ');
    unitd.write('more.yaml', 'command: sleep infinity\nresources: { tasksMax: 5 }');
    const plan = await unitd.cli('plan');
    assert.equal(plan.code, 78);
    assert.match(
      plan.stderr,
      /cannot be in force, since units are held by session: .+, expected the controller/,
    );
    await unitd.stop();
    const refused = await unitd.cli('daemon', '--fence', 'cgroup');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /cannot start daemon: --fence is \\"cgroup\\", but /);
  },
);

test(
  'an ordinary user to whom a cgroup is delegated has it as the fence',
  { skip: withoutCgroups || cannotRunAs('nobody') },
  async (t) => {
    const here = writableCgroup() ?? '';
    const delegated = join(here, `unitd-test-delegated-${process.pid}`);
    mkdirSync(delegated);
    cleanUp(t, () => rmdirSync(delegated));
    for (const path of [
      delegated,
      join(delegated, 'cgroup.procs'),
      join(delegated, 'cgroup.subtree_control'),
    ]) {
      chownSync(path, ...idsOf('nobody'));
    }
    const channel = openChannel(t);
    const files = { 'web.yaml': `command: ${child.forget} ${channel.path}\nstop: { timeout: 1h }` };
    // The daemon begins where its parent is.
    writeControl(delegated, 'cgroup.procs', '0');
    let unitd: Unitd;
    try {
      unitd = await startUnitd(t, files, { asUser: 'nobody', args: ['--fence', 'cgroup'] });
    } finally {
      writeControl(here, 'cgroup.procs', '0');
    }
    assert.equal(dirname(unitd.fenceDirectory ?? ''), delegated);
    const pids = await Promise.all([channel.next('main'), channel.next('escaped')]);
    await unitd.until({ web: 'running' });
    assert.equal((await unitd.unit('web')).unit.fence, 'cgroup');
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    for (const { pid } of pids) assert.equal(isAlive(pid), false);
    // It goes back there when it ends, and nothing of it stays.
    assert.deepEqual(await unitd.stop(), { code: 0, signal: null });
    assert.deepEqual(
      readdirSync(delegated, { withFileTypes: true }).filter((entry) => entry.isDirectory()),
      [],
    );
  },
);

test('two daemons have a fence each, side by side', { skip: withoutCgroups }, async (t) => {
  const channel = openChannel(t);
  const files = { 'web.yaml': `command: ${child.announce} ${channel.path}` };
  const [one, other] = await Promise.all([startUnitd(t, files), startUnitd(t, files)]);
  await channel.next('up', 1);
  assert.notEqual(one.fenceDirectory, other.fenceDirectory);
  await one.until({ web: 'running' });
  assert.equal((await one.cli('stop', 'web')).code, 0);
  await other.until({ web: 'running' });
  assert.equal((await other.unit('web')).processes.length, 1);
});

test('--fence and UNITD_FENCE: another word is a usage error, the option goes first', async (t) => {
  const unitd = new Unitd(t, { env: { UNITD_FENCE: 'wall' } });
  const refused = await unitd.cli('daemon');
  assert.equal(refused.code, 64);
  assert.match(
    refused.stderr,
    /cannot read UNITD_FENCE "wall": no such choice, expected auto, cgroup or session/,
  );
  assert.match((await unitd.cli('daemon', '--fence', 'x')).stderr, /cannot read --fence "x"/);
  await unitd.start('--fence', 'session');
  assert.equal((await unitd.status()).daemon.fence, 'session');
});

test(
  'a daemon that replaces itself stays in its place, and so do its units',
  { skip: withoutCgroups },
  async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(t, {
      'web.yaml': `command: ${child.forget} ${channel.path}\nstop: { timeout: 1h }`,
      'next.yaml': `command: ${child.announce} ${channel.path} next\nenabled: false`,
    });
    const escaped = await channel.next('escaped');
    await unitd.until({ web: 'running' });
    const before = await unitd.unit('web');
    assert.equal((await unitd.cli('reexec')).code, 0);
    assert.equal((await unitd.unit('web')).cgroup, before.cgroup);
    assert.equal((await unitd.cli('start', 'next')).code, 0);
    const { cgroup } = await unitd.unit('next');
    assert.equal(dirname(cgroup ?? ''), dirname(before.cgroup ?? ''));
    assert.deepEqual(processesIn(cgroup ?? ''), [(await channel.next('next')).pid]);
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    assert.equal(isAlive(escaped.pid), false);
  },
);
