// As root: unit files and directories that somebody else owns or may write are refused, by name of the bit.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startUnitd, Unitd } from '../support/unitd.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

const SINS = [
  {
    title: 'group-writable',
    commit: (path: string) => chmodSync(path, 0o664),
    complaint: /mode is 0\d64 \(group-writable\)/,
  },
  {
    title: 'world-writable',
    commit: (path: string) => chmodSync(path, 0o646),
    complaint: /mode is 0\d46 \(world-writable\)/,
  },
  {
    title: 'foreign',
    commit: (path: string) => chownSync(path, 65534, 0),
    complaint: /belongs to uid 65534, expected uid 0/,
  },
] as const;

for (const { title, commit, complaint } of SINS) {
  test(`a ${title} unit file refuses the reload, and running units stay`, { skip }, async (t) => {
    const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
    await unitd.until({ web: 'running' });
    const { pid } = (await unitd.unit('web')).unit;
    unitd.write('web.yaml', 'command: sleep 1000');
    const file = join(unitd.units, 'web.yaml');
    commit(file);
    for (const ran of [await unitd.cli('reload'), await unitd.cli('plan'), await unitd.cli('check', file)]) {
      assert.equal(ran.code, 78);
      assert.match(ran.stderr, complaint);
      assert.match(ran.stderr, /web\.yaml: /, 'the file');
    }
    assert.equal((await unitd.unit('web')).unit.pid, pid);
    assert.equal((await unitd.cli('check', '--insecure-permissions', file)).code, 0);
    chownSync(file, 0, 0);
    chmodSync(file, 0o644);
    assert.equal((await unitd.cli('reload')).code, 0, 'mended');
  });

  test(`a ${title} units.d refuses the reload, and running units stay`, { skip }, async (t) => {
    const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
    await unitd.until({ web: 'running' });
    commit(unitd.units);
    // The mode of a directory has its x bits too.
    for (const verb of ['reload', 'plan']) {
      const ran = await unitd.cli(verb);
      assert.equal(ran.code, 78);
      assert.match(ran.stderr, complaint);
    }
    assert.equal((await unitd.unit('web')).unit.state, 'running');
    assert.equal(
      (await unitd.cli('reload', '--partial')).code,
      78,
      'an unreadable directory has no good files',
    );
  });
}

test('a daemon that starts over such files runs the others, degraded, and says why', { skip }, async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': 'command: sleep infinity',
    'db.yaml': 'command: sleep infinity',
  });
  await unitd.stop();
  chmodSync(join(unitd.units, 'web.yaml'), 0o666);
  unitd.write('db.yaml', 'command: sleep 1000');
  await unitd.start();
  await unitd.until({ web: 'running', db: 'running' });
  const { daemon } = await unitd.status();
  assert.equal(daemon.degraded, true);
  assert.deepEqual(
    daemon.problems.map(({ unit, code }) => ({ unit, code })),
    [{ unit: 'web', code: 'file-mode' }],
  );
  assert.match(
    JSON.stringify(await effectiveCommand(unitd, 'db')),
    /1000/,
    'good files are taken as they are now',
  );
});

async function effectiveCommand(unitd: Unitd, unit: string): Promise<unknown> {
  return (await unitd.unit(unit)).effective['command'];
}

test('--insecure-permissions accepts them all', { skip }, async (t) => {
  const unitd = await startUnitd(t, {}, { args: ['--insecure-permissions'] });
  for (const { title: name, commit } of SINS) {
    unitd.write(`${name}.yaml`, 'command: sleep infinity');
    commit(join(unitd.units, `${name}.yaml`));
  }
  chmodSync(unitd.units, 0o777);
  const ran = await unitd.cli('reload');
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(
    (await unitd.status()).units.map(({ state }) => state),
    ['running', 'running', 'running'],
  );
});

test('check judges neither owner nor mode of a copy that a deploy tool hands over', { skip }, async (t) => {
  const unitd = new Unitd(t, {});
  for (const name of ['source', '.source.yaml', 'web.yaml20261122-9-x8fj2k']) {
    const copy = join(unitd.root, name);
    writeFileSync(copy, 'command: sleep infinity', { mode: 0o644 });
    chownSync(copy, 65534, 0);
    chmodSync(copy, 0o666);
    const { code, stderr } = await unitd.cli('check', copy);
    assert.deepEqual([code, stderr], [0, ''], name);
  }
});
