// type: forking: commands that leave their main process behind, with and without a pidFile, by cgroup and by session.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { cannotUseCgroups } from '../support/cgroups.ts';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { TELLS_EXITS } from '../support/kernel.ts';
import { cannotRunAs } from '../support/launch.ts';
import { isAlive, processFact } from '../support/processes.ts';
import { freePorts, locate } from '../support/services.ts';
import { startUnitd } from '../support/unitd.ts';

const fences = [
  { fence: 'cgroup', skip: cannotUseCgroups(), asUser: {} },
  { fence: 'session', skip: false, asUser: {} },
  { fence: 'session', skip: cannotRunAs('nobody'), asUser: { asUser: 'nobody' } },
] as const;

/** Where a daemon of any user can write its pidFile. */
function directoryOfAll(t: TestContext): string {
  const directory = join(temporaryDirectory(t), 'run');
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  return directory;
}

for (const { fence, skip, asUser } of fences) {
  const by = 'asUser' in asUser ? `by ${fence}, as ${asUser.asUser}` : `by ${fence}`;
  const options = { args: ['--fence', fence], ...asUser };

  for (const isNamed of [true, false]) {
    const how = isNamed ? 'named by its pidFile' : 'that its command left';
    test(`${by}: main is the process ${how}; its end is told, and a stop ends all`, { skip }, async (t) => {
      const channel = openChannel(t);
      const state = directoryOfAll(t);
      const pidFile = join(state, 'pid');
      const unitd = await startUnitd(
        t,
        {
          'old.yaml': `
            type: forking
            command: [sh, -c, 'umask 0; exec "$@"', sh, ${child.daemonize}, ${channel.path}, ${isNamed ? pidFile : ''}]
            ${isNamed ? `pidFile: ${pidFile}` : ''}
            restart: { delay: 10ms }
            stop: { timeout: 1h }`,
        },
        options,
      );
      const first = await channel.next('daemon');
      await unitd.until({ old: 'running' });
      const { unit, processes } = await unitd.unitWith('old', 2);
      assert.equal(unit.pid, first.pid);
      assert.equal(processes.length, 2);

      process.kill(first.pid, 'SIGUSR1');
      const second = await channel.next('daemon', 1);
      await unitd.until((look) => look('old')?.to === 'running' && look('old')?.pid === second.pid);
      const again = (await unitd.unit('old')).unit;
      assert.deepEqual([again.lastExit?.code, again.restarts], [3, 1]);

      assert.equal((await unitd.cli('stop', 'old')).code, 0);
      assert.equal((await unitd.unit('old')).unit.state, 'stopped');
      assert.deepEqual(unitd.processes(), []);
      assert.equal(existsSync(pidFile), false);
    });
  }

  test(
    `${by}: a main process that ends and has named another one in its pidFile is not the end`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const state = directoryOfAll(t);
      const unitd = await startUnitd(
        t,
        {
          'old.yaml': `
          type: forking
          command: [sh, -c, 'umask 0; exec "$@"', sh, ${child.daemonize}, ${channel.path}, ${state}/pid]
          pidFile: ${state}/pid
          restart: { delay: 10ms }
          stop: { timeout: 1h }`,
        },
        options,
      );
      const first = await channel.next('daemon');
      await unitd.until({ old: 'running' });
      process.kill(first.pid, 'SIGUSR2');
      const second = await channel.next('daemon', 1);
      assert.equal((await unitd.unit('old')).unit.pid, first.pid, 'as long as it lives');
      process.kill(first.pid, 'SIGUSR1');
      await unitd.until((look) => look('old')?.pid === second.pid);
      const { unit } = await unitd.unitWith('old', 2);
      assert.deepEqual([unit.state, unit.restarts, unit.lastExit], ['running', 0, null]);

      await unitd.kill('SIGKILL');
      process.kill(second.pid, 'SIGUSR2');
      const third = await channel.next('daemon', 2);
      process.kill(second.pid, 'SIGUSR1');
      await unitd.start();
      await unitd.until((look) => look('old')?.pid === third.pid);
      assert.equal((await unitd.unit('old')).unit.restarts, 0, 'also while no daemon was there');

      await unitd.kill('SIGKILL');
      await unitd.start();
      assert.equal((await unitd.unit('old')).unit.pid, third.pid, 'the next daemon knows');
      process.kill(third.pid, 'SIGUSR1');
      const fourth = await channel.next('daemon', 3);
      await unitd.until((look) => look('old')?.to === 'running' && look('old')?.pid === fourth.pid);
      assert.equal((await unitd.unit('old')).unit.restarts, 1);
      assert.equal((await unitd.cli('stop', 'old')).code, 0);
      assert.deepEqual(unitd.processes(), []);
    },
  );

  test(
    `${by}: a main process that goes to the background once more, as sshd does at HUP, is not the end`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const state = directoryOfAll(t);
      const unitd = await startUnitd(
        t,
        {
          'old.yaml': `
          type: forking
          command: ${child.daemonize} ${channel.path} ${state}/pid
          pidFile: ${state}/pid
          stop: { timeout: 1h }`,
        },
        options,
      );
      const first = await channel.next('daemon');
      await unitd.until({ old: 'running' });
      assert.equal((await unitd.cli('signal', 'old', 'HUP')).code, 0);
      const second = await channel.next('daemon', 1);
      await unitd.until((look) => look('old')?.pid === second.pid);
      const { unit } = await unitd.unit('old');
      assert.deepEqual([unit.state, unit.restarts, unit.lastExit], ['running', 0, null]);
      assert.notEqual(second.pid, first.pid);

      process.kill(second.pid, 'SIGTERM');
      const third = await channel.next('daemon', 2);
      await unitd.until((look) => look('old')?.to === 'running' && look('old')?.pid === third.pid);
      assert.deepEqual((await unitd.unit('old')).unit.lastExit?.code, 0, 'one that only ends is the end');
      assert.equal((await unitd.cli('stop', 'old')).code, 0);
      assert.deepEqual(unitd.processes(), []);
    },
  );

  test(`${by}: the next daemon takes a forking unit back`, { skip }, async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(
      t,
      {
        'old.yaml': `
          type: forking
          command: ${child.daemonize} ${channel.path}
          restart: { delay: 10ms }
          stop: { timeout: 1h }`,
      },
      options,
    );
    const { pid } = await channel.next('daemon');
    await unitd.until({ old: 'running' });
    await unitd.kill('SIGKILL');
    await unitd.start();
    const { unit } = await unitd.unit('old');
    assert.deepEqual([unit.state, unit.pid, unit.restarts], ['running', pid, 0]);
    process.kill(pid, 'SIGUSR1');
    const next = await channel.next('daemon', 1);
    await unitd.until((look) => look('old')?.to === 'running' && look('old')?.pid === next.pid);
    const { lastExit } = (await unitd.unit('old')).unit;
    assert.ok(
      lastExit?.code === 3 || (!TELLS_EXITS && lastExit?.cause === 'unknown'),
      JSON.stringify(lastExit),
    );
    assert.equal((await unitd.cli('stop', 'old')).code, 0);
    assert.deepEqual(unitd.processes(), []);
  });
}

test('while it is waited for whom the pidFile comes to name, a unit says so and has no pid of a dead process', async (t) => {
  const channel = openChannel(t);
  const directory = temporaryDirectory(t);
  const path = (name: string): string => join(directory, name);
  const pidFile = path('pid');
  const says = (word: string): string =>
    `echo "${word} $$" >${channel.path}; sleep infinity & while :; do wait; done`;
  // main ends well at USR1; the heir says who it is at USR2.
  writeFileSync(path('heir'), `trap 'echo $$ >${pidFile}' USR2; ${says('heir')}`);
  const begin = `setsid sh ${path('heir')} & echo $$ >${pidFile}`;
  writeFileSync(path('main'), `${begin}; trap 'exit 0' USR1; ${says('main')}`);
  const unitd = await startUnitd(t, {
    'old.yaml': `
      type: forking
      command: [sh, -c, 'setsid sh ${path('main')} &']
      pidFile: ${pidFile}`,
  });
  const first = await channel.next('main');
  const second = await channel.next('heir');
  await unitd.until({ old: 'running' });
  process.kill(first.pid, 'SIGUSR1');
  const look = await unitd.until((of) => of('old')?.to === 'running' && of('old')?.pid === null);
  assert.match(look('old')?.reason ?? '', /^its main process has ended; its pidFile may/);
  process.kill(second.pid, 'SIGUSR2');
  await unitd.until((of) => of('old')?.pid === second.pid);
  const { unit } = await unitd.unit('old');
  assert.deepEqual([unit.state, unit.reason, unit.restarts], ['running', 'up', 0]);
});

test('a daemon that is killed while main is sought goes on seeking when it is back', async (t) => {
  const channel = openChannel(t);
  const pidFile = join(temporaryDirectory(t), 'pid');
  const unitd = await startUnitd(t, {
    'old.yaml': `
      type: forking
      command: ${child.daemonize} ${channel.path}
      pidFile: ${pidFile}
      startTimeout: 1h`,
  });
  const { pid } = await channel.next('daemon');
  await unitd.until((look) => look('old')?.reason.includes('is not there yet') === true);
  await unitd.kill('SIGKILL');
  await unitd.start();
  await unitd.until({ old: 'starting' });
  writeFileSync(pidFile, `${pid}\n`);
  await unitd.until({ old: 'running' });
  assert.equal((await unitd.unit('old')).unit.pid, pid);
});

test('a pidFile that names a stranger is refused until startTimeout, which says so; the stranger lives', async (t) => {
  const channel = openChannel(t);
  const pidFile = join(temporaryDirectory(t), 'pid');
  writeFileSync(pidFile, `${process.pid}\n`);
  const unitd = await startUnitd(t, {
    'old.yaml': `
      type: forking
      command: ${child.daemonize} ${channel.path}
      pidFile: ${pidFile}
      # Long enough for its command to end, and its process to say so, on any machine.
      startTimeout: 4s
      restart: { policy: no }`,
  });
  const { pid } = await channel.next('daemon');
  await unitd.until({ old: 'failed' });
  const { unit } = await unitd.unit('old');
  const why = `did not start within 4s: its pidFile "${pidFile}" names pid ${process.pid}, which is none of its processes`;
  assert.equal(unit.reason, why);
  assert.equal(unit.lastExit?.cause, 'start-timeout');
  assert.equal(isAlive(pid), false);
});

test('a command that fails, and one that leaves nobody, fail the start', async (t) => {
  const unitd = await startUnitd(t, {
    'fails.yaml': `type: forking\ncommand: ${child.exit} 3\nrestart: { policy: no }`,
    'nobody.yaml': `type: forking\ncommand: 'true'\nrestart: { policy: no }`,
  });
  await unitd.until({ fails: 'failed', nobody: 'failed' });
  const reasons = (await unitd.status()).units.map(({ reason }) => reason);
  assert.deepEqual(reasons, ['exited with code 3', 'its command has ended and left no process']);
});

const servers = locate('redis-server', 'redis-cli', 'nginx', 'curl');
const grounds = [true, false].flatMap((isNamed) => [
  { isNamed, fence: 'cgroup', skip: servers.skip || cannotUseCgroups() },
  { isNamed, fence: 'session', skip: servers.skip },
]);
for (const { isNamed, fence, skip } of grounds) {
  const how = isNamed ? 'with a pidFile' : 'without a pidFile';
  // Both lay their title over the environment that they were given.
  test(`by ${fence}: redis and nginx as daemons of their own, ${how}`, { skip }, async (t) => {
    const [redisPort, nginxPort] = await freePorts(2);
    const directory = temporaryDirectory(t);
    const [redisPid, nginxPid] = [join(directory, 'redis.pid'), join(directory, 'nginx.pid')];
    writeFileSync(
      join(directory, 'nginx.conf'),
      `worker_processes 2; pid ${nginxPid}; error_log stderr notice;
       events { worker_connections 64; }
       http { access_log off; server { listen 127.0.0.1:${nginxPort}; return 200 "hello"; } }`,
    );
    const named = (path: string): string => (isNamed ? `pidFile: ${path}` : '');
    const files = {
      'redis.yaml': `
        type: forking
        command: ${servers.path('redis-server')} --port ${redisPort} --bind 127.0.0.1 --dir ${directory} --save "" --daemonize yes --pidfile ${redisPid}
        ${named(redisPid)}
        # Until then TERM would kill it.
        startPost: [[sh, -c, 'until ${servers.path('redis-cli')} -p ${redisPort} ping | grep -q PONG; do sleep 0.1; done']]
        restart: { delay: 10ms }`,
      'nginx.yaml': `
        type: forking
        command: ${servers.path('nginx')} -p ${directory} -c ${directory}/nginx.conf
        ${named(nginxPid)}
        stop: { signal: QUIT }
        restart: { delay: 10ms }`,
    };
    const unitd = await startUnitd(t, files, { args: ['--fence', fence] });
    await unitd.until({ redis: 'running', nginx: 'running' });
    // A daemon's process is there before its command ends, but not all that it does: it goes on to fork its workers.
    const workers = async (count: number): Promise<string> =>
      await unitd.untilLog('nginx', new RegExp(`(start worker process \\d+[^]*){${count}}`));
    await workers(2);
    const pidOf = async (unit: string): Promise<number> => (await unitd.unit(unit)).unit.pid ?? 0;
    assert.match(processFact(await pidOf('redis'))?.command ?? '', /redis-server/);
    const master = await pidOf('nginx');
    assert.match(processFact(master)?.command ?? '', /nginx: master/);
    assert.equal((await unitd.unit('nginx')).processes.length, 3);

    process.kill(master, 'SIGKILL');
    await unitd.until((look) => look('nginx')?.to === 'running' && look('nginx')?.pid !== master);
    const { lastExit } = (await unitd.unit('nginx')).unit;
    assert.equal(lastExit?.signal, 'SIGKILL', JSON.stringify(lastExit));
    await workers(4);
    assert.equal((await unitd.cli('stop', 'redis', 'nginx')).code, 0);
    assert.deepEqual(unitd.processes(), []);
    const { units } = await unitd.status();
    assert.deepEqual(
      units.map((unit) => [unit.name, unit.state, unit.lastExit?.code]),
      [
        ['nginx', 'stopped', 0],
        ['redis', 'stopped', 0],
      ],
    );
  });
}
