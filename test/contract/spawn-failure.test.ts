// Every way in which a start fails before the command runs: reported by spawn() itself, by name, and found by
// checkPrerequisites() without a start.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test, type TestContext } from 'node:test';
import type { SpawnFailure, SpawnRequest } from '../../src/model/process.ts';
import { checkPrerequisites } from '../../src/os/prerequisites.ts';
import { temporaryDirectory } from '../support/child.ts';
import { createRealProcesses } from './real-processes.ts';
import { refuseOpens } from '../support/refused-opens.ts';
import { spawnRequest } from '../support/spawn-request.ts';

const { processes, reports } = createRealProcesses();
const asRoot = { skip: process.geteuid?.() === 0 ? false : 'needs root' };

type Wanted = Partial<SpawnRequest> & Pick<SpawnRequest, 'argv'>;

function spawnFailure(wanted: Wanted): SpawnFailure {
  const result = processes.spawn(spawnRequest(wanted));
  assert.ok(!result.ok, 'it was started');
  return result.failure;
}

/** A directory with one of everything that cannot be run. */
function brokenPrograms(t: TestContext): string {
  const directory = temporaryDirectory(t);
  const write = (name: string, content: string, mode: number): void => {
    writeFileSync(join(directory, name), content);
    chmodSync(join(directory, name), mode);
  };
  write('data', 'no program', 0o644);
  write('orphan-script', '#!/opt/none/python -u\n', 0o755);
  write('bad-script', '#!/etc/passwd\n', 0o755);
  write('lost-script', '#!/etc/passwd/sh\n', 0o755);
  write('text', 'neither binary nor script\n', 0o755);
  write('private', '#!/bin/sh\n', 0o700);
  mkdirSync(join(directory, 'closed'), { mode: 0o700 });
  writeFileSync(join(directory, 'closed', 'program'), '#!/bin/sh\n', { mode: 0o755 });
  return directory;
}

const LONG_PATH = Array.from(
  { length: 30 },
  (_, at) => `/opt/package-${String(at).padStart(2, '0')}/bin`,
).join(':');

test('spawn() and checkPrerequisites() name what is wrong with command and directory', (t) => {
  const at = brokenPrograms(t);
  const rows: readonly [Wanted, SpawnFailure['stage'], string, string][] = [
    [{ argv: ['/opt/none/x'] }, 'command', 'ENOENT', '"/opt/none/x" does not exist'],
    [
      { argv: ['no-such-command'], environment: { PATH: '/usr/bin:/bin' } },
      'command',
      'ENOENT',
      '"no-such-command" is not on the PATH "/usr/bin:/bin"',
    ],
    [
      { argv: ['no-such-command'], environment: { PATH: LONG_PATH } },
      'command',
      'ENOENT',
      '"no-such-command" is not on the PATH "/opt/package-00/bin:/opt/package-01/bin:/opt/package-02/bin:/opt/package-03/bin:/opt/package-04/bin:/opt/package-05/bin:…", 30 directories',
    ],
    [{ argv: [''] }, 'command', 'ENOENT', 'the command is empty'],
    [{ argv: [`${at}/data`] }, 'command', 'EACCES', `"${at}/data" is not executable (mode 0644)`],
    [
      { argv: ['data'], environment: { PATH: `/usr/bin:${at}` } },
      'command',
      'EACCES',
      `"${at}/data" is not executable (mode 0644)`,
    ],
    [{ argv: [at] }, 'command', 'EACCES', `"${at}" is a directory`],
    [
      { argv: [`${at}/data/x`] },
      'command',
      'ENOTDIR',
      `"${at}/data/x" leads through something that is not a directory`,
    ],
    [
      { argv: [`${at}/orphan-script`] },
      'command',
      'ENOENT',
      `the interpreter "/opt/none/python" of "${at}/orphan-script" does not exist`,
    ],
    [
      { argv: [`${at}/bad-script`] },
      'command',
      'EACCES',
      `the interpreter "/etc/passwd" of "${at}/bad-script" is not executable`,
    ],
    [
      { argv: [`${at}/lost-script`] },
      'command',
      'ENOTDIR',
      `the interpreter "/etc/passwd/sh" of "${at}/lost-script" leads through something that is not a directory`,
    ],
    [
      { argv: ['true'], workingDirectory: `${at}/none` },
      'directory',
      'ENOENT',
      `"${at}/none" does not exist`,
    ],
    [
      { argv: ['true'], workingDirectory: `${at}/data` },
      'directory',
      'ENOTDIR',
      `"${at}/data" is not a directory`,
    ],
    [{ argv: ['a\0b'] }, 'command', 'EINVAL', 'a word of the command or its environment has a NUL byte'],
  ];
  for (const [wanted, stage, errno, reason] of rows) {
    const expected = { stage, errno, reason };
    assert.deepEqual(spawnFailure(wanted), expected);
    assert.deepEqual(checkPrerequisites(spawnRequest(wanted)), [expected]);
    // The same through the chain, where only a look beforehand can tell.
    assert.deepEqual(spawnFailure({ ...wanted, umask: 0o022 }), expected);
  }
});

test('spawn() tells a file that is no program', (t) => {
  const at = brokenPrograms(t);
  assert.deepEqual(spawnFailure({ argv: [`${at}/text`] }), {
    stage: 'command',
    errno: 'ENOEXEC',
    reason: `"${at}/text" is neither a program of this machine nor a script with a #! line`,
  });
});

test('spawn() tells arguments that are too long', () => {
  const failure = spawnFailure({ argv: ['true', 'x'.repeat(1 << 20)] });
  assert.equal(failure.stage, 'command');
  assert.equal(failure.errno, 'E2BIG');
});

test('spawn() and checkPrerequisites() name users and groups that do not exist', () => {
  const rows: readonly [Partial<SpawnRequest>, string][] = [
    [{ user: 'no-such-user' }, 'user "no-such-user" does not exist'],
    [{ group: 'no-such-group' }, 'group "no-such-group" does not exist'],
    [{ supplementaryGroups: ['no-such-group'] }, 'group "no-such-group" does not exist'],
    [{ user: '54321' }, 'user "54321" has no entry in the user database, so a group must be given'],
    [
      { user: '4294967295', group: '1' },
      'user "4294967295" is no id, expected a number of at most 4294967294',
    ],
    [{ user: '4294967296' }, 'user "4294967296" is no id, expected a number of at most 4294967294'],
    [{ user: '+0' }, 'user "+0" does not exist'],
    [{ group: '4294967295' }, 'group "4294967295" is no id, expected a number of at most 4294967294'],
    [
      { supplementaryGroups: ['4294967296'] },
      'group "4294967296" is no id, expected a number of at most 4294967294',
    ],
  ];
  for (const [wanted, reason] of rows) {
    const expected = { stage: 'user', errno: null, reason };
    assert.deepEqual(spawnFailure({ argv: ['true'], ...wanted }), expected);
    assert.deepEqual(checkPrerequisites(spawnRequest({ argv: ['true'], ...wanted })), [expected]);
  }
});

test('spawn() names what the unit’s user may not execute or enter', asRoot, (t) => {
  const at = brokenPrograms(t);
  const rows: readonly [Wanted, SpawnFailure['stage'], string][] = [
    [{ argv: [`${at}/private`] }, 'command', `${at}/private`],
    [{ argv: [`${at}/closed/program`] }, 'command', `${at}/closed`],
    [{ argv: ['true'], workingDirectory: `${at}/closed` }, 'directory', `${at}/closed`],
  ];
  for (const [wanted, stage, path] of rows) {
    const reason = `user "daemon" may not execute or search "${path}" (mode 0700, owner 0:0)`;
    assert.deepEqual(spawnFailure({ ...wanted, user: 'daemon' }), { stage, errno: 'EACCES', reason });
  }
});

test(
  'spawn() and checkPrerequisites() refuse a setpriv that switches no user, as that of BusyBox',
  asRoot,
  (t) => {
    const { realpathSync } = fs;
    t.mock.method(fs, 'realpathSync', (path: string) =>
      path.endsWith('/setpriv') ? '/bin/busybox' : realpathSync(path),
    );
    syncBuiltinESMExports();
    t.after(syncBuiltinESMExports);
    const wanted: Wanted = { argv: ['true'], user: 'daemon' };
    const failure = spawnFailure(wanted);
    assert.match(
      failure.reason,
      /^"[a-z/]+\/setpriv" is that of BusyBox and switches no user, expected that of util-linux$/,
    );
    assert.deepEqual(checkPrerequisites(spawnRequest(wanted)), [failure]);
    assert.deepEqual(checkPrerequisites(spawnRequest({ argv: ['true'], noNewPrivileges: true })), []);
  },
);

test('spawn() with a umask refuses a variable that no shell would pass on as it is', () => {
  for (const name of ['a.b', 'IFS', 'LINENO', 'OPTIND', 'PPID']) {
    const wanted = { argv: ['true'], environment: { PATH: '/bin', [name]: '1' } } as const;
    const failure = spawnFailure({ ...wanted, umask: 0o022 });
    assert.equal(failure.stage, 'command');
    assert.equal(
      failure.reason,
      `the variable "${name}" does not pass through /bin/sh, which sets the umask`,
    );
    assert.deepEqual(checkPrerequisites(spawnRequest(wanted)), []);
  }
});

test('spawn() refuses a limit on open files that nobody may have', () => {
  const most = readFileSync('/proc/sys/fs/nr_open', 'utf8').trim();
  const failure = spawnFailure({ argv: ['true'], limits: { nofile: { soft: 1024, hard: 'unlimited' } } });
  const reason = `the hard limit nofile of unlimited is above fs.nr_open, ${most}`;
  assert.deepEqual(failure, { stage: 'resources', errno: 'EPERM', reason });
});

test('spawn() still looks up what it has to know when no descriptor is to be had', (t) => {
  refuseOpens(t, /^\/proc\/sys\/fs\/nr_open$/, 'EMFILE', 1);
  const limits = { nofile: { soft: 100, hard: 200 } };
  assert.equal(processes.spawn(spawnRequest({ argv: ['true'], limits })).ok, true);
});

test('spawn() of a child that /proc does not show fails and leaves no child behind', async (t) => {
  const { mend } = refuseOpens(t, /^\/proc\/\d+\/stat$/, 'ENOENT');
  const failure = spawnFailure({ argv: ['sleep', 'infinity'] });
  mend();
  assert.equal(failure.stage, 'resources');
  assert.match(failure.reason, /^"\/proc\/\d+\/stat" of its process cannot be read, expected \/proc/);
  await reports.first(({ process, status }) => process === null && status.signal === 'SIGKILL');
});

test('checkPrerequisites() goes on after the first lack, as far as it does not hide the next', () => {
  const reasons = (wanted: Wanted): readonly string[] =>
    checkPrerequisites(spawnRequest({ user: 'no-such-user', workingDirectory: '/opt/none', ...wanted })).map(
      ({ reason }) => reason,
    );
  const first = ['user "no-such-user" does not exist', '"/opt/none" does not exist'];
  assert.deepEqual(reasons({ argv: ['/opt/other/x'] }), [...first, '"/opt/other/x" does not exist']);
  assert.deepEqual(reasons({ argv: ['no-such-command'], environment: { PATH: '/bin' } }), [
    ...first,
    '"no-such-command" is not on the PATH "/bin"',
  ]);
  // Whether there is one of a directory that there is not is no question.
  assert.deepEqual(reasons({ argv: ['./x'] }), first);
  assert.deepEqual(reasons({ argv: ['true'] }), first);
});

test('checkPrerequisites() finds nothing wrong with a good request', () => {
  const request = spawnRequest({
    argv: ['true'],
    umask: 0o022,
    workingDirectory: '/',
    limits: { core: { soft: 0, hard: 0 } },
  });
  assert.deepEqual(checkPrerequisites(request), []);
});

test('checkPrerequisites() of an unprivileged daemon names what only root may do', asRoot, () => {
  const request = spawnRequest({ argv: ['true'] });
  const wanted: readonly Partial<SpawnRequest>[] = [
    { user: 'daemon' },
    { group: 'daemon' },
    { supplementaryGroups: ['daemon'] },
    { nice: -5 },
    { oomScoreAdjust: -500 },
    { limits: { memlock: { soft: 1, hard: 'unlimited' }, nofile: { soft: 1, hard: 1024 } } },
    { user: 'nobody' },
    { nice: 19, umask: 0o077, noNewPrivileges: true },
  ];
  const script = `
    const { checkPrerequisites } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/os/prerequisites.js')).href)});
    process.setgroups([]); process.setgid('nogroup'); process.setuid('nobody');
    const answers = JSON.parse(process.argv[1]).map((request) => checkPrerequisites(request)[0]);
    process.stdout.write(JSON.stringify(answers.map((failure) => failure && [failure.stage, failure.errno, failure.reason])));`;
  const requests = JSON.stringify(wanted.map((fields) => ({ ...request, ...fields })));
  const answers: unknown = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', script, requests], {
      encoding: 'utf8',
      cwd: '/',
    }),
  );
  const uid = 'the daemon runs as uid 65534';
  assert.ok(Array.isArray(answers));
  assert.deepEqual(answers.slice(0, 5), [
    ['user', 'EPERM', `${uid} and may not switch to user "daemon"`],
    ['user', 'EPERM', `${uid} and may not switch to group 1`],
    ['user', 'EPERM', `${uid} and may not set supplementary groups`],
    ['resources', 'EPERM', `the daemon may not lower nice from ${getPriority()} to -5`],
    ['resources', 'EPERM', 'the daemon may not lower oomScoreAdjust from 0 to -500'],
  ]);
  assert.match(
    JSON.stringify(answers[5]),
    /"resources","EPERM","the hard limit \w+ of \w+ is above the daemon's own, \d+"/,
  );
  assert.deepEqual(answers.slice(6), [null, null]);
});

test(
  'spawn() enters no directory that its user could not, also where one is put in the place of another',
  asRoot,
  (t) => {
    const folder = temporaryDirectory(t);
    chmodSync(folder, 0o755);
    const link = join(folder, 'link');
    const below = join(folder, 'closed/below');
    mkdirSync(join(folder, 'open'));
    mkdirSync(below, { recursive: true });
    chmodSync(join(folder, 'closed'), 0o700);
    symlinkSync('open', link);
    const { realpathSync } = fs;
    // As soon as it has been found to be a good one.
    const looking = t.mock.method(fs, 'realpathSync', (path: string) => {
      const real = realpathSync(path);
      if (path === link) {
        rmSync(link);
        symlinkSync(below, link);
      }
      return real;
    });
    syncBuiltinESMExports();
    try {
      assert.deepEqual(spawnFailure({ argv: ['true'], user: 'daemon', workingDirectory: link }), {
        stage: 'directory',
        errno: 'EACCES',
        reason: `"${link}" cannot be entered (EACCES)`,
      });
    } finally {
      looking.mock.restore();
      syncBuiltinESMExports();
    }
  },
);
