// `unitd daemon --detach`, and a daemon of an ordinary user.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { StatusDocument } from '../../src/wire/v1.ts';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { cannotRunAs, idsOf, PROGRAM, run } from '../support/launch.ts';
import { processFact } from '../support/processes.ts';
import { startUnitd, Unitd } from '../support/unitd.ts';

/** Ends a process that is no child of ours and waits until it is gone: tail(1) watches it. */
async function end(pid: number): Promise<void> {
  const watcher = spawn('tail', [`--pid=${pid}`, '-s', '0.05', '-f', '/dev/null'], { stdio: 'ignore' });
  process.kill(pid, 'SIGTERM');
  await new Promise((resolve) => watcher.once('close', resolve));
}

test('--detach returns when the socket answers, and leaves a daemon in a session of its own, with a pid file', async (t) => {
  const channel = openChannel(t);
  const unitd = new Unitd(t, {});
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path}`);
  rmSync(unitd.logs, { recursive: true, force: true });
  const ran = await unitd.cli('daemon', '--detach');
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout, '');
  assert.equal(statSync(unitd.logs).mode & 0o7777, 0o750, 'as a daemon in the foreground makes it');
  const { daemon } = await unitd.status();
  assert.equal(Number(readFileSync(join(unitd.runtime, 'unitd.pid'), 'utf8')), daemon.pid);
  assert.match(ran.stderr, new RegExp(`pid ${daemon.pid}`));
  assert.equal(processFact(daemon.pid)?.session, daemon.pid);
  const { pid } = await channel.next('up');
  assert.match(readFileSync(join(unitd.logs, 'unitd.log'), 'utf8'), /"event":"ready"/);

  const again = await unitd.cli('daemon', '--detach');
  assert.equal(again.code, 1);
  assert.match(again.stderr, new RegExp(`pid ${daemon.pid}`));
  assert.equal((await unitd.status()).daemon.pid, daemon.pid);

  await end(daemon.pid);
  assert.equal(processFact(pid), null, 'a clean stop takes its units down');
  assert.deepEqual(unitd.processes(), []);
});

test('the log of a daemon in the background is rotated when it has grown large, under the feet of the daemon', async (t) => {
  const channel = openChannel(t);
  const unitd = new Unitd(t, {});
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path}`);
  const log = join(unitd.logs, 'unitd.log');
  mkdirSync(unitd.logs, { recursive: true });
  writeFileSync(log, 'of an earlier daemon\n');
  truncateSync(log, 9_999_990);
  const ran = await unitd.cli('daemon', '--detach');
  assert.equal(ran.code, 0, ran.stderr);
  const { daemon } = await unitd.status();
  await channel.next('up');
  const rotated = readFileSync(`${log}.1`, 'latin1');
  assert.match(
    rotated,
    /^of an earlier daemon\n\0+\{.*\}\n$/,
    'up to the line with which it was large enough',
  );
  assert.match(readFileSync(log, 'utf8'), /"event":"ready"/);
  for (const fd of [1, 2]) assert.equal(readlinkSync(`/proc/${daemon.pid}/fd/${fd}`), log);
  await end(daemon.pid);
  assert.match(readFileSync(log, 'utf8'), /"event":"stopped"/);
});

test('--detach exits non-zero with the reason if the daemon does not come up, and no unit was started', async (t) => {
  const unitd = new Unitd(t, {});
  const trace = join(unitd.root, 'started');
  unitd.write('eager.yaml', `command: [/bin/touch, ${trace}]\ntype: oneshot`);
  writeFileSync(unitd.runtime, 'a file');
  const ran = await unitd.cli('daemon', '--detach');
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /cannot use directory ".*\/run": it is a file/);
  assert.deepEqual(unitd.processes(), []);
  const long = await unitd.cli('daemon', '--detach', '--runtime-dir', join(unitd.root, 'x'.repeat(110)));
  assert.equal(long.code, 1);
  assert.match(long.stderr, /its path has \d+ bytes, expected at most 107/);
  assert.deepEqual(unitd.processes(), []);
  assert.equal(existsSync(trace), false);
});

test('--detach starts over a broken unit file too, and status says degraded', async (t) => {
  const unitd = new Unitd(t, {});
  unitd.write('bad.yaml', 'command: [');
  const ran = await unitd.cli('daemon', '--detach');
  assert.equal(ran.code, 0, ran.stderr);
  const { daemon } = await unitd.status();
  assert.equal(daemon.degraded, true);
  await end(daemon.pid);
});

const skip = cannotRunAs('nobody');

test('an ordinary user runs a daemon, units, and all verbs', { skip }, async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    {
      'web.yaml': `command: ${child.announce} ${channel.path}`,
      'foreign.yaml': 'command: sleep infinity\nuser: root\nenabled: false',
    },
    { asUser: 'nobody' },
  );
  const { pid } = await channel.next('up');
  const [uid] = idsOf('nobody');
  assert.equal(statSync(`/proc/${pid}`).uid, uid);
  assert.equal(statSync(unitd.socket).uid, uid);
  const foreign = await unitd.cli('start', 'foreign', '--timeout', '10s');
  assert.equal(foreign.code, 1);
  assert.match(foreign.stderr, /root/, 'whom it may not become');
  await unitd.cli('stop', 'foreign');
  assert.equal((await unitd.cli('restart', 'web')).code, 0);
  const again = await channel.next('up', 1);
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path}\nstop: { timeout: 3s }`);
  assert.equal((await unitd.cli('reload')).code, 0);
  assert.equal((await unitd.unit('web')).unit.pid, again.pid);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal((await unitd.cli('status', 'web')).code, 0);
});

test(
  'a daemon of an ordinary user gets along with a umask of 0777, of which units have 0077',
  { skip },
  async (t) => {
    const node = join(temporaryDirectory(t), 'node');
    writeFileSync(node, `#!/bin/sh\numask 0777\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
    chmodSync(dirname(node), 0o755);
    const unitd = await startUnitd(
      t,
      { 'mask.yaml': 'type: oneshot\ncommand: [/bin/sh, -c, umask]' },
      { asUser: 'nobody', node },
    );
    await unitd.until({ mask: 'completed' });
    await unitd.untilLog('mask', / stdout F 0077\n/);
    await unitd.kill('SIGKILL');
    await unitd.start();
    await unitd.until({ mask: 'completed' });
    assert.equal((await unitd.cli('reexec')).code, 0);
  },
);

test('without flags an ordinary user gets the XDG directories', { skip }, async (t) => {
  const home = temporaryDirectory(t);
  const dirs = Object.fromEntries(['config', 'state', 'run'].map((name) => [name, join(home, name)]));
  const unitsDirectory = join(home, 'config/unitd/units.d');
  mkdirSync(unitsDirectory, { recursive: true });
  writeFileSync(join(unitsDirectory, 'web.yaml'), 'command: sleep infinity\n');
  for (const path of [home, join(home, 'config'), join(home, 'config/unitd'), unitsDirectory]) {
    chownSync(path, ...idsOf('nobody'));
  }
  mkdirSync(join(home, 'run'), { mode: 0o700 });
  chownSync(join(home, 'run'), ...idsOf('nobody'));
  const unitd = new Unitd(t, {
    asUser: 'nobody',
    env: {
      HOME: home,
      XDG_CONFIG_HOME: dirs['config'] ?? '',
      XDG_STATE_HOME: dirs['state'] ?? '',
      XDG_RUNTIME_DIR: dirs['run'] ?? '',
      UNITD_UNITS: '',
      UNITD_RUNTIME_DIR: '',
      UNITD_STATE_DIR: '',
      UNITD_LOG_DIR: '',
    },
  });
  const ran = await unitd.cli('daemon', '--detach');
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal((await unitd.cli('wait', 'web', '--timeout', '20s')).code, 0);
  const status: StatusDocument = JSON.parse((await unitd.cli('status', '--json')).stdout);
  assert.equal(status.daemon.units, unitsDirectory);
  assert.equal(status.units[0]?.state, 'running');
  assert(statSync(join(home, 'run/unitd/unitd.sock')).isSocket());
  assert(statSync(join(home, 'state/unitd/log/unitd.log')).isFile());
  await end(status.daemon.pid);
});

test(
  '--detach of an ordinary user exits with 77 where the log directory is not theirs',
  { skip },
  async (t) => {
    const unitd = new Unitd(t, { asUser: 'nobody', env: { UNITD_LOG_DIR: '/etc/unitd-log' } });
    const ran = await unitd.cli('daemon', '--detach');
    assert.equal(ran.code, 77);
    assert.match(ran.stderr, /cannot open log "\/etc\/unitd-log\/unitd\.log": EACCES/);
  },
);

test('--detach says why where its log could not be opened a second time', { skip }, async (t) => {
  const directory = temporaryDirectory(t);
  chownSync(directory, ...idsOf('nobody'));
  writeFileSync(join(directory, 'file'), 'not a directory');
  const env = { ...process.env, UNITD_LOG_DIR: directory, UNITD_RUNTIME_DIR: join(directory, 'file/run') };
  // As it would be without a descriptor left.
  const within = ['sh', '-c', 'umask 777; exec "$@"', 'sh'];
  const args = ['daemon', '--detach'];
  const { code, stderr } = await run({ args, env, cwd: directory, asUser: 'nobody', within });
  assert.equal(code, 1);
  assert.match(stderr, /^cannot start daemon: .*ENOTDIR.*\nunitd: cannot start daemon: it ended with code 1/);
});

test('--detach says why when the daemon cannot even be started', { skip }, (t) => {
  const directory = temporaryDirectory(t);
  const [uid, gid] = idsOf('nobody');
  chownSync(directory, uid, gid);
  // setpriv(1) may still pass through a directory of root's, what it starts may not.
  const node = join(mkdtempSync(join(directory, 'closed-')), 'node');
  copyFileSync(process.execPath, node);
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const env = { ...process.env, XDG_STATE_HOME: directory, UNITD_RUNTIME_DIR: join(directory, 'run') };
  const ran = spawnSync('setpriv', [...ids, node, PROGRAM, 'daemon', '--detach'], { env, encoding: 'utf8' });
  assert.equal(ran.status, 1, ran.stderr);
  assert.match(ran.stderr, /cannot start daemon: spawn .*\/node EACCES, expected an answer at "/);
});
