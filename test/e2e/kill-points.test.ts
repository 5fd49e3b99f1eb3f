// The daemon is killed at every single step of its life that leaves a trace: each write, rename, mkfifo, spawn, signal
// and reaping of a start, a reload, stops, restarts, a log rotation, a journal that is written anew, and a clean end.
// Whatever it was doing, the next daemon finds every unit once, starts none a second time, and brings the machine to
// where the files and the operator's words want it.
//
// The steps are counted by the fault shim. UNITD_TEST_KILL_STRIDE=1 takes every step; by default each user takes every
// thirtieth, one beginning between two of the other, and where the major version of node says, so that the runs on
// several of them take different ones. UNITD_TEST_KILL_FIRST says where to begin instead: so 30 short runs take all.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { PlanDocument } from '../../src/wire/v1.ts';
import { child, openChannel, temporaryDirectory, type Channel } from '../support/child.ts';
import { NO_COMPILER, openFaults, type Faults } from '../support/faults.ts';
import { Unitd, type StartOptions } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

const STRIDE = Number(process.env['UNITD_TEST_KILL_STRIDE'] ?? 30);
const FIRST = Number(
  process.env['UNITD_TEST_KILL_FIRST'] ?? 1 + (Number.parseInt(process.versions.node, 10) % STRIDE),
);

/** Two of them are more than the journal holds before it is written anew. */
const FAT = '# A word that says nothing, of which the journal keeps the last\n'.repeat(9000);

function webFile(lone: string, word: string): string {
  return `
    command: ${lone} sleep infinity
    environment: { WORD: ${word} }
    requires: [base]
    startPre: ["true"]
    stopPost: ["true"]
    ${FAT.replaceAll('\n', '\n    ')}`;
}

/** One unit of each kind; `lone` notes when two processes of one unit are there at once. */
function filesOf(lone: string): Readonly<Record<string, string>> {
  return {
    'base.yaml': `command: ${lone} sleep infinity`,
    'web.yaml': webFile(lone, 'as it was'),
    // Of one that ended while no daemon ran nobody knows how: it is run again.
    'job.yaml': `
      type: oneshot
      command: ${lone} seq 2000
      restart: { policy: on-failure, delay: 10ms }
      logs: { maxSize: 10kB, maxFiles: 2, compress: false }`,
    'spare.yaml': `command: ${lone} sleep infinity\nenabled: false`,
  };
}

interface Word {
  readonly unit: string;
  readonly wanted: 'up' | 'down';
}

/** The operator's words that were answered with a yes, the last of each unit; the one that was cut off is in `cut`. */
interface Told {
  readonly kept: ReadonlyMap<string, 'up' | 'down'>;
  readonly cut: Word | null;
}

/** What an operator does with it, until the daemon dies. */
async function live(unitd: Unitd, changed: string): Promise<Told> {
  const kept = new Map<string, 'up' | 'down'>();
  let cut: Word | null = null;
  const say = async (verb: 'start' | 'stop', unit: string): Promise<void> => {
    kept.delete(unit);
    cut = { unit, wanted: verb === 'start' ? 'up' : 'down' };
    await unitd.post(`/v1/units/${unit}/${verb}`);
    kept.set(unit, cut.wanted);
    cut = null;
  };
  try {
    await unitd.until({ web: 'running', job: 'completed' });
    await say('start', 'spare');
    await unitd.post('/v1/units/base/restart');
    await say('stop', 'web');
    unitd.write('web.yaml', changed);
    await unitd.post('/v1/reload');
    await say('start', 'web');
    await say('stop', 'spare');
  } catch {
    // It died, as it was to.
  }
  return { kept, cut };
}

/** Of a daemon that took over: all is where it is wanted, once, and wanted where the operator said. */
async function assertWhole(
  unitd: Unitd,
  locks: string,
  channel: Channel,
  { kept, cut }: Told,
): Promise<void> {
  const rest: Readonly<Record<string, string>> = { job: 'completed' };
  const look = await unitd.until((at) =>
    ['base', 'web', 'job', 'spare'].every((name) => {
      const unit = at(name);
      return unit !== undefined && unit.to === (unit.wanted === 'up' ? (rest[name] ?? 'running') : 'stopped');
    }),
  );
  const expected = new Map<string, 'up' | 'down'>([
    ['base', 'up'],
    ['job', 'up'],
    ['web', 'up'],
    ['spare', 'down'],
    ...kept,
  ]);
  if (cut !== null) expected.delete(cut.unit);
  for (const [name, wanted] of expected)
    assert.equal(look(name)?.wanted, wanted, `${name} is wanted ${wanted}`);
  const { plan } = await unitd.get<PlanDocument>('/v1/plan');
  assert.deepEqual(plan.units, [], 'what a reload would still do');
  for (const { pid } of (await unitd.status()).units) if (pid !== null) await channel.from(pid, 'alone');
  assert.equal(textOf(join(locks, 'two')), '', 'units that ran twice');
  const stories = await Promise.all(
    ['base', 'web', 'job', 'spare'].map(async (name) => await unitd.unit(name)),
  );
  const owned = new Set(stories.flatMap(({ processes }) => processes.map(({ pid }) => pid)));
  const there = new Set(unitd.processes().map(({ pid }) => pid));
  assert.deepEqual(there, owned, 'every process is some unit’s');
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** False when the daemon came to its end before that step. */
async function dieAt(
  t: TestContext,
  faults: Faults,
  number: number,
  options: StartOptions,
): Promise<boolean> {
  const locks = temporaryDirectory(t);
  chmodSync(locks, 0o777);
  const channel = openChannel(t);
  const lone = `${child.lone} ${channel.path} ${locks}`;
  const unitd = new Unitd(t, { ...options, env: faults.env });
  const files = filesOf(lone);
  for (const [name, text] of Object.entries(files)) unitd.write(name, text);
  faults.killAt(number, unitd.root);
  const failure = await unitd.start().then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const told =
    failure === null
      ? await live(unitd, webFile(lone, 'changed'))
      : { kept: new Map<string, 'up' | 'down'>(), cut: null };
  const journalBytes = statSync(join(unitd.runtime, 'journal'), { throwIfNoEntry: false })?.size ?? 0;
  const { signal } = await unitd.stopOrEnded();
  faults.mend();
  if (signal === null) {
    // It was not killed, and did not start all the same.
    if (failure !== null) throw failure.error;
    assert.ok(journalBytes > FAT.length && journalBytes < 2 * FAT.length, 'the journal was written anew');
    assert.equal(readdirSync(join(unitd.logs, 'job')).length, 3, 'the log was rotated');
    return false;
  }
  await unitd.start();
  await assertWhole(unitd, locks, channel, told);
  assert.deepEqual(await unitd.stop(), { code: 0, signal: null });
  return true;
}

for (const [index, { as, skip, options }] of USERS.entries()) {
  test(
    `as ${as}: a kill at the steps of a life: nothing runs twice, nothing is lost, all comes to rest where it is wanted`,
    { skip },
    async (t) => {
      const faults = openFaults(t);
      if (faults === null) return t.skip(NO_COMPILER);
      const first = 1 + ((FIRST - 1 + index * Math.floor(STRIDE / 2)) % STRIDE);
      let number = first;
      const isKilled = async (): Promise<boolean> =>
        await dieAt(t, faults, number, options).catch((error: unknown) => {
          throw new Error(`after a kill at step ${number}`, { cause: error });
        });
      while (await isKilled()) number += STRIDE;
      t.diagnostic(`${number} steps, every ${STRIDE}. from ${first} on`);
      assert.ok(number > 100, `${number} steps make no life`);
    },
  );
}
