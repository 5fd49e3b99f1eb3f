// An installation that is not whole: what needs what is missing says so, and everything else works.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { temporaryDirectory } from '../support/child.ts';

const EXPECTED = 'expected linux on x64 or arm64 and an installation with optional packages';

test('without the native part of koffi, what needs it says so in one line, and help is there', (t) => {
  const root = temporaryDirectory(t);
  for (const part of ['dist', 'schemas', 'package.json', 'node_modules/koffi']) {
    cpSync(join(packageRoot(), part), join(root, part), { recursive: true });
  }
  for (const name of readdirSync(join(packageRoot(), 'node_modules'))) {
    if (name === 'koffi' || name === '@koromix') continue;
    symlinkSync(join(packageRoot(), 'node_modules', name), join(root, 'node_modules', name));
  }
  const units = join(root, 'units');
  mkdirSync(units);
  const env = {
    ...process.env,
    UNITD_UNITS: units,
    UNITD_RUNTIME_DIR: join(root, 'run'),
    UNITD_STATE_DIR: join(root, 'state'),
    UNITD_LOG_DIR: join(root, 'log'),
  };
  const ran = (verb: string): { readonly status: number | null; readonly stderr: string } =>
    spawnSync(process.execPath, [join(root, 'dist/bin/unitd.cjs'), verb], {
      env,
      encoding: 'utf8',
      timeout: 30_000,
    });
  for (const verb of ['check', 'daemon']) {
    const { status, stderr } = ran(verb);
    assert.equal(status, 1, stderr);
    assert.match(
      stderr,
      /^unitd: cannot load package "koffi": its native part for linux \w+ is not installed, /,
    );
    assert.ok(stderr.includes(EXPECTED), stderr);
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  }
  assert.equal(ran('schema').status, 0);
  assert.equal(ran('--help').status, 0);
});
