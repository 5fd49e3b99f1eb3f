import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { processFacts } from '../../../src/os/process-nodes.ts';
import { processStat } from '../../../src/os/procfs.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { refuseOpens } from '../../support/refused-opens.ts';

const SCRIPT = 'echo ready; read end';
const BEFORE = `sh -c ${SCRIPT} sh `;

for (const [what, word, shown] of [
  ['as it is', 'a'.repeat(2000), 'a'.repeat(2000)],
  ['without what is behind 4096 bytes', 'a'.repeat(100_000), `${'a'.repeat(4096 - BEFORE.length)}…`],
] as const) {
  test(`processFacts() shows a command line ${what}`, async (t) => {
    const child = spawn('sh', ['-c', SCRIPT, 'sh', word], { stdio: ['pipe', 'pipe', 'inherit'] });
    cleanUp(t, () => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const stat = processStat(child.pid ?? 0);
    assert.ok(stat !== null);
    const facts = processFacts(stat);
    assert.deepEqual(facts, {
      pid: child.pid,
      parentPid: process.pid,
      command: BEFORE + shown,
    });
  });
}

test('processFacts() shows command lines where no descriptor is left but the spare ones', (t) => {
  const stat = processStat(process.pid);
  assert.ok(stat !== null);
  const before = processFacts(stat);
  refuseOpens(t, /^\/proc\/\d+\/cmdline$/, 'EMFILE', 1);
  assert.deepEqual(processFacts(stat), before);
});
