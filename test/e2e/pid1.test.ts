// unitd as the first process of a PID namespace, as in a container: it reaps everything, is ended by what ends
// containers and by nothing else, ends with the code of the unit that asks for it, and needs hardly anything to start.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { cannotRunAs, idsOf, PROGRAM } from '../support/launch.ts';
import { childrenOf, environmentOf } from '../support/processes.ts';
import { startUnitd, Unitd, type StartOptions } from '../support/unitd.ts';
import { versionsOf } from '../support/versions.ts';

const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const OWN_NAMESPACE = ['unshare', '--user', '--map-root-user', ...NAMESPACE.slice(1)];

interface Case {
  readonly as: string;
  readonly skip: string | false;
  readonly options: StartOptions & { readonly within: readonly string[] };
}

function cannot(words: readonly string[]): string | false {
  const [first = '', ...rest] = words;
  const { status, stderr } = spawnSync(first, [...rest, 'true'], { encoding: 'utf8' });
  return status === 0 ? false : `${words.join(' ')} is not permitted: ${stderr.trim()}`;
}

function asNobody(): string | false {
  const unable = cannotRunAs('nobody');
  if (unable !== false) return unable;
  const [uid, gid] = idsOf('nobody');
  return cannot(['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...OWN_NAMESPACE]);
}

/** In no user database. */
const UNKNOWN_UID = 54321;

const isRoot = process.getuid?.() === 0;
const within = isRoot ? NAMESPACE : OWN_NAMESPACE;
const CASES: readonly Case[] = [
  { as: 'the user of the tests', skip: cannot(within), options: { within } },
  {
    as: 'nobody, in a user namespace',
    skip: asNobody(),
    options: { within: OWN_NAMESPACE, asUser: 'nobody' },
  },
];
const [{ skip, options }] = CASES as readonly [Case, Case];

/** Of the test's deadline; nothing tells of the end of somebody else's child. */
async function noZombies(pid: number): Promise<void> {
  while (childrenOf(pid).some(({ state }) => state === 'Z')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

for (const { as, skip: reason, options: how } of CASES) {
  test(
    `as ${as}: orphans by the hundred are reaped, whoever left them behind`,
    { skip: reason, timeout: 60_000 },
    async (t) => {
      const channel = openChannel(t);
      const ends = join(temporaryDirectory(t), 'ends');
      const orphans = `for i in $(seq 60); do (setsid sh -c 'exit 3' &); (sh -c 'kill -9 $$$$' &); done`;
      const unitd = await startUnitd(
        t,
        {
          'leaves.yaml': `
          command: [/bin/sh, -c, "${orphans}; exec ${child.announce} ${channel.path}"]`,
          'ends.yaml': `
          type: oneshot
          command: [/bin/sh, -c, "${orphans}; true"]`,
          'tree.yaml': `command: ${child.doubleFork} ${channel.path}\nstop: { timeout: 1h }`,
        },
        how,
      );
      assert.equal((await unitd.status()).daemon.pid, 1);
      await Promise.all([channel.next('up'), channel.next('main'), channel.next('grandchild')]);
      await unitd.until({ ends: 'completed', leaves: 'running', tree: 'running' });
      await noZombies(unitd.pid);
      assert.equal((await unitd.cli('stop', 'tree')).code, 0);
      // Orphans that the scheduler has kept from their end until now are there too.
      while (childrenOf(unitd.pid).length > 1) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(childrenOf(unitd.pid).length, 1, 'the main process of "leaves" alone');
      assert.equal(existsSync(ends), false);
    },
  );

  test(
    `as ${as}: signals that mean nothing to it change nothing, SIGHUP reloads`,
    { skip: reason },
    async (t) => {
      const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' }, how);
      await unitd.until({ web: 'running' });
      const before = (await unitd.unit('web')).unit.pid;
      for (const signal of [
        'SIGUSR1',
        'SIGUSR2',
        'SIGALRM',
        'SIGVTALRM',
        'SIGPIPE',
        'SIGWINCH',
        'SIGXCPU',
        'SIGIO',
      ] as const) {
        unitd.signal(signal);
      }
      unitd.write('more.yaml', 'command: sleep infinity');
      unitd.signal('SIGHUP');
      await unitd.until({ more: 'running' });
      const { daemon, units } = await unitd.status();
      assert.deepEqual([daemon.pid, units.find(({ name }) => name === 'web')?.pid], [1, before]);
      assert.doesNotMatch(unitd.said.join('\n'), /Debugger|inspector/i);
    },
  );

  test(`as ${as}: a unit's exit action ends it with that code`, { skip: reason }, async (t) => {
    const unitd = new Unitd(t, how);
    unitd.write('main.yaml', 'command: [/bin/sh, -c, exit 42]\nrestart: { policy: no }\nfailureAction: exit');
    unitd.write('other.yaml', 'command: sleep infinity');
    await unitd.start();
    assert.deepEqual(await unitd.ended(), { code: 42, signal: null });
    assert.deepEqual(unitd.processes(), []);
  });

  test(`as ${as}: another version takes over, still as the first process`, { skip: reason }, async (t) => {
    const channel = openChannel(t);
    const versions = versionsOf(t);
    versions.install('7.0.0').use();
    const files = { 'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 10ms }` };
    const unitd = await startUnitd(t, files, { ...how, program: versions.program });
    await channel.next('up');
    await unitd.until({ web: 'running' });
    const { pid } = (await unitd.unit('web')).unit;
    versions.install('8.0.0').use();
    const ran = await unitd.cli('reexec');
    assert.deepEqual([ran.code, ran.stdout], [0, 'pid 1: version 8.0.0 in place of 7.0.0\n'], ran.stderr);
    assert.equal((await unitd.unit('web')).unit.pid, pid);
    await unitd.followAnew();
    const next = await unitd.follow();
    const [web] = childrenOf(unitd.pid);
    process.kill(web?.pid ?? 0, 'SIGSEGV');
    const ended = await next((line) => line.type === 'exit');
    assert.equal(ended.type === 'exit' && ended.exit.signal, 'SIGSEGV');
    await channel.next('up', 1);
    await noZombies(unitd.pid);
  });
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGPWR'] as const) {
  test(`${signal} to a first process stops the units in order, exit code 0`, { skip }, async (t) => {
    const files = {
      'db.yaml': 'command: sleep infinity',
      'app.yaml': 'command: sleep infinity\nrequires: [db]',
    };
    const unitd = await startUnitd(t, files, options);
    await unitd.until({ db: 'running', app: 'running' });
    assert.deepEqual(await unitd.kill(signal), { code: 0, signal: null });
    const stopped = unitd.said.flatMap((line): string[] => {
      const { state, unit } = JSON.parse(line);
      return state === 'stopped' ? [unit] : [];
    });
    assert.deepEqual(stopped, ['app', 'db']);
  });
}

test(
  'a container that is started again on the same files begins anew: nothing of it is left to take back',
  { skip },
  async (t) => {
    const starts = join(temporaryDirectory(t), 'starts');
    const unitd = await startUnitd(
      t,
      {
        'setup.yaml': `type: oneshot\ncommand: ${child.note} 0 ${starts} start`,
        'web.yaml': 'command: sleep infinity\nrequires: [setup]\nrestart: { delay: 1h, maxDelay: 1h }',
      },
      options,
    );
    await unitd.until({ setup: 'completed', web: 'running' });
    await unitd.kill('SIGKILL');
    assert.deepEqual(unitd.processes(), []);
    await unitd.start();
    await unitd.until({ setup: 'completed', web: 'running' });
    assert.equal(readFileSync(starts, 'utf8'), 'start\nstart\n');
    assert.equal((await unitd.unit('web')).unit.restarts, 0);
  },
);

const PROC_OF_ANOTHER = within.filter((word) => word !== '--mount-proc');
const EMPTY_PROC = [...within, '--mount', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];

for (const [what, words, reason] of [
  [
    'the /proc of another namespace',
    PROC_OF_ANOTHER,
    /"\/proc" is that of another PID namespace \(process \d+ there is 1 here\), expected one of its own/,
  ],
  [
    'a /proc without the id of the boot',
    [...within, '--mount', 'sh', '-c', 'mount -t tmpfs none /proc/sys && exec "$@"', 'sh'],
    /"\/proc\/sys" does not tell the id of the boot \(ENOENT: .*\), expected a whole proc file system/,
  ],
  ['an empty /proc', EMPTY_PROC, /"\/proc" shows no processes, expected a mounted proc file system/],
] as const) {
  test(`${what} is no place for a daemon, which says so and exits 1`, { skip: cannot(words) }, async (t) => {
    for (const fence of ['session', 'auto']) {
      const { env } = new Unitd(t, { env: { UNITD_FENCE: fence } });
      const [first = '', ...rest] = words;
      const program = [process.execPath, PROGRAM, 'daemon'];
      const { status, stderr } = spawnSync(first, [...rest, ...program], {
        env,
        encoding: 'utf8',
        timeout: 30_000,
      });
      assert.equal(status, 1, stderr);
      assert.match(JSON.parse(stderr).message, reason);
    }
  });
}

test(
  'a read-only file system is no place for a runtime directory, also where there is none yet',
  { skip: isRoot ? skip : 'needs root' },
  (t) => {
    const { env, runtime } = new Unitd(t, {});
    const readOnly =
      'root=${UNITD_RUNTIME_DIR%/run}; mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" && exec "$@"';
    const [first, ...rest] = [...within, 'sh', '-c', readOnly, 'sh', process.execPath, PROGRAM, 'daemon'];
    const { status, stderr } = spawnSync(first, rest, { env, encoding: 'utf8', timeout: 30_000 });
    assert.equal(status, 1, stderr);
    const expected = `cannot use runtime directory "${runtime}": EROFS, expected a file system that can be written to`;
    assert.equal(JSON.parse(stderr).message, `cannot start daemon: ${expected}`);
  },
);

test(
  'a unit that follows all logs puts them on the standard output of the first process',
  { skip },
  async (t) => {
    const output = openChannel(t);
    const follow = `exec ${process.execPath} ${PROGRAM} logs -f --since $(date +%FT%T) >>/proc/1/fd/1`;
    await startUnitd(
      t,
      {
        'shown.yaml': `command: [/bin/sh, -c, "${follow}"]`,
        'web.yaml': `command: [/bin/sh, -c, "echo hello; exec sleep infinity"]`,
      },
      { within: [...within, 'sh', '-c', `exec "$@" >${output.path}`, 'sh'] },
    );
    await output.next('web');
  },
);

/** Runs what follows in a system that can be written to in $UNITD_RUNTIME_DIR alone. */
const bare = (become: string): readonly string[] => [
  ...within,
  'sh',
  '-c',
  `set -e
  root=\${UNITD_RUNTIME_DIR%/run}
  mount --bind "$root" "$root"
  mount --bind "$root/run" "$root/run"
  mount -o remount,bind,ro "$root"
  mount -o remount,bind,ro /
  exec ${become} env -i "$@" <&-`,
  'sh',
];

interface Bare {
  readonly uid: number;
  readonly become: string;
  /** Where its state is, and why it is not. */
  readonly state: string;
  readonly logs: string;
  readonly why: string;
}

const BARE: Readonly<Record<string, Bare>> = {
  'as root': {
    uid: 0,
    become: '',
    state: '/var/lib/unitd',
    logs: '/var/log/unitd',
    why: 'the file system is read-only',
  },
  'as a user that nobody knows': {
    uid: UNKNOWN_UID,
    become: `setpriv --reuid=${UNKNOWN_UID} --regid=${UNKNOWN_UID} --clear-groups`,
    state: '/.local/state/unitd',
    logs: '/.local/state/unitd/log',
    why: 'cannot make directory',
  },
};

for (const [who, { uid, become, state, logs, why }] of Object.entries(BARE)) {
  test(
    `${who}: a read-only system, no environment, home or stdin: it says what it lacks, and units run`,
    { skip: isRoot ? skip : 'needs root' },
    async (t) => {
      const channel = openChannel(t);
      const unitd = new Unitd(t, { within: bare(become) });
      mkdirSync(unitd.runtime, { mode: 0o700 });
      chownSync(unitd.runtime, uid, uid);
      unitd.write('web.yaml', `command: [/bin/sh, -c, "echo hello; exec ${child.announce} ${channel.path}"]`);
      await unitd.start('--units', unitd.units, '--runtime-dir', unitd.runtime);
      await unitd.says(`going on without state directory \\"${state}\\": ${why}`);
      await unitd.says(`going on without log directory \\"${logs}\\": ${why}`);
      await channel.next('up');
      await unitd.until({ web: 'running' });
      assert.doesNotMatch(unitd.said.join('\n'), /cannot write (state file|restart history)/);
      await unitd.says('cannot write log of unit \\"web\\"');
      assert.match((await unitd.unit('web')).logs.problem ?? '', /output is dropped until it can be written/);
      const [web] = childrenOf(unitd.pid);
      const inherited = environmentOf(web?.pid ?? 0);
      assert.deepEqual(inherited.map((word) => word.split('=')[0] ?? '').sort(), [
        'INVOCATION_ID',
        'PWD',
        'UNITD_RUN',
        'UNITD_UNIT',
      ]);
      assert.equal((await unitd.cli('restart', 'web')).code, 0);
      await channel.next('up', 1);
      assert.deepEqual(await unitd.stop(), { code: 0, signal: null });
    },
  );
}
