// A daemon that is root and may do less than root may, as in a container: whose user it cannot become, it does not run
// as itself, and it says what is missing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { idsOf } from '../support/launch.ts';
import { startUnitd } from '../support/unitd.ts';

const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root' };

const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
/** Of user ids and of group ids there is 0 alone, and groups cannot be set. */
const ONE_ID = [...NAMESPACE, '--user', '--map-root-user'];

const without = (capability: string): readonly string[] => [
  ...NAMESPACE,
  'setpriv',
  `--bounding-set=-${capability}`,
];

function cannot(words: readonly string[]): string | false {
  const [first = '', ...rest] = words;
  return spawnSync(first, [...rest, 'true']).status === 0 ? false : `${words.join(' ')} is not permitted`;
}

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

for (const capability of ['chown', 'dac_override', 'fowner']) {
  test(
    `a root without CAP_${capability.toUpperCase()} runs units of others, and logs what they write`,
    asRoot,
    async (t) => {
      const files = {
        'other.yaml': 'type: oneshot\ncommand: sh -c "id -u >/dev/stdout"\nuser: nobody\nworkingDirectory: /',
      };
      const unitd = await startUnitd(t, files, { within: without(capability) });
      await unitd.until({ other: 'completed' });
      const line = ` stdout F ${idsOf('nobody')[0]}\n`;
      await unitd.untilLog('other', new RegExp(line));

      // The pipes of the killed one are there.
      await unitd.kill('SIGKILL');
      await unitd.start();
      await unitd.until({ other: 'completed' });
      await unitd.untilLog('other', new RegExp(`${line}[^]*${line}`));
    },
  );
}

test(
  'a root of a user namespace of one id runs units of that one, and names the others that are not there',
  { skip: cannot(ONE_ID) },
  async (t) => {
    const once = 'command: id -u\nrestart: { policy: no }';
    const unitd = await startUnitd(
      t,
      {
        'own.yaml': `type: oneshot\nuser: root\n${once}`,
        'user.yaml': `user: nobody\n${once}`,
        'group.yaml': `group: "4711"\n${once}`,
        'groups.yaml': `supplementaryGroups: [root]\n${once}`,
      },
      { within: ONE_ID },
    );
    await unitd.until({ own: 'completed', user: 'failed', group: 'failed', groups: 'failed' });
    const { units } = await unitd.status();
    const reasons = units.map(({ name, reason }) => [name, reason.replace('could not be started: ', '')]);
    assert.deepEqual(reasons, [
      ['group', 'there is no gid 4711 in the user namespace of the daemon'],
      ['groups', 'the daemon runs as uid 0 and may not set supplementary groups'],
      ['own', 'exited with code 0'],
      ['user', `there is no uid ${idsOf('nobody')[0]} in the user namespace of the daemon`],
    ]);
  },
);
