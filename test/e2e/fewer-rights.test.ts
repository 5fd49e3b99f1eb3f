// A daemon that is root and may do less than root may, as in a container: whose user it cannot become, it does not run
// as itself, and it says what is missing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idsOf } from '../support/launch.ts';
import { startUnitd } from '../support/unitd.ts';

const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root' };

const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const without = (capability: string): readonly string[] => [
  ...NAMESPACE,
  'setpriv',
  `--bounding-set=-${capability}`,
];

test('a root that may not set groups runs nothing as root that is another user’s', asRoot, async (t) => {
  const unitd = await startUnitd(
    t,
    {
      'other.yaml': 'command: id\nuser: nobody\ngroup: root\nrestart: { policy: no }',
      'own.yaml': 'command: sleep infinity\nuser: root\ngroup: root',
    },
    { within: without('setgid') },
  );
  await unitd.until({ other: 'failed', own: 'running' });
  const { unit } = await unitd.unit('other');
  assert.equal(
    unit.reason,
    'could not be started: the daemon runs as uid 0 and may not set the groups of user "nobody"',
  );
  assert.equal(unitd.log('other'), '');
});

for (const capability of ['chown', 'dac_override']) {
  test(
    `a root without CAP_${capability.toUpperCase()} runs units of others, and logs what they write`,
    asRoot,
    async (t) => {
      const files = { 'other.yaml': 'type: oneshot\ncommand: id -u\nuser: nobody\nworkingDirectory: /' };
      const unitd = await startUnitd(t, files, { within: without(capability) });
      await unitd.until({ other: 'completed' });
      await unitd.untilLog('other', new RegExp(` stdout F ${idsOf('nobody')[0]}\n`));
    },
  );
}
