// What structures of the kernel and of libc look like, and how calls into them go, on another processor: an emulated arm64.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ARM64, cannotBoot, runInMachine } from '../support/virtual-machine.ts';

const skip =
  process.env['UNITD_TEST_ARM64'] === undefined
    ? 'UNITD_TEST_ARM64 names no files for it'
    : cannotBoot(ARM64);

test('the contract with the operating system, on arm64', { skip, timeout: 550_000 }, async (t) => {
  const files = ['chain', 'fence', 'processes', 'readiness', 'reap', 'watch'];
  const contract = files.map((name) => `contract/${name}`);
  const { code, passed, output } = await runInMachine(t, ARM64, contract);
  assert.equal(code, 0, output);
  assert.ok(passed > 60, output);
});
