// What a unit writes is in its log, every byte of it, and `unitd logs` reads it back.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LogLine } from '../../src/wire/v1.ts';
import { compressed, filesOf, numbers } from '../fixtures/log-setup.ts';
import { child, openChannel, openGate } from '../support/child.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';

const CRI = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) ([FP]) (.*)$/;

function shell(script: string, rest = ''): string {
  return `command: ${JSON.stringify(['/bin/sh', '-c', script.replaceAll('$', '$$$$')])}\n${rest}\n`;
}

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

async function logLines(unitd: Unitd, ...args: string[]): Promise<LogLine[]> {
  const ran = await unitd.cli('logs', '--json', ...args);
  assert.equal(ran.code, 0, ran.stderr);
  return linesOf(ran.stdout).map((line): LogLine => JSON.parse(line));
}

test('cri: each line has a time, its stream and F; logs prints the bare text and takes --stream and -n', async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': shell('echo one; echo oops >&2; echo two; exec sleep infinity'),
  });
  await unitd.untilLog('web', 'two\n');
  const log = await unitd.untilLog('web', 'oops\n');
  const parsed = linesOf(log).map((line) => CRI.exec(line)?.slice(1) ?? [line]);
  assert.deepEqual(
    parsed.filter(([stream]) => stream === 'stdout'),
    [
      ['stdout', 'F', 'one'],
      ['stdout', 'F', 'two'],
    ],
  );
  assert.deepEqual(
    parsed.filter(([stream]) => stream === 'stderr'),
    [['stderr', 'F', 'oops']],
  );
  assert.deepEqual(linesOf((await unitd.cli('logs', 'web')).stdout).sort(), ['one', 'oops', 'two']);
  assert.equal((await unitd.cli('logs', 'web', '--stream', 'stderr')).stdout, 'oops\n');
  assert.equal((await unitd.cli('logs', 'web', '--stream', 'stdout', '-n', '1')).stdout, 'two\n');
  assert.equal((await unitd.cli('logs', 'web', '-n', '0')).stdout, '');
});

test('json: each line is an object, and bytes that are no text can be had back', async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': shell(`printf 'pl"ain\\n\\377\\000x\\n'; exec sleep infinity`, 'logs: { format: json }'),
  });
  const log = await unitd.untilLog('web', /base64.*\n/);
  const [plain, binary, ...more] = linesOf(log).map((line): Record<string, unknown> => JSON.parse(line));
  assert.deepEqual(more, []);
  assert.equal(plain?.['text'], 'pl"ain');
  assert.equal(plain?.['stream'], 'stdout');
  assert.match(String(plain?.['time']), /^\d{4}-.*\.\d{9}Z$/);
  assert.deepEqual(Buffer.from(String(binary?.['text']), 'base64'), Buffer.from([0xff, 0, 0x78]));
  assert.equal((await logLines(unitd, 'web')).length, 2);
});

test('raw: the bytes as they came, NUL and invalid UTF-8 too', async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': shell(
      `printf '\\000\\001\\377\\376 \\303\\nend\\n'; exec sleep infinity`,
      'logs: { format: raw }',
    ),
  });
  await unitd.untilLog('web', 'end\n');
  assert.deepEqual(
    readFileSync(join(unitd.logs, 'web', 'current')),
    Buffer.from('\0\x01\xff\xfe \xc3\nend\n', 'latin1'),
  );
  const [first, second] = await logLines(unitd, 'web');
  assert.deepEqual([first?.time, first?.stream, second?.text], [null, null, 'end']);
});

test('cri keeps binary bytes, and a line of 1 MB comes back whole and alone', async (t) => {
  const size = 1_000_000;
  const unitd = await startUnitd(t, {
    'web.yaml': shell(
      `printf 'a\\000\\377\\n'; head -c ${size} /dev/zero | tr '\\000' x; echo; echo end; exec sleep infinity`,
    ),
  });
  await unitd.untilLog('web', 'F end\n');
  const [first = ''] = linesOf(readFileSync(join(unitd.logs, 'web', 'current'), 'latin1'));
  assert.equal(CRI.exec(first)?.[3], 'a\0\xff');
  const [, long, end] = await logLines(unitd, 'web');
  assert.equal(long?.text, 'x'.repeat(size));
  assert.equal(end?.text, 'end');
  const status = (await unitd.unit('web')).logs;
  assert.deepEqual([status.lines, status.bytes, status.droppedLines], [3, 4 + size + 1 + 4, 0]);
});

test('a line that the death of the process cut off is written, and so is what a grandchild writes later', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(
    t,
    {
      'cut.yaml': `command: ${child.cutLine}\nrestart: { policy: "no" }`,
      'late.yaml': shell(
        `(read -r _ <${gate.path}; echo late) & echo "up $$" >${channel.path}; exit 0`,
        'type: oneshot\nstop: { killMode: process }',
      ),
    },
    { leavesProcesses: true },
  );
  await unitd.until({ cut: 'failed' });
  const log = await unitd.untilLog('cut', 'cut\n');
  assert.deepEqual(
    linesOf(log).map((line) => CRI.exec(line)?.slice(2) ?? [line]),
    [
      ['F', 'whole'],
      ['F', 'cut'],
    ],
  );
  await channel.next('up');
  await unitd.until({ late: 'completed' });
  gate.open();
  await unitd.untilLog('late', 'F late\n');
});

test('logs --since gives what was written from then on; several units are merged by time, with their names', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const talker = (name: string): string =>
    shell(
      `echo ${name} first; echo "up $$" >${channel.path}; read -r _ <${gate.path}; echo ${name} second; exec sleep infinity`,
    );
  const unitd = await startUnitd(t, { 'a.yaml': talker('a'), 'bb.yaml': talker('bb') });
  await channel.next('up', 1);
  await unitd.untilLog('a', 'a first');
  await unitd.untilLog('bb', 'bb first');
  gate.open();
  gate.open();
  await unitd.untilLog('a', 'a second');
  await unitd.untilLog('bb', 'bb second');
  const all = await logLines(unitd, 'bb', 'a');
  const times = all.map(({ time }) => time ?? '');
  assert.deepEqual(times, times.toSorted());
  assert.deepEqual(all.map(({ unit, text }) => `${unit}: ${text}`).toSorted(), [
    'a: a first',
    'a: a second',
    'bb: bb first',
    'bb: bb second',
  ]);
  const cut = all[2]?.time?.slice(0, 23) ?? '';
  const since = await logLines(unitd, 'bb', 'a', '--since', `${cut}Z`);
  assert.deepEqual(
    since,
    all.filter(({ time }) => (time ?? '').slice(0, 23) >= cut),
  );
  assert.equal((await logLines(unitd, 'a', '--since', '1h')).length, 2);
  const shown = await unitd.cli('logs', 'bb', 'a');
  assert.deepEqual(
    linesOf(shown.stdout),
    all.map(({ unit, text }) => `${unit.padEnd(2)} ${shown.stdout.includes('│') ? '│' : '|'} ${text}`),
  );
  assert.deepEqual(await logLines(unitd, 'bb', 'a', '-n', '1'), all.slice(-1));
});

test('the log rotates by size between lines, compresses, keeps maxFiles, and reads back as one', async (t) => {
  const count = 4000;
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'all.yaml': `command: ${child.flood} ${count} ${channel.path}\nlogs: { maxSize: 20kB, maxFiles: 1000 }`,
    'few.yaml': `command: ${child.flood} ${count} ${channel.path}\nlogs: { maxSize: 5kB, maxFiles: 2, compress: false, format: raw }`,
  });
  await channel.next('done', 1);
  // The last line may lie in a rotated file already: followers look at all of them.
  for (const name of ['all', 'few']) await unitd.spawnCli('logs', '-f', name).line(`line ${count}`);
  const wanted = numbers(1, count).map((number) => `line ${number}`);
  assert.deepEqual(
    (await logLines(unitd, 'all', '-n', 'all')).map(({ text }) => text),
    wanted,
  );
  assert.deepEqual(
    (await logLines(unitd, 'all', '-n', '3000')).map(({ text }) => text),
    wanted.slice(-3000),
  );
  assert.deepEqual((await unitd.unit('all')).logs.lines, count);
  await compressed(join(unitd.logs, 'all'));
  await unitd.stop();

  const files = filesOf(join(unitd.logs, 'all'));
  assert(files.length > 4, `${files.length} files`);
  assert.deepEqual(
    files.map(({ name }) => name.endsWith('.cri.gz') || name === 'current'),
    files.map(() => true),
    files.map(({ name }) => name).join(' '),
  );
  for (const { name, bytes } of files) {
    assert(bytes.length <= 21_000, `${name} has ${bytes.length} bytes`);
    for (const line of linesOf(bytes.toString())) assert.match(line, CRI);
    assert(bytes.length === 0 || bytes.at(-1) === 10, `${name} ends with a line`);
  }
  assert.deepEqual(
    files.flatMap(({ bytes }) => linesOf(bytes.toString()).map((line) => CRI.exec(line)?.[3])),
    wanted,
  );

  const few = filesOf(join(unitd.logs, 'few'));
  assert.deepEqual(
    few.map(({ name }) => name.split('.').at(-1)),
    ['raw', 'raw', 'current'],
  );
  const kept = few.flatMap(({ bytes }) => linesOf(bytes.toString()));
  assert.deepEqual(kept, wanted.slice(-kept.length), 'what is kept is the newest, without a gap');
});

test('a unit that is removed and comes back while its earlier output is being written loses and doubles no line', async (t) => {
  const channel = openChannel(t);
  const count = 8000;
  // A file for a few lines each: to write them takes much longer than to start the next run.
  const unit = (run: number): string =>
    shell(
      `seq -f "${run} %.0f" 1 ${count}; echo "done${run} $$" >${channel.path}; exec sleep infinity`,
      'logs: { maxSize: 1kB, maxFiles: 10000, compress: false }',
    );
  const unitd = await startUnitd(t, { 'web.yaml': unit(0) });
  await channel.next('done0');
  for (const run of [1, 2]) {
    unitd.remove('web.yaml');
    assert.equal((await unitd.cli('reload')).code, 0);
    unitd.write('web.yaml', unit(run));
    assert.equal((await unitd.cli('reload')).code, 0);
    await channel.next(`done${run}`);
  }
  await unitd.stop();
  const lines = filesOf(join(unitd.logs, 'web')).flatMap(({ bytes }) => linesOf(bytes.toString()));
  assert.deepEqual(
    lines.map((line) => CRI.exec(line)?.[3] ?? line),
    [0, 1, 2].flatMap((run) => numbers(1, count).map((number) => `${run} ${number}`)),
  );
});
