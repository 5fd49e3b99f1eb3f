// The daemon is killed again and again, at moments that nobody chose: while it starts, takes back, starts, stops,
// restarts and reloads. Whatever it was doing, no unit ever runs twice, nothing is left that no unit owns, and in the
// end every unit is where it is wanted.
//
// UNITD_TEST_KILLS and UNITD_TEST_SEED make it longer, and the same again (as far as the machine is).
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { dedent } from '../support/dedent.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';

const KILLS = Number(process.env['UNITD_TEST_KILLS'] ?? 30);
const SEED = Number(process.env['UNITD_TEST_SEED'] ?? Date.now() % 1_000_000);

/** About as long as a daemon needs until it is ready, and as its units need to move. */
const START_MS = 500;
const STEADY_MS = 120;

/** Numbers in [0, 1) that follow from the seed (Numerical Recipes' generator). */
function drawsOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Asks and does not care for the answer: the daemon may be killed before it gives one. */
function post(unitd: Unitd, path: string): void {
  const asked = request({
    socketPath: unitd.socket,
    path,
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json' },
  });
  asked.on('response', (response) => response.resume().on('error', () => undefined));
  asked.on('error', () => undefined);
  asked.end('{"wait":false}');
}

test(`${KILLS} kills at random moments: no unit runs twice, no process is left over, all are where they are wanted (seed ${SEED})`, async (t) => {
  const draw = drawsOf(SEED);
  const locks = temporaryDirectory(t);
  const channel = openChannel(t);
  const lone = `${child.lone} ${channel.path} ${locks}`;
  const quick = 'restart: { delay: 10ms, maxDelay: 50ms }';
  const files: Readonly<Record<string, string>> = {
    'base.yaml': `command: ${lone} sleep infinity\n${quick}`,
    'leaning.yaml': `command: ${lone} sleep infinity\nrequires: [base]\n${quick}`,
    'crashing.yaml': `command: ${lone} sh -c "sleep 0.05; exit 1"\n${quick}`,
    'forking.yaml': `command: ${lone} ${child.doubleFork} ${channel.path}\n${quick}`,
    'deaf.yaml': `command: ${lone} ${child.ignoreTerm} /dev/null\nstop: { timeout: 50ms }\n${quick}`,
    'helped.yaml': `
      command: ${lone} sleep infinity
      startPre: [sleep 0.02]
      startPost: [sleep 0.02]
      stopPost: [sleep 0.02]
      ${quick}`,
    'job.yaml': `type: oneshot\ncommand: ${lone} sleep 0.1\nrestart: { policy: on-failure, delay: 10ms, maxDelay: 50ms }`,
  };
  const names = Object.keys(files).map((file) => file.replace('.yaml', ''));
  const pick = (list: readonly string[]): string => list[Math.floor(draw() * list.length)] ?? '';
  const disturb = (unitd: Unitd): void => {
    const what = pick(['restart', 'stop', 'start', 'change', 'remove']);
    const name = pick(names);
    const file = `${name}.yaml`;
    const text = dedent(files[file] ?? '');
    if (what === 'change') unitd.write(file, `${text}\nenvironment: { DRAW: "${draw()}" }\n`);
    // Something requires base: without it the set would not be valid.
    else if (what === 'remove' && name !== 'base') {
      if (existsSync(join(unitd.units, file))) unitd.remove(file);
      else unitd.write(file, text);
    }
    post(unitd, what === 'change' || what === 'remove' ? '/v1/reload' : `/v1/units/${name}/${what}`);
  };

  const twice = (): string => {
    const path = join(locks, 'two');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };

  const unitd = await startUnitd(t, { ...files, 'rock.yaml': `command: ${lone} sleep infinity` });
  await unitd.until({ rock: 'running', base: 'running', leaning: 'running', job: 'completed' });
  const rock = (await unitd.unit('rock')).unit;
  await unitd.kill('SIGKILL');

  for (let kills = 0; kills < KILLS; kills++) {
    if (draw() < 0.3) {
      const coming = unitd.start().catch(() => undefined);
      await delay(draw() * START_MS);
      await unitd.kill('SIGKILL');
      await coming;
    } else {
      await unitd.start();
      for (let left = Math.floor(draw() * 4); left > 0; left--) disturb(unitd);
      await delay(draw() * STEADY_MS);
      await unitd.kill('SIGKILL');
    }
    assert.equal(twice(), '', `after ${kills + 1} kills`);
  }

  for (const [file, text] of Object.entries(files)) unitd.write(file, text);
  await unitd.start();
  for (const name of names) post(unitd, `/v1/units/${name}/start`);
  await unitd.until((look) =>
    names.every((name) => {
      if (name === 'job') return look(name)?.to === 'completed';
      // One that crashes is wherever it is.
      return name === 'crashing' ? look(name) !== undefined : look(name)?.to === 'running';
    }),
  );
  const after = (await unitd.unit('rock')).unit;
  assert.deepEqual([after.pid, after.restarts], [rock.pid, rock.restarts], 'what nobody touched');
  assert.equal((await unitd.cli('stop', 'crashing')).code, 0);
  // None of them forks any more.
  for (const { name, pid } of (await unitd.status()).units)
    if (pid !== null) await channel.from(pid, name === 'forking' ? 'main' : 'alone');
  const owned = await Promise.all(names.map(async (name) => (await unitd.unit(name)).processes));
  const known = new Set([after.pid, ...owned.flat().map(({ pid }) => pid)]);
  assert.deepEqual(
    unitd.processes().filter(({ pid }) => !known.has(pid)),
    [],
    'processes that no unit owns',
  );
  assert.equal(twice(), '');
});
