// What this machine's kernel does not give to the tests, in a virtual machine that does. It takes the longest of all: node
// runs files in the order of their names, and this one early, so that the others do not end long before it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutControllers } from '../support/controllers.ts';
import { cannotBoot, OWN, runInMachine } from '../support/virtual-machine.ts';

const skip = withoutControllers() === false ? 'resources.test.ts runs here' : cannotBoot(OWN);

test(
  'resources.test.ts, with the controllers of a virtual machine',
  { skip, timeout: 500_000 },
  async (t) => {
    const { code, passed, skipped, output } = await runInMachine(t, OWN, ['e2e/resources']);
    assert.equal(code, 0, output);
    assert.equal(passed, 10, output);
    assert.equal(skipped, 0, output);
  },
);
