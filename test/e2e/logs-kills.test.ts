// Units write numbered lines without pause while the daemon is killed again and again, in the midst of reading,
// writing, rotating and compressing, or in its start. In the end every line is in the log once, whole and in order.
// And while no daemon is there for long, a unit waits at a full pipe, and then goes on.
//
// UNITD_TEST_KILLS and UNITD_TEST_SEED make it longer, and the same again (as far as the machine is).
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { filesOf, numbers } from '../fixtures/log-setup.ts';
import { lineOf } from '../fixtures/numbered-lines.ts';
import { openChannel, openGate } from '../support/child.ts';
import { Arrivals } from '../support/lines.ts';
import { childrenOf } from '../support/processes.ts';
import { startUnitd, type StartOptions } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

const KILLS = Number(process.env['UNITD_TEST_KILLS'] ?? 100);
const SEED = Number(process.env['UNITD_TEST_SEED'] ?? Date.now() % 1_000_000);
const WRITER = fileURLToPath(new URL('../fixtures/numbered-lines.js', import.meta.url));

/** About as long as a daemon needs until it reads. */
const START_MS = 500;
/** So many changes of one log are seen before a kill, at most. */
const MOST_CHANGES = 12;

/** Raw lines longer than 16 KiB may have lines of the other stream in them. */
const LONGEST = { cri: 40_000, json: 20_000, raw: 9000 } as const;
type Format = keyof typeof LONGEST;
const FORMATS: readonly Format[] = ['cri', 'json', 'raw'];

/** Numbers in [0, 1) that follow from the seed (Numerical Recipes' generator). */
function drawsOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Piece {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  readonly isLast: boolean;
}

/** One line of a log file, taken apart by hand, so that the test does not rest on the reader. */
function pieceOf(format: Format, line: string): Piece {
  if (format === 'raw') {
    return { stream: line.startsWith('stdout ') ? 'stdout' : 'stderr', text: line, isLast: true };
  }
  if (format === 'cri') {
    const [, stream, flag, text] = /^\S{30} (stdout|stderr) ([FP]) (.*)$/.exec(line) ?? [];
    assert.ok(text !== undefined, `torn: ${line.slice(0, 200)}`);
    return { stream: stream === 'stdout' ? 'stdout' : 'stderr', text, isLast: flag === 'F' };
  }
  const { stream, text, partial } = JSON.parse(line);
  return { stream, text, isLast: partial !== true };
}

/** Where a line begins to differ from what was to come, with both from there on. */
function difference(found: string, wanted: string): string {
  let at = 0;
  while (at < found.length && found[at] === wanted[at]) at += 1;
  const here = (text: string): string =>
    `${JSON.stringify(text.slice(at, at + 60))} and ${Math.max(0, text.length - at - 60)} bytes more`;
  return `"${found.slice(0, 20)}…" of ${found.length} bytes, expected "${wanted.slice(0, 20)}…" of ${wanted.length}; from byte ${at} on ${here(found)}, expected ${here(wanted)}`;
}

/** Asserts that each stream's lines are there from the first on, each once; gives how many. */
function checkLog(directory: string, format: Format): { readonly lines: number; readonly files: number } {
  const next = { stdout: 1, stderr: 1 };
  const begun = { stdout: '', stderr: '' };
  /** Of each stream, how its last line differs: its writer was ended in the middle of it. */
  const cut = { stdout: '', stderr: '' };
  let rest = '';
  const names = readdirSync(directory).toSorted();
  for (const name of names) {
    const bytes = readFileSync(join(directory, name));
    const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1');
    // In raw the last line of all may have been cut by the end of its writer.
    const lines = (format === 'raw' ? rest + text : text).split('\n');
    rest = lines.pop() ?? '';
    if (format !== 'raw') assert.equal(rest, '', `${name} ends with a line`);
    for (const line of lines) {
      const piece = pieceOf(format, line);
      const whole = begun[piece.stream] + piece.text;
      begun[piece.stream] = piece.isLast ? '' : whole;
      if (!piece.isLast) continue;
      assert.equal(cut[piece.stream], '', `${format}: a line is cut, and others follow it`);
      const wanted = lineOf(piece.stream, next[piece.stream], LONGEST[format]);
      if (whole !== wanted) {
        cut[piece.stream] = `${format}, ${name}: ${difference(whole, wanted)}`;
        assert.ok(wanted.startsWith(whole), cut[piece.stream]);
      }
      next[piece.stream] += 1;
    }
  }
  return { lines: next.stdout + next.stderr - 2, files: names.length };
}

/** Waits until so many writes to files in the directory, and renames of them, have been seen. */
async function changed(directory: string, count: number): Promise<void> {
  const changes = new Arrivals<null>(`changes of ${directory}`);
  const watcher = watch(directory, () => changes.add(null));
  await changes.first(() => changes.seen.length >= count).finally(() => watcher.close());
}

async function writeThroughKills(t: TestContext, kills: number, options: StartOptions): Promise<void> {
  const draw = drawsOf(SEED);
  const pick = (list: readonly Format[]): Format => list[Math.floor(draw() * list.length)] ?? 'cri';
  const unit = (format: Format, maxSize: string): string => `
    command: ${process.execPath} ${WRITER} ${LONGEST[format]}
    logs: { format: ${format}, maxSize: ${maxSize}, maxFiles: 10000, compress: true }
  `;
  const unitd = await startUnitd(
    t,
    {
      'cri.yaml': unit('cri', '300kB'),
      'json.yaml': unit('json', '1MB'),
      'raw.yaml': unit('raw', '500kB'),
    },
    options,
  );
  for (const name of FORMATS) await unitd.untilLog(name, '\n');
  const pids = await Promise.all(FORMATS.map(async (name) => (await unitd.unit(name)).unit.pid));
  let interrupted = 0;
  for (let killed = 0; killed < kills; killed++) {
    if (draw() < 0.1) {
      await unitd.kill('SIGKILL');
      const coming = unitd.start().catch(() => undefined);
      await delay(draw() * START_MS);
      await unitd.kill('SIGKILL');
      await coming;
      killed += 1;
    } else {
      await changed(join(unitd.logs, pick(FORMATS)), 1 + Math.floor(draw() * MOST_CHANGES));
      await unitd.kill('SIGKILL');
    }
    if (readdirSync(join(unitd.runtime, 'fifo')).some((name) => name.endsWith('.spool'))) interrupted += 1;
    await unitd.start();
  }
  const after = await Promise.all(FORMATS.map(async (name) => (await unitd.unit(name)).unit.pid));
  assert.deepEqual(after, pids, 'the units have noticed nothing');
  await unitd.stop();
  assert.ok(
    interrupted > kills / 4,
    `only ${interrupted} of the kills hit a daemon that had something in hand`,
  );
  assert.deepEqual(readdirSync(join(unitd.runtime, 'fifo')), []);
  for (const format of FORMATS) {
    const { lines, files } = checkLog(join(unitd.logs, format), format);
    t.diagnostic(`${format}: ${lines} lines in ${files} files`);
    assert.ok(lines > kills * 50, `${format}: ${lines} lines`);
    assert.ok(files > kills / 10, `${format}: ${files} files`);
  }
}

for (const { as, skip, options } of USERS) {
  // All that differs for an ordinary user is what the machine refuses: a part of them shows it.
  const kills = options.asUser === undefined ? KILLS : Math.ceil(KILLS / 10);
  const title = `as ${as}: ${kills} kills of the daemon under units that write without pause: every line once, whole, in order (seed ${SEED})`;
  test(title, { skip }, async (t) => await writeThroughKills(t, kills, options));
}

test('while there is no daemon a unit writes on until its pipe holds 1 MiB, waits, and goes on with the next daemon', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const fitting = 80_000;
  const count = 250_000;
  const line = 'line %06.0f';
  const script = [
    `read -r _ <${gate.path}`,
    `seq -f "${line}" 1 ${fitting}`,
    `echo "fits $$$$" >${channel.path}`,
    `seq -f "${line}" ${fitting + 1} ${count}`,
    `echo "done $$$$" >${channel.path}`,
    'exec sleep infinity',
  ].join('; ');
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${JSON.stringify(['/bin/sh', '-c', script])}
      logs: { format: raw, maxSize: 1MB }
    `,
  });
  await unitd.until({ web: 'running' });
  await unitd.kill('SIGKILL');
  gate.open();
  // 960 kB: nobody has read them.
  const { pid } = await channel.next('fits');
  // What writes on sleeps at a full pipe and nowhere else; when there is a daemon, that reads at once.
  const isAsleep = (): boolean =>
    childrenOf(pid).some(({ state, command }) => state === 'S' && command.startsWith('seq '));
  while (!isAsleep() && channel.said.length === 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    channel.said.map(({ word }) => word),
    ['fits'],
    'the rest does not fit',
  );
  await unitd.start();
  await channel.next('done');
  await unitd.stop();
  const lines = filesOf(join(unitd.logs, 'web')).flatMap(({ bytes }) =>
    bytes.toString().split('\n').slice(0, -1),
  );
  assert.equal(lines.length, count);
  assert.deepEqual(
    lines,
    numbers(1, count).map((number) => `line ${number.padStart(6, '0')}`),
  );
});

test('what a unit had written when it ended is in the log, also where the daemon is killed right after that', async (t) => {
  const channel = openChannel(t);
  const count = 1200;
  const script = `seq -f %01000.0f 1 ${count}; echo "done $$$$" >${channel.path}; exec sleep infinity`;
  const unitd = await startUnitd(t, {
    // A file for each line: they are not all written when the unit is down.
    'web.yaml': `
      command: ${JSON.stringify(['/bin/sh', '-c', script])}
      logs: { maxSize: 1kB, maxFiles: 10000, compress: false }
    `,
  });
  await channel.next('done');
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  await unitd.kill('SIGKILL');
  await unitd.start();
  await unitd.stop();
  const lines = filesOf(join(unitd.logs, 'web')).flatMap(({ bytes }) =>
    bytes.toString().split('\n').slice(0, -1),
  );
  assert.deepEqual(
    lines.map((line) => line.slice(40)),
    numbers(1, count).map((number) => number.padStart(1000, '0')),
  );
});
