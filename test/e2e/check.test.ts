// What is done with unit files alone: check, show, schema; and the sample set that comes with the program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { run } from '../support/launch.ts';
import { startUnitd, Unitd } from '../support/unitd.ts';

const SAMPLES = join(packageRoot(), 'units.d');

test('the sample set is valid and shows a service, a oneshot, a target, a dependency and a backoff', async (t) => {
  const unitd = new Unitd(t, { args: ['--units', SAMPLES, '--insecure-permissions'] });
  const checked = await unitd.cli('check', '--insecure-permissions', SAMPLES);
  assert.deepEqual(checked, { code: 0, stdout: '', stderr: '' });
  await unitd.start();
  await unitd.until({ clock: 'running', greeter: 'running', 'tidy-desk': 'completed', workshop: 'running' });
  await unitd.until({ stumbler: 'backoff' });
  const { units } = await unitd.status();
  assert.deepEqual(
    units.map(({ name, type, ready }) => ({ name, type, ready })),
    [
      { name: 'clock', type: 'service', ready: true },
      { name: 'greeter', type: 'service', ready: true },
      { name: 'stumbler', type: 'service', ready: false },
      { name: 'tidy-desk', type: 'oneshot', ready: true },
      { name: 'workshop', type: 'target', ready: true },
    ],
  );
  const stumbler = units.find(({ name }) => name === 'stumbler');
  assert.match(stumbler?.reason ?? '', /exited with code 3/);
  assert.notEqual(stumbler?.nextStartAt, null);
  const table = await unitd.cli('status');
  assert.equal(table.code, 3, 'one of them is not up');
  assert.match(table.stdout, /stumbler +backoff.*exited with code 3/);
  assert.match(await unitd.untilLog('greeter', 'hello'), /hello, I am greeter/);
  assert.match(await unitd.untilLog('clock', 'says'), /\d\d:\d\d:\d\d, says the clock in the hall/);
  assert.match((await unitd.cli('deps', 'workshop')).stdout, /workshop[^]*clock[^]*tidy-desk/);
  assert.equal((await unitd.cli('plan')).code, 0);
});

const WITHOUT_PROC = ['unshare', '--mount', 'sh', '-c', 'umount -l /proc && exec "$@"', 'sh'];
const hidesProc = spawnSync('unshare', [...WITHOUT_PROC.slice(1), 'true']).status === 0;

test(
  'check of a file that asks for resources says without /proc that nobody knows of their controllers',
  { skip: !hidesProc && 'cannot take /proc away' },
  async (t) => {
    const unitd = new Unitd(t, {});
    unitd.write('good.yaml', 'command: sleep infinity\nresources: { memoryMax: 10MB }');
    const args = ['check', join(unitd.units, 'good.yaml')];
    const ran = await run({ args, env: unitd.env, cwd: '/', asUser: undefined, within: WITHOUT_PROC });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /memoryMax cannot be in force, since "\/proc" does not tell what is mounted/);
  },
);

test('check needs no daemon, says every error of every file with its place, and exits 78', async (t) => {
  const unitd = new Unitd(t, {});
  unitd.write('good.yaml', 'command: sleep infinity');
  assert.deepEqual(await unitd.cli('check', join(unitd.units, 'good.yaml')), {
    code: 0,
    stdout: '',
    stderr: '',
  });
  unitd.write('bad.yaml', 'command: sleep infinity\nnice: 99\nrestart:\n  polciy: always\n');
  unitd.write('worse.yaml', 'command: "unclosed\n');
  unitd.write('double.yaml', 'command: sleep 1\ncommand: sleep 2\n');
  unitd.write('needy.yaml', 'command: sleep infinity\nrequires: [nobody]\n');
  const partly = await unitd.cli('check', join(unitd.units, 'double.yaml'), join(unitd.units, 'none.yaml'));
  assert.equal(partly.code, 78);
  assert.match(partly.stderr, /none\.yaml.*does not exist/);
  assert.match(partly.stderr, /\n2 errors\n$/, 'of one file that was read and one that was not');
  const all = await unitd.cli('check', unitd.units);
  assert.equal(all.code, 78);
  assert.equal(all.stdout, '');
  for (const said of [
    /bad\.yaml:2:\d+: .*nice.*99/,
    /bad\.yaml:4:3: .*polciy.*policy/,
    /worse\.yaml:\d+:\d+: /,
    /double\.yaml:2:\d+: .*command/,
    /needy\.yaml:2:\d+: .*nobody/,
  ]) {
    assert.match(all.stderr, said);
  }
  const alone = await unitd.cli('check', join(unitd.units, 'needy.yaml'));
  assert.equal(alone.code, 0, 'of a single file, the rest of the set may lie elsewhere');
  assert.match(alone.stderr, /warning: .*nobody/);
  const json = await unitd.cli('check', '--json', unitd.units);
  assert.equal(json.code, 78);
  const told: { ok: boolean; files: number; problems: { file: string; line: number }[] } = JSON.parse(
    json.stdout,
  );
  assert.deepEqual([told.ok, told.files], [false, 5]);
  assert(told.problems.some(({ file, line }) => file.endsWith('bad.yaml') && line === 4));
});

test('check says each problem in one line that does not steer the terminal, whatever the file is called', async (t) => {
  const unitd = new Unitd(t, {});
  unitd.write('clear\u001b[2J\nall.yaml', 'command: sleep infinity\n');
  const { code, stderr } = await unitd.cli('check', unitd.units);
  assert.equal(code, 78);
  assert.match(stderr, /^[ -~\ufffd]*: cannot load unit file .*\n1 error in 1 unit file\n$/);
});

test('check counts the files only where it has read all of them', async (t) => {
  const unitd = new Unitd(t, {});
  unitd.write('web.yaml', 'command: sleep 1');
  unitd.write('bad.yaml', 'nice: 5');
  assert.match((await unitd.cli('check', unitd.units)).stderr, /\n1 error in 2 unit files\n$/);
  symlinkSync('/dev/null', join(unitd.units, 'null.yaml'));
  assert.match((await unitd.cli('check', unitd.units)).stderr, /\n2 errors\n$/);
});

test('check of a directory has nothing against the unit that a misnamed file looks like, as a reload has not', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  for (const file of ['@web.yaml', 'web.YAML', 'we b.yaml'])
    unitd.write(file, 'command: /no/such/program\nuser: no-such-user');
  const checked = await unitd.cli('check', unitd.units);
  const said = checked.stderr.split('\n');
  assert.equal(checked.code, 78);
  assert.equal(said.filter((line) => line.includes(': cannot load unit file "')).length, 3);
  assert.deepEqual(said.slice(3), [`3 errors in 4 unit files`, '']);
  const reload = await unitd.cli('reload');
  assert.deepEqual(reload.stderr.split('\n').slice(0, 3), said.slice(0, 3));
});

test('check takes a file under any name, as a deploy tool hands it over, and warns of what is missing here', async (t) => {
  const unitd = new Unitd(t, {});
  const copies = join(unitd.root, 'copies');
  mkdirSync(copies);
  const copy = join(copies, '.ansible_tmp1234source');
  writeFileSync(copy, 'command: /nonexistent/server\n', { mode: 0o644 });
  const ran = await unitd.cli('check', copy);
  assert.equal(ran.code, 0);
  assert.match(ran.stderr, /warning: .*\/nonexistent\/server/);
  writeFileSync(copy, 'command: "true"\nenvironmentFiles: [/nonexistent/env, -/nonexistent/spare]\n');
  const warned = await unitd.cli('check', copy);
  assert.equal(warned.code, 0);
  assert.match(warned.stderr, /environment file "\/nonexistent\/env" does not exist\n1 warning in/);
  writeFileSync(copy, 'comand: x\n');
  assert.equal((await unitd.cli('check', copy)).code, 78);
  assert.equal((await unitd.cli('check', join(copies, 'none.yaml'))).code, 78);
});

test('check looks once at a file that was named twice, and still tells two files of one unit', async (t) => {
  const unitd = new Unitd(t, {});
  unitd.write('web.yaml', 'command: sleep infinity');
  const file = join(unitd.units, 'web.yaml');
  const twice = await unitd.cli('check', '--json', file, unitd.units, `${unitd.units}/../units.d/web.yaml`);
  assert.equal(twice.code, 0, twice.stdout);
  assert.equal(JSON.parse(twice.stdout).files, 1);
  chmodSync(file, 0o666);
  const unread = await unitd.cli('check', '--json', file, unitd.units);
  assert.equal(JSON.parse(unread.stdout).problems.length, 1, unread.stdout);
  chmodSync(file, 0o644);
  const copy = join(unitd.root, 'web.yaml');
  writeFileSync(copy, 'command: sleep infinity', { mode: 0o644 });
  const two = await unitd.cli('check', file, copy);
  assert.equal(two.code, 78);
  assert.match(two.stderr, /web\.yaml: cannot load unit "web": .*web\.yaml defines it too/);
});

test('show prints the effective unit as a unit file: put in its place, it changes nothing', async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': `
      description: Front end
      command: sleep \${LONG}
      environment: { LONG: infinity, ON: "yes", NUMBER: "08" }
      environmentFiles: [-/nonexistent]
      umask: "0027"
      limits: { nofile: "512:1024", core: 0 }
      startPre: [-/bin/false, "echo a 'b c' $$HOME"]
      restart: { policy: on-failure, delay: 250ms, preventExitStatus: [2, SIGUSR1] }
      stop: { signal: SIGRTMIN+3, timeout: 1m30s, command: "-/bin/true" }
      logs: { maxSize: 10MiB }
      wants: [job]
    `,
    'job.yaml': 'type: oneshot\ncommand: ["true"]\nrestart: { policy: "no" }',
    'all.yaml': 'type: target\nrequires: [web]',
  });
  await unitd.until({ web: 'running', job: 'completed', all: 'running' });
  for (const name of ['web', 'job', 'all']) {
    const shown = await unitd.cli('show', name);
    assert.equal(shown.code, 0, shown.stderr);
    unitd.write(`${name}.yaml`, shown.stdout);
  }
  const planned = await unitd.cli('plan');
  assert.equal(planned.code, 0, planned.stdout + planned.stderr);
});

test('schema prints each published schema, without a daemon', async (t) => {
  const unitd = new Unitd(t, {});
  for (const name of ['unit', 'status', 'plan', 'event', 'problem']) {
    const ran = await unitd.cli('schema', name);
    assert.equal(ran.code, 0);
    assert.equal(ran.stdout, readFileSync(join(packageRoot(), 'schemas', `${name}.schema.json`), 'utf8'));
  }
  assert.equal((await unitd.cli('schema')).stdout, (await unitd.cli('schema', 'unit')).stdout);
  assert.equal((await unitd.cli('schema', 'nothing')).code, 64);
});

test('check and reload warn of what only a shell would read, and the reload goes through', async (t) => {
  const unitd = await startUnitd(t, {});
  unitd.write('odd.yaml', "command: sh -c 'echo $0; exec sleep 1000' a && b");
  const warning = /odd\.yaml:1:10: warning: cannot run command of unit "odd" as a shell would: it has "&&", /;
  const checked = await unitd.cli('check');
  assert.equal(checked.code, 0);
  assert.match(checked.stderr, warning);
  assert.ok(checked.stderr.endsWith(`1 warning in 1 unit file of ${unitd.units}\n`), checked.stderr);
  const reloaded = await unitd.cli('reload');
  assert.equal(reloaded.code, 0);
  assert.match(reloaded.stderr, warning);
  const { daemon } = await unitd.status();
  assert.deepEqual([daemon.degraded, daemon.problems.map(({ code }) => code)], [false, ['shell-syntax']]);
});

test('check says which directory it looked at when it was told none', async (t) => {
  const unitd = new Unitd(t, {});
  assert.deepEqual(await unitd.cli('check'), {
    code: 0,
    stdout: '',
    stderr: `no unit files in ${unitd.units}\n`,
  });
  unitd.write('bad.yaml', 'comand: a');
  assert.match((await unitd.cli('check')).stderr, new RegExp(`1 error in 1 unit file of ${unitd.units}\\n$`));
  const missing = join(unitd.root, 'missing');
  const gone = await run({
    args: ['check'],
    env: { ...unitd.env, UNITD_UNITS: missing },
    cwd: unitd.root,
    asUser: undefined,
  });
  assert.deepEqual(gone, {
    code: 78,
    stdout: '',
    stderr: `${missing}: cannot read unit directory "${missing}": it does not exist, expected a directory\n1 error\n`,
  });
  const mistyped = await unitd.cli('check', 'unitsd');
  assert.equal(mistyped.code, 78);
  assert.match(
    mistyped.stderr,
    /cannot read path "unitsd": .*, expected a unit file or a directory of them\n1 error\n$/,
  );
});
