// What the machine may do to a daemon: disks that refuse, descriptors and processes that are not to be had, clocks that
// jump. Each time the whole world is looked at afterwards: processes, journal, logs, status. The faults are injected into
// the daemon alone (support/faults).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { cannotUseCgroups } from '../support/cgroups.ts';
import { child, openChannel, openGate } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { refusalsOf, REFUSALS, withFaults } from '../support/faults.ts';
import { commandAs, run } from '../support/launch.ts';
import { isAlive } from '../support/processes.ts';
import { startUnitd, Unitd } from '../support/unitd.ts';
import { formsFor, USERS, type UserCase } from '../support/users.ts';

const eachAs = <T>(all: readonly T[], one: T): readonly (readonly [UserCase, T])[] =>
  USERS.flatMap((user) => formsFor(user, all, one).map((form) => [user, form] as const));

for (const user of USERS) {
  withFaults(
    user,
    'a call whose error cannot be believed is made again: a pipe is made, output stays safe from a kill; what fails twice is said',
    async (t, faults, options) => {
      const gate = openGate(t);
      const script = `echo begun; while read -r _ <${gate.path}; do echo more; done`;
      const unitd = await startUnitd(
        t,
        { 'web.yaml': `command: ${JSON.stringify(['/bin/sh', '-c', script])}\nlogs: { format: raw }` },
        options,
      );
      await unitd.untilLog('web', 'begun\n');
      const below = join(unitd.runtime, 'fifo');
      faults.fail({ call: 'splice', below, error: 'EACCES', times: 1 });
      gate.open();
      await unitd.untilLog('web', 'begun\nmore\n');
      assert.ok(existsSync(join(below, 'web.spool')));
      faults.fail({ call: 'splice', below, error: 'EACCES', times: 2 });
      gate.open();
      await unitd.says(
        /cannot keep unwritten output in .*web\.spool.*: EACCES, a kill of the daemon loses it/,
      );
      await unitd.untilLog('web', 'begun\nmore\nmore\n');
      faults.fail({ call: 'mkfifo', below, error: 'EACCES', times: 1 });
      unitd.write('job.yaml', 'type: oneshot\ncommand: echo made');
      assert.equal((await unitd.cli('reload')).code, 0);
      await unitd.untilLog('job', 'made\n');
    },
  );
}

for (const user of USERS) {
  withFaults(
    user,
    'a lock and a signal whose error cannot be believed are tried again: the daemon starts, the signals come',
    async (t, faults, options) => {
      const channel = openChannel(t);
      faults.fail({ call: 'flock', error: 'EACCES', times: 1 });
      const unitd = await startUnitd(
        t,
        { 'web.yaml': `command: ${child.answerSignals} ${channel.path} USR1 USR2` },
        options,
      );
      await channel.next('up');
      faults.fail({ call: 'kill', error: 'EACCES', times: 1 });
      assert.equal((await unitd.cli('signal', 'web', 'USR1')).code, 0);
      await channel.next('USR1');
      await unitd.kill('SIGKILL');
      faults.mend();
      await unitd.start();
      // Not the new daemon's child.
      faults.fail({ call: 'pidfd_send_signal', error: 'EACCES', times: 1 });
      assert.equal((await unitd.cli('signal', 'web', 'USR2')).code, 0);
      await channel.next('USR2');
      // As a seccomp filter does.
      faults.fail({ call: 'pidfd_send_signal', error: 'EPERM' });
      assert.equal((await unitd.cli('signal', 'web', 'USR1')).code, 0);
      await channel.next('USR1', 1);
    },
  );
}

for (const user of USERS) {
  withFaults(
    user,
    'a system that does not let limits be asked for: what /proc says of them holds',
    async (t, faults, options) => {
      faults.fail({ call: 'prlimit', error: 'EPERM' });
      const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' }, options);
      await unitd.until({ web: 'running' });
    },
  );

  withFaults(
    user,
    'a file with the output of the daemon that cannot be synced: the daemon ends all the same',
    async (t, faults, options) => {
      const channel = openChannel(t);
      const unitd = new Unitd(t, options);
      unitd.write('web.yaml', `command: ${child.announce} ${channel.path}`);
      const output = join(unitd.root, 'output');
      const within = ['sh', '-c', 'exec "$@" >"$0" 2>&1', output];
      const { asUser } = options;
      const running = run({ args: ['daemon'], env: unitd.env, cwd: unitd.root, asUser, within });
      await channel.next('up');
      faults.fail({ call: 'fsync', below: output, error: 'EIO' });
      process.kill(Number(readFileSync(join(unitd.runtime, 'unitd.pid'), 'utf8')), 'SIGTERM');
      assert.equal((await running).code, 0);
    },
  );
}

for (const [user, how] of eachAs(REFUSALS, 'read-only')) {
  withFaults(
    user,
    `a ${how} state directory: units go on, words hold, it is said, and made good afterwards`,
    async (t, faults, options) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        { 'web.yaml': `command: ${child.announce} ${channel.path}`, 'spare.yaml': 'command: sleep infinity' },
        options,
      );
      const web = await channel.next('up');
      faults.fail(...refusalsOf(unitd.state, how));
      assert.equal((await unitd.cli('stop', 'spare')).code, 0);
      await unitd.says(/"level":"error","event":"state","message":"cannot write state file/);
      unitd.write('web.yaml', `command: ${child.announce} ${channel.path}\ndescription: changed`);
      assert.equal((await unitd.cli('reload')).code, 0);
      const { unit } = await unitd.unit('web');
      assert.deepEqual([unit.pid, unit.description], [web.pid, 'changed']);
      assert.equal((await unitd.unit('spare')).unit.held, true);
      await unitd.kill('SIGKILL');
      await unitd.start();
      const { unit: kept } = await unitd.unit('spare');
      assert.deepEqual([kept.state, kept.held], ['stopped', true], 'for as long as the boot');

      faults.mend();
      assert.equal((await unitd.cli('start', 'spare')).code, 0);
      assert.equal((await unitd.cli('stop', 'spare')).code, 0);
      await unitd.stop();
      await unitd.start();
      const { unit: spare } = await unitd.unit('spare');
      assert.deepEqual([spare.state, spare.held], ['stopped', true]);
    },
  );

  withFaults(
    user,
    `a ${how} runtime directory: units go on and restart, and the next daemon takes them all back`,
    async (t, faults, options) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `command: ${child.announce} ${channel.path} web\nrestart: { delay: 10ms, maxDelay: 10ms }`,
          'rock.yaml': `command: ${child.announce} ${channel.path} rock`,
        },
        options,
      );
      const rock = await channel.next('rock');
      process.kill((await channel.next('web')).pid, 'SIGKILL');
      await channel.next('web', 1);
      faults.fail(...refusalsOf(unitd.runtime, how));
      for (let round = 1; round <= 3; round += 1) {
        process.kill((await channel.next('web', round)).pid, 'SIGKILL');
      }
      const web = await channel.next('web', 4);
      await unitd.until((look) => look('web')?.pid === web.pid && look('web')?.to === 'running');
      assert.equal((await unitd.unit('rock')).unit.pid, rock.pid);
      const refused = await unitd.cli('reexec');
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /cannot write journal ".*": E\w+/);

      faults.mend();
      await unitd.says('journal can be written again');
      await unitd.kill('SIGKILL');
      await unitd.start();
      const pids = (await unitd.status()).units.map(({ name, pid }) => [name, pid]);
      assert.deepEqual(pids, [
        ['rock', rock.pid],
        ['web', web.pid],
      ]);
      assert.equal(unitd.processes().length, 2);
    },
  );

  withFaults(
    user,
    `a ${how} log directory: the service goes on, lines that are lost are counted, and capture resumes`,
    async (t, faults, options) => {
      const [channel, gate] = [openChannel(t), openGate(t)];
      const script = `echo before; echo "said $$$$" >${channel.path}; read -r _ <${gate.path}; seq 1 200; read -r _ <${gate.path}; echo after; exec sleep infinity`;
      const unitd = await startUnitd(
        t,
        { 'web.yaml': `command: [sh, -c, '${script}']\nlogs: { maxSize: 1kB }` },
        options,
      );
      const { pid } = await channel.next('said');
      await unitd.untilLog('web', 'before');
      const next = await unitd.follow();
      faults.fail(...refusalsOf(unitd.logs, how));
      gate.open();
      await next((line) => line.type === 'log' && line.unit === 'web' && line.problem !== null);
      assert.equal((await unitd.unit('web')).unit.pid, pid);

      const mended = next((line) => line.type === 'log' && line.unit === 'web' && line.problem === null);
      faults.mend();
      await mended;
      gate.open();
      await unitd.spawnCli('logs', '-f', 'web', '-n', 'all').line('after');
      const { unit, logs } = await unitd.unit('web');
      assert.deepEqual([unit.pid, unit.restarts, logs.problem], [pid, 0, null]);
      assert.equal(logs.lines + logs.droppedLines, 202, 'every line is in the log or counted');
    },
  );
}

const SCARCE = [
  ['no descriptor is to be had', { call: 'open', error: 'EMFILE' }, /EMFILE|too many open files/i],
  ['no pipe can be made', { call: 'mkfifo', error: 'ENOSPC' }, /ENOSPC|no space/i],
  ['no process is to be had', { call: 'posix_spawn', error: 'EAGAIN' }, /limit on the number of processes/],
  ['no memory is to be had', { call: 'posix_spawn', error: 'ENOMEM' }, /not enough memory/],
] as const;

for (const [user, [what, fault, reason]] of eachAs(SCARCE, SCARCE[2])) {
  withFaults(
    user,
    `a start for which ${what} fails by name, is tried again, and works once there is`,
    async (t, faults, options) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'rock.yaml': `command: ${child.announce} ${channel.path} rock`,
          'late.yaml': `
          command: ${child.announce} ${channel.path} late
          enabled: false
          restart: { delay: 20ms, maxDelay: 20ms }`,
        },
        options,
      );
      const rock = await channel.next('rock');
      const next = await unitd.follow();
      const failed = next((line) => line.type === 'exit' && line.unit === 'late');
      faults.fail({ ...fault, below: join(unitd.runtime, 'fifo') });
      await unitd.cli('start', 'late', '--no-wait');
      const line = await failed;
      assert.ok(line.type === 'exit');
      assert.equal(line.exit.cause, 'spawn');
      assert.match(line.exit.text, reason);
      assert.equal((await unitd.unit('rock')).unit.pid, rock.pid);
      faults.mend();
      await channel.next('late');
      await unitd.until({ late: 'running', rock: 'running' });
    },
  );
}

for (const user of USERS) {
  withFaults(
    user,
    'a start that has to look something up works with a kept descriptor where no other is to be had',
    async (t, faults, options) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'late.yaml': `
          command: ${child.announce} ${channel.path} late
          enabled: false
          restart: { policy: no }
          oomScoreAdjust: 500
          limits: { nofile: "200:300" }`,
        },
        options,
      );
      const looked = ['/proc/sys/fs/nr_open', '/proc/self/status', '/proc/self/oom_score_adj'];
      faults.fail(
        ...looked.map((below) => ({ call: 'read-open', below, error: 'EMFILE', times: 1 }) as const),
      );
      const started = await unitd.cli('start', 'late');
      assert.equal(started.code, 0, started.stderr);
      await channel.next('late');
    },
  );
}

for (const user of USERS) {
  withFaults(
    user,
    'a daemon that cannot look at what it takes back keeps it, and starts nothing beside it',
    async (t, faults, options) => {
      const channel = openChannel(t);
      const web = `command: ${child.announce} ${channel.path}\nrestart: { delay: 10ms, maxDelay: 10ms }`;
      const unitd = await startUnitd(t, { 'web.yaml': web }, options);
      const { pid } = await channel.next('up');
      // Else it might not have written down what it had spawned.
      await unitd.until({ web: 'running' });
      await unitd.kill('SIGKILL');
      faults.fail({ call: 'read-open', below: `/proc/${pid}/stat`, error: 'ENOMEM' });
      await unitd.start();
      const { unit } = await unitd.unit('web');
      assert.deepEqual([unit.state, unit.pid, unit.restarts], ['running', pid, 0]);
      assert.equal(unitd.processes().length, 1);

      faults.mend();
      process.kill(pid, 'SIGKILL');
      await channel.next('up', 1);
      await unitd.until({ web: 'running' });
    },
  );
}

/** A connection that stays: what is answered to one request after the other. */
async function keptConnection(t: TestContext, path: string): Promise<(verb: string) => Promise<string>> {
  const socket = connect(path);
  cleanUp(t, () => void socket.destroy());
  let answer = '';
  let onAnswer: (text: string) => void = () => undefined;
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
    if (answer.endsWith('}\n')) onAnswer(answer);
  });
  return async (verb) => {
    answer = '';
    socket.write(`${verb} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
    return await new Promise((resolve) => (onAnswer = resolve));
  };
}

/** The soft limit on the daemon's open files, where its next one would be the first that is too many. Gives the way back. */
function leaveNoDescriptor(pid: number, asUser: string | undefined): () => void {
  const [, before] = /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let limit = 0;
  while (open.has(limit)) limit += 1;
  const setTo = (soft: string): void => {
    // Root without CAP_SYS_RESOURCE sets its own limits alone.
    const [first, ...words] = commandAs(asUser, ['prlimit', '--pid', String(pid), `--nofile=${soft}:`]);
    execFileSync(first, words);
  };
  setTo(String(limit));
  return () => setTo(before ?? '');
}

for (const [{ as, skip, options }, fence] of eachAs(['cgroup', 'session'] as const, 'session')) {
  test(
    `as ${as}, by ${fence}: a daemon that has no descriptor left restarts and stops what it has, and has all again with one`,
    { skip: skip || (fence === 'cgroup' && cannotUseCgroups()) },
    async (t) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `command: ${child.announce} ${channel.path} web\nrestart: { delay: 10ms }`,
          'tree.yaml': `command: ${child.doubleFork} ${channel.path} deaf\nstop: { timeout: 100ms }`,
        },
        { ...options, args: ['--fence', fence, '--usage-interval', 'infinity'] },
      );
      const [web, main, grandchild] = await Promise.all([
        channel.next('web'),
        channel.next('main'),
        channel.next('grandchild'),
      ]);
      await unitd.until({ web: 'running', tree: 'running' });
      const ask = await keptConnection(t, unitd.socket);
      assert.match(await ask('GET /v1/status'), /"state":"running"/);
      const mend = leaveNoDescriptor(unitd.pid, options.asUser);
      process.kill(web.pid, 'SIGKILL');
      await channel.next('web', 1);
      assert.match(await ask('POST /v1/units/tree/stop'), /"ok":true/);
      assert.deepEqual([isAlive(main.pid), isAlive(grandchild.pid)], [false, false]);

      mend();
      assert.equal((await unitd.cli('start', 'tree')).code, 0);
      await unitd.until({ web: 'running', tree: 'running' });
      assert.doesNotMatch(unitd.said.join('\n'), /"event":"bug"/);
    },
  );
}

for (const [user, days] of eachAs([1, -1], 1)) {
  withFaults(
    user,
    `the wall clock jumps ${days} day: no deadline moves, nothing restarts, and the logs stay in order`,
    async (t, faults, options) => {
      const [channel, gate] = [openChannel(t), openGate(t)];
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `command: [sh, -c, 'echo one; echo "up $$$$" >${channel.path}; read -r _ <${gate.path}; echo two; exec sleep infinity']`,
          // In an hour, whatever the wall clock says.
          'far.yaml': `command: ${child.exit} 1\nrestart: { delay: 1h, maxDelay: 1h, jitter: 0 }`,
          'soon.yaml': `command: ${child.announce} ${channel.path} soon\nrestart: { delay: 10ms }`,
        },
        { ...options, args: ['--usage-interval', '100ms'] },
      );
      const { pid } = await channel.next('up');
      await unitd.untilLog('web', 'one');
      await unitd.until({ far: 'backoff' });
      faults.moveWallClock(days * 86_400);
      const next = await unitd.follow();
      await next((line) => line.type === 'usage' && line.unit === 'web');
      process.kill((await channel.next('soon')).pid, 'SIGKILL');
      await channel.next('soon', 1);
      gate.open();
      await unitd.untilLog('web', 'two');
      const { units } = await unitd.status();
      const far = units.find(({ name }) => name === 'far');
      assert.equal(far?.state, 'backoff');
      const [web] = units.filter(({ name }) => name === 'web');
      assert.deepEqual([web?.pid, web?.restarts], [pid, 0]);
      const lines = (await unitd.cli('logs', 'web', '-n', 'all')).stdout.trim().split('\n');
      assert.deepEqual(
        lines.map((line) => line.split(' ').at(-1)),
        ['one', 'two'],
      );
      // A daemon that starts with the clock still off finds them too.
      await unitd.kill('SIGKILL');
      await unitd.start();
      assert.equal((await unitd.unit('web')).unit.pid, pid);
      assert.equal((await unitd.unit('far')).unit.state, 'backoff');
    },
  );
}
