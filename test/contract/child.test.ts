// What a child of the real adapter finds when it starts: descriptors, signals, limits, identity.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, openSync, closeSync, readFileSync, statSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ownLimit, RESOURCES } from '../../src/os/libc/limit.ts';
import { lookupUser } from '../../src/os/users.ts';
import { temporaryDirectory } from '../support/child.ts';
import { createRealProcesses } from './real-processes.ts';
import { spawnRequest } from '../support/spawn-request.ts';

const { processes, start, ended, output } = createRealProcesses();

const asRoot = { skip: process.geteuid?.() === 0 ? false : 'needs root' };
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

function field(status: string, name: string): string {
  const line = status.split('\n').find((text) => text.startsWith(`${name}:`));
  assert.ok(line !== undefined, `${name} is not in ${status}`);
  return line.slice(name.length + 1).trim();
}

const OPEN_FILES = 'Max open files';
function openFiles(limits: string): readonly string[] {
  const line = limits.split('\n').find((text) => text.startsWith(OPEN_FILES)) ?? '';
  return line.slice(OPEN_FILES.length).trim().split(/\s+/).slice(0, 2);
}

test('a child has descriptors 0, 1 and 2 only, 0 being /dev/null', async (t) => {
  const leaky = openSync('/dev/zero', 'r');
  t.after(() => closeSync(leaky));
  const list = await output(t, { argv: ['sh', '-c', 'ls -l /proc/$$/fd'] });
  const fds = list
    .split('\n')
    .flatMap((line) => /(\d+) -> (.*)$/.exec(line)?.slice(1, 3).join(' ') ?? [])
    .map((entry) => entry.replace(/\/\S+\/output$/, 'OUTPUT'));
  assert.deepEqual(fds, ['0 /dev/null', '1 OUTPUT', '2 OUTPUT']);
});

test('a child has every signal at its default, SIGPIPE too, and none blocked', async (t) => {
  const status = await output(t, { argv: ['cat', '/proc/self/status'] });
  // glibc's posix_spawn ignores 32 and 33, which it keeps to itself (sysdeps/unix/sysv/linux/spawni.c).
  const ignored = BigInt(`0x${field(status, 'SigIgn')}`) & ~(0b11n << 31n);
  assert.equal(ignored, 0n);
  assert.equal(BigInt(`0x${field(status, 'SigBlk')}`), 0n);
  assert.match(
    readFileSync('/proc/self/status', 'utf8'),
    /^SigIgn:\s+0*[1-9a-f]/m,
    'Node itself ignores SIGPIPE',
  );
});

test('a child has the conventional soft limit on open files, and the daemon keeps its own', async (t) => {
  const own = ownLimit(RESOURCES.nofile);
  const limits = await output(t, { argv: ['cat', '/proc/self/limits'] });
  assert.deepEqual(openFiles(limits), [String(Math.min(1024, own.hard)), String(own.hard)]);
  assert.deepEqual(ownLimit(RESOURCES.nofile), own);
});

test('a child has the same limit on open files when the daemon has no low descriptor free', async (t) => {
  const own = ownLimit(RESOURCES.nofile);
  const fds: number[] = [];
  t.after(() => fds.forEach((fd) => closeSync(fd)));
  while ((fds.at(-1) ?? 0) < Math.min(1024, own.hard - 100)) fds.push(openSync('/dev/null', 'r'));
  const limits = await output(t, { argv: ['cat', '/proc/self/limits'] });
  assert.deepEqual(openFiles(limits), [String(Math.min(1024, own.hard)), String(own.hard)]);
  const missing = processes.spawn(spawnRequest({ argv: ['/nonexistent/program'] }));
  assert.deepEqual(missing, {
    ok: false,
    failure: { stage: 'command', errno: 'ENOENT', reason: '"/nonexistent/program" does not exist' },
  });
});

test('a child has the environment of its request and nothing beside it', async (t) => {
  const environment = { PATH, GREETING: 'grüße\n"$x"', EMPTY: '' };
  for (const umask of [null, 0o022]) {
    const text = await output(t, { argv: ['env', '-0'], environment, umask });
    assert.deepEqual(text.split('\0').sort(), ['', 'EMPTY=', 'GREETING=grüße\n"$x"', `PATH=${PATH}`]);
  }
});

test('a child leads a session of its own', async (t) => {
  const { process: leader } = start(t, spawnRequest({ argv: ['sleep', 'infinity'] }));
  const stat = readFileSync(`/proc/${leader.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  assert.deepEqual(stat.slice(2, 4), [String(leader.pid), String(leader.pid)]);
});

test('a child starts in its working directory, where a relative command is found', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'inner'));
  const there = await output(t, { argv: ['pwd'], workingDirectory: join(directory, 'inner') });
  assert.equal(there, `${directory}/inner\n`);
  const relative = await output(t, { argv: ['bin/pwd'], workingDirectory: '/usr' });
  assert.equal(relative, '/usr\n');
});

test('a child gets its words as they are', async (t) => {
  const text = await output(t, { argv: ['printf', '<%s>', '', 'a b', '$HOME', '--', 'ü\n'] });
  assert.equal(text, '<><a b><$HOME><--><ü\n>');
});

test('a child of another user has all groups of that user', asRoot, async (t) => {
  const daemon = lookupUser('daemon');
  assert.ok(daemon !== null);
  const status = await output(t, { argv: ['cat', '/proc/self/status'], user: 'daemon' });
  assert.deepEqual(field(status, 'Uid').split('\t'), Array<string>(4).fill(String(daemon.uid)));
  assert.deepEqual(field(status, 'Gid').split('\t'), Array<string>(4).fill(String(daemon.gid)));
  const groups = await output(t, { argv: ['id', '-G', 'daemon'] });
  assert.deepEqual(field(status, 'Groups').split(' ').sort(), groups.trim().split(' ').sort());
});

test('a child has the group and the supplementary groups that are named', asRoot, async (t) => {
  const argv: [string, ...string[]] = ['cat', '/proc/self/status'];
  const named = await output(t, { argv, user: '12345', group: 'mail', supplementaryGroups: ['adm', '4321'] });
  assert.match(field(named, 'Uid'), /^12345\t/);
  assert.match(field(named, 'Gid'), /^8\t/);
  assert.equal(field(named, 'Groups'), '4 4321');

  const alone = await output(t, { argv, supplementaryGroups: ['adm'] });
  assert.match(field(alone, 'Uid'), /^0\t/);
  assert.equal(field(alone, 'Groups'), '4');

  const none = await output(t, { argv, user: 'daemon', supplementaryGroups: [] });
  assert.equal(field(none, 'Groups'), '');
});

test('a child of another user has no capability of a daemon that is not root and got some', asRoot, () => {
  const [spawnModule, descriptorModule] = ['spawn', 'libc/descriptor'].map(
    (name) => pathToFileURL(join(import.meta.dirname, `../../src/os/${name}.js`)).href,
  );
  const script = `
    const { createSpawner } = await import(${JSON.stringify(spawnModule)});
    const { duplicateFd } = await import(${JSON.stringify(descriptorModule)});
    const { fd } = duplicateFd(1, 10);
    const started = createSpawner().spawn({ ...JSON.parse(process.argv[1]), stdoutFd: fd, stderrFd: fd });
    if (!started.ok) throw new Error(started.failure.reason);`;
  const request = spawnRequest({ argv: ['cat', '/proc/self/status'], user: 'daemon' });
  const words = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  words.push('--inh-caps=+setuid,+setgid', '--ambient-caps=+setuid,+setgid', '--', process.execPath);
  words.push('--input-type=module', '-e', script, JSON.stringify(request));
  const status = execFileSync('setpriv', words, { encoding: 'utf8', cwd: '/' });
  assert.match(field(status, 'Uid'), new RegExp(`^${lookupUser('daemon')?.uid}\\t`));
  for (const kind of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
    assert.equal(BigInt(`0x${field(status, kind)}`), 0n, kind);
  }
});

test(
  'what steers a program in the environment of another user acts as that user, not as the daemon',
  asRoot,
  async (t) => {
    const folder = temporaryDirectory(t);
    chmodSync(folder, 0o777);
    // With an "=", which env(1) would take for a variable, and where that user may execute it.
    const program = join(folder, 'a=b');
    copyFileSync('/bin/cat', program);
    chmodSync(program, 0o755);
    // The loader of glibc opens this file in each program that has the variables, and appends to it.
    const environment = { PATH, LD_DEBUG: 'files', LD_DEBUG_OUTPUT: join(folder, 'said'), OTHER: 'a b' };
    for (const umask of [null, 0o022]) {
      const argv: [string, ...string[]] = [program, '/proc/self/environ', '/proc/self/stat'];
      const text = await output(t, { argv, environment, user: 'daemon', nice: getPriority() + 1, umask });
      for (const [name, value] of Object.entries(environment)) {
        assert.ok(text.split('\0').includes(`${name}=${value}`), `${name} in ${text}`);
      }
      const pid = /(\d+) \(a=b\)/.exec(text)?.[1];
      assert.equal(statSync(join(folder, `said.${pid}`)).uid, lookupUser('daemon')?.uid);
    }
  },
);

test('a child sees umask, limits, nice, oomScoreAdjust and noNewPrivileges together', asRoot, async (t) => {
  const script =
    'umask; ulimit -S -n; ulimit -H -n; ulimit -c; nice; cat /proc/self/oom_score_adj; ' +
    'grep -o "NoNewPrivs:.*" /proc/self/status; id -u; printf "%s" "$1"';
  const text = await output(t, {
    argv: ['bash', '-c', script, 'x', 'a  word'],
    user: 'daemon',
    umask: 0o027,
    limits: { nofile: { soft: 512, hard: 600 }, core: { soft: 0, hard: 'unlimited' } },
    nice: getPriority() + 3,
    oomScoreAdjust: 300,
    noNewPrivileges: true,
  });
  const expected = [
    '0027',
    '512',
    '600',
    '0',
    String(getPriority() + 3),
    '300',
    'NoNewPrivs:\t1',
    '1',
    'a  word',
  ];
  assert.deepEqual(text.split('\n'), expected);
});

test('a child whose chain ends in a shell has no signal ignored and no descriptor more', async (t) => {
  const text = await output(t, { argv: ['sh', '-c', 'ls /proc/$$/fd; cat /proc/self/status'], umask: 0o077 });
  assert.match(text, /^0\n1\n2\n(?!3)/);
  assert.equal(BigInt(`0x${field(text, 'SigIgn')}`) & ~(0b11n << 31n), 0n);
});

test('spawn() refuses descriptors that it would overwrite first', () => {
  const request = spawnRequest({ argv: ['true'], stdoutFd: 2, stderrFd: 1 });
  assert.throws(() => processes.spawn(request), /expected 3 or more/);
});

test('a core dump or its lack is told from a signal', async (t) => {
  const { process: child } = start(t, spawnRequest({ argv: ['sh', '-c', 'ulimit -c 0; kill -SEGV $$'] }));
  assert.deepEqual(await ended(child), { code: null, signal: 'SIGSEGV', coreDumped: false });
});

test('signal() sends real-time signals by name', async (t) => {
  const { process: child } = start(t, spawnRequest({ argv: ['sleep', 'infinity'] }));
  assert.equal(processes.signal(child, 'SIGRTMIN+3'), 'sent');
  assert.equal((await ended(child)).signal, 'SIGRTMIN+3');
});
