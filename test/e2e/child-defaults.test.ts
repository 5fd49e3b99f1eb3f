// What a unit's process finds when its file asks for nothing: descriptors, signals, limits, directory, environment.
import assert from 'node:assert/strict';
import { constants, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { child, openChannel } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

test('a child has descriptors 0, 1 and 2 only: ls -l /proc/self/fd', async (t) => {
  const unitd = await startUnitd(t, {
    'ls.yaml': `
      type: oneshot
      command: [/bin/sh, -c, 'ls -l /proc/self/fd/; ls -l /proc/$$$$/fd/; echo done']
      logs: { format: raw }`,
    'umask.yaml': `
      type: oneshot
      command: ls -l /proc/self/fd
      umask: "0077"
      startPre: [ls -l /proc/self/fd]
      logs: { format: raw }`,
  });
  await unitd.until({ ls: 'completed', umask: 'completed' });
  const fds = (text: string): readonly string[] =>
    text.split('\n').flatMap((line) => {
      const [, fd, target = ''] = / (\d+) -> (.*)$/.exec(line) ?? [];
      return fd === undefined
        ? []
        : [`${fd} ${target.replace(unitd.runtime, 'RUN').replace(/\/\d+\//, '/N/')}`];
    });
  // ls itself has the directory open that it lists.
  const opened = ['0 /dev/null', '1 RUN/fifo/NAME.stdout', '2 RUN/fifo/NAME.stderr', '3 /proc/N/fd'];
  const named = (name: string, entries: readonly string[]): readonly string[] =>
    entries.map((entry) => entry.replace('NAME', name));
  const both = fds(await unitd.untilLog('ls', /done/));
  assert.deepEqual(both.slice(0, 4), named('ls', opened));
  assert.deepEqual(both.slice(4), named('ls', opened.slice(0, 3)));
  const chained = fds(await unitd.untilLog('umask', /3 -> [^]*3 -> /));
  assert.deepEqual(chained, named('umask', [...opened, ...opened]));
});

test('a child has SIGPIPE and all other signals at their default, and blocks none', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path}`,
    'pipe.yaml': `
      type: oneshot
      command: [/bin/sh, -c, 'kill -PIPE $$$$; echo survived']`,
  });
  const { pid } = await channel.next('up');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mask = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(status)?.[1] ?? 'x'}`);
  // glibc's posix_spawn ignores 32 and 33, which it keeps to itself.
  const reserved = 0b11n << 31n;
  assert.equal(mask('SigIgn') & ~reserved, 0n);
  assert.equal(mask('SigBlk'), 0n);
  assert.equal(mask('SigPnd'), 0n);
  await unitd.until({ pipe: 'failed' });
  assert.equal((await unitd.unit('pipe')).unit.lastExit?.signal, 'SIGPIPE');
});

test('a child has a soft limit on open files of 1024, though the daemon has raised its own', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  const { pid } = await channel.next('up');
  const openFiles = (of: number): readonly string[] =>
    /^Max open files +(\S+) +(\S+)/m.exec(readFileSync(`/proc/${of}/limits`, 'utf8'))?.slice(1) ?? [];
  const [, hard = ''] = openFiles(unitd.pid);
  assert.deepEqual(openFiles(pid), [String(Math.min(1024, Number(hard))), hard]);
});

test('a child finds its output as the first one did, also after one that was killed in non-blocking mode', async (t) => {
  const script = "process.stdout.write('on', () => process.kill(process.pid, 'SIGKILL'))";
  const flags = '/bin/sh -c "cat /proc/self/fdinfo/1; echo told"';
  const unitd = await startUnitd(t, {
    'node.yaml': `
      command: ['${process.execPath}', -e, "${script}"]
      restart: { policy: "no" }
      stopPost: ['${flags}']
      logs: { format: raw }`,
  });
  const told = await unitd.untilLog('node', /told/);
  const [, octal = ''] = /^.*flags:\D*(\d+)$/m.exec(told) ?? [];
  assert.notEqual(octal, '', told);
  assert.equal(Number.parseInt(octal, 8) & constants.O_NONBLOCK, 0, told);
});

test('a child can open /dev/stdout and /dev/stderr, as the user that it runs as or becomes', async (t) => {
  const script = 'echo to stdout >/dev/stdout; echo to stderr >/dev/stderr';
  const unitd = await startUnitd(t, {
    'own.yaml': `
      type: oneshot
      command: [/bin/sh, -c, '${script}']`,
    ...(process.getuid?.() === 0 && {
      'nobody.yaml': `
        type: oneshot
        command: [/bin/sh, -c, '${script}']
        user: nobody`,
      'number.yaml': `
        type: oneshot
        command: [/bin/sh, -c, '${script}']
        user: 54321
        group: 54321`,
      'became.yaml': `
        type: oneshot
        command: [setpriv, --reuid=54321, --regid=54321, --clear-groups, /bin/sh, -c, '${script}']`,
    }),
  });
  for (const { name } of (await unitd.status()).units) {
    await unitd.until({ [name]: 'completed' });
    const log = await unitd.untilLog(name, /to stdout[^]*to stderr|to stderr[^]*to stdout/);
    assert.match(log, / stdout F to stdout$/m);
    assert.match(log, / stderr F to stderr$/m);
  }
});

test('a child leads a session of its own, works where the daemon works, with its umask', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  const { pid } = await channel.next('up');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  assert.deepEqual(stat.slice(1, 5), [String(unitd.pid), String(pid), String(pid), '0']);
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), unitd.root);
  const umask = (of: number): string | undefined =>
    /^Umask:\s*(\d+)/m.exec(readFileSync(`/proc/${of}/status`, 'utf8'))?.[1];
  assert.equal(umask(pid), umask(unitd.pid));
});

test('a child has the environment of the daemon, PWD where it works, and nothing meant for the daemon alone', async (t) => {
  const own = { NOTIFY_SOCKET: '/nowhere', LISTEN_FDS: '1', LISTEN_PID: '1', GREETING: 'hello' };
  const unitd = await startUnitd(
    t,
    {
      'here.yaml': `
        type: oneshot
        command: env
        startPost: [echo that is all]
        logs: { format: raw }`,
      'there.yaml': `
        type: oneshot
        command: env
        startPost: [echo that is all]
        workingDirectory: /usr/share
        logs: { format: raw }`,
    },
    { env: own },
  );
  await unitd.until({ here: 'completed', there: 'completed' });
  const here = (await unitd.untilLog('here', 'that is all\n')).split('\n');
  const there = (await unitd.untilLog('there', 'that is all\n')).split('\n');
  assert.ok(here.includes('GREETING=hello'));
  assert.ok(here.includes('UNITD_UNIT=here'));
  assert.ok(here.includes(`UNITD_RUNTIME_DIR=${unitd.runtime}`));
  assert.ok(here.some((line) => /^INVOCATION_ID=[0-9a-f]{32}$/.test(line)));
  assert.equal(
    here.find((line) => /^(NOTIFY|LISTEN|WATCHDOG)_/.test(line)),
    undefined,
  );
  assert.deepEqual(
    here.filter((line) => line.startsWith('PWD=')),
    [`PWD=${unitd.root}`],
  );
  assert.deepEqual(
    there.filter((line) => line.startsWith('PWD=')),
    ['PWD=/usr/share'],
  );
});
