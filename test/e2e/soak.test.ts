// A hundred and more reloads, restarts, kills and rotations, and nothing piles up: no descriptor, thread, pipe, cgroup or
// zombie more than after the first few. `npm run bench -- soak` is the long form, and tells of memory too.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ownCgroup } from '../../src/os/cgroup-hierarchy.ts';
import { child, openChannel } from '../support/child.ts';
import { childrenOf } from '../support/processes.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';

const WARM_UP = 15;
const CYCLES = Number(process.env['UNITD_TEST_ROUNDS'] ?? 20);

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // Closed between the listing and the look.
  }
}

function holdings(unitd: Unitd, hasFence: boolean): Readonly<Record<string, number>> {
  const { pid } = unitd;
  const own = ownCgroup(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
  );
  const open = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  // Whether a log is open hangs on when its unit last wrote: two are what is written and what is being compressed.
  const logs = open.filter((path) => path.startsWith(`${unitd.logs}/`)).length;
  const cgroups = own.ok && hasFence ? readdirSync(dirname(own.directory), { withFileTypes: true }) : [];
  return {
    descriptors: open.length - Math.min(logs, 2),
    threads: readdirSync(`/proc/${pid}/task`).length,
    pipes: readdirSync(join(unitd.runtime, 'fifo')).length,
    cgroups: cgroups.filter((entry) => entry.isDirectory()).length,
    children: childrenOf(pid).length,
  };
}

test(`${CYCLES} rounds of change leave nothing behind`, async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    {
      'fork.yaml': `command: ${child.doubleFork} ${channel.path}\nrestart: { delay: 0s, factor: 1 }`,
      'web.yaml': `command: ${child.announce} ${channel.path} web`,
    },
    // pidusage keeps descriptors for a while, as it should.
    { args: ['--usage-interval', 'infinity'] },
  );
  const hasFence = (await unitd.status()).daemon.fence === 'cgroup';
  const change = async (round: number): Promise<void> => {
    process.kill((await channel.next('main', round)).pid, 'SIGKILL');
    unitd.write(
      'web.yaml',
      `command: [sh, -c, 'seq 500; exec ${child.announce} ${channel.path} web']\nenvironment: { ROUND: "${round}" }\nlogs: { maxSize: 1kB, maxFiles: 1 }`,
    );
    unitd.write('guest.yaml', `command: ${child.announce} ${channel.path} guest`);
    assert.equal((await unitd.post<{ ok: boolean }>('/v1/reload')).ok, true);
    await channel.next('guest', round);
    unitd.remove('guest.yaml');
    assert.equal((await unitd.post<{ ok: boolean }>('/v1/reload')).ok, true);
    await unitd.post('/v1/units/web/restart');
  };
  const settled = async (rounds: number): Promise<Readonly<Record<string, number>>> => {
    const { pid } = await channel.next('main', rounds);
    await unitd.until((look) => look('fork')?.pid === pid && look('guest') === undefined);
    // Leader and grandchild of fork, and web.
    while (childrenOf(unitd.pid).length !== 3) await unitd.status();
    // A connection that is being closed, a log that is being compressed: the least of some looks is what stays.
    const looks: Readonly<Record<string, number>>[] = [];
    for (let look = 0; look < 50; look += 1) {
      await unitd.status();
      looks.push(holdings(unitd, hasFence));
    }
    const names = Object.keys(looks[0] ?? {});
    return Object.fromEntries(names.map((name) => [name, Math.min(...looks.map((look) => look[name] ?? 0))]));
  };
  let round = 0;
  for (; round < WARM_UP; round += 1) await change(round);
  const before = await settled(round);
  for (; round < WARM_UP + CYCLES; round += 1) await change(round);
  assert.deepEqual(await settled(round), before);
});
